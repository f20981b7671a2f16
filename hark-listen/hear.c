/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One declaration of a guest, made into events: what its number shows, the end of a silence, and
 * itself.  It reads no descriptor.
 */
#include <string.h>

#include "hark-listen/hear.h"

static void
emit_finding(struct cell *cell, uint64_t stream, const struct sequence_finding *finding)
{
	enum hark_telemetry_error e;
	size_t size = 0;

	if (finding->verdict == SEQUENCE_GAP) {
		e = hark_event_gap(stream, finding->gap.first, finding->gap.last, &cell->host,
				   &cell->origin, cell->json, sizeof(cell->json), &size);
		(void)cell_emit(cell, e, size);
	}
	if (finding->newly_dropped > 0) {
		e = hark_event_dropped(stream, finding->newly_dropped, &cell->host, &cell->origin,
				       cell->json, sizeof(cell->json), &size);
		(void)cell_emit(cell, e, size);
	}
}

static void
emit_declaration(struct cell *cell, const struct hark_guest_declaration *guest)
{
	struct hark_stamped_declaration stamped;
	enum hark_telemetry_error e;
	size_t size = 0;

	e = hark_stamp(guest, &cell->host, &stamped);
	if (e == HARK_TELEMETRY_OK)
		e = hark_event_from_stamped(&stamped, &cell->origin, cell->json, sizeof(cell->json),
					    &size);
	(void)cell_emit(cell, e, size);
}

static bool
source_is(const struct hark_guest_declaration *guest, const char *name)
{
	size_t size = strlen(name);

	return guest->probe_source.size == size &&
	       memcmp(guest->probe_source.data, name, size) == 0;
}

/*
 * Wire 2: what the number shows comes first, then the declaration itself, unless it was heard
 * before or is a heartbeat, which says nothing but its number.
 */
static void
hear_numbered(struct cell *cell, struct cell_connection *c, uint64_t stream,
	      const struct hark_guest_declaration *guest)
{
	bool goodbye = source_is(guest, "agent.goodbye");
	bool heartbeat = source_is(guest, "agent.heartbeat");
	struct sequence_finding finding;

	sequence_take(&cell->sequences, stream, guest, &finding);
	emit_finding(cell, stream, &finding);
	if (finding.verdict == SEQUENCE_DUPLICATE) {
		cell->counts.duplicates++;
		return;
	}
	if (goodbye)
		c->goodbye = true;
	if (!heartbeat)
		emit_declaration(cell, guest);
}

void
hear_frame(struct cell *cell, struct cell_connection *c, const struct hark_guest_declaration *guest)
{
	struct hark_wire_session session;
	enum hark_telemetry_error e;
	uint64_t silence_ns = 0;
	size_t size = 0;

	c->frames++;
	cell->counts.frames++;
	if (hark_notify_frame(&cell->keepalive, &cell->trigger, loop_now_ns(cell->loop),
			      &silence_ns) == HARK_SILENCE_ENDED) {
		e = hark_event_agent_resumed(silence_ns, &cell->host, &cell->origin, cell->json,
					     sizeof(cell->json), &size);
		(void)cell_emit(cell, e, size);
		/* The next silence has a deadline again, before the watcher's usual look. */
		loop_timer_set(cell->loop, &cell->watch, loop_now_ns(cell->loop));
	}
	hark_stream_session(c->stream, &session);
	if (session.mode == HARK_WIRE_HARK)
		hear_numbered(cell, c, session.stream, guest);
	else
		emit_declaration(cell, guest);
}
