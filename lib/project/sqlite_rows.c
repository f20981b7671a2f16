/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rows into SQLite: one prepared statement for each set of columns, a step a row.  A row that the
 * table refuses undoes itself alone, so nothing else is needed to go on behind it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "project/sqlite_internal.h"

/* The digits of the largest i64. */
#define I64_DIGITS 19u

/* ---- values -------------------------------------------------------------------------------- */

/* What a text is as a number: a whole one that fits, one that does not, or neither. */
enum whole { WHOLE_NONE, WHOLE_FITS, WHOLE_LARGE };

static enum whole
read_whole(const char *text, size_t size, int64_t *out)
{
	bool negative = size > 0 && text[0] == '-';
	size_t digits = size - negative;
	uint64_t limit = negative ? UINT64_C(1) << 63 : INT64_MAX;
	uint64_t v = 0;
	size_t i;

	for (i = negative; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return WHOLE_NONE;
	}
	/* A zero at the front or with a sign is no number that is written back the same. */
	if (digits == 0 || (text[negative] == '0' && (digits > 1 || negative)))
		return WHOLE_NONE;
	if (digits > I64_DIGITS)
		return WHOLE_LARGE;
	for (i = negative; i < size; i++)
		v = v * 10 + (uint64_t)(text[i] - '0');
	if (v > limit)
		return WHOLE_LARGE;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return WHOLE_FITS;
}

static int
bind_text(sqlite3_stmt *statement, int at, const struct row_value *v, enum column_form form)
{
	struct bytes text = row_value_text(v, form);
	const char *data = text.data != NULL ? (const char *)text.data : "";
	int64_t whole = 0;
	enum whole kind = WHOLE_NONE;

	if (form == COLUMN_NUMERIC || v->kind == ROW_NUMBER)
		kind = read_whole(data, text.size, &whole);
	if (kind == WHOLE_FITS && v->kind == ROW_NUMBER)
		return sqlite3_bind_int64(statement, at, whole);
	/* SQLite would make a double of it there, and keeps blobs as they are. */
	if (kind == WHOLE_LARGE && form == COLUMN_NUMERIC)
		return sqlite3_bind_blob64(statement, at, data, text.size, SQLITE_STATIC);
	return sqlite3_bind_text64(statement, at, data, text.size, SQLITE_STATIC, SQLITE_UTF8);
}

static int
bind_value(sqlite3_stmt *statement, int at, const struct row_value *v, enum column_form form)
{
	switch (v->kind) {
	case ROW_NULL:
		return sqlite3_bind_null(statement, at);
	case ROW_FALSE:
	case ROW_TRUE:
		return sqlite3_bind_int64(statement, at, v->kind == ROW_TRUE);
	default:
		return bind_text(statement, at, v, form);
	}
}

/* ---- statements ---------------------------------------------------------------------------- */

static void
add_list(struct sql *s, const struct table *t, const uint8_t *mask)
{
	const char *comma = "";
	size_t i;

	for (i = 0; i < t->count; i++) {
		if (mask[i] == 0)
			continue;
		sql_add(s, comma);
		sql_name(s, t->columns[i].name, t->columns[i].name_size);
		comma = ", ";
	}
}

/* What is there stays where a row gives NULL. */
static void
add_conflict(struct sql *s, const struct table *t, const uint8_t *mask)
{
	const char *comma = " DO UPDATE SET ";
	size_t i;

	sql_add(s, " ON CONFLICT (");
	for (i = 0; i < t->key_count; i++) {
		const struct table_column *c = &t->columns[t->keys[i]];

		sql_add(s, i > 0 ? ", " : "");
		sql_name(s, c->name, c->name_size);
	}
	sql_add(s, ")");
	for (i = 0; i < t->count; i++) {
		const struct table_column *c = &t->columns[i];

		if (mask[i] == 0 || c->is_key)
			continue;
		sql_add(s, comma);
		sql_name(s, c->name, c->name_size);
		sql_add(s, " = coalesce(excluded.");
		sql_name(s, c->name, c->name_size);
		sql_add(s, ", hark_table.");
		sql_name(s, c->name, c->name_size);
		sql_add(s, ")");
		comma = ", ";
	}
	if (comma[0] == ' ')
		sql_add(s, " DO NOTHING");
}

static enum err
make_statement(struct sqlite_state *s, const struct table *t, const uint8_t *mask,
	       sqlite3_stmt **out, struct project_failure *why)
{
	struct sql q = { 0 };
	const char *text = NULL;
	const char *comma = "?";
	enum err e;
	size_t i;

	/* OR ABORT: a table's own ON CONFLICT ROLLBACK would undo the batch. */
	sql_add(&q, "INSERT OR ABORT INTO ");
	sql_add(&q, t->quoted);
	sql_add(&q, " AS hark_table (");
	add_list(&q, t, mask);
	sql_add(&q, ") VALUES (");
	for (i = 0; i < t->count; i++) {
		if (mask[i] == 0)
			continue;
		sql_add(&q, comma);
		comma = ", ?";
	}
	sql_add(&q, ")");
	if (t->key_count > 0)
		add_conflict(&q, t, mask);
	e = sql_end(&q, &text);
	if (e == ERR_OK) {
		int code =
			sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);

		if (code != SQLITE_OK)
			e = sqlite_failed(s, code, why);
	}
	sql_finish(&q);
	return e;
}

