/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The receiver's turns, and what harkd tells it. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "hark-receiver/cell.h"
#include "hark-receiver/channel.h"
#include "hark-receiver/connection.h"
#include "hark-receiver/receiver.h"
#include "os/clock.h"
#include "os/file.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/message.h"

/* Under load a batch that is not full waits so many rounds of reading for more. */
#define ROUNDS_A_BATCH 8u
/* After so many turns in a row that brought less than this, each within this time of the one
 * before, there is a rest before the next. */
#define SMALL_TURNS      4u
#define SMALL_TURN_BYTES 16384u
#define TURN_APART_NS    UINT64_C(2000000)
/* Memory is given back where at least this much of the window was used since. */
#define GIVE_BACK_BYTES 16384u
/* An answer that harkd could not take is sent again after so long. */
#define TELL_AGAIN_NS UINT64_C(10000000)
/* The most messages of harkd in a turn: guests are waiting. */
#define MESSAGES_PER_TURN 64u

/* ---- what all share ------------------------------------------------------------------------ */

struct cell *
receiver_cell(const struct receiver *r, uint16_t slot)
{
	return slot < r->cells_size ? r->cells[slot] : NULL;
}

void
receiver_want_tick(struct receiver *r, uint64_t at_ns)
{
	if (at_ns >= r->tick_ns)
		return;
	r->tick_ns = at_ns;
	loop_timer_set(r->loop, &r->tick, at_ns);
}

void
receiver_say(struct receiver *r, size_t *size_out)
{
	enum err e = window_add(&r->window, &r->record, size_out);

	/* Room was looked for before the guest was read. */
	MUST(e == ERR_OK);
	r->touched_bytes += *size_out;
	r->turn_bytes += *size_out;
	r->active_ns = loop_now_ns(r->loop);
	receiver_want_tick(r, r->active_ns + RECEIVER_TICK_NS);
}

void
receiver_fail(struct receiver *r, int exit_code, const char *text)
{
	struct message m;

	if (r->done)
		return;
	log_error("%s", text);
	message_init(&m, MESSAGE_FAILED, 0);
	message_set_number(&m, FIELD_CODE, (uint64_t)exit_code);
	message_set_text(&m, FIELD_TEXT, text);
	/* Where harkd does not take it, the exit code says it. */
	(void)!message_send(r->supervisor, &m);
	r->exit_code = exit_code;
	r->done = true;
}

/* ---- cells --------------------------------------------------------------------------------- */

static enum err
cells_grow(struct receiver *r, size_t wanted)
{
	struct cell **own = r->cells == r->first_cells ? NULL : r->cells;
	size_t size = r->cells_size;
	struct cell **cells;

	if (wanted <= r->cells_size)
		return ERR_OK;
	while (size < wanted)
		size *= 2;
	cells = reallocarray(own, size, sizeof(struct cell *));
	if (cells == NULL)
		return ERR_MEMORY;
	if (own == NULL)
		memcpy(cells, r->first_cells, sizeof(r->first_cells));
	memset(cells + r->cells_size, 0, (size - r->cells_size) * sizeof(struct cell *));
	r->cells = cells;
	r->cells_size = size;
	return ERR_OK;
}

static void
cell_drop(struct receiver *r, size_t slot)
{
	struct cell *cell = r->cells[slot];

	r->cells[slot] = NULL;
	r->cell_count--;
	cell_close(cell);
}

/* True where harkd knows that this cell has gone, or need not. */
static bool
tell_gone(struct receiver *r, const struct cell *cell)
{
	struct message m;

	if (cell->stop_id == 0)
		return true;
	message_init(&m, MESSAGE_DONE, cell->stop_id);
	message_set_number(&m, FIELD_CODE, EXIT_OK);
	if (message_send(r->supervisor, &m) == ERR_OK)
		return true;
	/* Its queue is full, or it ends, which its channel tells soon. */
	receiver_want_tick(r, loop_now_ns(r->loop) + TELL_AGAIN_NS);
	return false;
}

