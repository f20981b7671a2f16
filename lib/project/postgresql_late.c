/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rows of a table that says no as late as COMMIT does: by a deferred constraint or trigger.  All of
 * them are written, then they are looked at; where one is refused, half of them at a time.  A row
 * may need another that comes behind it: those that were refused alone are tried again when the
 * others are there, as long as that helps.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "project/postgresql_internal.h"

#define CHECK "SET CONSTRAINTS ALL IMMEDIATE"

/* Rows that are tried together: some of a job's. */
struct attempt {
	struct pg_job job;
	size_t *places; /* of each in the whole job */
	bool *late;     /* the table refused it alone, when it was looked at */
	size_t count;
};

/* So many rows from `from` on as though they had not been tried. */
static void
forget(struct pg_job *j, size_t from, size_t to)
{
	for (; from < to; from++) {
		free(j->errors[from]);
		j->errors[from] = NULL;
	}
}

/* ERR_FORMAT: they are undone. */
static enum err
try_range(struct pg_job *j, size_t from, size_t to)
{
	enum err e;
	enum err undone;

	/* Savepoints of rows are within this one, and go with it. */
	j->s->saved = PG_NOT_SAVED;
	e = pg_run(j->s, "SAVEPOINT hark_late; SET CONSTRAINTS ALL DEFERRED", NULL, j->why);
	if (e == ERR_OK)
		e = pg_write_range(j, from, to);
	if (e == ERR_OK)
		e = pg_run(j->s, CHECK, NULL, j->why);
	if (e == ERR_FORMAT) {
		struct project_failure unread; /* what is said of the rows stays said */

		undone = pg_run(j->s, "ROLLBACK TO hark_late; RELEASE hark_late", NULL, &unread);
		forget(j, from, to);
		e = undone == ERR_OK ? ERR_FORMAT : undone;
	} else if (e == ERR_OK) {
		e = pg_run(j->s, "RELEASE hark_late", NULL, j->why);
	}
	j->s->saved = PG_NOT_SAVED;
	return e;
}

static enum err
write_halves(struct attempt *a, size_t from, size_t to)
{
	size_t middle = from + (to - from) / 2;
	enum err e = try_range(&a->job, from, to);

	if (e != ERR_FORMAT)
		return e;
	if (to - from == 1) {
		a->late[from] = true;
		return pg_refuse(&a->job, from, a->job.why->text);
	}
	e = write_halves(a, from, middle);
	return e == ERR_OK ? write_halves(a, middle, to) : e;
}

/* Hands errors over to the whole job, and keeps those rows that were refused late. */
static void
keep_late(struct attempt *a, struct pg_job *whole)
{
	const struct effect **effects = (const struct effect **)(uintptr_t)a->job.effects;
	size_t kept = 0;
	size_t i;

	for (i = 0; i < a->count; i++) {
		char **error = &whole->errors[a->places[i]];

		free(*error);
		*error = a->job.errors[i];
		a->job.errors[i] = NULL;
		if (!a->late[i])
			continue;
		a->late[i] = false;
		effects[kept] = effects[i];
		a->places[kept++] = a->places[i];
	}
	a->count = kept;
}

static void
finish(struct attempt *a, size_t count)
{
	if (a->job.errors != NULL)
		forget(&a->job, 0, count);
	free((void *)a->job.errors);
	free((void *)(uintptr_t)a->job.effects);
	free(a->places);
	free(a->late);
}

enum err
pg_write_late(struct pg_job *j, size_t count)
{
	const struct effect **effects = calloc(count, sizeof(const struct effect *));
	struct attempt a = { .job = *j,
			     .places = calloc(count, sizeof(size_t)),
			     .late = calloc(count, sizeof(bool)),
			     .count = count };
	size_t before = SIZE_MAX;
	enum err e = ERR_OK;
	size_t i;

	MUST(count > 0);

	a.job.effects = effects;
	a.job.errors = calloc(count, sizeof(char *));
	if (effects == NULL || a.job.errors == NULL || a.places == NULL || a.late == NULL)
		e = ERR_MEMORY;
	for (i = 0; e == ERR_OK && i < count; i++) {
		effects[i] = j->effects[i];
		a.places[i] = i;
	}
	while (e == ERR_OK && a.count > 0 && a.count < before) {
		before = a.count;
		e = write_halves(&a, 0, a.count);
		if (e == ERR_OK)
			keep_late(&a, j);
	}
	finish(&a, count);
	return e;
}
