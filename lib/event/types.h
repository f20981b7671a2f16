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
