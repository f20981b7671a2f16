/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rows into PostgreSQL.  Without a key they are copied into the table; with one, into a temporary
 * table, and from there inserted or merged, first the first row of each key, then the second.  What
 * the table refuses is undone to a savepoint and tried again in halves, down to the row that it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "project/postgresql_internal.h"

/* So many rows of a table with a key are merged at a time: what one statement sorts out. */
#define CHUNK_ROWS 4096u
/* Statements of a merge in one go. */
#define ROUNDS_AT_ONCE 8u
/* So many may lie in the temporary table, which each statement reads. */
#define WAITING_ROWS 16384u

/* Rows that are written together. */
struct job {
	struct pg_state *s;
	const struct table *table;
	const struct effect *const *effects;
	bool *skipped; /* no rows: they were handed over when they were read */
	database_refused_fn *refused;
	void *ctx;
	struct project_failure *why;
};

/* ---- statements ---------------------------------------------------------------------------- */

/* The names of columns that are given, each behind a prefix. */
static void
add_columns(struct sql *q, const struct table *t, const bool *given, bool by_place)
{
	const char *comma = "";
	size_t i;

	for (i = 0; i < t->count; i++) {
		if (!pg_is_named(t, given, i))
			continue;
		sql_add(q, comma);
		comma = ", ";
		if (by_place)
			sql_format(q, "c%zu", i);
		else
			sql_name(q, t->columns[i].name, t->columns[i].name_size);
	}
}

static void
add_copy(struct sql *q, const struct table *t, const bool *given)
{
	if (t->key_count > 0) {
		sql_add(q, "COPY pg_temp.hark_rows (round, ");
		add_columns(q, t, given, true);
	} else {
		sql_add(q, "COPY ");
		sql_add(q, t->quoted);
		sql_add(q, " (");
		add_columns(q, t, given, false);
	}
	sql_add(q, ") FROM STDIN");
}

/* What is there stays where a row gives NULL. */
static void
add_conflict(struct sql *q, const struct table *t, const bool *given)
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

		if (c->is_key || !pg_is_named(t, given, i))
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
add_merge(struct sql *q, const struct table *t, const bool *given, uint64_t round)
{
	sql_add(q, "INSERT INTO ");
	sql_add(q, t->quoted);
	sql_add(q, " AS hark_table (");
	add_columns(q, t, given, false);
	sql_add(q, ") SELECT ");
	add_columns(q, t, given, true);
	sql_format(q, " FROM pg_temp.hark_rows WHERE round = %llu", (unsigned long long)round);
	add_conflict(q, t, given);
}

/* One statement for each of these rounds, all in one go. */
static enum err
run_merges(struct pg_state *s, const struct table *t, uint64_t from, uint64_t to,
	   struct project_failure *why)
{
	struct sql q = { 0 };
	const char *text = NULL;
	enum err e;

	for (; from < to; from++) {
		add_merge(&q, t, s->given, from);
		sql_add(&q, "; ");
	}
	e = sql_end(&q, &text);
	if (e == ERR_OK)
		e = pg_run(s, text, NULL, why);
	sql_finish(&q);
	return e;
}

/* ---- preparing ----------------------------------------------------------------------------- */

static enum err
make_temporary(struct pg_state *s, const struct table *t, struct project_failure *why)
{
	struct sql q = { 0 };
	const char *text = NULL;
	enum err e;
	size_t i;

	sql_add(&q, "CREATE TEMPORARY TABLE hark_rows ON COMMIT DELETE ROWS AS SELECT 0::BIGINT AS "
		    "round");
	for (i = 0; i < t->count; i++) {
		sql_add(&q, ", ");
		sql_name(&q, t->columns[i].name, t->columns[i].name_size);
		sql_format(&q, " AS c%zu", i);
	}
	sql_add(&q, " FROM ");
	sql_add(&q, t->quoted);
	sql_add(&q, " WITH NO DATA");
	e = sql_end(&q, &text);
	if (e == ERR_OK)
		e = pg_run(s, text, NULL, why);
	sql_finish(&q);
	return e;
}

enum err
pg_prepare_rows(void *state, const struct table *table, struct project_failure *why)
{
	struct pg_state *s = state;
	struct pg_copy copy = { .s = s, .table = table, .has_round = table->key_count > 0 };
	struct sql q = { 0 };
	const char *text = NULL;
	enum err e;

	MUST(s->values == NULL && table->count > 0);

	s->values = calloc(table->count, sizeof(s->values[0]));
	s->given = calloc(table->count, sizeof(s->given[0]));
	if (s->values == NULL || s->given == NULL)
		return ERR_MEMORY;
	e = row_reader_init(&s->reader, table);
	memset(s->given, true, table->count * sizeof(s->given[0]));
	if (e == ERR_OK && table->key_count > 0)
		e = make_temporary(s, table, why);
	/* A copy of no rows and a merge of them: rights, and an index for the key, show now. */
	add_copy(&q, table, s->given);
	if (e == ERR_OK)
		e = sql_end(&q, &text);
	if (e == ERR_OK)
		e = pg_copy_begin(&copy, text, why);
	if (e == ERR_OK)
		e = pg_copy_end(&copy, why);
	if (e == ERR_OK && table->key_count > 0)
		e = run_merges(s, table, 0, 1, why);
	sql_finish(&q);
	return e == ERR_FORMAT ? ERR_REFUSED : e;
}

/* ---- trying -------------------------------------------------------------------------------- */

