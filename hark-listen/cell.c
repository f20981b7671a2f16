/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The work of a cell: accept, read, judge, stamp, give to the sink.  What a declaration means is
 * the libraries' business; here is only the order of things.
 */
#include <string.h>

#include "base/must.h"
#include "hark-listen/cell.h"
#include "os/clock.h"

/* The watcher looks at least this often, so that it can tell its own lateness from a silence. */
#define WATCH_INTERVAL_NS UINT64_C(1000000000)
#define WATCH_LATE_NS     UINT64_C(3000000000)

void
cell_time(struct cell *cell)
{
	uint64_t now_ns = loop_now_ns(cell->loop);

	if (cell->turn_ns == now_ns)
		return;
	cell->turn_ns = now_ns;
	clock_realtime(&cell->host.host_received_at.seconds,
		       &cell->host.host_received_at.nanoseconds);
}

bool
cell_emit(struct cell *cell, enum hark_telemetry_error built, size_t size)
{
	if (built == HARK_TELEMETRY_OK)
		built = cell->sink.emit(cell->sink.context, cell->json, size);
	if (built != HARK_TELEMETRY_OK) {
		cell->sink_failed = true;
		return false;
	}
	cell->origin.number++;
	cell->counts.events++;
	return true;
}

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

static void
hear(struct cell *cell, struct cell_connection *c, const struct hark_guest_declaration *guest)
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
	}
	hark_stream_session(c->stream, &session);
	if (session.mode == HARK_WIRE_HARK)
		hear_numbered(cell, c, session.stream, guest);
	else
		emit_declaration(cell, guest);
}

static void
report_rejections(struct cell *cell)
{
	struct hark_rejection rejection;
	uint64_t count = 0;
	size_t size = 0;

	if (cell->paused)
		return;
	while (!cell->sink_failed &&
	       rejections_take(&cell->rejections, loop_now_ns(cell->loop), &rejection, &count)) {
		enum hark_telemetry_error e;

		e = hark_event_rejected(&rejection, count, &cell->host, &cell->origin, cell->json,
					sizeof(cell->json), &size);
		(void)cell_emit(cell, e, size);
	}
}

static void
reject(struct cell *cell, const struct hark_rejection *rejection)
{
	cell->counts.rejected++;
	rejections_note(&cell->rejections, rejection, loop_now_ns(cell->loop));
	report_rejections(cell);
}

static void
connection_end(struct cell_connection *c)
{
	struct cell *cell = c->cell;
	struct hark_wire_session session;
	enum hark_telemetry_error e;
	size_t size = 0;

	hark_stream_session(c->stream, &session);
	loop_timer_clear(cell->loop, &c->again);
	loop_fd_remove(cell->loop, hark_stream_fd(c->stream));
	hark_stream_close(c->stream);
	c->stream = NULL;
	e = hark_event_closed(&session, c->goodbye, c->frames, &cell->host, &cell->origin,
			      cell->json, sizeof(cell->json), &size);
	(void)cell_emit(cell, e, size);
}

/* One connection's share of a turn. */
static void
connection_read(struct cell_connection *c)
{
	struct cell *cell = c->cell;
	uint64_t now_ns = loop_now_ns(cell->loop);
	struct hark_rejection rejection = { HARK_REJECT_NONE, HARK_FIELD_NONE };
	struct hark_guest_declaration guest;
	unsigned int i;

	if (cell->paused)
		return;
	cell_time(cell);
	for (i = 0; i < CELL_FRAMES_PER_TURN && !cell->sink_failed; i++) {
		switch (hark_stream_next(c->stream, now_ns, &guest, &rejection)) {
		case HARK_TELEMETRY_OK:
			hear(cell, c, &guest);
			break;
		case HARK_TELEMETRY_AGAIN:
			return;
		case HARK_TELEMETRY_WIRE:
		case HARK_TELEMETRY_UNSUPPORTED_VERSION:
			reject(cell, &rejection);
			connection_end(c);
			return;
		default: /* the end, or a broken connection: the same to the record */
			connection_end(c);
			return;
		}
	}
	loop_timer_set(cell->loop, &c->again, now_ns);
}

static void
on_stream(void *ctx, uint32_t ready)
{
	(void)ready;
	connection_read(ctx);
}

static void
on_again(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	connection_read(ctx);
}

static struct cell_connection *
free_place(struct cell *cell)
{
	size_t i;

	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		if (cell->connections[i].stream == NULL)
			return &cell->connections[i];
	}
	return NULL;
}

static void
connection_begin(struct cell *cell, struct hark_stream *stream)
{
	struct cell_connection *c = free_place(cell);

	/* The listener keeps no more streams than there are places. */
	MUST(c != NULL);
	*c = (struct cell_connection){ .cell = cell, .stream = stream };
	c->again.fn = on_again;
	c->again.ctx = c;
	if (loop_fd_add(cell->loop, hark_stream_fd(stream), cell->paused ? 0 : EPOLLIN, on_stream,
			c) != ERR_OK) {
		/* Not watched it would never be read: better that its sender knows. */
		hark_stream_close(stream);
		c->stream = NULL;
		return;
	}
	cell->ever_connected = true;
	cell->counts.connections++;
}

/* Accepts whoever waits, whatever else is busy: a full backlog freezes every port of a VM. */
static void
on_listener(void *ctx, uint32_t ready)
{
	struct cell *cell = ctx;

	(void)ready;
	cell_time(cell);
	for (;;) {
		struct hark_stream *stream = NULL;
		struct hark_rejection rejection;

		switch (hark_listener_accept(cell->listener, &stream, &rejection)) {
		case HARK_TELEMETRY_OK:
			connection_begin(cell, stream);
			break;
		case HARK_TELEMETRY_REFUSED:
			reject(cell, &rejection);
			break;
		default: /* none waits, or no descriptor is free: the next turn tries again */
			return;
		}
	}
}

