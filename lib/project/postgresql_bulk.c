/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Many rows at once.  Without a key they are copied into the table; with one, into a temporary
 * table, and from there inserted or merged, first the first row of each key, then the second.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "project/postgresql_internal.h"

/* Statements of a merge in one go. */
#define ROUNDS_AT_ONCE 8u
/* Where each of them would merge fewer rows than this, rows are merged one by one. */
#define ROWS_A_ROUND 16u
/* So many may lie in the temporary table, which each statement reads. */
#define WAITING_ROWS 16384u

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
	pg_add_conflict(q, t, given, false);
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

/* ---- trying ---------------------------------------------------------------------------------- */

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
begin_copy(struct pg_job *j, struct pg_copy *copy)
{
	struct pg_state *s = j->s;
	struct sql q = { 0 };
	const char *text = NULL;
	enum err e;
	size_t i;

	for (i = 0; i < j->table->count; i++)
		s->given[i] = s->values[i].kind != ROW_ABSENT;
	pg_save(s, &q);
	add_copy(&q, j->table, s->given);
	e = sql_end(&q, &text);
	if (e == ERR_OK)
		e = pg_copy_begin(copy, text, j->why);
	sql_finish(&q);
	return e;
}

/* The copy's rows into the table of a key, one of each key at a time. */
static enum err
merge(struct pg_job *j, size_t rows, uint64_t rounds)
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

enum err
pg_try_bulk(struct pg_job *j, size_t from, size_t to, size_t *next_out)
{
	struct pg_state *s = j->s;
	struct pg_copy copy = { .s = s, .table = j->table, .has_round = j->table->key_count > 0 };
	uint64_t rounds = 0;
	bool begun = false;
	enum err e = ERR_OK;
	enum err undone;
	size_t at;

	pg_keys_clear(&s->keys);
	for (at = from; e == ERR_OK && at < to; at++) {
		size_t before = 0;

		if (j->errors[at] != NULL)
			continue;
		e = pg_read_row(j, at);
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
	if (e == ERR_OK && !begun)
		return ERR_OK;
	if (e == ERR_OK)
		e = pg_copy_end(&copy, j->why);
	if (e == ERR_OK && copy.has_round && rounds > 1 && copy.rows / rounds < ROWS_A_ROUND) {
		s->round += rounds; /* they lie there for nothing */
		s->waiting += copy.rows;
		return pg_try_inserts(j, from, at);
	}
	if (e == ERR_OK && copy.has_round)
		e = merge(j, copy.rows, rounds);
	if (e != ERR_FORMAT)
		return e;
	undone = pg_undo(s);
	return undone == ERR_OK ? ERR_FORMAT : undone;
}