/* Reads one row into the state's values.  ERR_FORMAT: it is none, and was handed over. */
static enum err
read_row(struct job *j, size_t at)
{
	struct pg_state *s = j->s;
	char error[ROW_ERROR_BYTES];
	enum err e;

	e = row_reader_begin(&s->reader, j->effects[at]->payload.size);
	if (e == ERR_OK)
		e = row_read(&s->reader, j->effects[at]->payload, s->values, error);
	if (e != ERR_FORMAT)
		return e;
	j->skipped[at] = true;
	e = j->refused(j->ctx, j->effects[at], error);
	return e == ERR_OK ? ERR_FORMAT : e;
}

/* Whether the row that was read gives the same columns with defaults as those before. */
static bool
gives_the_same(const struct pg_state *s, const struct table *t)
{
	size_t i;

	for (i = 0; i < t->count; i++) {
		if (t->columns[i].has_default && s->given[i] != (s->values[i].kind != ROW_ABSENT))
			return false;
	}
	return true;
}

static enum err
begin_copy(struct job *j, struct pg_copy *copy)
{
	struct pg_state *s = j->s;
	struct sql q = { 0 };
	const char *text = NULL;
	enum err e;
	size_t i;

	for (i = 0; i < j->table->count; i++)
		s->given[i] = s->values[i].kind != ROW_ABSENT;
	/* One at a time, lest a server keeps as many as there are refused rows. */
	if (s->saved == PG_PASSED)
		sql_add(&q, "RELEASE hark_rows; ");
	if (s->saved != PG_SAVED)
		sql_add(&q, "SAVEPOINT hark_rows; ");
	s->saved = PG_PASSED;
	add_copy(&q, j->table, s->given);
	e = sql_end(&q, &text);
	if (e == ERR_OK)
		e = pg_copy_begin(copy, text, j->why);
	sql_finish(&q);
	return e;
}

/* The copy's rows into the table of a key, one of each key at a time. */
static enum err
merge(struct job *j, size_t rows, uint64_t rounds)
{
	struct pg_state *s = j->s;
	uint64_t end = s->round + rounds;
	enum err e = ERR_OK;

	while (e == ERR_OK && s->round < end) {
		uint64_t next = end - s->round > ROUNDS_AT_ONCE ? s->round + ROUNDS_AT_ONCE : end;

		e = run_merges(s, j->table, s->round, next, j->why);
		s->round = next;
	}
	s->waiting += rows;
	/* They go by themselves at the end of the transaction; only a large one is tidied before.
	 */
	if (e != ERR_OK || s->waiting < WAITING_ROWS)
		return e;
	s->waiting = 0;
	return pg_run(s, "TRUNCATE pg_temp.hark_rows", NULL, j->why);
}

/*
 * Writes rows from `from` on, as many as go into one statement, at most up to `to`; *next_out is
 * the first that it did not look at.  ERR_FORMAT: the table refused one of them, all is undone.
 */
static enum err
try_rows(struct job *j, size_t from, size_t to, size_t *next_out)
{
	struct pg_state *s = j->s;
	struct pg_copy copy = { .s = s, .table = j->table, .has_round = j->table->key_count > 0 };
	uint64_t rounds = 0;
	bool begun = false;
	enum err e = ERR_OK;
	struct project_failure unread;
	enum err undone;
	size_t at;

	pg_keys_clear(&s->keys);
	for (at = from; e == ERR_OK && at < to; at++) {
		size_t before = 0;

		if (j->skipped[at])
			continue;
		e = read_row(j, at);
		if (e == ERR_FORMAT) {
			e = ERR_OK;
			continue;
		}
		if (e == ERR_OK && begun && !gives_the_same(s, j->table))
			break;
		if (e == ERR_OK && !begun)
			e = begin_copy(j, &copy);
		begun = begun || e == ERR_OK;
		if (e == ERR_OK && copy.has_round)
			e = pg_keys_count(&s->keys, j->table, s->values, &before);
		if (e == ERR_OK)
			e = pg_copy_row(&copy, j->effects[at]->payload.size, s->round + before,
					j->why);
		rounds = before + 1 > rounds ? before + 1 : rounds;
	}
	*next_out = at;
	if (e != ERR_OK || !begun)
		return e;
	e = pg_copy_end(&copy, j->why);
	if (e == ERR_OK && copy.has_round)
		e = merge(j, copy.rows, rounds);
	if (e != ERR_FORMAT)
		return e;
	/* What is said of the row stays said. */
	undone = pg_run(s, "ROLLBACK TO hark_rows", NULL, &unread);
	s->saved = PG_SAVED;
	return undone == ERR_OK ? ERR_FORMAT : undone;
}

/* As try_rows, but all of them: what is refused is found by halves. */
static enum err
write_range(struct job *j, size_t from, size_t to)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && from < to) {
		size_t next = from;

		e = try_rows(j, from, to, &next);
		if (e == ERR_FORMAT && next - from == 1) {
			e = j->refused(j->ctx, j->effects[from], j->why->text);
		} else if (e == ERR_FORMAT) {
			size_t middle = from + (next - from) / 2;

			e = write_range(j, from, middle);
			if (e == ERR_OK)
				e = write_range(j, middle, next);
		}
		from = next;
	}
	return e;
}

enum err
pg_write_rows(void *state, const struct table *table, const struct effect *const *effects,
	      size_t count, database_refused_fn *refused, void *ctx, struct project_failure *why)
{
	struct job j = { .s = state,
			 .table = table,
			 .effects = effects,
			 .skipped = calloc(count, sizeof(bool)),
			 .refused = refused,
			 .ctx = ctx,
			 .why = why };
	size_t chunk = table->key_count > 0 ? CHUNK_ROWS : count;
	enum err e = ERR_OK;
	size_t at;

	MUST(j.s->values != NULL && count > 0);

	if (j.skipped == NULL)
		return ERR_MEMORY;
	for (at = 0; e == ERR_OK && at < count; at += chunk)
		e = write_range(&j, at, count - at < chunk ? count : at + chunk);
	free(j.skipped);
	return e;
}
