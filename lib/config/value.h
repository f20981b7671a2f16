/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers with units, from text: pure.  The same for a file and for a command line. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A number in thousandths: digits, and at most three more behind a point.  ERR_FORMAT, ERR_LIMIT
 * where it does not fit. */
MUST_USE enum err config_value_thousandths(const char *text, size_t size, uint64_t *out);
/* Digits, and KiB, MiB or GiB behind them or not.  Same errors. */
MUST_USE enum err config_value_bytes(const char *text, size_t size, uint64_t *out);
/* "0" and three octal digits.  ERR_FORMAT. */
MUST_USE enum err config_value_mode(const char *text, size_t size, int64_t *out);
/* How many letters must be put in, left out, changed or swapped to make a into b. */
size_t config_value_distance(const char *a, const char *b);

#endif
