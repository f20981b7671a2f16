/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The configuration as a whole: defaults, the file, its drop-ins, and its end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "config/cells.h"
#include "config/observers.h"
#include "os/file.h"
#include "os/folder.h"

#define DATA_DEFAULT "/var/lib/hark"
#define RUN_DEFAULT  "/run/hark"
/* The most drop-ins of one file. */
#define DROP_INS_MAX 1000u

bool
config_cell_name_is_good(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._:@-";
	size_t size;

	MUST(name != NULL);

	size = strlen(name);
	return size > 0 && size <= CONFIG_ID_BYTES_MAX && name[0] != '.' && name[0] != '-' &&
	       strspn(name, letters) == size;
}

bool
config_spec_hash_is_good(const char *text)
{
	MUST(text != NULL);

	return strncmp(text, "sha256:", 7) == 0 && text_is_hex(text + 7, strlen(text + 7), 64);
}

bool
config_observer_digest_is_good(const char *text)
{
	MUST(text != NULL);

	return (strncmp(text, "sha256:", 7) == 0 || strncmp(text, "blake3:", 7) == 0) &&
	       text_is_hex(text + 7, strlen(text + 7), 64);
}

enum err
config_defaults(const char *data, const char *run, struct config *out)
{
	struct config c = {
		.shared_cells_max = 1000,
		.segment_bytes = UINT64_C(64) << 20,
		.batch_bytes = CONFIG_BATCH_BYTES_DEFAULT,
		.commit_us = 5000,
		.checkpoint_ms = 1000,
		.tick_ms = 60000,
		.keepalive_ms = 10000,
	};

	MUST(data != NULL && run != NULL && out != NULL);

	c.data = strdup(data);
	c.run = strdup(run);
	if (c.data == NULL || c.run == NULL) {
		config_finish(&c);
		return ERR_MEMORY;
	}
	*out = c;
	return ERR_OK;
}

void
config_finish(struct config *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->cell_count; i++)
		config_cell_finish(&c->cells[i]);
	free(c->cells);
	for (i = 0; i < c->observer_count; i++)
		config_observer_finish(&c->observers[i]);
	free(c->observers);
	free(c->data);
	free(c->run);
	free(c->host);
	free(c->admin_group);
	*c = (struct config){ .data = NULL };
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Says what no place in a file is the reason of. */
static enum err
refuse_file(struct config_failure *why, const char *path, enum err e, const char *text,
	    const char *remedy)
{
	char shown[CONFIG_SHOWN_BYTES];
	int saved = errno;

	(void)text_escape(path, strlen(path), shown, sizeof(shown));
	why->is_file = true;
	(void)snprintf(why->text, sizeof(why->text), "%s: %s; %s", shown, text, remedy);
	errno = saved;
	return e;
}

/* One text into what is there already. */
static enum err
read_text(struct config_reader *r, const char *name, const void *text, size_t size)
{
	enum err e = config_source_open(r, name, text, size);

	if (e == ERR_OK) {
		e = config_keys_read(r);
		config_source_close(r);
	}
	if (e == ERR_MEMORY)
		return refuse_file(r->why, name, e, err_text(e), "stop something else");
	return e;
}

/* A password is for those who may read the configuration alone. */
static enum err
check_mode(struct config_reader *r, int fd)
{
	struct config_mark mark;
	struct file_info info;

	if (!config_observers_find_secret(r, &mark))
		return ERR_OK;
	if (file_stat(fd, &info) == ERR_OK && (info.mode & 07) == 0)
		return ERR_OK;
	return config_refuse(r, ERR_REFUSED, mark,
			     "the projection of this observer has a password, and everybody may "
			     "read this file; chmod o= it");
}

static enum err
take_file(struct config_reader *r, const char *path, struct bytes text)
{
	enum err e;

	if (text.size > CONFIG_BYTES_MAX - r->bytes)
		return refuse_file(r->why, path, ERR_LIMIT,
				   "with it the configuration has more than 32 MiB",
				   "leave something out");
	r->bytes += text.size;
	e = read_text(r, path, text.data, text.size);
	if (e != ERR_OK || r->on_text == NULL)
		return e;
	e = r->on_text(r->on_text_ctx, path, text);
	if (e != ERR_OK)
		return refuse_file(r->why, path, e, err_text(e), "stop something else");
	return ERR_OK;
}

static enum err
read_file(struct config_reader *r, const char *path)
{
	cleanup(buf_finish) struct buf text = { 0 };
	cleanup(file_close) int fd = -1;
	enum err e;

	e = file_open_read(path, &fd);
	if (e == ERR_MISSING)
		return refuse_file(r->why, path, e, "there is no such file",
				   "make it, or name another");
	if (e == ERR_OK && !file_is_regular(fd))
		return refuse_file(r->why, path, ERR_FORMAT, "it is no regular file",
				   "give the configuration's");
	if (e == ERR_OK)
		e = file_read_all(fd, CONFIG_FILE_BYTES_MAX, &text);
	if (e == ERR_LIMIT)
		return refuse_file(r->why, path, e, "it has more than 16 MiB",
				   "cut it into drop-ins");
	if (e == ERR_MEMORY)
		return refuse_file(r->why, path, e, err_text(e), "stop something else");
	if (e != ERR_OK)
		return refuse_file(r->why, path, e, strerror(errno), "let it be read");
	e = take_file(r, path, (struct bytes){ text.data, text.size });
	return e == ERR_OK ? check_mode(r, fd) : e;
}

