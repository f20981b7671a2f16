/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Writes JSON as RFC 8785 (JCS) has it into the caller's buffer: no blanks, shortest escapes,
 * numbers that are integers within +-(2^53 - 1) or strings.  The order of members is the caller's
 * duty, who knows them; json_tree_write sorts what is not known.
 *
 * Overflow is remembered, not reported at each call: check json_writer_finish at the end.
 */
#ifndef JSON_WRITER_H
#define JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* at <= end.  After an overflow `overflowed` is true and nothing more is written. */
struct json_writer {
	char *start;
	char *at;
	char *end;
	bool overflowed;
};

void json_writer_init(struct json_writer *w, char *buffer, size_t capacity);
/* ERR_LIMIT after an overflow; else *size_out is what was written. */
MUST_USE enum err json_writer_finish(const struct json_writer *w, size_t *size_out);

/* Bytes as they are: structure and keys that are literals of ours.  Inline, because a copy of a
 * known size is then a few moves, and an event has thirty of them. */
static inline void
json_write_raw(struct json_writer *w, const char *text, size_t size)
{
	if (__builtin_expect(w->overflowed || size > (size_t)(w->end - w->at), 0)) {
		w->overflowed = true;
		return;
	}
	if (size > 0)
		memcpy(w->at, text, size);
	w->at += size;
}
#define json_write_literal(w, literal) json_write_raw((w), "" literal "", sizeof(literal) - 1)

/* A string with quotes and escapes.  `text` must be valid UTF-8. */
void json_write_string(struct json_writer *w, const char *text, size_t size);
/* The same without the quotes, for a string that is put together from parts. */
void json_write_string_part(struct json_writer *w, const char *text, size_t size);
/* A number; MUST be within +-NUM_JSON_INTEGER_MAX. */
void json_write_integer(struct json_writer *w, int64_t v);
/* A u64 as a decimal string, with quotes: above 2^53 JCS has no exact number. */
void json_write_u64_string(struct json_writer *w, uint64_t v);
/* Digits without quotes, for a part of a string or a u32. */
void json_write_u64_digits(struct json_writer *w, uint64_t v);
void json_write_bool(struct json_writer *w, bool v);

#endif
