/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A few rows by INSERT, each with the columns that it gives, many statements in one go.  Values are
 * literals without a type, so that a column's type reads them as it reads what is copied.
 */
#include <string.h>

#include "base/must.h"
#include "project/postgresql_internal.h"

/* What goes to the server at once: rows, and bytes of their statements. */
#define ROWS_AT_ONCE  64u
#define BYTES_AT_ONCE 262144u

/* What is there stays where a row gives NULL. */
void
pg_add_conflict(struct sql *q, const struct table *t, const bool *given, bool exactly)
{
	const char *comma = " DO UPDATE SET ";
	size_t i;

	sql_add(q, " ON CONFLICT (");
	for (i = 0; i < t->key_count; i++) {
		const struct table_column *c = &t->columns[t->keys[i]];

		sql_add(q, i > 0 ? ", " : "");
		sql_name(q, c->name, c->name_size);
	}
	sql_add(q, ")");
	for (i = 0; i < t->count; i++) {
		const struct table_column *c = &t->columns[i];

		if (c->is_key || !(exactly ? given[i] : pg_is_named(t, given, i)))
			continue;
		sql_add(q, comma);
		comma = ", ";
		sql_name(q, c->name, c->name_size);
		sql_add(q, " = coalesce(excluded.");
		sql_name(q, c->name, c->name_size);
		sql_add(q, ", hark_table.");
		sql_name(q, c->name, c->name_size);
		sql_add(q, ")");
	}
	if (comma[0] == ' ')
		sql_add(q, " DO NOTHING");
}

static void
add_value(struct sql *q, const struct row_value *v, enum column_form form)
{
	if (v->kind == ROW_NULL)
		sql_add(q, "NULL");
	else
		sql_literal(q, row_value_text(v, form));
}

/* The row that the state's values are. */
static void
add_insert(struct sql *q, const struct table *t, struct pg_state *s)
{
	const char *comma = "";
	size_t i;

	sql_add(q, "INSERT INTO ");
	sql_add(q, t->quoted);
	sql_add(q, " AS hark_table (");
	for (i = 0; i < t->count; i++) {
		s->given[i] = s->values[i].kind != ROW_ABSENT;
		if (!s->given[i])
			continue;
		sql_add(q, comma);
		sql_name(q, t->columns[i].name, t->columns[i].name_size);
		comma = ", ";
	}
	sql_add(q, ") VALUES (");
	comma = "";
	for (i = 0; i < t->count; i++) {
		if (!s->given[i])
			continue;
		sql_add(q, comma);
		add_value(q, &s->values[i], t->columns[i].form);
		comma = ", ";
	}
	sql_add(q, ")");
	if (t->key_count > 0)
		pg_add_conflict(q, t, s->given, true);
	sql_add(q, "; ");
}

/* Sends what is gathered and begins anew. */
static enum err
run(struct pg_job *j, struct sql *q)
{
	const char *text = NULL;
	enum err e = sql_end(q, &text);

	if (e == ERR_OK)
		e = pg_run(j->s, text, NULL, j->why);
	sql_finish(q);
	return e;
}

enum err
pg_try_inserts(struct pg_job *j, size_t from, size_t to)
{
	struct sql q = { 0 };
	enum err e = ERR_OK;
	enum err undone;
	size_t rows = 0;
	size_t at;

	MUST(from < to);

	pg_save(j->s, &q);
	for (at = from; e == ERR_OK && at < to; at++) {
		if (j->errors[at] != NULL)
			continue;
		e = pg_read_row(j, at);
		if (e == ERR_OK) {
			add_insert(&q, j->table, j->s);
			rows++;
		}
		if (e == ERR_FORMAT)
			e = ERR_OK;
		if (e == ERR_OK && (rows == ROWS_AT_ONCE || q.text.size >= BYTES_AT_ONCE)) {
			e = run(j, &q);
			rows = 0;
		}
	}
	if (e == ERR_OK && q.text.size > 0)
		e = run(j, &q);
	sql_finish(&q);
	if (e != ERR_FORMAT)
		return e;
	undone = pg_undo(j->s);
	return undone == ERR_OK ? ERR_FORMAT : undone;
}