/* The names of a folder of drop-ins. */
struct drop_ins {
	char *names[DROP_INS_MAX];
	size_t count;
};

static enum err
note_drop_in(void *ctx, const char *name)
{
	struct drop_ins *all = ctx;
	size_t size = strlen(name);

	if (name[0] == '.' || size < 6 || strcmp(name + size - 5, ".yaml") != 0)
		return ERR_OK;
	if (all->count == DROP_INS_MAX)
		return ERR_LIMIT;
	all->names[all->count] = strdup(name);
	if (all->names[all->count] == NULL)
		return ERR_MEMORY;
	all->count++;
	return ERR_OK;
}

static void
drop_ins_finish(struct drop_ins *all)
{
	while (all->count > 0)
		free(all->names[--all->count]);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum err
read_drop_ins(struct config_reader *r, const char *path)
{
	cleanup(drop_ins_finish) struct drop_ins all = { .count = 0 };
	cleanup(file_close) int fd = -1;
	char folder[CONFIG_PATH_BYTES_MAX + 2];
	char file[CONFIG_PATH_BYTES_MAX + 300];
	enum err e;
	size_t i;

	(void)snprintf(folder, sizeof(folder), "%s.d", path);
	e = folder_open_path(folder, &fd);
	if (e == ERR_MISSING)
		return ERR_OK;
	if (e == ERR_OK)
		e = folder_list(fd, note_drop_in, &all);
	if (e == ERR_LIMIT)
		return refuse_file(r->why, folder, e, "more than 1000 drop-ins", "join some");
	if (e != ERR_OK)
		return refuse_file(r->why, folder, e,
				   e == ERR_SYSTEM ? strerror(errno) : err_text(e),
				   "let its drop-ins be read");
	qsort(all.names, all.count, sizeof(all.names[0]), by_name);
	for (i = 0; i < all.count && e == ERR_OK; i++) {
		(void)snprintf(file, sizeof(file), "%s/%s", folder, all.names[i]);
		r->file_number++;
		e = read_file(r, file);
	}
	return e;
}

/* Cells that say nothing of their keep-alive have the configuration's. */
static void
fill_in(struct config *c)
{
	size_t i;

	for (i = 0; i < c->cell_count; i++) {
		if (c->cells[i].keepalive_ms == 0)
			c->cells[i].keepalive_ms = c->keepalive_ms;
	}
}

static enum err
begin(struct config_reader *r, struct config *c, struct config_failure *why)
{
	*r = (struct config_reader){ .why = why, .config = c };
	*why = (struct config_failure){ .is_file = false };
	return config_defaults(DATA_DEFAULT, RUN_DEFAULT, c);
}

/* Values that must agree, which no single place in the files is the reason of. */
static enum err
check_together(struct config_reader *r, const char *path)
{
	/* A segment has a header, and room for a frame and for the one that ends it. */
	if (r->config->segment_bytes < 2 * r->config->batch_bytes + CONFIG_SEGMENT_BYTES_REST)
		return refuse_file(r->why, path, ERR_RANGE,
				   "'segment_bytes' is too small for two of 'batch_bytes'",
				   "raise the one or lower the other");
	return ERR_OK;
}

/* Hands the configuration over, or what is there of it back. */
static enum err
end(struct config_reader *r, const char *path, enum err e, struct config *out)
{
	if (e == ERR_OK)
		e = check_together(r, path);
	if (e == ERR_OK) {
		e = config_observers_settle(r);
		if (e == ERR_MEMORY)
			(void)refuse_file(r->why, path, e, err_text(e), "stop something else");
	}
	free(r->places);
	free(r->observer_places);
	if (e != ERR_OK) {
		config_finish(r->config);
		return e;
	}
	fill_in(r->config);
	*out = *r->config;
	return ERR_OK;
}

enum err
config_read_texts(const char *path, config_text_fn *fn, void *ctx, struct config *out,
		  struct config_failure *why)
{
	struct config_reader r;
	struct config c = { .data = NULL };
	enum err e;

	MUST(path != NULL && out != NULL && why != NULL);

	e = begin(&r, &c, why);
	if (e != ERR_OK)
		return refuse_file(why, path, e, err_text(e), "stop something else");
	if (strlen(path) >= CONFIG_PATH_BYTES_MAX)
		return end(&r, path,
			   refuse_file(why, path, ERR_LIMIT, "the path is too long",
				       "give one below 4096 bytes"),
			   out);
	r.on_text = fn;
	r.on_text_ctx = ctx;
	e = read_file(&r, path);
	if (e == ERR_OK)
		e = read_drop_ins(&r, path);
	return end(&r, path, e, out);
}

enum err
config_read(const char *path, struct config *out, struct config_failure *why)
{
	return config_read_texts(path, NULL, NULL, out, why);
}

enum err
config_parse(const char *name, const void *text, size_t size, struct config *out,
	     struct config_failure *why)
{
	struct config_reader r;
	struct config c = { .data = NULL };
	enum err e;

	MUST(name != NULL && (text != NULL || size == 0) && out != NULL && why != NULL);

	e = begin(&r, &c, why);
	if (e != ERR_OK)
		return refuse_file(why, name, e, err_text(e), "stop something else");
	return end(&r, name, read_text(&r, name, text, size), out);
}
