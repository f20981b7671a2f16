/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of a place share: how they say what is wrong. */
#ifndef HARKD_PLACE_INTERNAL_H
#define HARKD_PLACE_INTERNAL_H

#include <stdint.h>

#include "harkd/place.h"

/* Fills *why; always false. */
__attribute__((format(printf, 3, 4))) bool place_fail(struct place_failure *why, int code,
						      const char *format, ...);
/* What a harkd that was killed had goes with the last of its processes, which is soon: how long the
 * next one looks for it. */
#define PLACE_END_LIMIT_NS UINT64_C(2000000000)
/* Waits for the next look.  False: limit_ns has passed, or one cannot wait. */
bool place_look_again(uint64_t limit_ns);
/* The exit code of a failed system call at a file. */
int place_code_of_errno(void);

#endif
