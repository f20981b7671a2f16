/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of a place share: how they say what is wrong. */
#ifndef HARKD_PLACE_INTERNAL_H
#define HARKD_PLACE_INTERNAL_H

#include "harkd/place.h"

/* Fills *why; always false. */
__attribute__((format(printf, 3, 4))) bool place_fail(struct place_failure *why, int code,
						      const char *format, ...);
/* The exit code of a failed system call at a file. */
int place_code_of_errno(void);

#endif
