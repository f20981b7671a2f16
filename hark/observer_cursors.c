/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * DATA/observers as hark ledger prune looks at it: docs/format/observer-file.md.  What cannot be
 * read holds everything, because then somebody must look.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "base/text.h"
#include "config/config.h"
#include "hark/observer_cursors.h"
#include "os/file.h"
#include "os/folder.h"
#include "prog/exit.h"
#include "prog/log.h"

#define CURSOR ".cursor"
#define OFF    ".off"
#define NEW    ".new"
/* Before the number of one that has never run. */
#define FROM "from "

/* The first observer that holds what is to go. */
struct holder {
	int dirfd; /* of DATA/observers; -1: there is none */
	uint64_t index;
	uint64_t next; /* the first leaf that it has not read */
	bool has_run;
	char name[CONFIG_OBSERVER_NAME_BYTES_MAX + 1]; /* "": none */
};

static bool
ends_with(const char *file, const char *end)
{
	size_t size = strlen(file);

	return size > strlen(end) && strcmp(file + size - strlen(end), end) == 0;
}

static void
look(struct holder *h, const char *name, size_t size, uint64_t next, bool has_run)
{
	if (next >= h->index || h->name[0] != '\0')
		return;
	h->next = next;
	h->has_run = has_run;
	(void)snprintf(h->name, sizeof(h->name), "%.*s", (int)size, name);
}

/* "<number>" or "from <number>", and a line feed. */
static void
look_at_cursor(struct holder *h, const char *file)
{
	cleanup(file_close) int fd = -1;
	cleanup(buf_finish) struct buf text = { 0 };
	size_t name_size = strlen(file) - strlen(CURSOR);
	const char *at;
	size_t size;
	uint64_t next = 0;
	bool has_run = true;

	if (file_open_read_at(h->dirfd, file, &fd) == ERR_OK &&
	    file_read_all(fd, strlen(FROM) + NUM_U64_DIGITS_MAX + 1, &text) == ERR_OK &&
	    text.size >= 2 && text.data[text.size - 1] == '\n') {
		at = (const char *)text.data;
		size = text.size - 1;
		if (size > strlen(FROM) && memcmp(at, FROM, strlen(FROM)) == 0) {
			has_run = false;
			at += strlen(FROM);
			size -= strlen(FROM);
		}
		if (num_read_u64(at, size, UINT64_MAX, &next) != ERR_OK)
			next = 0;
	}
	look(h, file, name_size, next, has_run);
}

static bool
has_cursor(const struct holder *h, const char *name)
{
	char file[CONFIG_OBSERVER_NAME_BYTES_MAX + sizeof(CURSOR)];
	struct file_info info;

	(void)snprintf(file, sizeof(file), "%s" CURSOR, name);
	return h->dirfd >= 0 && file_stat_at(h->dirfd, file, &info) != ERR_MISSING;
}

static enum err
look_at_file(void *ctx, const char *file)
{
	struct holder *h = ctx;

	if (strlen(file) > CONFIG_OBSERVER_NAME_BYTES_MAX + strlen(CURSOR) ||
	    ends_with(file, OFF) || ends_with(file, NEW))
		return ERR_OK;
	if (ends_with(file, CURSOR))
		look_at_cursor(h, file);
	else if (config_observer_name_is_good(file) && !has_cursor(h, file))
		look(h, file, strlen(file), 0, false); /* of an older harkd */
	return ERR_OK;
}

/* ---- of a configuration -------------------------------------------------------------------- */

/* Whether both are one directory. */
static bool
is_same_folder(const char *a, const char *b)
{
	cleanup(file_close) int first = -1;
	cleanup(file_close) int second = -1;
	struct file_info one;
	struct file_info other;

	return file_open_dir(a, &first) == ERR_OK && file_open_dir(b, &second) == ERR_OK &&
	       file_stat(first, &one) == ERR_OK && file_stat(second, &other) == ERR_OK &&
	       file_same(&one, &other);
}

static int
look_at_config(struct holder *h, const char *data, const char *path)
{
	cleanup(config_finish) struct config c = { .data = NULL };
	struct config_failure why = { { 0 } };
	char shown[512];
	size_t i;
	enum err e = config_read(path, &c, &why);

	if (e != ERR_OK) {
		log_error("%s", why.text[0] != '\0' ? why.text : err_text(e));
		return e == ERR_MISSING && why.is_file ? EXIT_NO_INPUT
		       : e == ERR_MEMORY               ? EXIT_SOFTWARE
		       : e == ERR_SYSTEM               ? EXIT_OS
						       : EXIT_CONFIG;
	}
	if (!is_same_folder(c.data, data)) {
		(void)text_escape(c.data, strlen(c.data), shown, sizeof(shown));
		log_error("that configuration is of the data directory %s", shown);
		return EXIT_CONFIG;
	}
	for (i = 0; i < c.observer_count; i++) {
		const struct config_observer *o = &c.observers[i];

		if (!has_cursor(h, o->name))
			look(h, o->name, strlen(o->name), o->from, false);
	}
	return EXIT_OK;
}

/* ---- all of them --------------------------------------------------------------------------- */

static int
look_at_folder(struct holder *h, const char *data)
{
	char path[CONFIG_PATH_BYTES_MAX + 16];
	enum err e;

	(void)snprintf(path, sizeof(path), "%.4095s/observers", data);
	e = folder_open_path(path, &h->dirfd);
	if (e == ERR_MISSING)
		return EXIT_OK;
	if (e == ERR_OK)
		e = folder_list(h->dirfd, look_at_file, h);
	if (e == ERR_OK)
		return EXIT_OK;
	log_error("the cursors of the observers cannot be read: %s", strerror(errno));
	return EXIT_IO;
}

int
observer_cursors_allow(const char *data, const char *config, uint64_t index)
{
	struct holder h = { .dirfd = -1, .index = index };
	int code = look_at_folder(&h, data);

	if (code == EXIT_OK && config != NULL)
		code = look_at_config(&h, data, config);
	file_close(&h.dirfd);
	if (code != EXIT_OK || h.name[0] == '\0')
		return code;
	log_error("observer %s has read %s%" PRIu64 ": prune no further, or remove it first",
		  h.name, h.has_run ? "up to leaf " : "nothing yet, from leaf ", h.next);
	return EXIT_TEMPORARY;
}
