/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Numbers of metrics, exact to a billionth: sums of them do not depend on how events were cut into
 * batches, as sums of doubles would.
 */
#ifndef PROJECT_DECIMAL_H
#define PROJECT_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The longest text, with its terminator: a sign, 30 digits, a point, 9 more. */
#define DECIMAL_TEXT_BYTES 48u

/* Billionths. */
struct decimal {
	__extension__ __int128 nanos;
};

/*
 * Reads a JSON number; what is finer than a billionth is rounded, half away from zero.  ERR_FORMAT:
 * none; ERR_RANGE: its size is 2^64 or more.
 */
MUST_USE enum err decimal_read(const char *text, size_t size, struct decimal *out);
/* The same of what decimal_write wrote, whatever its size. */
MUST_USE enum err decimal_load(const char *text, size_t size, struct decimal *out);
/* ERR_RANGE where the sum does not fit: *a stays. */
MUST_USE enum err decimal_add(struct decimal *a, struct decimal b);
/* -1, 0, 1 */
int decimal_compare(struct decimal a, struct decimal b);
bool decimal_is_negative(struct decimal a);
/* Without an exponent and without zeros at its end; terminated.  Gives the size. */
size_t decimal_write(struct decimal a, char text[DECIMAL_TEXT_BYTES]);

#endif
