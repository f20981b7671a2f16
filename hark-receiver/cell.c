/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One cell: who may connect, how much is read, what of it was refused.  It reads no byte itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "hark-receiver/cell.h"
#include "hark-receiver/connection.h"
#include "hark-receiver/receiver.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "telemetry/stream.h"

#define NS_PER_MS UINT64_C(1000000)
/* The most connections that are taken in a turn: who connects without end starves nobody. */
#define ACCEPTS_PER_TURN 64u
/* Where no descriptor is free the listener stays readable: it is left alone for so long. */
#define ACCEPT_RETRY_NS UINT64_C(100000000)
/* What is to be said but has no room is looked at again after so long. */
#define NO_ROOM_NS UINT64_C(50000000)

/* ---- what was refused ---------------------------------------------------------------------- */

static void
say_rejected(struct cell *cell, const struct hark_rejection *rejection, uint64_t count)
{
	struct receiver *r = cell->receiver;
	size_t size;

	r->record.type = RECORD_REJECTED;
	r->record.slot = cell->slot;
	r->record.connection = 0; /* it stands for many */
	r->record.rejection = *rejection;
	r->record.count = count;
	receiver_say(r, &size);
}

/* Says what is due and has room; the rest is counted and waits. */
static void
report_rejections(struct cell *cell, uint64_t now_ns)
{
	struct receiver *r = cell->receiver;
	struct hark_rejection rejection;
	uint64_t deadline_ns;
	uint64_t count;

	while (window_has_room(&r->window) &&
	       rejections_take(&cell->rejections, now_ns, &rejection, &count))
		say_rejected(cell, &rejection, count);
	deadline_ns = rejections_deadline(&cell->rejections);
	if (deadline_ns != UINT64_MAX)
		receiver_want_tick(r, deadline_ns > now_ns ? deadline_ns : now_ns + NO_ROOM_NS);
}

void
cell_reject(struct cell *cell, const struct hark_rejection *rejection)
{
	uint64_t now_ns = loop_now_ns(cell->receiver->loop);

	rejections_note(&cell->rejections, rejection, now_ns);
	report_rejections(cell, now_ns);
}

/* ---- limits -------------------------------------------------------------------------------- */

/* When both limits allow to read: of the ledger's bytes, those count too that are on their way. */
static uint64_t
ready_ns(const struct cell *cell, uint64_t now_ns)
{
	uint64_t events = bucket_ready_ns(&cell->events, 0, now_ns);
	uint64_t bytes = bucket_ready_ns(&cell->bytes, cell->in_flight, now_ns);

	return events > bytes ? events : bytes;
}

bool
cell_may_read(const struct cell *cell)
{
	uint64_t now_ns;

	if (!bucket_limits(&cell->events) && !bucket_limits(&cell->bytes))
		return true;
	now_ns = loop_now_ns(cell->receiver->loop);
	return cell->limited_from_ns == 0 && ready_ns(cell, now_ns) <= now_ns;
}

void
cell_park(struct cell *cell, struct connection *c)
{
	struct receiver *r = cell->receiver;
	uint64_t now_ns = loop_now_ns(r->loop);
	uint64_t again_ns;

	link_append(&cell->parked, &c->ready);
	if (cell->limited_from_ns != 0)
		return;
	cell->limited_from_ns = now_ns;
	link_append(&r->limited, &cell->limited);
	receiver_want_tick(r, now_ns + RECEIVER_TICK_NS);
	again_ns = num_add_saturating(ready_ns(cell, now_ns), CELL_PAUSE_NS);
	if (!r->limit.armed || again_ns < r->limit.at_ns)
		loop_timer_set(r->loop, &r->limit, again_ns);
}

/* Says for how long it was not read: at most once a second, unless this is the last word. */
static void
tell_limited(struct cell *cell, uint64_t now_ns, bool last)
{
	struct receiver *r = cell->receiver;
	size_t size;

	if (cell->limited_from_ns != 0) {
		cell->limited_ns += now_ns - cell->limited_from_ns;
		cell->limited_from_ns = now_ns;
	}
	if (cell->limited_ns < NS_PER_MS || !window_has_room(&r->window))
		return;
	if (!last && now_ns < cell->limited_told_ns + RECEIVER_TICK_NS) {
		receiver_want_tick(r, cell->limited_told_ns + RECEIVER_TICK_NS);
		return;
	}
	r->record.type = RECORD_LIMITED;
	r->record.slot = cell->slot;
	r->record.connection = 0;
	r->record.count = cell->limited_ns / NS_PER_MS;
	receiver_say(r, &size);
	cell->limited_ns %= NS_PER_MS;
	cell->limited_told_ns = now_ns;
}

