/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Columns for people, and members of JSON objects for programs; texts are escaped for either. */
#ifndef HARK_TABLE_H
#define HARK_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "json/writer.h"

#define TABLE_COLUMNS_MAX 8u

struct table {
	size_t columns;
	size_t count; /* of cells, row after row */
	char **cells; /* each owned */
	size_t capacity;
};

/* `titles` is the first row.  ERR_MEMORY as in all here. */
MUST_USE enum err table_init(struct table *t, const char *const *titles, size_t columns);
/* The next cell of the next row, escaped; an empty text is shown as "-". */
MUST_USE enum err table_add(struct table *t, const char *text, size_t size);
MUST_USE enum err table_add_number(struct table *t, uint64_t value);
/* Puts the rows in the order of their first cells, the titles aside. */
void table_sort(struct table *t);
/* Writes to stdout, each column as wide as its widest cell. */
void table_print(const struct table *t);
/* Zeroed is fine. */
void table_finish(struct table *t);

/*
 * A member of an object: begins with a comma where one is before it.  `name` is a literal of ours.
 * Bytes that are no UTF-8 come as '?'.
 */
void table_json_name(struct json_writer *w, const char *name);
void table_json_text(struct json_writer *w, const char *name, struct bytes text);
/* u64 as a decimal string, as everywhere in Hark's JSON. */
void table_json_number(struct json_writer *w, const char *name, uint64_t value);
void table_json_small(struct json_writer *w, const char *name, uint32_t value);

#endif
