/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A database as a table of functions, and what is the same in all of them: Hark's own tables, made
 * where they are not there.  What a statement says is ours or the host's; what an observer says is
 * only ever a value.
 *
 * Errors: ERR_AGAIN: it is away, or answers something that may heal: close it, open it later, try
 * again.  ERR_REFUSED: it will not heal by itself: a person must look.  ERR_END: wake_fd has
 * become readable while it was waited.  ERR_MEMORY.  The first two with words that hold no
 * password.
 */
#ifndef PROJECT_DATABASE_H
#define PROJECT_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "project/config.h"
#include "project/effect.h"
#include "project/table.h"

/* How long one answer may take, and a connection to be made, in seconds. */
#define DATABASE_ANSWER_LIMIT_S 60u
/* And all answers to what was sent in one go. */
#define DATABASE_ANSWERS_LIMIT_S 600u
#define DATABASE_CONNECT_LIMIT_S 10u
/* What is added where no unique index has just the key's columns. */
#define DATABASE_NO_KEY \
	": give `key` the columns of its primary key or of a unique index, or make such an index"

enum database_kind { DATABASE_NULL, DATABASE_NUMBER, DATABASE_TEXT, DATABASE_BYTES };

/* A value of a statement; borrowed. */
struct database_value {
	enum database_kind kind;
	uint64_t number; /* at most INT64_MAX */
	struct bytes bytes;
};

/* One row of an answer: each column as text, borrowed for the call; none of them is NULL.
 * Anything but ERR_OK ends the reading and is given back. */
typedef enum err database_row_fn(void *ctx, const struct bytes *columns, size_t count);

/* What was asked for.  A server may answer anything, and a file may hold it. */
struct database_answer {
	database_row_fn *fn;
	void *ctx;
	size_t columns; /* of each row */
	size_t most;    /* rows */
};

/* A row on its way to an answer's fn. */
struct database_gate {
	const struct database_answer *answer;
	struct project_failure *why;
	size_t rows; /* that have passed */
};
/* An effect that the table refused, and why.  ERR_MEMORY ends it all. */
typedef enum err database_refused_fn(void *ctx, const struct effect *effect, const char *error);

/* Effects that become rows of one table, in a transaction that has begun; borrowed. */
struct database_rows {
	const struct effect *const *effects;
	size_t count; /* at least 1 */
	/* Rows before were refused when it came to COMMIT: now it is looked earlier. */
	bool checks_late;
	database_refused_fn *refused;
	/* A row has undone the transaction: begins another one with all that was in it, but rows.
	 * Errors as of database_begin_from. */
	enum err (*begin_again)(void *ctx, struct project_failure *why);
	void *ctx;
};

/* What makes one connection. */
struct database_place {
	const struct project_config *config;
	int wake_fd;    /* of who ends this process; -1: none */
	bool is_inside; /* a file is opened by its name alone: whoever may not pass the folders
			 * above may open it all the same */
};

/* What an open database touches beyond its directory: called for each. */
struct database_reach {
	void (*port)(void *ctx, uint16_t port);    /* TCP */
	void (*unix_sockets)(void *ctx);           /* it connects to some */
	void (*lookup)(void *ctx);                 /* `find` looks up a host */
	void (*file)(void *ctx, const char *path); /* to read; it need not be there */
	void *ctx;
};