/* The statement of a set of columns, made where it is not there. */
static enum err
statement_of(struct sqlite_state *s, const struct table *t, const uint8_t *mask, sqlite3_stmt **out,
	     struct project_failure *why)
{
	struct sqlite_statement *slot;
	uint8_t *copied;
	enum err e;
	size_t i;

	for (i = 0; i < SQLITE_STATEMENTS; i++) {
		size_t at = (s->latest + i) % SQLITE_STATEMENTS;

		slot = &s->statements[at];
		if (slot->mask != NULL && memcmp(slot->mask, mask, t->count) == 0) {
			s->latest = at;
			*out = slot->statement;
			return ERR_OK;
		}
	}
	slot = &s->statements[s->oldest];
	copied = malloc(t->count);
	if (copied == NULL)
		return ERR_MEMORY;
	memcpy(copied, mask, t->count);
	(void)sqlite3_finalize(slot->statement); /* says again what failed */
	free(slot->mask);
	*slot = (struct sqlite_statement){ 0 };
	e = make_statement(s, t, mask, &slot->statement, why);
	if (e != ERR_OK) {
		free(copied);
		return e;
	}
	slot->mask = copied;
	s->latest = s->oldest;
	s->oldest = (s->oldest + 1) % SQLITE_STATEMENTS;
	*out = slot->statement;
	return ERR_OK;
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* True for what the table says of a row, and no word on anything else. */
static bool
is_refusal(int code)
{
	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_RANGE:
		return true;
	default:
		return false;
	}
}

/*
 * A function in a CHECK or a generated column says no more than "error" of a value that it does not
 * like, as SQLite does of a table that is gone: then the statement cannot be made again either.
 */
static bool
is_of_values(struct sqlite_state *s, const struct table *t, const uint8_t *mask, int code)
{
	struct project_failure unread;
	sqlite3_stmt *again = NULL;
	bool made;

	if (code != SQLITE_ERROR)
		return is_refusal(code);
	made = make_statement(s, t, mask, &again, &unread) == ERR_OK;
	(void)sqlite3_finalize(again); /* it has not run */
	return made;
}

/* ERR_FORMAT: the table refused it, and `error` says why. */
static enum err
write_row(struct sqlite_state *s, const struct table *t, uint8_t *mask, char *error,
	  struct project_failure *why)
{
	sqlite3_stmt *statement = NULL;
	int code = SQLITE_OK;
	int at = 1;
	enum err e;
	size_t i;

	for (i = 0; i < t->count; i++)
		mask[i] = s->values[i].kind != ROW_ABSENT;
	e = statement_of(s, t, mask, &statement, why);
	if (e != ERR_OK)
		return e;
	for (i = 0; code == SQLITE_OK && i < t->count; i++) {
		if (mask[i] != 0)
			code = bind_value(statement, at++, &s->values[i], t->columns[i].form);
	}
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_DONE) {
		(void)sqlite3_reset(statement); /* nothing is left to go wrong */
		return ERR_OK;
	}
	e = sqlite_failed(s, code, why);
	/* A trigger may have undone the whole batch: then it is no matter of one row. */
	if (sqlite3_get_autocommit(s->db) == 0 && is_of_values(s, t, mask, code)) {
		(void)snprintf(error, ROW_ERROR_BYTES, "%.*s", (int)ROW_ERROR_BYTES - 1, why->text);
		e = ERR_FORMAT;
	}
	(void)sqlite3_reset(statement); /* says again what failed */
	return e;
}

enum err
sqlite_prepare_rows(void *state, const struct table *table, struct project_failure *why)
{
	struct sqlite_state *s = state;
	sqlite3_stmt *statement = NULL;
	uint8_t *mask;
	enum err e;

	MUST(s->values == NULL && table->count > 0);

	s->values = calloc(table->count, sizeof(s->values[0]));
	mask = malloc(table->count);
	e = s->values != NULL && mask != NULL ? row_reader_init(&s->reader, table) : ERR_MEMORY;
	if (e == ERR_OK) {
		memset(mask, 1, table->count);
		e = statement_of(s, table, mask, &statement, why);
	}
	free(mask);
	return e;
}

enum err
sqlite_write_rows(void *state, const struct table *table, const struct effect *const *effects,
		  size_t count, database_refused_fn *refused, void *ctx,
		  struct project_failure *why)
{
	struct sqlite_state *s = state;
	char error[ROW_ERROR_BYTES];
	uint8_t *mask = malloc(table->count);
	enum err e = mask != NULL ? ERR_OK : ERR_MEMORY;
	size_t i;

	MUST(s->values != NULL);

	for (i = 0; e == ERR_OK && i < count; i++) {
		e = row_reader_begin(&s->reader, effects[i]->payload.size);
		if (e == ERR_OK)
			e = row_read(&s->reader, effects[i]->payload, s->values, error);
		if (e == ERR_OK)
			e = write_row(s, table, mask, error, why);
		if (e == ERR_FORMAT)
			e = refused(ctx, effects[i], error);
	}
	free(mask);
	return e;
}
