/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The closed lists: which probe_source has a type of its own, and which rule speaks for it. */
#ifndef EVENT_TYPES_H
#define EVENT_TYPES_H

#include <hark/telemetry.h>

/* What the host itself reports of a cell. */
#define EVENT_TYPE_AGENT_SILENCED "dev.cellos.events.cell.observability.v1.guest.agent_silenced"
#define EVENT_TYPE_DROPPED        "cell.observability.guest.telemetry.dropped"
#define EVENT_TYPE_AGENT_RESUMED  "dev.hark.events.cell.v1.agent_resumed"
#define EVENT_TYPE_REJECTED       "dev.hark.events.cell.v1.rejected"
#define EVENT_TYPE_CLOSED         "dev.hark.events.cell.v1.closed"
#define EVENT_TYPE_GAP            "dev.hark.events.cell.v1.gap"

/* What only a host with a ledger reports of a cell. */
#define EVENT_TYPE_REGISTERED "dev.hark.events.cell.v1.registered"
#define EVENT_TYPE_REMOVED    "dev.hark.events.cell.v1.removed"
#define EVENT_TYPE_CONFLICT   "dev.hark.events.cell.v1.conflict"
#define EVENT_TYPE_LIMITED    "dev.hark.events.cell.v1.limited"

/* And of itself. */
#define EVENT_TYPE_STARTED            "dev.hark.events.host.v1.started"
#define EVENT_TYPE_NOTARY_RESTARTED   "dev.hark.events.host.v1.notary_restarted"
#define EVENT_TYPE_STOPPED            "dev.hark.events.host.v1.stopped"
#define EVENT_TYPE_LEDGER_BEGUN       "dev.hark.events.host.v1.ledger_begun"
#define EVENT_TYPE_TICK               "dev.hark.events.host.v1.tick"
#define EVENT_TYPE_CLOCK_STEPPED      "dev.hark.events.host.v1.clock_stepped"
#define EVENT_TYPE_LEDGER_FULL        "dev.hark.events.host.v1.ledger_full"
#define EVENT_TYPE_PROTOCOL_VIOLATION "dev.hark.events.host.v1.protocol_violation"

/* What was done to Hark, in the operations ledger: this and the kind, [a-z_]{1,64}. */
#define EVENT_TYPE_OPERATION_PREFIX "dev.hark.events.operations.v1."
#define EVENT_WORD_BYTES_MAX        64u

/* The rule class of everything that a guest says, and of its silence. */
#define EVENT_RULE_CLASS "GUEST_AGENT_DECLARATION"
/* What a guest's statement is worth: tier 1 of 0 to 4, said with confidence, bound to nothing. */
#define EVENT_TIER_DECLARED          1
#define EVENT_CONFIDENCE_DECLARED    1
#define EVENT_EPISTEMIC_DECLARED     "DECLARED"
#define EVENT_BINDING_NOT_APPLICABLE "NOT_APPLICABLE"

/* Static texts that need no escape.  source is empty for `...guest.other`, rule where there is
 * none. */
struct event_guest_type {
	struct hark_text source;
	struct hark_text type;
	struct hark_text rule;
};

/*
 * The type of a declaration, never NULL.  CellOS's five sources have theirs under every version,
 * Hark's own only under HARK_WIRE_CONTENT_VERSION_HARK; anything else is `...guest.other`.
 */
const struct event_guest_type *event_guest_type_of(struct hark_text probe_source,
						   uint16_t content_version);

#endif