/* Cells that were told to stop go when all of theirs is said and durable. */
static void
drop_stopped(struct receiver *r)
{
	size_t i;

	if (r->stopped_count == 0)
		return;
	for (i = 0; i < r->cells_size; i++) {
		if (r->cells[i] == NULL || !cell_is_done(r->cells[i]) || !tell_gone(r, r->cells[i]))
			continue;
		cell_drop(r, i);
		r->stopped_count--;
	}
}

static void
stop_cell(struct receiver *r, struct cell *cell)
{
	if (cell->listener == NULL)
		return;
	cell_stop(cell);
	r->stopped_count++;
}

/* ---- what harkd says ----------------------------------------------------------------------- */

static void
on_listen(struct receiver *r, struct message *m)
{
	uint64_t slot = message_number(m, FIELD_SLOT, RECEIVER_SLOTS_MAX);
	uint64_t connections = message_number(m, FIELD_CONNECTIONS, 0);
	struct cell_settings settings = {
		.options = { .connections_max = (uint32_t)connections,
			     .require_peer_uid = message_has(m, FIELD_PEER_UID),
			     .peer_uid = (uid_t)message_number(m, FIELD_PEER_UID, 0) },
		.events_per_s = message_number(m, FIELD_EVENTS_PER_S, 0),
		.bytes_per_s = message_number(m, FIELD_BYTES_PER_S, 0),
	};
	enum err e;

	if (slot >= RECEIVER_SLOTS_MAX || connections == 0 || connections > HARK_CONNECTIONS_MAX ||
	    message_number(m, FIELD_PEER_UID, 0) > UINT32_MAX ||
	    receiver_cell(r, (uint16_t)slot) != NULL) {
		receiver_fail(r, EXIT_PROTOCOL, "harkd gave a cell that cannot be");
		return;
	}
	settings.slot = (uint16_t)slot;
	e = cells_grow(r, (size_t)slot + 1);
	if (e == ERR_OK)
		e = cell_open(r, &settings, &m->fds[0], &r->cells[slot]);
	if (e == ERR_OK) {
		r->cell_count++;
		/* Where records wait already the tick does it. */
		(void)(r->cell_count > 1 && window_widen(&r->window));
	} else if (e == ERR_FORMAT)
		receiver_fail(r, EXIT_PROTOCOL, "harkd gave a socket that does not listen");
	else
		receiver_fail(r, EXIT_OS, "a cell cannot be listened to");
}

static void
on_unlisten(struct receiver *r, const struct message *m)
{
	uint64_t slot = message_number(m, FIELD_SLOT, RECEIVER_SLOTS_MAX);
	struct cell *cell = slot < RECEIVER_SLOTS_MAX ? receiver_cell(r, (uint16_t)slot) : NULL;

	if (cell == NULL || (cell->listener == NULL && !r->stopping)) {
		receiver_fail(r, EXIT_PROTOCOL, "harkd took a cell away that is not there");
		return;
	}
	cell->stop_id = m->id;
	stop_cell(r, cell);
}

static void
on_stop(struct receiver *r)
{
	size_t i;

	if (r->stopping)
		return;
	r->stopping = true;
	loop_timer_set(r->loop, &r->stop, loop_now_ns(r->loop) + RECEIVER_STOP_NS);
	for (i = 0; i < r->cells_size; i++) {
		if (r->cells[i] != NULL)
			stop_cell(r, r->cells[i]);
	}
}

static void
on_message(struct receiver *r, struct message *m)
{
	switch (m->type) {
	case MESSAGE_LISTEN:
		on_listen(r, m);
		break;
	case MESSAGE_UNLISTEN:
		on_unlisten(r, m);
		break;
	case MESSAGE_RECEIVER_CHANNEL:
		if (channel_take(r, &m->fds[0]) != ERR_OK)
			receiver_fail(r, EXIT_OS, "the channel to the notary cannot be watched");
		break;
	case MESSAGE_STOP:
		on_stop(r);
		break;
	default:
		receiver_fail(r, EXIT_PROTOCOL, "harkd sent a message that is not for a receiver");
		break;
	}
	message_close(m);
}

