/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the events of a record say: that each stands in its place, what is missing, and why. */
#ifndef VERIFY_EVENTS_H
#define VERIFY_EVENTS_H

#include "verify/verify_internal.h"

/* So many redactions of a record are held against its operations; more are taken for explained by
 * none. */
#define EVENTS_REDACTED_MAX 65536u

/* Zeroed with its judging is ready for events_begin. */
struct events {
	struct judging *j;
	bool collects;      /* what operations say goes to the verifier */
	uint64_t sealed;    /* leaves below it are sealed */
	uint64_t *redacted; /* the first EVENTS_REDACTED_MAX, rising */
	size_t redacted_count;
	size_t redacted_capacity;
	char origin_json[6 * HARK_ORIGIN_NAME_BYTES_MAX + 1]; /* as it stands in events */
	size_t origin_json_size;
};

/* The report has its origin now. */
void events_begin(struct events *w);
/* One leaf's bytes.  ERR_MEMORY. */
MUST_USE enum err events_leaf(struct events *w, struct bytes leaf, uint64_t index);
/* A leaf of which only the hash is left; whether an operation explains it is asked at the end,
 * because that comes later.  ERR_MEMORY. */
MUST_USE enum err events_redacted(struct events *w, uint64_t index);
/* Whether something is gone that no operation of the first reading explains. */
bool events_are_unexplained(const struct events *w, unsigned int ledger);
/* At the end: what is gone (ledger: 0 evidence, 1 operations), and what cells leave open. */
void events_absence(struct events *w, unsigned int ledger);
void events_cells(struct events *w);
void events_finish(struct events *w);

#endif
