/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The data directory and the run directory, made, opened and judged. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "harkd/place_internal.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/store.h"
#include "os/wait.h"
#include "prog/exit.h"
#include "prog/log.h"

/* How long an earlier harkd's notary may take to end, and between two looks at it. */
#define PLACE_LEDGER_LIMIT_NS UINT64_C(10000000000)
#define PLACE_LOOK_NS         UINT64_C(20000000)

bool
place_fail(struct place_failure *why, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the line above begins it */
	(void)vsnprintf(why->text, sizeof(why->text), format, arguments);
	va_end(arguments);
	why->code = code;
	return false;
}

bool
place_look_again(uint64_t limit_ns)
{
	struct wait_item nothing = { .fd = -1 };
	uint64_t now_ns = wait_now_ns();

	return now_ns < limit_ns && wait_ready(&nothing, 1, now_ns + PLACE_LOOK_NS) == ERR_OK;
}

/* The exit code of a failed system call at a file. */
int
place_code_of_errno(void)
{
	switch (errno) {
	case EACCES:
	case EPERM:
		return EXIT_NO_PERMISSION;
	case EROFS:
	case ENOTDIR:
	case ELOOP:
		return EXIT_CANT_CREATE;
	case ENOSPC:
	case EDQUOT:
	case EIO:
		return EXIT_IO;
	case ENOENT:
		return EXIT_NO_INPUT;
	default:
		return EXIT_OS;
	}
}

static const char *
shown(const char *path, char *text, size_t capacity)
{
	(void)text_escape(path, strlen(path), text, capacity);
	return text;
}

void
place_init(struct place *p)
{
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->data_fd = p->lock_fd = p->keys_fd = p->cells_fd = p->observers_fd = p->run_fd = -1;
	for (i = 0; i < PROTO_LEDGERS; i++)
		p->ledger_fds[i] = -1;
}

void
place_close(struct place *p)
{
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++)
		file_close(&p->ledger_fds[i]);
	file_close(&p->run_fd);
	file_close(&p->observers_fd);
	file_close(&p->cells_fd);
	file_close(&p->keys_fd);
	file_close(&p->data_fd);
	file_close(&p->lock_fd); /* last: the next harkd waits for it */
}

/* ---- directories --------------------------------------------------------------------------- */

/* The directory that a person named: made where only its last part is missing. */
static bool
open_named(const char *path, const char *what, mode_t mode, int *out, struct place_failure *why)
{
	char text[512];
	bool made;
	enum err e;

	e = folder_make(AT_FDCWD, path, mode, &made);
	if (e == ERR_OK)
		e = folder_open_path(path, out);
	if (e == ERR_OK)
		return true;
	return place_fail(why, place_code_of_errno(), "%s %s: %s%s", what,
			  shown(path, text, sizeof(text)), strerror(errno),
			  errno == ENOENT ? "; make the directory above it" : "");
}

/* One below the data directory, which must be ours alone to write. */
static bool
open_below(const struct place *p, const char *data, const char *name, mode_t mode, int64_t group,
	   int *out, struct place_failure *why)
{
	char text[512];
	struct file_info info;
	bool made;
	enum err e;

	e = folder_make(p->data_fd, name, mode, &made);
	if (e == ERR_OK)
		e = folder_open(p->data_fd, name, out);
	/* Not ours to give: then who reads needs more rights than the group's. */
	if (e == ERR_OK && made && group >= 0 &&
	    folder_set_owner(*out, (uid_t)-1, (gid_t)group) == ERR_OK)
		e = file_set_mode(*out, mode);
	if (e == ERR_OK)
		e = file_stat(*out, &info);
	if (e != ERR_OK)
		return place_fail(why, place_code_of_errno(), "%s/%s: %s",
				  shown(data, text, sizeof(text)), name, strerror(errno));
	if ((info.mode & 0022) != 0)
		return place_fail(why, EXIT_CONFIG,
				  "%s/%s has mode %04o: others may write there; chmod go-w it",
				  shown(data, text, sizeof(text)), name, (unsigned int)info.mode);
	return true;
}

/* ---- whose it is --------------------------------------------------------------------------- */

