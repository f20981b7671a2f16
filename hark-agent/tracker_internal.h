/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What tracker.c and proc_walk.c share. */
#ifndef AGENT_TRACKER_INTERNAL_H
#define AGENT_TRACKER_INTERNAL_H

#include "base/num.h"
#include "hark-agent/proc_stat.h"
#include "hark-agent/tracker.h"

/* What /proc says of one process now. */
MUST_USE enum err tracker_stat(struct tracker *t, pid_t pid, struct proc_stat *out);

/* Numbers an event and keeps it. */
void tracker_emit(struct tracker *t, struct process_event *event);
void tracker_emit_spawned(struct tracker *t, const struct member *m, uint64_t time_ns,
			  bool from_walk);
void tracker_emit_exec(struct tracker *t, const struct member *m, uint64_t time_ns, bool from_walk);

/* Reports an end and forgets the member; status NULL: unknown. */
void tracker_end(struct tracker *t, pid_t pid, const uint32_t *status, uint64_t time_ns,
		 bool from_walk);

/* True where a child of `parent` is to be reported. */
bool tracker_is_ours(struct tracker *t, pid_t parent);

/* NULL where the family is full, which the caller counts. */
struct member *tracker_add(struct tracker *t, pid_t pid, pid_t ppid, uint64_t start_ns);

#endif