static enum hark_silence_cause
silence_cause(const struct cell *cell, uint64_t now_ns)
{
	size_t i;

	if (now_ns - cell->watch_ns > WATCH_LATE_NS)
		return HARK_SILENCE_WATCHER_LATE;
	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		if (cell->connections[i].stream != NULL)
			return HARK_SILENCE_MUTE;
	}
	return cell->ever_connected ? HARK_SILENCE_DISCONNECTED : HARK_SILENCE_NEVER_CONNECTED;
}

static void
look_for_silence(struct cell *cell, uint64_t now_ns)
{
	struct hark_agent_silenced_signal signal;
	enum hark_telemetry_error e;
	size_t size = 0;

	if (hark_watch_for_silence(&cell->keepalive, &cell->trigger, &cell->host,
				   silence_cause(cell, now_ns), now_ns,
				   &signal) != HARK_SILENCE_BEGAN)
		return;
	e = hark_event_agent_silenced(&signal, &cell->host, &cell->origin, cell->json,
				      sizeof(cell->json), &size);
	(void)cell_emit(cell, e, size);
}

static void
end_stalled(struct cell *cell, uint64_t now_ns)
{
	struct hark_rejection rejection = { HARK_REJECT_NONE, HARK_FIELD_NONE };
	size_t i;

	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		struct cell_connection *c = &cell->connections[i];

		if (c->stream == NULL || !hark_stream_is_stalled(c->stream, now_ns, &rejection))
			continue;
		reject(cell, &rejection);
		connection_end(c);
	}
}

/* What needs looking at even when nothing comes. */
static void
on_watch(void *ctx, uint64_t now_ns)
{
	struct cell *cell = ctx;
	uint64_t next_ns = now_ns + WATCH_INTERVAL_NS;

	if (!cell->paused) {
		cell_time(cell);
		end_stalled(cell, now_ns);
		report_rejections(cell);
		look_for_silence(cell, now_ns);
		cell->watch_ns = now_ns;
		if (!cell->trigger.fired && hark_keepalive_deadline(&cell->keepalive) < next_ns)
			next_ns = hark_keepalive_deadline(&cell->keepalive);
	}
	loop_timer_set(cell->loop, &cell->watch, next_ns);
}

enum hark_telemetry_error
cell_open(struct cell *cell, const struct cell_settings *settings, struct hark_event_sink sink,
	  struct loop *loop, struct hark_failure *why)
{
	uint64_t now_ns = clock_monotonic_ns();
	enum hark_telemetry_error e;

	*cell = (struct cell){ .loop = loop, .sink = sink, .watch_ns = now_ns };
	cell->origin.source = settings->source;
	cell->origin.id_prefix = settings->id_prefix;
	cell->trigger.rearm = settings->rearm;
	cell->watch.fn = on_watch;
	cell->watch.ctx = cell;
	rejections_init(&cell->rejections);
	e = hark_host_stamp_init(settings->cell_id, settings->run_id, settings->spec_signature_hash,
				 &cell->host);
	if (e == HARK_TELEMETRY_OK)
		e = hark_keepalive_init(&cell->keepalive, settings->keepalive_window_ns, now_ns);
	if (e == HARK_TELEMETRY_OK)
		e = hark_listener_bind_for_cell(settings->uds_base, &settings->listener,
						&cell->listener, why);
	if (e != HARK_TELEMETRY_OK)
		return e;
	loop_timer_set(loop, &cell->watch, now_ns);
	if (loop_fd_add(loop, hark_listener_fd(cell->listener), EPOLLIN, on_listener, cell) !=
	    ERR_OK)
		return HARK_TELEMETRY_SYSTEM;
	return HARK_TELEMETRY_OK;
}

void
cell_pause(struct cell *cell, bool pause)
{
	size_t i;

	if (cell->paused == pause)
		return;
	cell->paused = pause;
	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		struct cell_connection *c = &cell->connections[i];

		if (c->stream == NULL)
			continue;
		if (loop_fd_modify(cell->loop, hark_stream_fd(c->stream), pause ? 0 : EPOLLIN) !=
		    ERR_OK)
			cell->sink_failed = true;
		/* Frames may wait in its buffer, of which the descriptor says nothing. */
		if (!pause)
			loop_timer_set(cell->loop, &c->again, loop_now_ns(cell->loop));
	}
}

void
cell_close(struct cell *cell)
{
	struct hark_rejection rejection;
	uint64_t count = 0;
	size_t size = 0;
	size_t i;

	cell_time(cell);
	loop_timer_clear(cell->loop, &cell->watch);
	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		struct cell_connection *c = &cell->connections[i];

		if (c->stream != NULL)
			connection_read(c); /* what has come is not left unread */
		if (c->stream != NULL)
			connection_end(c);
	}
	while (rejections_flush(&cell->rejections, &rejection, &count)) {
		enum hark_telemetry_error e;

		e = hark_event_rejected(&rejection, count, &cell->host, &cell->origin, cell->json,
					sizeof(cell->json), &size);
		(void)cell_emit(cell, e, size);
	}
	loop_fd_remove(cell->loop, hark_listener_fd(cell->listener));
	hark_listener_close(cell->listener);
	cell->listener = NULL;
}