/* The name under which this directory's ledgers are known, for ever. */
static bool
settle_host(struct place *p, const struct config *config, struct place_failure *why)
{
	char text[512];
	const char *data = shown(config->data, text, sizeof(text));
	enum err e = host_file_read(p->data_fd, p->host);

	if (config->host != NULL && host_name_check(config->host) != ERR_OK)
		return place_fail(why, EXIT_CONFIG,
				  "the host's name may have letters, digits, '.', '-' and "
				  "'_', and at most 64 of them");
	if (e == ERR_FORMAT)
		return place_fail(why, EXIT_DATA,
				  "%s/host is damaged: it should be one line with the "
				  "host's name",
				  data);
	if (e != ERR_OK && e != ERR_MISSING)
		return place_fail(why, place_code_of_errno(), "%s/host: %s", data, strerror(errno));
	if (e == ERR_OK) {
		if (config->host == NULL || strcmp(config->host, p->host) == 0)
			return true;
		return place_fail(
			why, EXIT_CONFIG,
			"%s belongs to host %s, and the configuration says %s; choose another "
			"data directory, or take the host's name out of the configuration",
			data, p->host, config->host);
	}
	if (p->has_ledger[PROTO_EVIDENCE] || p->has_ledger[PROTO_OPERATIONS])
		return place_fail(why, EXIT_DATA,
				  "%s has ledgers, and its file host is gone: restore it; "
				  "it has the part of their origins before the slash",
				  data);
	if (config->host != NULL)
		(void)snprintf(p->host, sizeof(p->host), "%s", config->host);
	else if (host_name(p->host) != ERR_OK)
		return place_fail(why, EXIT_CONFIG,
				  "this machine has no usable name; set host in the "
				  "configuration");
	if (host_file_create(p->data_fd, p->host) != ERR_OK)
		return place_fail(why, place_code_of_errno(), "%s/host cannot be written: %s", data,
				  strerror(errno));
	return true;
}

/* Whether the rest of the ledger is right is the notary's to judge. */
static enum err
read_origin(int dirfd, char origin[ORIGIN_TEXT_BYTES])
{
	cleanup(buf_finish) struct buf file = { 0 };
	cleanup(file_close) int fd = -1;
	enum err e = file_open_read_at(dirfd, "ledger", &fd);

	if (e == ERR_OK)
		e = file_read_all(fd, 2 * ORIGIN_TEXT_BYTES, &file);
	if (e != ERR_OK)
		return e;
	return origin_of_file((struct bytes){ file.data, file.size }, origin);
}

/* What each ledger is called: as it says itself, or as the first of its line. */
static bool
settle_origins(struct place *p, const char *data, struct place_failure *why)
{
	char text[512];
	char theirs[512];
	uint32_t generation;
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		const char *name = origin_ledger_name((enum proto_ledger)i);
		enum err e = ERR_MISSING;

		if (p->has_ledger[i])
			e = read_origin(p->ledger_fds[i], p->origins[i]);
		if (e == ERR_OK &&
		    !origin_is_of(p->origins[i], p->host, (enum proto_ledger)i, &generation))
			return place_fail(why, EXIT_DATA,
					  "%s/%s is the ledger of %s, and this is the %s of %s: it "
					  "belongs to another data directory",
					  shown(data, text, sizeof(text)), name,
					  shown(p->origins[i], theirs, sizeof(theirs)), name,
					  p->host);
		/* Missing or damaged: the notary says it, who judges the whole ledger. */
		if (e != ERR_OK &&
		    origin_write(p->host, (enum proto_ledger)i, 1, p->origins[i]) != ERR_OK)
			return place_fail(why, EXIT_CONFIG, "the host's name is too long");
	}
	return true;
}

static bool
judge_keys(struct place *p, const char *data, struct place_failure *why)
{
	struct file_info info;
	char text[512];
	char name[32];
	unsigned int i;
	bool empty = true;
	enum err e;

	(void)shown(data, text, sizeof(text));
	for (i = 0; i < PROTO_LEDGERS; i++) {
		(void)snprintf(name, sizeof(name), "%s.key",
			       origin_ledger_name((enum proto_ledger)i));
		e = file_stat_at(p->keys_fd, name, &info);
		if (e != ERR_OK && e != ERR_MISSING)
			return place_fail(why, place_code_of_errno(), "%s/keys/%s: %s", text, name,
					  strerror(errno));
		p->has_key[i] = e == ERR_OK;
		if (folder_is_empty(p->ledger_fds[i], &empty) != ERR_OK)
			return place_fail(why, place_code_of_errno(), "%s/%s: %s", text,
					  origin_ledger_name((enum proto_ledger)i),
					  strerror(errno));
		p->has_ledger[i] = !empty;
		if (p->has_ledger[i] && !p->has_key[i])
			return place_fail(
				why, EXIT_CONFIG,
				"%s/%s is a ledger, and its key %s/keys/%s is gone: restore "
				"the key, or "
				"begin anew with `hark ledger retire`",
				text, origin_ledger_name((enum proto_ledger)i), text, name);
	}
	return true;
}

