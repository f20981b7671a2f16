/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Checked arithmetic for numbers that come from outside, and strict readers of numbers in text. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* The decimal digits of the largest u64, and of the smallest i64 with its sign. */
#define NUM_U64_DIGITS_MAX 20u
#define NUM_I64_DIGITS_MAX 20u

/* The largest integer that every reader of JSON keeps exactly: 2^53 - 1 (RFC 8785, I-JSON). */
#define NUM_JSON_INTEGER_MAX INT64_C(9007199254740991)

/* true and *out on success; false, with *out untouched, where the result does not fit. */
static inline bool
num_add(size_t a, size_t b, size_t *out)
{
	size_t r;

	if (__builtin_add_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

static inline bool
num_mul(size_t a, size_t b, size_t *out)
{
	size_t r;

	if (__builtin_mul_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

/* a + b, or the largest value. */
static inline uint64_t
num_add_saturating(uint64_t a, uint64_t b)
{
	uint64_t r;

	return __builtin_add_overflow(a, b, &r) ? UINT64_MAX : r;
}

/*
 * Reads all `size` bytes as a decimal number: digits alone, no sign, no blank, no leading zero but
 * "0" itself.  ERR_FORMAT, or ERR_LIMIT where it is over max.
 */
MUST_USE enum err num_read_u64(const char *text, size_t size, uint64_t max, uint64_t *out);

/* "00" to "99": two digits at a time halve the divisions, which dominate in writing numbers. */
extern const char num_pairs[201];

/* Writes v, which is below 100, as two digits. */
static inline void
num_write_two(uint32_t v, char *text)
{
	memcpy(text, num_pairs + v * 2u, 2);
}

/* Writes v in decimal without terminator into `text` of NUM_U64_DIGITS_MAX; gives the size. */
size_t num_write_u64(uint64_t v, char *text);
size_t num_write_i64(int64_t v, char *text);

#endif
