/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the two files of SQLite share. */
#ifndef PROJECT_SQLITE_INTERNAL_H
#define PROJECT_SQLITE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>

#include "project/database.h"
#include "project/row.h"

/* Statements that are kept, one a set of columns. */
#define SQLITE_STATEMENTS 16u
/* No answer of ours has more. */
#define SQLITE_ANSWER_COLUMNS 16u

struct sqlite_statement {
	sqlite3_stmt *statement;
	uint8_t *mask; /* a byte a column: 1 where a row gives it */
};

struct sqlite_state {
	sqlite3 *db;
	int wake_fd;
	bool woken; /* while another writer was waited for */
	struct sqlite_statement statements[SQLITE_STATEMENTS];
	size_t latest;
	size_t oldest;
	struct row_reader reader;
	struct row_value *values;
};

/* Whether this process is to end. */
bool sqlite_is_woken(struct sqlite_state *s);
/* Says what failed and gives the error of it. */
enum err sqlite_failed(struct sqlite_state *s, int code, struct project_failure *why);

enum err sqlite_prepare_rows(void *state, const struct table *table, struct project_failure *why);
enum err sqlite_write_rows(void *state, const struct table *table, const struct database_rows *rows,
			   struct project_failure *why);
/* Binds a value of a row as it is to lie in such a column; gives SQLite's code. */
int sqlite_bind_value(sqlite3_stmt *statement, int at, const struct row_value *v,
		      enum column_form form);

#endif