bool
cell_try_resume(struct cell *cell, uint64_t *again_ns_out)
{
	struct receiver *r = cell->receiver;
	uint64_t now_ns = loop_now_ns(r->loop);
	uint64_t ready = ready_ns(cell, now_ns);

	MUST(cell->limited_from_ns != 0);

	if (ready > now_ns) {
		*again_ns_out = num_add_saturating(ready, CELL_PAUSE_NS);
		return false;
	}
	tell_limited(cell, now_ns, false);
	cell->limited_from_ns = 0;
	link_remove(&cell->limited);
	while (link_is_linked(&cell->parked))
		link_append(&r->ready, cell->parked.next);
	return true;
}

void
cell_count_bytes(struct cell *cell, uint64_t bytes)
{
	uint64_t now_ns = loop_now_ns(cell->receiver->loop);

	/* A channel's first number holds what others have counted before, and is only a beginning.
	 */
	if (cell->counted && bytes > cell->counted_bytes)
		bucket_take(&cell->bytes, bytes - cell->counted_bytes, now_ns);
	cell->counted = true;
	cell->counted_bytes = bytes;
}

void
cell_forget_count(struct cell *cell)
{
	cell->counted = false;
}

/* ---- accepting ----------------------------------------------------------------------------- */

void
cell_accept_again(struct cell *cell)
{
	if (!link_is_linked(&cell->shut))
		return;
	link_remove(&cell->shut);
	/* Where that fails the next look tries again. */
	if (loop_fd_modify(cell->receiver->loop, hark_listener_fd(cell->listener), EPOLLIN) !=
	    ERR_OK)
		link_append(&cell->receiver->shut, &cell->shut);
}

/* No descriptor or no memory is free.  Whoever waits is taken when a connection ends, or later. */
static void
accept_wait(struct cell *cell)
{
	struct receiver *r = cell->receiver;

	if (!link_is_linked(&r->shut))
		log_warning("connections wait: %s; trying again", strerror(errno));
	if (loop_fd_modify(r->loop, hark_listener_fd(cell->listener), 0) != ERR_OK)
		return;
	link_append(&r->shut, &cell->shut);
	receiver_want_tick(r, loop_now_ns(r->loop) + ACCEPT_RETRY_NS);
}

/* Accepts whoever waits, whatever else is busy: a full backlog freezes every port of a VM. */
static void
on_listener(void *ctx, uint32_t ready)
{
	struct cell *cell = ctx;
	struct receiver *r = cell->receiver;
	unsigned int i;

	(void)ready;
	for (i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct hark_stream *stream = NULL;
		struct hark_rejection rejection;

		if (r->connections == UINT32_MAX) {
			receiver_fail(r, EXIT_TEMPORARY,
				      "the numbers of connections are used up: begin anew");
			return;
		}
		switch (hark_listener_accept(cell->listener, &stream, &rejection)) {
		case HARK_TELEMETRY_OK:
			if (connection_begin(cell, &stream) != ERR_OK)
				log_warning("a connection could not be kept: %s", strerror(errno));
			break;
		case HARK_TELEMETRY_REFUSED:
			cell_reject(cell, &rejection);
			break;
		case HARK_TELEMETRY_AGAIN:
			return;
		default:
			accept_wait(cell);
			return;
		}
	}
}

/* ---- life ---------------------------------------------------------------------------------- */

static void
cell_closep(struct cell **cell)
{
	if (*cell != NULL)
		cell_close(*cell);
}

/* Zeroed but for whose it is; NULL where there is no memory.  The first stands in the receiver,
 * which costs a process with one cell no page of its own. */
static struct cell *
cell_new(struct receiver *r)
{
	bool is_first = r->first_cell.receiver == NULL;
	struct cell *cell = is_first ? &r->first_cell : malloc(sizeof(*cell));

	if (cell == NULL)
		return NULL;
	*cell = (struct cell){ .receiver = r, .is_first = is_first };
	return cell;
}

