/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One connection of a guest.  What a frame says is judged by the library and stamped by the notary:
 * here it is only written down, in order, and confirmed when it is durable.
 *
 * Descriptors are watched by edges: a connection that has something to read stands in the
 * receiver's queue until the socket is empty, so that a full window or a limit costs no system
 * call.
 */
#include <string.h>

#include "base/must.h"
#include "hark-receiver/connection.h"
#include "hark-receiver/receiver.h"
#include "os/outlet.h"
#include "os/sock.h"
#include "telemetry/stream.h"

#define WATCHED (EPOLLIN | EPOLLRDHUP | EPOLLET)

/* ---- life ---------------------------------------------------------------------------------- */

void
connection_close(struct connection *c)
{
	struct receiver *r = c->cell->receiver;
	struct cell *cell = c->cell;
	struct link *at;

	if (c->stream == NULL)
		return;
	link_remove(&c->ready);
	link_remove(&c->answers);
	loop_fd_remove(r->loop, hark_stream_fd(c->stream));
	hark_stream_close(c->stream);
	*c = (struct connection){ .cell = cell };
	/* A descriptor is free: who waits for one is accepted. */
	while ((at = r->shut.next) != &r->shut)
		cell_accept_again(link_owner(at, struct cell, shut));
}

/* Says that it has ended.  There is room: it is looked for before a stream is read. */
static void
end(struct connection *c, enum record_end how)
{
	struct receiver *r = c->cell->receiver;
	struct record *record = &r->record;
	size_t size;

	record->type = RECORD_CLOSED;
	record->slot = c->cell->slot;
	record->connection = c->number;
	hark_stream_session(c->stream, &record->session);
	record->end = how;
	record->frames = c->frames;
	receiver_say(r, &size);
	c->ended = true;
	c->ended_ns = loop_now_ns(r->loop);
	link_remove(&c->ready);
	/* A guest that has shut its half alone may still wait to be told what is durable. */
	if (c->hung_up || !c->wants_answers || c->marks == 0 ||
	    (how != RECORD_END_CLEAN && how != RECORD_END_UNLISTEN))
		connection_close(c);
	else
		receiver_want_tick(r, c->ended_ns + CONNECTION_LINGER_NS);
}

static void
say_opened(struct connection *c)
{
	struct receiver *r = c->cell->receiver;
	size_t size;

	r->record.type = RECORD_OPENED;
	r->record.slot = c->cell->slot;
	r->record.connection = c->number;
	hark_stream_peer(c->stream, &r->record.peer);
	receiver_say(r, &size);
	c->opened = true;
}

void
connection_stop(struct connection *c)
{
	if (c->stream == NULL || c->ended)
		return;
	/* Where that fails the peer has gone already, and its end is there to be read. */
	(void)!sock_stop_reading(hark_stream_fd(c->stream));
	link_append(&c->cell->receiver->ready, &c->ready);
}

static void
on_stream(void *ctx, uint32_t ready)
{
	struct connection *c = ctx;

	if ((ready & (EPOLLHUP | EPOLLERR)) != 0)
		c->hung_up = true;
	if (c->ended && c->hung_up) {
		connection_close(c);
		return;
	}
	if ((ready & EPOLLOUT) != 0 && c->watches_write)
		link_append(&c->cell->receiver->answers, &c->answers);
	/* Where it is in a queue already, parked for its cell's limits or not, it keeps its place.
	 */
	if (!c->ended && !link_is_linked(&c->ready))
		link_append(&c->cell->receiver->ready, &c->ready);
}

static struct connection *
free_place(struct cell *cell)
{
	size_t i;

	for (i = 0; i < HARK_CONNECTIONS_MAX; i++) {
		if (cell->connections[i].stream == NULL)
			return &cell->connections[i];
	}
	MUST_NOT_REACH("the listener keeps no more streams than there are places");
}

