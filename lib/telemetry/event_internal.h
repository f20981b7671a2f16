/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the event builders of this room write in one way. */
#ifndef TELEMETRY_EVENT_INTERNAL_H
#define TELEMETRY_EVENT_INTERNAL_H

#include <string.h>

#include "event/builder.h"
#include "event/types.h"

#define NANOSECONDS_PER_MILLISECOND UINT64_C(1000000)

/* A name of ours, which needs no escape. */
static inline void
event_write_name(struct json_writer *w, const char *name)
{
	json_write_literal(w, "\"");
	json_write_raw(w, name, strlen(name));
	json_write_literal(w, "\"");
}

/* `,"stream":"..."`: a stream's number in hex digits, as its hello has it. */
void event_write_stream(struct json_writer *w, uint64_t stream);
/* `cellos`, `hark` or `none`; NULL for a mode that nobody has. */
const char *event_wire_name(const struct hark_wire_session *session);
bool event_text_equals(struct hark_text a, struct hark_text b);

#endif
