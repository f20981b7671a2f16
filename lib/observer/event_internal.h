/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What event.c and event_reader.c share: the members of an event that are shown, as they were
 * found. */
#ifndef OBSERVER_EVENT_INTERNAL_H
#define OBSERVER_EVENT_INTERNAL_H

#include <hark/observer_host.h>

#include "json/canonical.h"

enum event_place {
	EVENT_TYPE, /* of the event */
	EVENT_ID,
	EVENT_TIME,
	EVENT_CELL, /* of data */
	EVENT_RUN,
	EVENT_EPOCH,
	EVENT_SOURCE,
	EVENT_DECLARED_SOURCE, /* of data.declared */
	EVENT_COMM,
	EVENT_PID,
	EVENT_NS,
	EVENT_SEQ,
	EVENT_PLACES
};

/* text.data is NULL where a member is not there, or is neither a string nor a number. */
struct event_found {
	struct json_canonical_value values[EVENT_PLACES];
	bool has_declared;
};

/* Goes over all of a text.  *f is zeroed before; false: it is not canonical JSON, or no object. */
bool event_scan(struct json_canonical *s, struct event_found *f);
/* Makes an event of what was found; false, with *out untouched: it is none. */
bool event_take(struct hark_text json, const struct event_found *f, char *storage,
		struct hark_observer_event *out);

#endif
