/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What was refused of one cell, counted by reason, and when to say so: a reason's first refusal at
 * once, later ones at most once per interval with the number that they stand for.  So a guest that
 * floods makes a few events, and none of its refusals is forgotten.  Time is the caller's.
 */
#ifndef TELEMETRY_REJECTIONS_H
#define TELEMETRY_REJECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <hark/telemetry.h>

/* The shortest time between two reports of one reason. */
#define REJECTIONS_INTERVAL_NS UINT64_C(1000000000)

/* One reason: pending <= total; last is the latest refusal that was noted. */
struct rejections_of_reason {
	uint64_t total;
	uint64_t pending; /* noted, not reported yet */
	uint64_t quiet_until_ns;
	struct hark_rejection last;
};

struct rejections {
	struct rejections_of_reason reasons[HARK_REJECT_COUNT];
};

/* Zeroed is the same. */
void rejections_init(struct rejections *r);
/* Counts one.  Its reason is of the enum and not NONE. */
void rejections_note(struct rejections *r, const struct hark_rejection *why, uint64_t now_ns);
/*
 * True where a report is due: *why_out is the latest refusal of its reason and *count_out how many
 * it stands for.  To be called until it gives false.
 */
bool rejections_take(struct rejections *r, uint64_t now_ns, struct hark_rejection *why_out,
		     uint64_t *count_out);
/* When rejections_take will next give something of what is noted; UINT64_MAX: never. */
uint64_t rejections_deadline(const struct rejections *r);
/* As rejections_take without regard to the time: for the end, so that nothing is lost. */
bool rejections_flush(struct rejections *r, struct hark_rejection *why_out, uint64_t *count_out);
/* How many of this reason were noted in all. */
uint64_t rejections_total(const struct rejections *r, enum hark_reject_reason reason);

#endif
