/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A rate as a point in time until which all is paid.  It counts no tokens and needs no timer. */
#include <assert.h>

#include "base/must.h"
#include "base/num.h"
#include "hark-receiver/bucket.h"

#define NS_PER_S UINT64_C(1000000000)
/* A debt of a century is one for ever. */
#define SECONDS_MAX UINT64_C(3155760000)

static_assert(BUCKET_RATE_MAX <= UINT64_MAX / NS_PER_S - 1, "a part of a second's worth fits");

void
bucket_init(struct bucket *b, uint64_t rate)
{
	MUST(b != NULL);
	*b = (struct bucket){ .rate = rate > BUCKET_RATE_MAX ? 0 : rate };
}

bool
bucket_limits(const struct bucket *b)
{
	MUST(b != NULL);
	return b->rate != 0;
}

/* The time that `count` costs, and what the division leaves.  Seconds and the part of one for
 * themselves, so that nothing overflows: the rate is at most BUCKET_RATE_MAX. */
static uint64_t
cost_ns(const struct bucket *b, uint64_t count, uint64_t *rest_out)
{
	uint64_t seconds = count / b->rate;
	uint64_t part = count % b->rate * NS_PER_S + b->rest;

	*rest_out = part % b->rate;
	if (seconds > SECONDS_MAX)
		seconds = SECONDS_MAX;
	return seconds * NS_PER_S + part / b->rate;
}

/* Who took nothing for long has one second's worth, not more. */
static uint64_t
begin_ns(const struct bucket *b, uint64_t now_ns)
{
	uint64_t earliest = now_ns > NS_PER_S ? now_ns - NS_PER_S : 0;

	return b->paid_ns > earliest ? b->paid_ns : earliest;
}

void
bucket_take(struct bucket *b, uint64_t count, uint64_t now_ns)
{
	MUST(b != NULL);

	if (b->rate == 0)
		return;
	b->paid_ns = num_add_saturating(begin_ns(b, now_ns), cost_ns(b, count, &b->rest));
}

uint64_t
bucket_ready_ns(const struct bucket *b, uint64_t more, uint64_t now_ns)
{
	uint64_t rest;

	MUST(b != NULL);

	if (b->rate == 0)
		return 0;
	return num_add_saturating(begin_ns(b, now_ns), cost_ns(b, more, &rest));
}
