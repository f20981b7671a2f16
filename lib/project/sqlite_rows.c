/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rows into SQLite: one prepared statement for each set of columns, a step a row.  A row that the
 * table refuses undoes itself alone, so nothing else is needed to go on behind it; but where a
 * trigger undoes the transaction, it is begun again without that row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "project/sqlite_internal.h"

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

/* ERR_FORMAT: the table refused it, and `error` says why; *undone_out: with all of the transaction.
 */
static enum err
write_row(struct sqlite_state *s, const struct table *t, uint8_t *mask, char *error,
	  bool *undone_out, struct project_failure *why)
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
			code = sqlite_bind_value(statement, at++, &s->values[i],
						 t->columns[i].form);
	}
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_DONE) {
		(void)sqlite3_reset(statement); /* nothing is left to go wrong */
		return ERR_OK;
	}
	e = sqlite_failed(s, code, why);
	/* By RAISE(ROLLBACK).  A disk that is full does so too, and is no row's fault. */
	*undone_out = sqlite3_get_autocommit(s->db) != 0;
	if (*undone_out ? is_refusal(code) : is_of_values(s, t, mask, code)) {
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

/* What a pass over the rows of a batch needs. */
struct pass {
	struct sqlite_state *s;
	const struct table *table;
	const struct database_rows *rows;
	uint8_t *mask;
	bool *dead; /* a row: it was refused */
	struct project_failure *why;
};

/* All rows that are not dead yet; *undone_out: one has died and taken the others with it. */
static enum err
write_all(struct pass *p, bool *undone_out)
{
	struct sqlite_state *s = p->s;
	char error[ROW_ERROR_BYTES];
	enum err e = ERR_OK;
	size_t i;

	*undone_out = false;
	for (i = 0; e == ERR_OK && !*undone_out && i < p->rows->count; i++) {
		const struct effect *effect = p->rows->effects[i];

		if (p->dead[i])
			continue;
		e = row_reader_begin(&s->reader, effect->payload.size);
		if (e == ERR_OK)
			e = row_read(&s->reader, effect->payload, s->values, error);
		if (e == ERR_OK)
			e = write_row(s, p->table, p->mask, error, undone_out, p->why);
		if (e == ERR_FORMAT) {
			p->dead[i] = true;
			e = p->rows->refused(p->rows->ctx, effect, error);
		}
	}
	return e;
}

enum err
sqlite_write_rows(void *state, const struct table *table, const struct database_rows *rows,
		  struct project_failure *why)
{
	struct pass pass = { .s = state,
			     .table = table,
			     .rows = rows,
			     .mask = malloc(table->count),
			     .dead = calloc(rows->count, sizeof(bool)),
			     .why = why };
	bool undone = false;
	enum err e = pass.mask != NULL && pass.dead != NULL ? ERR_OK : ERR_MEMORY;

	MUST(pass.s->values != NULL && rows->count > 0);

	if (e == ERR_OK)
		e = write_all(&pass, &undone);
	/* One row fewer each time. */
	while (e == ERR_OK && undone) {
		e = sqlite_is_woken(pass.s) ? ERR_END : rows->begin_again(rows->ctx, why);
		if (e == ERR_OK)
			e = write_all(&pass, &undone);
	}
	free(pass.mask);
	free(pass.dead);
	return e;
}
