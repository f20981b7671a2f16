/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The cells that a data directory remembers, read without a daemon, as the items that one sends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "config/cell_file.h"
#include "hark/cell.h"
#include "os/file.h"
#include "os/folder.h"
#include "prog/exit.h"
#include "prog/log.h"

/* What is read: names of files, in the order of their bytes. */
struct names {
	char **at;
	size_t count;
	size_t capacity;
};

static void
names_finish(struct names *n)
{
	while (n->count > 0)
		free(n->at[--n->count]);
	free(n->at);
	n->at = NULL;
}

static enum err
note_name(void *ctx, const char *name)
{
	struct names *n = ctx;

	/* A file that was being written when harkd ended has another name: "<cell>.new". */
	if (!config_cell_name_is_good(name) ||
	    (strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".new") == 0))
		return ERR_OK;
	if (n->count == n->capacity) {
		size_t capacity = n->capacity > 0 ? n->capacity * 2 : 64;
		char **at = realloc(n->at, capacity * sizeof(*at));

		if (at == NULL)
			return ERR_MEMORY;
		n->at = at;
		n->capacity = capacity;
	}
	n->at[n->count] = strdup(name);
	if (n->at[n->count] == NULL)
		return ERR_MEMORY;
	n->count++;
	return ERR_OK;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
set_id(struct message *m, enum message_field field, int64_t value)
{
	if (value >= 0)
		message_set_number(m, field, (uint64_t)value);
}

static int
give(const struct cell_file *file, client_item_fn *fn, void *ctx)
{
	const struct config_cell *cell = &file->cell;
	struct message m;

	message_init(&m, MESSAGE_ITEM_CELL, 0);
	message_set_text(&m, FIELD_CELL, cell->name);
	message_set_text(&m, FIELD_RUN, cell->run_id);
	message_set_text(&m, FIELD_UDS_BASE, cell->uds_base);
	message_set_text(&m, FIELD_STATE, file->is_leaving ? "leaving" : "remembered");
	if (cell->spec_hash != NULL && cell->spec_hash[0] != '\0')
		message_set_text(&m, FIELD_SPEC_HASH, cell->spec_hash);
	message_set_number(&m, FIELD_KEEPALIVE_MS, cell->keepalive_ms);
	message_set_number(&m, FIELD_REARM, cell->rearm);
	message_set_number(&m, FIELD_EVENTS_PER_S, cell->events_per_s);
	message_set_number(&m, FIELD_BYTES_PER_S, cell->bytes_per_s);
	message_set_number(&m, FIELD_CONNECTIONS, cell->connections);
	set_id(&m, FIELD_OWNER_UID, cell->owner_uid);
	set_id(&m, FIELD_OWNER_GID, cell->owner_gid);
	set_id(&m, FIELD_MODE, cell->mode);
	set_id(&m, FIELD_PEER_UID, cell->peer_uid);
	return fn(ctx, &m);
}

static enum err
read_one(int dirfd, const char *name, struct cell_file *out)
{
	cleanup(buf_finish) struct buf text = { 0 };
	cleanup(file_close) int fd = -1;
	enum err e = file_open_read_at(dirfd, name, &fd);

	if (e == ERR_OK)
		e = file_read_all(fd, CELL_FILE_BYTES_MAX, &text);
	return e == ERR_OK ? cell_file_read(text.data, text.size, out) : e;
}

static int
refuse(const char *dir, const char *name, enum err e)
{
	char shown[512];
	const char *why = e == ERR_SYSTEM || e == ERR_MISSING ? strerror(errno) : err_text(e);

	(void)text_escape(dir, strlen(dir), shown, sizeof(shown));
	log_error("%s/cells%s%s: %s", shown, name[0] != '\0' ? "/" : "", name, why);
	if (e == ERR_MISSING)
		return EXIT_NO_INPUT;
	return e == ERR_FORMAT || e == ERR_LIMIT ? EXIT_DATA : EXIT_IO;
}

int
cell_offline_each(const char *dir, client_item_fn *fn, void *ctx)
{
	cleanup(names_finish) struct names names = { .count = 0 };
	cleanup(file_close) int fd = -1;
	char path[CONFIG_PATH_BYTES_MAX + 8];
	int code = EXIT_OK;
	enum err e;
	size_t i;

	MUST(dir != NULL && fn != NULL);

	(void)snprintf(path, sizeof(path), "%.4095s/cells", dir);
	e = folder_open_path(path, &fd);
	if (e == ERR_OK)
		e = folder_list(fd, note_name, &names);
	if (e != ERR_OK)
		return refuse(dir, "", e);
	if (names.count > 0)
		qsort(names.at, names.count, sizeof(names.at[0]), by_name);
	for (i = 0; i < names.count && code == EXIT_OK; i++) {
		struct cell_file file;

		e = read_one(fd, names.at[i], &file);
		/* Removed between the listing and now. */
		if (e == ERR_MISSING)
			continue;
		if (e != ERR_OK)
			return refuse(dir, names.at[i], e);
		code = give(&file, fn, ctx);
		config_cell_finish(&file.cell);
	}
	return code;
}