static void
on_supervisor(void *ctx, uint32_t ready)
{
	struct receiver *r = ctx;
	unsigned int i;

	(void)ready;
	for (i = 0; i < MESSAGES_PER_TURN && !r->done; i++) {
		struct message m;
		enum err e = message_receive(r->supervisor, r->supervisor_bytes,
					     sizeof(r->supervisor_bytes), &m);

		if (e == ERR_AGAIN)
			return;
		if (e == ERR_OK) {
			on_message(r, &m);
		} else if (e == ERR_END) {
			/* harkd has ended: nobody restarts us, and nobody else would end us. */
			r->exit_code = EXIT_TEMPORARY;
			r->done = true;
		} else {
			receiver_fail(r, EXIT_PROTOCOL, "harkd sent what is no message");
		}
	}
}

/* ---- turns --------------------------------------------------------------------------------- */

/* One connection's share. */
static void
read_next(struct receiver *r)
{
	struct connection *c = link_owner(r->ready.next, struct connection, ready);

	link_remove(&c->ready);
	switch (connection_read(c)) {
	case CONNECTION_MORE:
		link_append(&r->ready, &c->ready);
		break;
	case CONNECTION_LIMITED:
		cell_park(c->cell, c);
		break;
	case CONNECTION_WAITS:
	case CONNECTION_ENDED: /* it may be gone */
		break;
	}
}

/* Everyone who waited at the begin of the round has a turn, in the order of waiting. */
static void
read_round(struct receiver *r)
{
	struct link mark;

	if (!link_is_linked(&r->ready))
		return;
	link_init(&mark);
	link_append(&r->ready, &mark);
	while (r->ready.next != &mark && window_has_room(&r->window))
		read_next(r);
	link_remove(&mark);
}

static bool
has_work(const struct receiver *r)
{
	return link_is_linked(&r->ready) && window_has_room(&r->window);
}

static void
on_limit(void *ctx, uint64_t now_ns)
{
	struct receiver *r = ctx;
	struct link *at = r->limited.next;
	uint64_t first_ns = UINT64_MAX;

	(void)now_ns;
	while (at != &r->limited) {
		struct cell *cell = link_owner(at, struct cell, limited);
		uint64_t again_ns;

		at = at->next;
		if (!cell_try_resume(cell, &again_ns) && again_ns < first_ns)
			first_ns = again_ns;
	}
	if (first_ns != UINT64_MAX)
		loop_timer_set(r->loop, &r->limit, first_ns);
}

static void
give_back(struct receiver *r, uint64_t now_ns)
{
	size_t i;

	if (r->touched_bytes < GIVE_BACK_BYTES)
		return;
	if (now_ns - r->active_ns < RECEIVER_TICK_NS || !window_is_empty(&r->window)) {
		receiver_want_tick(r, now_ns + RECEIVER_TICK_NS);
		return;
	}
	r->touched_bytes = 0;
	window_give_back(&r->window);
	for (i = 0; i < r->cells_size; i++) {
		if (r->cells[i] != NULL)
			cell_give_back(r->cells[i]);
	}
}

static void
on_tick(void *ctx, uint64_t now_ns)
{
	struct receiver *r = ctx;
	size_t i;

	r->tick_ns = UINT64_MAX;
	for (i = 0; i < r->cells_size; i++) {
		if (r->cells[i] != NULL)
			cell_tick(r->cells[i], now_ns);
	}
	if (r->cell_count > 1)
		(void)window_widen(&r->window);
	give_back(r, now_ns);
}

static void
on_stop_end(void *ctx, uint64_t now_ns)
{
	struct receiver *r = ctx;

	(void)now_ns;
	log_warning("ending without the last receipts");
	r->exit_code = EXIT_TEMPORARY;
	r->done = true;
}

