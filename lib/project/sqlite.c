/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * SQLite: opening, statements, what a table is.  It keeps its log ahead of the database (WAL) and
 * syncs it at each commit, so that who reads holds nobody up and what is committed stays.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "os/wait.h"
#include "project/sqlite_internal.h"

#define SCHEME "sqlite:"
/* Another writer is waited for so often and so long. */
#define BUSY_TRIES   100
#define BUSY_WAIT_NS UINT64_C(10000000)

/* What waits for another writer; ends early where this process is to end. */
static int
on_busy(void *ctx, int tries)
{
	struct sqlite_state *s = ctx;
	struct wait_item item = { .fd = s->wake_fd, .want_read = true };

	if (tries >= BUSY_TRIES || wait_ready(&item, 1, wait_now_ns() + BUSY_WAIT_NS) != ERR_OK)
		return 0;
	s->woken = item.ready_read;
	return item.ready_read ? 0 : 1;
}

bool
sqlite_is_woken(struct sqlite_state *s)
{
	struct wait_item item = { .fd = s->wake_fd, .want_read = true };

	return wait_ready(&item, 1, 0) == ERR_OK && item.ready_read;
}

enum err
sqlite_failed(struct sqlite_state *s, int code, struct project_failure *why)
{
	char shown[PROJECT_TEXT_BYTES - 16];
	const char *text = s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(code);

	(void)text_escape(text, strlen(text), shown, sizeof(shown));
	/* It has no code of its own. */
	project_say(why, "SQLite: %s%s", shown,
		    strstr(text, "ON CONFLICT clause does not match") != NULL ? DATABASE_NO_KEY
									      : "");
	if (s->woken)
		return ERR_END;
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return ERR_MEMORY;
	case SQLITE_ERROR:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_AUTH:
	case SQLITE_MISUSE:
		return ERR_REFUSED;
	default:
		return ERR_AGAIN;
	}
}

static enum err
sqlite_run(void *state, const char *sql, struct project_failure *why)
{
	struct sqlite_state *s = state;
	int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? ERR_OK : sqlite_failed(s, code, why);
}

static void
sqlite_close(void *state)
{
	struct sqlite_state *s = state;
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < SQLITE_STATEMENTS; i++) {
		(void)sqlite3_finalize(s->statements[i].statement); /* says again what failed */
		free(s->statements[i].mask);
	}
	(void)sqlite3_close(s->db); /* nothing of ours holds it any more */
	row_reader_finish(&s->reader);
	free(s->values);
	free(s);
}

/* SQLite looks at each folder of a path to find a file's full name.  Here the name is the file's,
 * in the folder in which the process stands. */
static int
full_name(sqlite3_vfs *vfs, const char *name, int capacity, char *out)
{
	size_t size = strlen(name) + 1;

	(void)vfs;
	if (capacity < 0 || size > (size_t)capacity)
		return SQLITE_CANTOPEN;
	memcpy(out, name, size);
	return SQLITE_OK;
}

/* SQLite's own way to files but for that.  Its name, or NULL: there is none. */
static const char *
files_inside(void)
{
	static sqlite3_vfs inside; /* SQLite keeps it */
	const sqlite3_vfs *usual;

	if (inside.zName == NULL) {
		usual = sqlite3_vfs_find(NULL);
		if (usual == NULL)
			return NULL;
		inside = *usual;
		inside.pNext = NULL;
		inside.xFullPathname = full_name;
		inside.zName = "inside";
		if (sqlite3_vfs_register(&inside, 0) != SQLITE_OK)
			inside.zName = NULL;
	}
	return inside.zName;
}

static int
open_file(const struct database_place *place, sqlite3 **out)
{
	const char *path = place->config->projection + sizeof(SCHEME) - 1;
	const char *slash = strrchr(path, '/');
	const char *files = NULL;

	MUST(slash != NULL);
	if (place->is_inside) {
		path = slash + 1;
		files = files_inside();
		if (files == NULL)
			return SQLITE_NOMEM;
	}
	return sqlite3_open_v2(path, out,
			       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				       SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
			       files);
}