static void
cell_free(struct cell *cell)
{
	if (cell->is_first)
		cell->receiver = NULL;
	else
		free(cell);
}

enum err
cell_open(struct receiver *r, const struct cell_settings *settings, int *fd, struct cell **out)
{
	cleanup(cell_closep) struct cell *cell = NULL;
	enum err e;
	size_t i;

	MUST(r != NULL && settings != NULL && fd != NULL && out != NULL);

	cell = cell_new(r);
	if (cell == NULL)
		return ERR_MEMORY;
	cell->slot = settings->slot;
	bucket_init(&cell->events, settings->events_per_s);
	bucket_init(&cell->bytes, settings->bytes_per_s);
	rejections_init(&cell->rejections);
	link_init(&cell->limited);
	link_init(&cell->parked);
	link_init(&cell->shut);
	for (i = 0; i < HARK_CONNECTIONS_MAX; i++)
		cell->connections[i].cell = cell;
	if (listener_adopt(&cell->listener_place, fd, &settings->options, &cell->listener) !=
	    HARK_TELEMETRY_OK)
		return ERR_FORMAT;
	e = loop_fd_add(r->loop, hark_listener_fd(cell->listener), EPOLLIN, on_listener, cell);
	if (e != ERR_OK)
		return e;
	*out = steal(&cell);
	return ERR_OK;
}

static void
listener_shut(struct cell *cell)
{
	if (cell->listener == NULL)
		return;
	link_remove(&cell->shut);
	loop_fd_remove(cell->receiver->loop, hark_listener_fd(cell->listener));
	hark_listener_close(cell->listener);
	cell->listener = NULL;
}

void
cell_stop(struct cell *cell)
{
	size_t i;

	if (cell->listener == NULL)
		return;
	on_listener(cell, 0); /* who has connected is heard, if there is a place */
	listener_shut(cell);
	for (i = 0; i < HARK_CONNECTIONS_MAX; i++)
		connection_stop(&cell->connections[i]);
	/* A limit is for a guest that goes on: the little that is left is bounded by its socket. */
	bucket_init(&cell->events, 0);
	bucket_init(&cell->bytes, 0);
	if (cell->limited_from_ns != 0) {
		uint64_t again_ns;

		MUST(cell_try_resume(cell, &again_ns));
	}
}

bool
cell_is_done(struct cell *cell)
{
	struct receiver *r = cell->receiver;
	uint64_t now_ns = loop_now_ns(r->loop);
	struct hark_rejection rejection;
	uint64_t count;
	size_t i;

	if (cell->listener != NULL)
		return false;
	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		if (cell->connections[i].stream != NULL)
			return false;
	}
	while (window_has_room(&r->window) &&
	       rejections_flush(&cell->rejections, &rejection, &count))
		say_rejected(cell, &rejection, count);
	tell_limited(cell, now_ns, true);
	if (rejections_deadline(&cell->rejections) != UINT64_MAX || cell->limited_ns >= NS_PER_MS)
		return false;
	/* Whatever is said from here on is of others. */
	if (!cell->silent)
		cell->said = r->window.next;
	cell->silent = true;
	return window_durable(&r->window) >= cell->said;
}

void
cell_close(struct cell *cell)
{
	int kept = errno;
	size_t i;

	listener_shut(cell);
	for (i = 0; i < HARK_CONNECTIONS_MAX; i++)
		connection_close(&cell->connections[i]);
	link_remove(&cell->limited);
	cell_free(cell);
	errno = kept;
}

void
cell_tick(struct cell *cell, uint64_t now_ns)
{
	size_t i;

	cell_accept_again(cell);
	for (i = 0; i < HARK_CONNECTIONS_MAX; i++)
		connection_tick(&cell->connections[i], now_ns);
	report_rejections(cell, now_ns);
	tell_limited(cell, now_ns, false);
	if (cell->limited_from_ns != 0)
		receiver_want_tick(cell->receiver, now_ns + RECEIVER_TICK_NS);
}

void
cell_give_back(struct cell *cell)
{
	size_t i;

	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		if (cell->connections[i].stream != NULL)
			stream_give_back(cell->connections[i].stream);
	}
}
