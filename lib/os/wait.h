/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Time that only moves forward, waiting for a few descriptors, random bytes, and who we are. */
#ifndef OS_WAIT_H
#define OS_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* One thing to wait for.  fd -1 is skipped; `ready` is set by wait_ready. */
struct wait_item {
	int fd;
	bool want_read;
	bool want_write;
	bool ready_read; /* also when the peer has gone or something broke */
	bool ready_write;
};

#define WAIT_ITEMS_MAX 8u

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t wait_now_ns(void);

/*
 * Waits until an item is ready, or until the monotonic time deadline_ns (UINT64_MAX: for ever).
 * An interruption counts as nothing ready.
 */
MUST_USE enum err wait_ready(struct wait_item *items, size_t count, uint64_t deadline_ns);

/* Fills from the kernel's random source. */
MUST_USE enum err wait_random(void *out, size_t size);

#endif
