/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counts refusals and limits the rate at which they are told.  It builds no events. */
#include "telemetry/rejections.h"
#include "base/must.h"
#include "base/num.h"

void
rejections_init(struct rejections *r)
{
	MUST(r != NULL);
	*r = (struct rejections){ 0 };
}

void
rejections_note(struct rejections *r, const struct hark_rejection *why, uint64_t now_ns)
{
	struct rejections_of_reason *reason;

	MUST(r != NULL && why != NULL);
	MUST(why->reason > HARK_REJECT_NONE && why->reason < HARK_REJECT_COUNT);

	reason = &r->reasons[why->reason];
	/* A time that lies in the past keeps the deadline of a timer from lying before its start.
	 */
	if (reason->quiet_until_ns < now_ns)
		reason->quiet_until_ns = now_ns;
	reason->total = num_add_saturating(reason->total, 1);
	reason->pending = num_add_saturating(reason->pending, 1);
	reason->last = *why;
}

static void
give(struct rejections_of_reason *reason, struct hark_rejection *why_out, uint64_t *count_out)
{
	*why_out = reason->last;
	*count_out = reason->pending;
	reason->pending = 0;
}

bool
rejections_take(struct rejections *r, uint64_t now_ns, struct hark_rejection *why_out,
		uint64_t *count_out)
{
	size_t i;

	MUST(r != NULL && why_out != NULL && count_out != NULL);

	for (i = 0; i < HARK_REJECT_COUNT; i++) {
		struct rejections_of_reason *reason = &r->reasons[i];

		if (reason->pending == 0 || reason->quiet_until_ns > now_ns)
			continue;
		give(reason, why_out, count_out);
		reason->quiet_until_ns = num_add_saturating(now_ns, REJECTIONS_INTERVAL_NS);
		return true;
	}
	return false;
}

uint64_t
rejections_deadline(const struct rejections *r)
{
	uint64_t first = UINT64_MAX;
	size_t i;

	MUST(r != NULL);

	for (i = 0; i < HARK_REJECT_COUNT; i++) {
		const struct rejections_of_reason *reason = &r->reasons[i];

		if (reason->pending > 0 && reason->quiet_until_ns < first)
			first = reason->quiet_until_ns;
	}
	return first;
}

bool
rejections_flush(struct rejections *r, struct hark_rejection *why_out, uint64_t *count_out)
{
	size_t i;

	MUST(r != NULL && why_out != NULL && count_out != NULL);

	for (i = 0; i < HARK_REJECT_COUNT; i++) {
		if (r->reasons[i].pending == 0)
			continue;
		give(&r->reasons[i], why_out, count_out);
		return true;
	}
	return false;
}

uint64_t
rejections_total(const struct rejections *r, enum hark_reject_reason reason)
{
	MUST(r != NULL && (unsigned int)reason < HARK_REJECT_COUNT);
	return r->reasons[reason].total;
}
