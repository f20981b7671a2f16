/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of PostgreSQL share. */
#ifndef PROJECT_POSTGRESQL_INTERNAL_H
#define PROJECT_POSTGRESQL_INTERNAL_H

#include <stdbool.h>

#include "project/database.h"
#include "project/row.h"

/* PGconn and PGresult of libpq, whose header is not where others are. */
struct pg_conn;
struct pg_result;
struct _PQconninfoOption;

#define PG_PORT_USUAL "5432"

/* What is gathered for one call of libpq, in bytes. */
#define PG_COPY_BYTES 16384u

/* How often each key has been seen among some rows. */
struct pg_keys {
	struct buf bytes; /* of keys, one behind another */
	struct pg_key *slots;
	size_t slot_count; /* a power of two */
	size_t count;
};

/* The savepoint before some rows. */
enum pg_saved {
	PG_NOT_SAVED,
	PG_SAVED, /* and nothing was written since */
	PG_PASSED,
};

struct pg_state {
	struct pg_conn *connection;
	int wake_fd;
	struct row_reader reader;
	struct row_value *values;
	bool *given; /* the default columns that a row gives; as many as columns */
	struct buf copy;
	struct pg_keys keys;
	enum pg_saved saved;
	uint64_t round;       /* of rows on their way to a table with a key; never used twice */
	struct sql told;      /* statements that go with the next one */
	uint64_t deadline_ns; /* of all answers to what was sent */
	size_t results;       /* of them so far */
	bool has_committed;   /* what was done last is a COMMIT */
	size_t waiting;       /* rows that have gone that way since the temporary table was empty */
};

/* Statements were sent just now: their answers begin. */
void pg_sent(struct pg_state *s);
/*
 * Waits for the next result; NULL: all results of what was sent have come.  ERR_AGAIN: the
 * connection is gone, or it takes too long, or there is no end of results; ERR_END.
 */
enum err pg_result(struct pg_state *s, struct pg_result **out, struct project_failure *why);
/* After this result libpq gives others for ever: a copy that nobody feeds, a connection that has
 * gone. */
bool pg_is_endless(struct pg_state *s, const struct pg_result *result);
/* Sends what libpq still holds.  As pg_result. */
enum err pg_flush(struct pg_state *s, struct project_failure *why);
/* Takes all results of what was sent; their rows go to fn, which may be NULL.  After any failure
 * but the server's own word there may be more: the connection is to be closed.  As pg_failed. */
enum err pg_take(struct pg_state *s, database_row_fn *fn, void *ctx, uint64_t *changed_out,
		 struct project_failure *why);
/* The same without looking at them. */
enum err pg_results(struct pg_state *s, struct project_failure *why);
/* Says what a result or, with NULL, the connection complains about.  ERR_FORMAT: of values, in a
 * way that other values may not meet; else as in database.h. */
enum err pg_failed(struct pg_state *s, const struct pg_result *result, struct project_failure *why);
/* Sends statements, behind those that wait.  As pg_failed. */
enum err pg_send(struct pg_state *s, const char *sql, struct project_failure *why);
/* Sends statements and takes all their results; *changed_out, which may be NULL, is of the last.
 * As pg_failed. */
enum err pg_run(struct pg_state *s, const char *sql, uint64_t *changed_out,
		struct project_failure *why);

enum err pg_prepare_rows(void *state, const struct table *table, struct project_failure *why);
enum err pg_write_rows(void *state, const struct table *table, const struct database_rows *rows,
		       struct project_failure *why);

/* ---- where it is (postgresql_place.c) ---- */

/* What a projection says; of libpq's memory.  ERR_REFUSED with *why: it cannot be taken. */
enum err pg_read_uri(const char *uri, struct _PQconninfoOption **out, struct project_failure *why);
/* As in struct database_ops. */
enum err pg_reach(const struct project_config *config, const struct database_reach *r,
		  struct project_failure *why);
enum err pg_find(struct project_config *config, struct project_failure *why);

/* ---- rows (postgresql_rows.c) ---- */

/* Rows that are written together. */
struct pg_job {
	struct pg_state *s;
	const struct table *table;
	const struct effect *const *effects;
	char **errors; /* of a row: why it is refused; NULL: it is not */
	struct project_failure *why;
};

/* A row is refused.  ERR_MEMORY. */
enum err pg_refuse(struct pg_job *j, size_t at, const char *error);
/* Writes these rows; those that cannot be rows of the table are refused when all is done. */
enum err pg_write_range(struct pg_job *j, size_t from, size_t to);
/* The same, as far as COMMIT will take them (postgresql_late.c). */
enum err pg_write_late(struct pg_job *j, size_t count);
/* Reads one row into the state's values.  ERR_FORMAT: it is none, and is refused. */
enum err pg_read_row(struct pg_job *j, size_t at);
/* Adds what makes a savepoint where the next statements begin. */
void pg_save(struct pg_state *s, struct sql *q);
/* Undoes all since then. */
enum err pg_undo(struct pg_state *s);
/*
 * Writes rows from `from` on, as many as go together, at most up to `to`; *next_out is the first
 * that it did not look at.  ERR_FORMAT: the table refused one of them, all of these are undone.
 */
enum err pg_try_bulk(struct pg_job *j, size_t from, size_t to, size_t *next_out);
/* The same of all of them, one by one. */
enum err pg_try_inserts(struct pg_job *j, size_t from, size_t to);
/* What a row does that meets one of its key; `exactly`: of the given columns alone. */
void pg_add_conflict(struct sql *q, const struct table *t, const bool *given, bool exactly);

/* ---- COPY (postgresql_copy.c) ---- */

/* A copy under way. */
struct pg_copy {
	struct pg_state *s;
	const struct table *table;
	bool has_round; /* a first column with the row's round */
	size_t rows;
};

/* The columns that a copy or an insert of these rows names: all but defaults that are not given.
 */
bool pg_is_named(const struct table *t, const bool *given, size_t column);
/* Sends `sql`, which ends in a COPY ... FROM STDIN. */
enum err pg_copy_begin(struct pg_copy *c, const char *sql, struct project_failure *why);
/* The row that the state's values are, of a payload of that size. */
enum err pg_copy_row(struct pg_copy *c, size_t payload_bytes, uint64_t round,
		     struct project_failure *why);
/* As pg_failed. */
enum err pg_copy_end(struct pg_copy *c, struct project_failure *why);

/* ---- keys (postgresql_keys.c) ---- */

/* Forgets all. */
void pg_keys_clear(struct pg_keys *k);
/* Counts the key of these values; gives how often it was there before.  ERR_MEMORY. */
enum err pg_keys_count(struct pg_keys *k, const struct table *t, const struct row_value *values,
		       size_t *before_out);
void pg_keys_finish(struct pg_keys *k);

#endif