/*
 * A notary outlives a harkd that was killed by the time of a write.  It has a copy of our
 * descriptor of the ledger, and with it the lock on this opening: two never write one ledger.
 */
static bool
wait_for_ledger(const struct place *p, unsigned int ledger, const char *data,
		struct place_failure *why)
{
	uint64_t limit_ns = wait_now_ns() + PLACE_LEDGER_LIMIT_NS;
	bool told = false;
	enum err e;

	do {
		e = folder_lock_open(p->ledger_fds[ledger]);
		if (e == ERR_AGAIN && !told)
			log_info("a program of an earlier harkd still has the ledger %s; waiting "
				 "for its end",
				 origin_ledger_name((enum proto_ledger)ledger));
		told = true;
	} while (e == ERR_AGAIN && place_look_again(limit_ns));
	if (e == ERR_OK)
		return true;
	if (e == ERR_AGAIN)
		return place_fail(why, EXIT_TEMPORARY,
				  "%s/%s is still in use by a program of an earlier harkd", data,
				  origin_ledger_name((enum proto_ledger)ledger));
	return place_fail(why, place_code_of_errno(), "%s/%s: %s", data,
			  origin_ledger_name((enum proto_ledger)ledger), strerror(errno));
}

/* Held by a harkd that was killed until its process has gone. */
static enum err
lock_data(struct place *p)
{
	uint64_t limit_ns = wait_now_ns() + PLACE_END_LIMIT_NS;
	enum err e;

	do
		e = folder_lock(p->data_fd, "lock", &p->lock_fd);
	while (e == ERR_AGAIN && place_look_again(limit_ns));
	return e;
}

bool
place_open(struct place *p, const struct config *config, int64_t group, struct place_failure *why)
{
	mode_t read_mode = group >= 0 ? 02750 : 0700;
	struct file_info info;
	char text[512];
	unsigned int i;
	enum err e;

	if (!open_named(config->data, "the data directory", group >= 0 ? 0755 : 0700, &p->data_fd,
			why))
		return false;
	shown(config->data, text, sizeof(text));
	e = lock_data(p);
	if (e == ERR_AGAIN)
		return place_fail(why, EXIT_TEMPORARY,
				  "%s is in use by another harkd or by hark ledger", text);
	if (e != ERR_OK)
		return place_fail(why, place_code_of_errno(), "%s/lock: %s", text, strerror(errno));
	if (!open_below(p, config->data, "keys", 0700, -1, &p->keys_fd, why) ||
	    !open_below(p, config->data, "cells", 0700, -1, &p->cells_fd, why) ||
	    !open_below(p, config->data, "observers", 0700, -1, &p->observers_fd, why))
		return false;
	for (i = 0; i < PROTO_LEDGERS; i++) {
		if (!open_below(p, config->data, origin_ledger_name((enum proto_ledger)i),
				read_mode, group, &p->ledger_fds[i], why) ||
		    !wait_for_ledger(p, i, text, why))
			return false;
	}
	if (!judge_keys(p, config->data, why) || !settle_host(p, config, why) ||
	    !settle_origins(p, config->data, why))
		return false;
	if (folder_sync(p->data_fd) != ERR_OK)
		return place_fail(why, place_code_of_errno(), "%s: %s", text, strerror(errno));
	e = file_stat_at(p->data_fd, "running", &info);
	if (e != ERR_OK && e != ERR_MISSING)
		return place_fail(why, place_code_of_errno(), "%s/running: %s", text,
				  strerror(errno));
	p->was_clean = e == ERR_MISSING;
	return true;
}

bool
place_mark_running(const struct place *p, struct place_failure *why)
{
	if (store_replace(p->data_fd, "running", 0600, "\n", 1) == ERR_OK)
		return true;
	return place_fail(why, place_code_of_errno(), "the data directory cannot be written: %s",
			  strerror(errno));
}

void
place_mark_clean(const struct place *p)
{
	/* Where it stays, the next start says that this end was not clean: more, never less. */
	(void)!store_remove(p->data_fd, "running");
}