/* What this turn was like, for receiver_may_rest.  A turn without a record was a receipt's. */
static void
count_turn(struct receiver *r)
{
	uint64_t now_ns = loop_now_ns(r->loop);

	if (now_ns - r->turn_ns > TURN_APART_NS || r->turn_bytes >= SMALL_TURN_BYTES)
		r->small_turns = 0;
	else if (r->turn_bytes > 0 && r->small_turns < SMALL_TURNS)
		r->small_turns++;
	r->turn_ns = now_ns;
	r->turn_bytes = 0;
}

bool
receiver_may_rest(const struct receiver *r)
{
	return r->small_turns == SMALL_TURNS && !has_work(r) && !r->stopping && !r->done;
}

enum err
receiver_turn(struct receiver *r, bool wait)
{
	enum err e = loop_turn(r->loop, wait && !has_work(r));

	if (e != ERR_OK)
		return e;
	read_round(r);
	drop_stopped(r);
	/* Sent at once where nothing else is there to be read, and more at a time under load. */
	if (!has_work(r) || ++r->rounds >= ROUNDS_A_BATCH) {
		channel_flush(r, false);
		r->rounds = 0;
	} else {
		channel_flush(r, true);
	}
	while (link_is_linked(&r->answers))
		connection_answer(link_owner(r->answers.next, struct connection, answers));
	if (r->stopping && r->cell_count == 0 && window_is_empty(&r->window))
		r->done = true;
	count_turn(r);
	return ERR_OK;
}

int
receiver_run(struct receiver *r)
{
	while (!r->done) {
		if (receiver_may_rest(r))
			clock_rest(RECEIVER_REST_NS);
		if (receiver_turn(r, true) != ERR_OK)
			receiver_fail(r, EXIT_OS, "cannot wait for guests");
	}
	return r->exit_code;
}

/* ---- life ---------------------------------------------------------------------------------- */

enum err
receiver_init(struct receiver *r, struct loop *loop, int supervisor)
{
	enum err e;

	MUST(r != NULL && loop != NULL && supervisor >= 0);

	/* The large buffers are not touched before they are used. */
	r->loop = loop;
	r->supervisor = supervisor;
	r->channel = -1;
	r->channel_waits = r->stopping = r->done = false;
	r->exit_code = EXIT_OK;
	r->rounds = r->connections = r->small_turns = 0;
	r->turn_bytes = 0;
	r->turn_ns = 0;
	r->cell_count = r->stopped_count = r->touched_bytes = 0;
	r->first_cells[0] = NULL;
	r->cells = r->first_cells;
	r->cells_size = 1;
	r->first_cell.receiver = NULL;
	r->active_ns = 0;
	r->tick_ns = UINT64_MAX;
	r->tick = (struct loop_timer){ .fn = on_tick, .ctx = r };
	r->limit = (struct loop_timer){ .fn = on_limit, .ctx = r };
	r->stop = (struct loop_timer){ .fn = on_stop_end, .ctx = r };
	link_init(&r->ready);
	link_init(&r->answers);
	link_init(&r->limited);
	link_init(&r->shut);
	e = window_init(&r->window);
	if (e != ERR_OK)
		return e;
	e = loop_fd_add(loop, supervisor, EPOLLIN, on_supervisor, r);
	if (e != ERR_OK)
		window_finish(&r->window);
	return e;
}

void
receiver_finish(struct receiver *r)
{
	size_t i;

	for (i = 0; i < r->cells_size; i++) {
		if (r->cells[i] != NULL)
			cell_drop(r, i);
	}
	if (r->cells != r->first_cells)
		free(r->cells);
	r->first_cells[0] = NULL;
	r->cells = r->first_cells;
	r->cells_size = 1;
	channel_close(r);
	loop_fd_remove(r->loop, r->supervisor);
	loop_timer_clear(r->loop, &r->tick);
	loop_timer_clear(r->loop, &r->limit);
	loop_timer_clear(r->loop, &r->stop);
	window_finish(&r->window);
}
