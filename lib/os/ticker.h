/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A thread that calls a function each period while somebody is at work, and sleeps otherwise.  No
 * signal is delivered to it.
 */
#ifndef OS_TICKER_H
#define OS_TICKER_H

#include <stdint.h>

#include "base/err.h"

struct ticker;

typedef void ticker_fn(void *ctx);

/* Starts the thread, which sleeps.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err ticker_create(uint32_t period_ms, ticker_fn *fn, void *ctx, struct ticker **out);
/* Ends the thread.  NULL is fine. */
void ticker_destroy(struct ticker *t);

/* Between the two, fn is called each period, from the other thread; not after ticker_rest. */
void ticker_work(struct ticker *t);
void ticker_rest(struct ticker *t);

#endif
