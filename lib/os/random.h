/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Randomness of the kernel. */
#ifndef OS_RANDOM_H
#define OS_RANDOM_H

#include <stddef.h>

#include "base/err.h"

/* Fills all `size` bytes; waits where the kernel has not gathered enough since its boot. */
MUST_USE enum err random_bytes(void *data, size_t size);

#endif
