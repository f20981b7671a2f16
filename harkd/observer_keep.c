/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * DATA/observers: <name> is the manifest of one that a command added, <name>.off says that a person
 * has disabled it, <name>.cursor how far it was, or where it will begin.  The last two are there
 * for observers of the configuration too.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "harkd/harkd.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/store.h"
#include "prog/exit.h"
#include "prog/log.h"

#define OFF    ".off"
#define CURSOR ".cursor"
/* What stands before the number of one that has never run: where it will begin. */
#define FROM "from "

/* A name of a file beside the manifest. */
struct beside {
	char text[CONFIG_OBSERVER_NAME_BYTES_MAX + 16];
};

static struct beside
beside(const char *name, const char *end)
{
	struct beside b;

	(void)snprintf(b.text, sizeof(b.text), "%s%s", name, end);
	return b;
}

static bool
refuse(struct observer_refusal *why, enum err e)
{
	why->code = e == ERR_SYSTEM ? EXIT_IO : EXIT_SOFTWARE;
	(void)snprintf(why->text, sizeof(why->text), "the observer cannot be remembered: %s",
		       e == ERR_SYSTEM ? strerror(errno) : err_text(e));
	return false;
}

bool
observer_keep(struct observer *o, struct observer_refusal *why)
{
	cleanup(buf_finish) struct buf text = { 0 };
	enum err e = config_observer_write(&o->manifest, true, &text);

	if (e == ERR_OK)
		e = store_replace(o->h->place.observers_fd, o->manifest.name, 0600, text.data,
				  text.size);
	return e == ERR_OK || refuse(why, e);
}

/* ---- beside the manifest ------------------------------------------------------------------- */

bool
observer_keep_off(struct observer *o, bool off, struct observer_refusal *why)
{
	struct beside name = beside(o->manifest.name, OFF);
	enum err e = off ? store_replace(o->h->place.observers_fd, name.text, 0600, "\n", 1)
			 : store_remove(o->h->place.observers_fd, name.text);

	return e == ERR_OK || (!off && e == ERR_MISSING) || refuse(why, e);
}

bool
observer_is_off(const struct harkd *h, const char *name)
{
	struct beside file = beside(name, OFF);
	struct file_info info;

	/* What cannot be told counts: it is safer not to run it. */
	return file_stat_at(h->place.observers_fd, file.text, &info) != ERR_MISSING;
}

void
observer_keep_cursor(struct observer *o)
{
	struct beside name = beside(o->manifest.name, CURSOR);
	char text[NUM_U64_DIGITS_MAX + 1];
	size_t size;

	if (!o->has_cursor || (o->has_kept && o->kept_cursor == o->cursor))
		return;
	size = num_write_u64(o->cursor, text);
	text[size++] = '\n';
	/* An older one says too little of what it has read, which harms nobody. */
	if (store_replace(o->h->place.observers_fd, name.text, 0600, text, size) != ERR_OK) {
		log_warning("DATA/observers/%s cannot be written: %s", name.text, strerror(errno));
		return;
	}
	o->has_kept = true;
	o->kept_cursor = o->cursor;
	o->kept_ns = loop_now_ns(o->h->loop);
}

void
observer_keep_from(struct observer *o)
{
	struct beside name = beside(o->manifest.name, CURSOR);
	char text[sizeof(FROM) + NUM_U64_DIGITS_MAX + 1] = FROM;
	size_t size = strlen(FROM);

	if (o->has_cursor)
		return;
	size += num_write_u64(o->manifest.from, text + size);
	text[size++] = '\n';
	if (store_replace(o->h->place.observers_fd, name.text, 0600, text, size) != ERR_OK)
		log_warning("DATA/observers/%s cannot be written: %s", name.text, strerror(errno));
}

void
observer_read_cursor(struct observer *o)
{
	struct beside name = beside(o->manifest.name, CURSOR);
	cleanup(file_close) int fd = -1;
	char text[NUM_U64_DIGITS_MAX + 2];
	uint64_t cursor;
	size_t size = 0;

	if (file_open_read_at(o->h->place.observers_fd, name.text, &fd) != ERR_OK ||
	    store_read_at(fd, 0, text, sizeof(text), &size) != ERR_OK || size < 2 ||
	    text[size - 1] != '\n' || num_read_u64(text, size - 1, UINT64_MAX, &cursor) != ERR_OK)
		return;
	o->has_cursor = o->has_kept = true;
	o->cursor = o->kept_cursor = cursor;
}