enum err
connection_begin(struct cell *cell, struct hark_stream **stream)
{
	struct receiver *r = cell->receiver;
	struct connection *c = free_place(cell);
	enum err e;

	MUST(stream != NULL && *stream != NULL);
	MUST(r->connections < UINT32_MAX);

	*c = (struct connection){ .cell = cell, .stream = steal(stream) };
	link_init(&c->ready);
	link_init(&c->answers);
	e = loop_fd_add(r->loop, hark_stream_fd(c->stream), WATCHED, on_stream, c);
	if (e != ERR_OK) {
		/* Not watched it would never be read: better that its sender knows. */
		hark_stream_close(c->stream);
		c->stream = NULL;
		return e;
	}
	c->number = ++r->connections;
	link_append(&r->ready, &c->ready);
	return ERR_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool
text_is(struct hark_text text, const char *name)
{
	size_t size = strlen(name);

	return text.size == size && memcmp(text.data, name, size) == 0;
}

static bool
asks_for_answers(const struct hark_guest_declaration *hello)
{
	uint32_t i;

	for (i = 0; i < hello->detail_count; i++) {
		const struct hark_detail *d = &hello->detail[i];

		if (text_is(d->key, "ack"))
			return d->type == HARK_DETAIL_BOOL && d->value.boolean;
	}
	return false;
}

/*
 * What the receipt of this declaration confirms.  A hello's and a goodbye's number is that of an
 * event which is still to come, and both want to be heard of, for they are leaves.  A heartbeat
 * confirms nothing: its number can be above what was ever sent.
 */
static void
note_confirmation(struct window_mark *mark, const struct hark_guest_declaration *said)
{
	uint64_t confirm = said->seq;

	if (!said->has_seq || text_is(said->probe_source, "agent.heartbeat"))
		return;
	if (text_is(said->probe_source, "agent.hello") ||
	    text_is(said->probe_source, "agent.goodbye"))
		mark->answer = true;
	else if (confirm < UINT64_MAX)
		confirm++;
	if (!mark->confirms || confirm > mark->confirm)
		mark->confirm = confirm;
	mark->confirms = true;
}

static void
note_mark(struct connection *c, size_t size)
{
	struct cell *cell = c->cell;
	struct receiver *r = cell->receiver;
	bool counts = bucket_limits(&cell->bytes);
	struct window_mark *mark;

	if (!c->wants_answers && !counts)
		return;
	if (c->place.serial != r->window.serial)
		c->marks++;
	mark = window_mark(&r->window, &c->place, cell->slot, (uint16_t)(c - cell->connections),
			   c->number);
	if (counts) {
		uint32_t charge = (uint32_t)size + CELL_LEAF_BYTES;

		mark->charge += charge;
		cell->in_flight += charge;
	}
	if (c->wants_answers)
		note_confirmation(mark, &r->record.declaration);
}

/* The declaration is in r->record already. */
static void
hear(struct connection *c, uint64_t now_ns)
{
	struct receiver *r = c->cell->receiver;
	struct record *record = &r->record;
	size_t size;

	record->type = RECORD_DECLARED;
	record->slot = c->cell->slot;
	record->connection = c->number;
	hark_stream_session(c->stream, &record->session);
	if (c->frames == 0 && record->session.mode == HARK_WIRE_HARK)
		c->wants_answers = asks_for_answers(&record->declaration);
	c->frames++;
	receiver_say(r, &size);
	note_mark(c, size);
	bucket_take(&c->cell->events, 1, now_ns);
}

/* True where the end that we made of the reading, and no guest, cut a frame. */
static bool
is_our_cut(const struct cell *cell, const struct hark_rejection *rejection)
{
	return cell->listener == NULL && (rejection->reason == HARK_REJECT_SHORT_LENGTH_PREFIX ||
					  rejection->reason == HARK_REJECT_SHORT_BODY);
}

static void
refuse(struct connection *c, const struct hark_rejection *rejection)
{
	if (is_our_cut(c->cell, rejection)) {
		end(c, RECORD_END_UNLISTEN);
		return;
	}
	cell_reject(c->cell, rejection);
	end(c, RECORD_END_REFUSED);
}

enum connection_reading
connection_read(struct connection *c)
{
	struct receiver *r = c->cell->receiver;
	uint64_t now_ns = loop_now_ns(r->loop);
	struct hark_rejection rejection = { HARK_REJECT_NONE, HARK_FIELD_NONE };
	unsigned int i;

	MUST(c->stream != NULL && !c->ended);

	for (i = 0; i < CONNECTION_FRAMES_PER_TURN; i++) {
		if (!window_has_room(&r->window))
			return CONNECTION_MORE;
		if (!c->opened)
			say_opened(c);
		if (!cell_may_read(c->cell))
			return CONNECTION_LIMITED;
		switch (hark_stream_next(c->stream, now_ns, &r->record.declaration, &rejection)) {
		case HARK_TELEMETRY_OK:
			hear(c, now_ns);
			break;
		case HARK_TELEMETRY_AGAIN:
			if (!stream_is_drained(c->stream))
				return CONNECTION_MORE;
			receiver_want_tick(r, stream_deadline_ns(c->stream));
			return CONNECTION_WAITS;
		case HARK_TELEMETRY_WIRE:
		case HARK_TELEMETRY_UNSUPPORTED_VERSION:
			refuse(c, &rejection);
			return CONNECTION_ENDED;
		case HARK_TELEMETRY_END:
			end(c, c->cell->listener == NULL ? RECORD_END_UNLISTEN : RECORD_END_CLEAN);
			return CONNECTION_ENDED;
		default:
			end(c, RECORD_END_BROKEN);
			return CONNECTION_ENDED;
		}
	}
	return CONNECTION_MORE;
}

/* ---- confirmations ------------------------------------------------------------------------- */

void
connection_receipted(struct connection *c, const struct window_mark *mark)
{
	MUST(c->stream != NULL && c->marks > 0);

	c->marks--;
	if (mark->confirms && (mark->confirm > c->confirm || mark->answer)) {
		if (mark->confirm > c->confirm)
			c->confirm = mark->confirm;
		c->due = true;
	}
	/* The last receipt of one that has ended closes it, with or without news. */
	if (c->due || (c->ended && c->marks == 0))
		link_append(&c->cell->receiver->answers, &c->answers);
}

static void
watch_write(struct connection *c, bool watch)
{
	struct loop *loop = c->cell->receiver->loop;

	if (c->watches_write == watch)
		return;
	/* Where it fails the next receipt tries again. */
	if (loop_fd_modify(loop, hark_stream_fd(c->stream), WATCHED | (watch ? EPOLLOUT : 0)) ==
	    ERR_OK)
		c->watches_write = watch;
}

/*
 * Writes c->confirm, after the rest of one that was begun: the latest wins, but half a number would
 * make nonsense of the next.  AGAIN: the guest takes no more now.
 */
static enum err
write_answer(struct connection *c)
{
	while (c->due || c->left > 0) {
		size_t written = 0;
		enum err e;
		size_t i;

		if (c->left == 0) {
			for (i = 0; i < sizeof(c->answer); i++)
				c->answer[i] = (uint8_t)(c->confirm >> (8 * i));
			c->left = sizeof(c->answer);
		}
		e = outlet_write(hark_stream_fd(c->stream), c->answer + sizeof(c->answer) - c->left,
				 c->left, &written);
		if (e != ERR_OK && c->left == sizeof(c->answer))
			c->left = 0; /* nothing of it was written: a later one takes its place */
		if (e != ERR_OK)
			return e;
		if (c->left == sizeof(c->answer))
			c->due = false;
		c->left = (uint8_t)(c->left - written);
	}
	return ERR_OK;
}

void
connection_answer(struct connection *c)
{
	enum err e;

	link_remove(&c->answers);
	e = write_answer(c);
	if (e == ERR_AGAIN) {
		watch_write(c, true);
		return;
	}
	/* Another failure is the end of the connection, which reading finds. */
	watch_write(c, false);
	if (c->ended && c->marks == 0)
		connection_close(c);
}

void
connection_tick(struct connection *c, uint64_t now_ns)
{
	struct receiver *r = c->cell->receiver;
	struct hark_rejection rejection;

	if (c->stream == NULL)
		return;
	if (c->ended) {
		if (now_ns - c->ended_ns >= CONNECTION_LINGER_NS)
			connection_close(c);
		else
			receiver_want_tick(r, c->ended_ns + CONNECTION_LINGER_NS);
		return;
	}
	/* What waits to be read is not late: its rest may be in the socket. */
	if (link_is_linked(&c->ready) || !window_has_room(&r->window))
		return;
	if (hark_stream_is_stalled(c->stream, now_ns, &rejection))
		refuse(c, &rejection);
	else
		receiver_want_tick(r, stream_deadline_ns(c->stream));
}
