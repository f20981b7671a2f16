/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rows into PostgreSQL: many at once in bulk, few by INSERT.  What the table refuses is undone to a
 * savepoint and tried again in halves, down to the row that it is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "project/postgresql_internal.h"

/* So many rows of a table with a key are merged at a time: what one statement sorts out. */
#define CHUNK_ROWS 4096u
/* So few are not worth a copy. */
#define FEW_ROWS 16u

enum err
pg_refuse(struct pg_job *j, size_t at, const char *error)
{
	/* What was refused when it was read stays so, whatever a server says then. */
	if (j->errors[at] != NULL)
		return ERR_OK;
	j->errors[at] = strdup(error);
	return j->errors[at] != NULL ? ERR_OK : ERR_MEMORY;
}

enum err
pg_read_row(struct pg_job *j, size_t at)
{
	struct pg_state *s = j->s;
	char error[ROW_ERROR_BYTES];
	enum err e;

	e = row_reader_begin(&s->reader, j->effects[at]->payload.size);
	if (e == ERR_OK)
		e = row_read(&s->reader, j->effects[at]->payload, s->values, error);
	if (e != ERR_FORMAT)
		return e;
	e = pg_refuse(j, at, error);
	return e == ERR_OK ? ERR_FORMAT : e;
}

void
pg_save(struct pg_state *s, struct sql *q)
{
	/* One at a time, lest a server keeps as many as there are refused rows. */
	if (s->saved == PG_PASSED)
		sql_add(q, "RELEASE hark_rows; ");
	if (s->saved != PG_SAVED)
		sql_add(q, "SAVEPOINT hark_rows; ");
	s->saved = PG_PASSED;
}

enum err
pg_undo(struct pg_state *s)
{
	struct project_failure unread; /* what is said of the row stays said */
	enum err e = pg_run(s, "ROLLBACK TO hark_rows", NULL, &unread);

	s->saved = PG_SAVED;
	return e;
}

/* All of them: what is refused is found by halves, and among a few by trying each. */
static enum err
write_range(struct pg_job *j, size_t from, size_t to)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && from < to) {
		bool few = to - from <= FEW_ROWS;
		size_t next = to;
		size_t step;

		e = few ? pg_try_inserts(j, from, to) : pg_try_bulk(j, from, to, &next);
		step = few || next - from == 1 ? 1 : (next - from + 1) / 2;
		if (e == ERR_FORMAT && next - from == 1) {
			e = pg_refuse(j, from, j->why->text);
		} else if (e == ERR_FORMAT) {
			size_t at;

			e = ERR_OK;
			for (at = from; e == ERR_OK && at < next; at += step)
				e = write_range(j, at, next - at < step ? next : at + step);
		}
		from = next;
	}
	return e;
}

enum err
pg_write_range(struct pg_job *j, size_t from, size_t to)
{
	size_t chunk = j->table->key_count > 0 ? CHUNK_ROWS : to - from;
	enum err e = ERR_OK;

	for (; e == ERR_OK && from < to; from += chunk)
		e = write_range(j, from, to - from < chunk ? to : from + chunk);
	return e;
}

enum err
pg_write_rows(void *state, const struct table *table, const struct database_rows *rows,
	      struct project_failure *why)
{
	struct pg_job j = { .s = state,
			    .table = table,
			    .effects = rows->effects,
			    .errors = calloc(rows->count, sizeof(char *)),
			    .why = why };
	enum err e;
	size_t i;

	MUST(j.s->values != NULL && rows->count > 0);

	if (j.errors == NULL)
		return ERR_MEMORY;
	e = rows->checks_late ? pg_write_late(&j, rows->count) : pg_write_range(&j, 0, rows->count);
	for (i = 0; i < rows->count; i++) {
		if (e == ERR_OK && j.errors[i] != NULL)
			e = rows->refused(rows->ctx, rows->effects[i], j.errors[i]);
		free(j.errors[i]);
	}
	free((void *)j.errors);
	return e;
}
