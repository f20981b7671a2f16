/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Memory that processes share: mapping a descriptor, and sleeping on a number in it. */
#ifndef OS_SHARED_H
#define OS_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Maps `size` bytes of fd, which stays the caller's.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err shared_map(int fd, size_t size, bool writable, void **out);
/* NULL is fine.  Keeps errno. */
void shared_unmap(void *memory, size_t size);

/* Sleeps while *word is `value`, until somebody wakes it, timeout_ms (-1: for ever) has passed or a
 * signal comes: so it may return early.  The mapping may be read-only. */
void shared_wait(const uint32_t *word, uint32_t value, int timeout_ms);
/* Wakes all who sleep on it. */
void shared_wake(uint32_t *word);

#endif