static enum err
sqlite_open(const struct database_place *place, void **out, struct project_failure *why)
{
	struct sqlite_state *s = calloc(1, sizeof(*s));
	enum err e = ERR_OK;
	int code;

	if (s == NULL)
		return ERR_MEMORY;
	s->wake_fd = place->wake_fd;
	code = open_file(place, &s->db);
	if (code == SQLITE_OK)
		code = sqlite3_busy_handler(s->db, on_busy, s);
	if (code == SQLITE_OK)
		code = sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (code != SQLITE_OK)
		e = sqlite_failed(s, code, why);
	if (e == ERR_OK)
		e = sqlite_run(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", why);
	if (e != ERR_OK) {
		sqlite_close(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

/* ---- statements with values ---------------------------------------------------------------- */

static int
bind(sqlite3_stmt *statement, int at, const struct database_value *v)
{
	const void *data = v->bytes.data != NULL ? v->bytes.data : (const void *)"";

	switch (v->kind) {
	case DATABASE_NUMBER:
		return sqlite3_bind_int64(statement, at, (sqlite3_int64)v->number);
	case DATABASE_TEXT:
		return sqlite3_bind_text64(statement, at, data, v->bytes.size, SQLITE_STATIC,
					   SQLITE_UTF8);
	case DATABASE_BYTES:
		return sqlite3_bind_blob64(statement, at, data, v->bytes.size, SQLITE_STATIC);
	case DATABASE_NULL:
	default:
		return sqlite3_bind_null(statement, at);
	}
}

/* Hands one row over. */
static enum err
give_row(struct sqlite_state *s, sqlite3_stmt *statement, database_row_fn *fn, void *ctx)
{
	struct bytes columns[SQLITE_ANSWER_COLUMNS] = { { NULL, 0 } };
	int count = sqlite3_column_count(statement);
	int i;

	MUST((size_t)count <= SQLITE_ANSWER_COLUMNS);

	for (i = 0; i < count; i++) {
		if (sqlite3_column_type(statement, i) == SQLITE_NULL)
			continue;
		columns[i].data = sqlite3_column_text(statement, i);
		columns[i].size = (size_t)sqlite3_column_bytes(statement, i);
		if (columns[i].data != NULL)
			continue;
		if (sqlite3_errcode(s->db) == SQLITE_NOMEM)
			return ERR_MEMORY;
		/* An empty text has an address, an empty blob none. */
		columns[i] = (struct bytes){ (const uint8_t *)"", 0 };
	}
	return fn(ctx, columns, (size_t)count);
}

static enum err
sqlite_ask(void *state, const char *sql, const struct database_value *values, size_t count,
	   database_row_fn *fn, void *ctx, uint64_t *changed_out, struct project_failure *why)
{
	struct sqlite_state *s = state;
	sqlite3_stmt *statement = NULL;
	enum err e = ERR_OK;
	size_t i;
	int code;

	code = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);
	for (i = 0; code == SQLITE_OK && i < count; i++)
		code = bind(statement, (int)i + 1, &values[i]);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	while (code == SQLITE_ROW && e == ERR_OK) {
		if (fn != NULL)
			e = give_row(s, statement, fn, ctx);
		if (e == ERR_OK)
			code = sqlite3_step(statement);
	}
	if (e == ERR_OK && code != SQLITE_DONE)
		e = sqlite_failed(s, code, why);
	if (e == ERR_OK && changed_out != NULL)
		*changed_out = (uint64_t)sqlite3_changes64(s->db);
	(void)sqlite3_finalize(statement); /* its error is the one above */
	return e;
}

/* ---- what a table is ----------------------------------------------------------------------- */

static bool
has_word(struct bytes type, const char *word)
{
	size_t size = strlen(word);
	size_t i;

	for (i = 0; i + size <= type.size; i++) {
		if (strncasecmp((const char *)type.data + i, word, size) == 0)
			return true;
	}
	return false;
}

/* Whether SQLite makes numbers of texts there ("Determination Of Column Affinity"). */
static bool
is_numeric(struct bytes type)
{
	if (has_word(type, "INT"))
		return true;
	return !has_word(type, "CHAR") && !has_word(type, "CLOB") && !has_word(type, "TEXT") &&
	       !has_word(type, "BLOB") && type.size > 0;
}

/* All numbers there are doubles. */
static bool
is_real(struct bytes type)
{
	return !has_word(type, "INT") &&
	       (has_word(type, "REAL") || has_word(type, "FLOA") || has_word(type, "DOUB"));
}

static enum err
add_column(void *ctx, const struct bytes *columns, size_t count)
{
	(void)count;
	return table_add(ctx, columns[0],
			 !is_numeric(columns[1]) ? COLUMN_PLAIN
			 : is_real(columns[1])   ? COLUMN_REAL
						 : COLUMN_NUMERIC,
			 false);
}

static enum err
sqlite_describe(void *state, const struct project_config *config, struct table *out,
		struct project_failure *why)
{
	/* One more than a table takes: that one says that it is too many. */
	struct database_answer answer = {
		.fn = add_column, .ctx = out, .columns = 2, .most = TABLE_COLUMNS_MAX + 1
	};
	struct database_gate gate = { .answer = &answer, .why = why };
	struct database_value values[2] = { { 0 } };
	struct bytes schema, name;
	enum err e;

	/* Generated columns are hidden, and so are those of virtual tables that take no value. */
	static const char in_schema[] = "SELECT name, type FROM pragma_table_xinfo($1, $2) "
					"WHERE hidden = 0 ORDER BY cid";
	static const char anywhere[] = "SELECT name, type FROM pragma_table_xinfo($1) "
				       "WHERE hidden = 0 ORDER BY cid";

	table_split(config->table, &schema, &name);
	values[0] = (struct database_value){ .kind = DATABASE_TEXT, .bytes = name };
	values[1] = (struct database_value){ .kind = DATABASE_TEXT, .bytes = schema };
	e = sqlite_ask(state, schema.data != NULL ? in_schema : anywhere, values,
		       schema.data != NULL ? 2 : 1, database_gate_row, &gate, NULL, why);
	if (e != ERR_OK)
		return e;
	return out->count > 0 ? table_end(out, config, why) : ERR_MISSING;
}

const struct database_ops database_sqlite = {
	.scheme = SCHEME,
	.bytes_type = "BLOB",
	.select_cursor = "SELECT origin, next_index, dead_letters FROM hark_cursors "
			 "WHERE observer = $1",
	.begin = "BEGIN IMMEDIATE",
	.open = sqlite_open,
	.close = sqlite_close,
	.run = sqlite_run,
	.ask = sqlite_ask,
	.describe = sqlite_describe,
	.prepare_rows = sqlite_prepare_rows,
	.write_rows = sqlite_write_rows,
};
