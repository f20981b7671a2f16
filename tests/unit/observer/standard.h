/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The standard observers as they are shipped, by the engine that is built in, with what judges
 * their effects: their tables (the .sql beside them) take each row, metrics take each sample.
 */
#ifndef TESTS_STANDARD_H
#define TESTS_STANDARD_H

#include <hark/event.h>
#include <hark/observer_host.h>

enum standard_name { STANDARD_PG_EVENTS, STANDARD_METRICS, STANDARD_SESSIONS, STANDARD_COUNT };

/* The latest effect of the latest call; terminated. */
struct standard_effect {
	char bytes[65537];
	size_t size;
};

struct standard_judge;

struct standard {
	struct hark_observer_host hosts[STANDARD_COUNT];
	struct standard_judge *judges; /* one for each */
	size_t effects;                /* of the latest call */
	struct standard_effect last;
	char why[512]; /* what is wrong with the first bad effect since it was opened; else empty */
	bool is_tight; /* limits are so low that a row may lack what its table must have */
};

/* Loads all three.  False: this build has no engine. */
bool standard_open(struct standard *s, const struct hark_observer_limits *limits);
void standard_close(struct standard *s);
const char *standard_name_of(enum standard_name name);
/* Runs one of them over a batch. */
enum hark_observer_error standard_invoke(struct standard *s, enum standard_name name,
					 const struct hark_observer_event *events, size_t count,
					 struct hark_observer_outcome *out);

/*
 * The event that a guest's declaration becomes, with the longest texts that a host may add and
 * those which escapes make longer.  `json` has HARK_EVENT_BYTES_MAX bytes, `storage`
 * HARK_OBSERVER_EVENT_STORAGE; *out borrows both.
 */
void standard_event(const struct hark_guest_declaration *said, uint64_t index, char *json,
		    char *storage, struct hark_observer_event *out);

#endif
