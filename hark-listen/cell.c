/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The work of a cell: accept, read, judge, stamp, give to the sink.  What a declaration means is
 * the libraries' business; here is only the order of things.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "hark-listen/cell.h"
#include "hark-listen/hear.h"
#include "os/clock.h"
#include "os/sock.h"
#include "prog/log.h"

/* The watcher looks at least this often, so that it can tell its own lateness from a silence. */
#define WATCH_INTERVAL_NS UINT64_C(1000000000)
#define WATCH_LATE_NS     UINT64_C(3000000000)
/* The most connections that are taken in a turn: who connects without end starves nobody. */
#define ACCEPTS_PER_TURN 64u
/* Where no descriptor is free the listener stays readable: it is left alone for so long. */
#define ACCEPT_RETRY_NS UINT64_C(100000000)

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
cell_has_room(const struct cell *cell)
{
	return cell->has_room(cell->sink.context);
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
accept_resume(struct cell *cell)
{
	if (!cell->accept_waits)
		return;
	cell->accept_waits = false;
	loop_timer_clear(cell->loop, &cell->accept_again);
	if (loop_fd_modify(cell->loop, hark_listener_fd(cell->listener), EPOLLIN) != ERR_OK)
		cell->sink_failed = true;
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
	accept_resume(cell); /* a descriptor is free */
	e = hark_event_closed(&session, c->goodbye, c->frames, &cell->host, &cell->origin,
			      cell->json, sizeof(cell->json), &size);
	(void)cell_emit(cell, e, size);
}

/* True where the end that we made of the reading, and no guest, cut a frame. */
static bool
is_our_cut(const struct cell *cell, const struct hark_rejection *rejection)
{
	return cell->closing && (rejection->reason == HARK_REJECT_SHORT_LENGTH_PREFIX ||
				 rejection->reason == HARK_REJECT_SHORT_BODY);
}

/* One connection's share of a turn: no frame is taken whose events have no room. */
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
	for (i = 0; i < CELL_FRAMES_PER_TURN && !cell->sink_failed && cell_has_room(cell); i++) {
		switch (hark_stream_next(c->stream, now_ns, &guest, &rejection)) {
		case HARK_TELEMETRY_OK:
			hear_frame(cell, c, &guest);
			break;
		case HARK_TELEMETRY_AGAIN:
			return;
		case HARK_TELEMETRY_WIRE:
		case HARK_TELEMETRY_UNSUPPORTED_VERSION:
			if (!is_our_cut(cell, &rejection))
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

/* No descriptor or no memory is free.  Whoever waits is taken when a connection ends, or later. */
static void
accept_wait(struct cell *cell)
{
	if (!cell->accept_failed)
		log_warning("a connection of cell %.*s waits: %s; trying again",
			    (int)cell->host.cell_id.size, cell->host.cell_id.data, strerror(errno));
	cell->accept_failed = true;
	if (loop_fd_modify(cell->loop, hark_listener_fd(cell->listener), 0) != ERR_OK)
		return;
	cell->accept_waits = true;
	loop_timer_set(cell->loop, &cell->accept_again, loop_now_ns(cell->loop) + ACCEPT_RETRY_NS);
}

static void
on_accept_again(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	accept_resume(ctx);
}

/* Accepts whoever waits, whatever else is busy: a full backlog freezes every port of a VM. */
static void
on_listener(void *ctx, uint32_t ready)
{
	struct cell *cell = ctx;
	unsigned int i;

	(void)ready;
	cell_time(cell);
	for (i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct hark_stream *stream = NULL;
		struct hark_rejection rejection;

		switch (hark_listener_accept(cell->listener, &stream, &rejection)) {
		case HARK_TELEMETRY_OK:
			cell->accept_failed = false;
			connection_begin(cell, stream);
			break;
		case HARK_TELEMETRY_REFUSED:
			reject(cell, &rejection);
			break;
		case HARK_TELEMETRY_AGAIN:
			return;
		default:
			accept_wait(cell);
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

	*cell = (struct cell){
		.loop = loop, .sink = sink, .has_room = settings->has_room, .watch_ns = now_ns
	};
	cell->origin.source = settings->source;
	cell->origin.id_prefix = settings->id_prefix;
	cell->trigger.rearm = settings->rearm;
	cell->watch.fn = on_watch;
	cell->watch.ctx = cell;
	cell->accept_again.fn = on_accept_again;
	cell->accept_again.ctx = cell;
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
	    ERR_OK) {
		hark_listener_close(cell->listener);
		cell->listener = NULL;
		return HARK_TELEMETRY_SYSTEM;
	}
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
	/* What the guests wrote meanwhile is read first, lest it be taken for silence. */
	if (!pause)
		loop_timer_set(cell->loop, &cell->watch, loop_now_ns(cell->loop) + 1);
}

void
cell_stop(struct cell *cell)
{
	size_t i;

	loop_timer_clear(cell->loop, &cell->watch);
	cell->paused = false;
	on_listener(cell, 0); /* who has connected is heard, if there is a place */
	loop_timer_clear(cell->loop, &cell->accept_again);
	cell->accept_waits = false;
	cell->closing = true;
	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		struct cell_connection *c = &cell->connections[i];

		/* Where that fails the peer has gone already, and its end is there to be read. */
		if (c->stream != NULL)
			(void)!sock_stop_reading(hark_stream_fd(c->stream));
	}
}

bool
cell_read_rest(struct cell *cell)
{
	bool rest = false;
	size_t i;

	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		struct cell_connection *c = &cell->connections[i];

		if (c->stream != NULL)
			connection_read(c);
		rest = rest || c->stream != NULL;
	}
	return rest && !cell->sink_failed;
}

void
cell_close(struct cell *cell)
{
	struct hark_rejection rejection;
	uint64_t count = 0;
	size_t size = 0;
	size_t i;

	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		if (cell->connections[i].stream != NULL)
			connection_end(&cell->connections[i]);
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
