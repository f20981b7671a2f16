/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The members of records of the operations ledger that are about observers, for event_operation:
 * what the notary says of a module's registration, traps, quarantine and release.  They allocate
 * nothing that outlives the call, do not terminate and give the size.  docs/format/events.md has
 * the kinds.
 */
#ifndef TELEMETRY_EVENT_OBSERVER_H
#define TELEMETRY_EVENT_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "event/quarantine.h"

/* An observer's name is an id of so many bytes, as a cell's. */
#define EVENT_OBSERVER_BYTES_MAX 64u
/* The longest members but for a registration's: a reason of 1,024 bytes, each six in JSON, a
 * receipt in both forms, and the rest. */
#define EVENT_OBSERVER_MEMBERS_MAX 8192u

/* How the notary knows of a trap. */
enum event_trap_cause {
	EVENT_TRAP_REPORTED, /* the observer's process said so */
	EVENT_TRAP_PROTOCOL, /* that process said what is no report */
	EVENT_TRAP_DIED,     /* these three by harkd's word */
	EVENT_TRAP_HUNG,
	EVENT_TRAP_MUTE,
};
#define EVENT_TRAP_CAUSES 5u
/* A word; MUST be one of them. */
const char *event_trap_cause_name(enum event_trap_cause cause);

struct event_trap {
	struct bytes observer;
	struct quarantine receipt;
	enum event_trap_cause cause;
	bool has_batch; /* leaves first to next - 1 of the evidence, as the observer claims */
	bool has_event;
	uint64_t first, next, event;
	uint32_t strike;  /* the how many-th of this module */
	uint32_t strikes; /* so many quarantine it */
};

/* Where members are written to. */
struct event_members {
	char *text;
	size_t capacity;
};

/* All: observer is UTF-8.  ERR_LIMIT. */

/* `manifest` is a JSON object.  ERR_FORMAT where it is none; ERR_MEMORY. */
MUST_USE enum err event_observer_registered(struct bytes observer,
					    const uint8_t digest[QUARANTINE_DIGEST_BYTES],
					    struct bytes manifest, struct event_members to,
					    size_t *size_out);
MUST_USE enum err event_observer_trap(const struct event_trap *trap, struct event_members to,
				      size_t *size_out);
/* receipt: index of the record that led to it. */
MUST_USE enum err event_observer_quarantined(struct bytes observer,
					     const uint8_t digest[QUARANTINE_DIGEST_BYTES],
					     uint64_t receipt, uint32_t strikes,
					     struct event_members to, size_t *size_out);
/* strikes: that are forgotten.  observer and reason may be empty. */
MUST_USE enum err event_observer_released(struct bytes observer,
					  const uint8_t digest[QUARANTINE_DIGEST_BYTES],
					  uint32_t strikes, bool was_quarantined,
					  struct bytes reason, struct event_members to,
					  size_t *size_out);

#endif
