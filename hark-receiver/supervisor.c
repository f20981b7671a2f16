/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What harkd says, and the cells that come and go by it.  Of what guests say it knows nothing. */
#include "hark-receiver/supervisor.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "hark-receiver/cell.h"
#include "hark-receiver/channel.h"
#include "hark-receiver/receiver.h"
#include "prog/exit.h"
#include "proto/message.h"

/* An answer that harkd could not take is sent again after so long. */
#define TELL_AGAIN_NS UINT64_C(10000000)
/* The most messages of harkd in a turn: guests are waiting. */
#define MESSAGES_PER_TURN 64u

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
void
supervisor_drop_stopped(struct receiver *r)
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

/* ---- life ---------------------------------------------------------------------------------- */

enum err
supervisor_open(struct receiver *r)
{
	return loop_fd_add(r->loop, r->supervisor, EPOLLIN, on_supervisor, r);
}

void
supervisor_close(struct receiver *r)
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
	loop_fd_remove(r->loop, r->supervisor);
}
