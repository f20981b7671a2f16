/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Questions about text that comes from outside, and words for people.  Texts are slices, never
 * terminated strings. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for valid UTF-8 as RFC 3629 has it: shortest forms, no surrogates, nothing above U+10FFFF.
 */
bool text_is_utf8(const char *text, size_t size);

/*
 * True for 1 to size_max bytes of UTF-8 without white space and control characters (Unicode's
 * White_Space and Cc): what an id may be.
 */
bool text_is_id(const char *text, size_t size, size_t size_max);

/* True for exactly `digits` lower-case hex digits. */
bool text_is_hex(const char *text, size_t size, size_t digits);
/* Writes two lower-case hex digits a byte, without terminator, into `out` of 2 * size; gives that.
 */
size_t text_write_hex(const void *data, size_t size, char *out);

/*
 * Decodes one code point of valid UTF-8 at text[0]; gives its size in bytes, 0 where the bytes are
 * not valid.  size is what is left.
 */
size_t text_code_point(const char *text, size_t size, uint32_t *out);

/* Of valid UTF-8: the size of the whole characters within its first size_max bytes. */
size_t text_cut(const char *text, size_t size, size_t size_max);

/* The word that goes with a number: `one` with 1, `many` with any other. */
static inline const char *
text_counted(uint64_t count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

/*
 * Copies text as it can be shown to a person on a terminal or in a log: printable ASCII as it is,
 * backslash doubled, every other byte as \xNN; cut with "..." where it does not fit.  Always
 * terminates; capacity is at least 8.  Gives the size without the terminator.
 */
size_t text_escape(const char *text, size_t size, char *out, size_t capacity);

#endif
