/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From what the kernel tells and what /proc shows to numbered events of our own processes. */
#ifndef AGENT_TRACKER_H
#define AGENT_TRACKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "hark-agent/declare.h"
#include "hark-agent/family.h"
#include "hark-agent/proc_connector.h"
#include "hark-agent/ring.h"

/* Borrows all that it points to. */
struct tracker {
	struct family *family;
	struct ring *ring;
	struct declarer *declarer;
	int procfs;
	pid_t self;
	bool all;        /* report every process, not the agent's descendants alone */
	bool privileged; /* exit statuses in /proc can be believed even where they are 0 */
	bool full_told;  /* that a walk found more than the family can hold */
	bool needs_walk; /* something was lost: look at /proc before long */
	uint32_t generation;
	uint32_t suspects; /* members whose first thread has ended */
};

/* One message of the process connector. */
void tracker_message(struct tracker *t, const struct connector_event *event);

/*
 * Compares the family with /proc and reports what nobody told: new descendants, programs that
 * changed, ends.
 */
void tracker_walk(struct tracker *t);

/* Reports the members among the suspects that have ended meanwhile. */
void tracker_check_suspects(struct tracker *t);

/* Without the connector: the agent has started, or has reaped, this child. */
void tracker_started(struct tracker *t, pid_t pid);
void tracker_reaped(struct tracker *t, pid_t pid, uint32_t wait_status);

/* True when no member has ended without a report. */
bool tracker_is_settled(struct tracker *t);

/* All that runs already is taken in without a word; for an agent that reports every process. */
void tracker_take_in(struct tracker *t);

#endif
