/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A table of the host's as rows are written to it, and statements put together from its names. */
#ifndef PROJECT_TABLE_H
#define PROJECT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"
#include "project/config.h"

/* More than any of the databases has. */
#define TABLE_COLUMNS_MAX 4096u
/* And their names. */
#define TABLE_NAME_BYTES_MAX 1024u
/* The longest statement that is put together here, in bytes. */
#define SQL_BYTES_MAX 268435456u

enum column_form {
	COLUMN_PLAIN,   /* its type reads texts */
	COLUMN_JSON,    /* its type reads JSON */
	COLUMN_NUMERIC, /* SQLite: it turns texts into numbers where it can */
	COLUMN_REAL,    /* SQLite: the same, and all of them into doubles */
};

struct table_column {
	char *name;
	size_t name_size;
	enum column_form form;
	bool has_default; /* what is not given becomes something else than NULL */
	bool is_key;
	bool is_plain; /* its name stands in JSON as it is */
};

/* Columns that can be written to, in the table's order.  Zeroed is empty. */
struct table {
	char *quoted; /* its name in a statement */
	struct table_column *columns;
	size_t count;
	size_t capacity;
	size_t keys[PROJECT_KEYS_MAX]; /* places of the key's columns */
	size_t key_count;
};

/* The name is copied.  ERR_MEMORY, ERR_LIMIT. */
MUST_USE enum err table_add(struct table *t, struct bytes name, enum column_form form,
			    bool has_default);
/* Names it and finds its key, after its columns.  ERR_REFUSED with *why: the key is none of its
 * columns, or a column twice; ERR_MEMORY. */
MUST_USE enum err table_end(struct table *t, const struct project_config *config,
			    struct project_failure *why);
/* The place of a column, t->count where there is none.  `guess` is looked at first. */
size_t table_find(const struct table *t, const char *name, size_t size, size_t guess);
void table_finish(struct table *t);

/* "schema.table" or "table": the schema, or NULL, and the table, as they are written. */
void table_split(const char *name, struct bytes *schema_out, struct bytes *table_out);

/* A statement that grows; what failed is remembered.  Zeroed is empty. */
struct sql {
	struct buf text;
	enum err e;
};

void sql_add(struct sql *s, const char *text);
void sql_bytes(struct sql *s, const char *text, size_t size);
/* An identifier in quotes, which are doubled within. */
void sql_name(struct sql *s, const char *name, size_t size);
__attribute__((format(printf, 2, 3))) void sql_format(struct sql *s, const char *format, ...);
/* Terminates it: *out is good as long as the statement is.  ERR_MEMORY, ERR_LIMIT. */
MUST_USE enum err sql_end(struct sql *s, const char **out);
void sql_finish(struct sql *s);
/* A text in quotes, which are doubled within; it holds no NUL. */
void sql_literal(struct sql *s, struct bytes text);
/* A table's name as it is given, in quotes. */
void table_quote(const char *name, struct sql *s);

#endif