void
observer_unkeep(struct harkd *h, const char *name)
{
	static const char *const ends[] = { CURSOR, OFF, "" };
	size_t i;

	/* The manifest last: what is left of the others is removed with it another time. */
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct beside file = beside(name, ends[i]);

		if (store_remove(h->place.observers_fd, file.text) == ERR_SYSTEM)
			log_warning("DATA/observers/%s cannot be removed: %s", file.text,
				    strerror(errno));
	}
}

static bool
ends_with(const char *name, const char *end)
{
	size_t size = strlen(name);

	return size > strlen(end) && strcmp(name + size - strlen(end), end) == 0;
}

/* Whose file beside a manifest it is; "": it is none of those. */
static struct beside
owner_of(const char *file)
{
	static const char *const ends[] = { CURSOR, OFF };
	struct beside owner = { "" };
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (ends_with(file, ends[i]) && strlen(file) < sizeof(owner.text))
			(void)snprintf(owner.text, sizeof(owner.text), "%.*s",
				       (int)(strlen(file) - strlen(ends[i])), file);
	}
	return owner;
}

static bool
is_in_config(const struct harkd *h, const char *name)
{
	size_t i;

	for (i = 0; i < h->config.observer_count; i++) {
		if (strcmp(h->config.observers[i].name, name) == 0)
			return true;
	}
	return false;
}

static enum err
sweep_one(void *ctx, const char *file)
{
	struct harkd *h = ctx;
	struct beside owner = owner_of(file);

	/* One of the configuration that could not be added still holds what it has not read. */
	if (owner.text[0] != '\0' && observer_find(h, owner.text) == NULL &&
	    !is_in_config(h, owner.text))
		(void)!store_remove(h->place.observers_fd, file);
	return ERR_OK;
}

void
observer_sweep(struct harkd *h)
{
	/* What stays holds leaves that nobody will read, which a person is told who prunes. */
	(void)!folder_list(h->place.observers_fd, sweep_one, h);
}

/* ---- all of them --------------------------------------------------------------------------- */

static enum err
read_one(struct harkd *h, const char *name, struct config_observer *out, struct config_failure *why)
{
	static char text[CONFIG_OBSERVER_TEXT_MAX + 1];
	char shown[CONFIG_PATH_BYTES_MAX];
	cleanup(file_close) int fd = -1;
	size_t size = 0;
	enum err e = file_open_read_at(h->place.observers_fd, name, &fd);

	why->text[0] = '\0';
	(void)snprintf(shown, sizeof(shown), "%.3500s/observers/%.200s", h->config.data, name);
	if (e == ERR_OK)
		e = store_read_at(fd, 0, text, sizeof(text), &size);
	if (e == ERR_OK)
		e = config_observer_read(shown, text, size, h->config.data, out, why);
	if (e == ERR_OK && strcmp(out->name, name) != 0) {
		config_observer_finish(out);
		(void)snprintf(why->text, sizeof(why->text),
			       "%.500s has the manifest of another name", shown);
		e = ERR_FORMAT;
	}
	if (e != ERR_OK && why->text[0] == '\0')
		(void)snprintf(why->text, sizeof(why->text), "%.500s: %s", shown,
			       e == ERR_SYSTEM ? strerror(errno) : err_text(e));
	return e;
}

static enum err
add_one(void *ctx, const char *name)
{
	struct harkd *h = ctx;
	struct config_observer manifest;
	struct config_failure failure;
	struct observer_refusal why = { 0 };
	enum err e;

	/* What a crash left of a file that was being written was never answered. */
	if (ends_with(name, ".new")) {
		(void)!store_remove(h->place.observers_fd, name);
		return ERR_OK;
	}
	if (ends_with(name, OFF) || ends_with(name, CURSOR))
		return ERR_OK;
	e = read_one(h, name, &manifest, &failure);
	if (e != ERR_OK) {
		life_fail(h, e == ERR_SYSTEM ? EXIT_IO : EXIT_DATA,
			  "the remembered observer: %s; mend it or move it away", failure.text);
		return e;
	}
	if (observer_add(h, &manifest, false, &why) != NULL)
		return ERR_OK;
	life_fail(h, why.code, "a remembered observer: %s", why.text);
	return ERR_FORMAT;
}

bool
observer_keep_all(struct harkd *h)
{
	enum err e = folder_list(h->place.observers_fd, add_one, h);

	if (e == ERR_SYSTEM && h->exit_code == EXIT_OK)
		life_fail(h, EXIT_IO, "%s/observers cannot be read: %s", h->config.data,
			  strerror(errno));
	return e == ERR_OK;
}
