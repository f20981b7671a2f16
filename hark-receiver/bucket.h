/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A rate as a bucket: what is taken now is paid off at `rate` a second, and up to one second's
 * worth may be taken at once.  It never refuses: it says when the debt is paid.  Time is the
 * caller's.
 */
#ifndef RECEIVER_BUCKET_H
#define RECEIVER_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* The highest rate that is told from no limit at all. */
#define BUCKET_RATE_MAX UINT64_C(10000000000)

/* Zeroed limits nothing. */
struct bucket {
	uint64_t rate;    /* a second; 0: no limit */
	uint64_t paid_ns; /* when all that was taken is paid */
	uint64_t rest;    /* of the division, so that nothing is lost in sum: below rate */
};

/* `rate` 0 or above BUCKET_RATE_MAX limits nothing. */
void bucket_init(struct bucket *b, uint64_t rate);
bool bucket_limits(const struct bucket *b);
void bucket_take(struct bucket *b, uint64_t count, uint64_t now_ns);
/* When something may be taken again if `more` were taken besides; at or before now: at once. */
uint64_t bucket_ready_ns(const struct bucket *b, uint64_t more, uint64_t now_ns);

#endif
