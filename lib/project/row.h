/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One JSON object as one row: which value each column gets.  Strict: what two readers could
 * understand differently is no row.  Numbers stay the text that they were written as.
 */
#ifndef PROJECT_ROW_H
#define PROJECT_ROW_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"
#include "project/table.h"

/* Arrays and objects within a value of a row, one inside another. */
#define ROW_DEPTH_MAX 64u
/* Why an object is no row, with its terminator. */
#define ROW_ERROR_BYTES 512u

enum row_kind {
	ROW_ABSENT, /* the object has no such member */
	ROW_NULL,
	ROW_FALSE,
	ROW_TRUE,
	ROW_NUMBER,
	ROW_STRING,
	ROW_NESTED, /* an array or object */
};

/* `text` is what it means: of a string without quotes and escapes, in the reader's storage; `raw`
 * is what was written, in the payload.  Neither holds a NUL. */
struct row_value {
	enum row_kind kind;
	const char *text;
	size_t size;
	const char *raw;
	size_t raw_size;
};

/* Zeroed is empty. */
struct row_reader {
	const struct table *table;
	size_t *guesses; /* the column of a member, by its place in the object before */
	char *storage;   /* of texts */
	size_t used;
	size_t capacity;
};

/* The table is borrowed.  ERR_MEMORY. */
MUST_USE enum err row_reader_init(struct row_reader *r, const struct table *table);
/* Forgets the texts of earlier rows; so many bytes of payloads follow.  ERR_MEMORY. */
MUST_USE enum err row_reader_begin(struct row_reader *r, size_t payload_bytes);
/*
 * Reads an object into a value for each column of the table.  ERR_FORMAT: it is no row of this
 * table, and `error` says why; ERR_MEMORY.
 */
MUST_USE enum err row_read(struct row_reader *r, struct bytes payload, struct row_value *values,
			   char error[ROW_ERROR_BYTES]);
void row_reader_finish(struct row_reader *r);

/* What a value is as a text of a column that reads texts (COLUMN_PLAIN) or JSON (COLUMN_JSON). */
struct bytes row_value_text(const struct row_value *v, enum column_form form);

#endif