struct database_ops {
	const char *scheme; /* as a projection begins */
	bool is_server;     /* it is connected to */
	/* Says what it will touch; NULL: nothing.  ERR_REFUSED with *why: the projection cannot be
	 * read. */
	enum err (*reach)(const struct project_config *config, const struct database_reach *r,
			  struct project_failure *why);
	/* Looks up its address, once; may wait for resolvers.  NULL: it has none.  Where nobody
	 * knows it, now, that is kept in the config, and `open` says it.  ERR_REFUSED, ERR_MEMORY.
	 */
	enum err (*find)(struct project_config *config, struct project_failure *why);
	const char *bytes_type;    /* of a column that holds any bytes */
	const char *select_cursor; /* origin, next_index, dead_letters of observer $1, locked */
	const char *begin;         /* begins a transaction that may write */
	const char *lock; /* in it: one at a time goes on from here; NULL where begin does */
	enum err (*open)(const struct database_place *place, void **out,
			 struct project_failure *why);
	void (*close)(void *state);
	/* database_begin_from in fewer steps, where that can be; *changed_out: 1 where it moved.
	 * NULL: `begin`, then a statement. */
	enum err (*begin_from)(void *state, const struct project_config *config, uint64_t from,
			       uint64_t to, uint64_t *changed_out, struct project_failure *why);
	/* Statements without values; a mistake in one is ERR_REFUSED. */
	enum err (*run)(void *state, const char *sql, struct project_failure *why);
	/* One statement with values $1, $2, ... that first appear in this order.  `fn` may be NULL,
	 * and gets columns of which data is NULL for NULL, as many as come; *changed_out is the
	 * number of rows that it changed. */
	enum err (*ask)(void *state, const char *sql, const struct database_value *values,
			size_t count, database_row_fn *fn, void *ctx, uint64_t *changed_out,
			struct project_failure *why);
	/* As ask, but nothing is answered, and it may be done as late as the next call. */
	enum err (*tell)(void *state, const char *sql, const struct database_value *values,
			 size_t count, struct project_failure *why);
	/* The columns of a table that rows can be written to.  ERR_MISSING: there is no such table;
	 * ERR_REFUSED: a key that is none of its columns. */
	enum err (*describe)(void *state, const struct project_config *config, struct table *out,
			     struct project_failure *why);
	/* Looks at what write_rows will say. */
	enum err (*prepare_rows)(void *state, const struct table *table,
				 struct project_failure *why);
	/* Writes a row for each effect, and hands over those that cannot be rows of this table. */
	enum err (*write_rows)(void *state, const struct table *table,
			       const struct database_rows *rows, struct project_failure *why);
	/* COMMIT.  ERR_FORMAT: it is refused because of values that were written, and undone.
	 * NULL: no database does that. */
	enum err (*commit)(void *state, struct project_failure *why);
};

struct database {
	const struct database_ops *ops;
	void *state; /* NULL: not open */
};

/* By how a projection begins; NULL: of no known kind. */
const struct database_ops *database_of(const char *projection);

MUST_USE enum err database_open(struct database *db, const struct database_place *place,
				struct project_failure *why);
/* What was not committed is undone.  Not open is fine. */
void database_close(struct database *db);
MUST_USE enum err database_run(struct database *db, const char *sql, struct project_failure *why);
/* `answer` may be NULL: whatever comes is passed over.  Rows that are not of that kind are
 * refused with *why. */
MUST_USE enum err database_ask(struct database *db, const char *sql,
			       const struct database_value *values, size_t count,
			       const struct database_answer *answer, uint64_t *changed_out,
			       struct project_failure *why);
/* A database_row_fn of a gate, for ops->ask: lets through what is of the answer's kind.  ERR_AGAIN:
 * the answer is to something else; ERR_REFUSED: what is there is nothing that we have written. */
enum err database_gate_row(void *gate, const struct bytes *columns, size_t count);
MUST_USE enum err database_tell(struct database *db, const char *sql,
				const struct database_value *values, size_t count,
				struct project_failure *why);
/* Makes Hark's tables where they are not there, in a transaction that has begun. */
MUST_USE enum err database_make_tables(struct database *db, struct project_failure *why);
/*
 * Describes the host's table, which is made by the host's statement where it is not there.  *out is
 * to be finished whatever comes back.
 */
MUST_USE enum err database_take_table(struct database *db, const struct project_config *config,
				      struct table *out, struct project_failure *why);

/* Begins a transaction by moving the cursor, which locks it.  ERR_EXISTS with *why: it is not at
 * `from`. */
MUST_USE enum err database_begin_from(struct database *db, const struct project_config *config,
				      uint64_t from, uint64_t to, struct project_failure *why);

/* As ops->commit. */
MUST_USE enum err database_commit(struct database *db, struct project_failure *why);

struct database_value database_number(uint64_t v);
struct database_value database_text(const char *text);
struct database_value database_bytes(struct bytes bytes);

/* The number that a column's text is: ERR_REFUSED where it is none. */
MUST_USE enum err database_read_number(struct bytes column, uint64_t *out);
/* The same of what is counted up: ERR_REFUSED also where it is so large that nobody has counted. */
MUST_USE enum err database_read_count(struct bytes column, uint64_t *out);

extern const struct database_ops database_sqlite;
extern const struct database_ops database_postgresql;

#endif
