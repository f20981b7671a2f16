/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Receivers: a process for each cell, or one for many, each with one channel to the notary.  The
 * channel is the identity of what comes through it, so every pair of a receiver's and a notary's
 * process gets a new one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "harkd/harkd.h"
#include "os/file.h"
#include "os/packet.h"
#include "os/random.h"
#include "prog/exit.h"
#include "prog/log.h"

/* ---- channels ------------------------------------------------------------------------------ */

struct receiver *
receiver_of_channel(struct harkd *h, uint64_t channel)
{
	struct receiver *r = h->receivers;

	while (r != NULL && (r->channel != channel || channel == 0))
		r = r->next;
	return r;
}

static void
drop_channel(struct receiver *r)
{
	pending_forget(r->child.h, r);
	r->channel = 0;
	file_close(&r->channel_end);
}

/* The notary knows the channel and all its slots: now records may come. */
static void
on_paired(struct harkd *h, void *ctx, const struct message *done)
{
	struct receiver *r = ctx;
	struct message m;

	(void)h;
	if (done == NULL || r->channel_end < 0)
		return;
	message_init(&m, MESSAGE_RECEIVER_CHANNEL, 0);
	m.fds[0] = r->channel_end;
	m.fd_count = 1;
	r->channel_end = -1;
	child_send(&r->child, &m);
}

static void
send_slot(struct receiver *r, const struct cell *cell)
{
	struct message m;

	message_init(&m, MESSAGE_CHANNEL_SLOT, 0);
	message_set_number(&m, FIELD_CHANNEL, r->channel);
	message_set_number(&m, FIELD_SLOT, cell->slot);
	message_set_number(&m, FIELD_CELL_NUMBER, cell->number);
	child_send(&r->child.h->notary, &m);
}

void
receiver_pair(struct receiver *r)
{
	struct harkd *h = r->child.h;
	struct message m;
	struct cell *cell;
	int pair[2];

	if (!child_runs(&r->child) || !notary_hears(h) || r->channel != 0)
		return;
	if (packet_pair(pair) != ERR_OK) {
		log_error("receiver of %s: no channel can be made: %s", r->label, strerror(errno));
		child_kill(&r->child, "it can have no channel");
		return;
	}
	r->channel = ++h->last_channel;
	r->channel_end = pair[0];
	message_init(&m, MESSAGE_CHANNEL, 0);
	message_set_number(&m, FIELD_CHANNEL, r->channel);
	message_set_number(&m, FIELD_INCARNATION, r->incarnation);
	m.fds[0] = pair[1];
	m.fd_count = 1;
	child_send(&h->notary, &m);
	for (cell = h->cells; cell != NULL; cell = cell->next) {
		if (cell->receiver == r)
			send_slot(r, cell);
	}
	message_init(&m, MESSAGE_PING, 0);
	pending_ask(h, &m, on_paired, r, 0, 0);
}

void
receiver_pair_all(struct harkd *h)
{
	struct receiver *r;

	for (r = h->receivers; r != NULL; r = r->next)
		receiver_pair(r);
}

void
receiver_unpair_all(struct harkd *h)
{
	struct receiver *r;

	for (r = h->receivers; r != NULL; r = r->next)
		drop_channel(r);
}

/* ---- the process --------------------------------------------------------------------------- */

static struct receiver *
receiver_of(struct child *c)
{
	return (struct receiver *)((char *)c - offsetof(struct receiver, child));
}

static bool
set_up(struct child *c, struct message *m)
{
	struct receiver *r = receiver_of(c);

	do {
		if (random_bytes(&r->incarnation, sizeof(r->incarnation)) != ERR_OK) {
			log_error("the kernel gives no random bytes: %s", strerror(errno));
			return false;
		}
	} while (r->incarnation == 0);
	message_init(m, MESSAGE_RECEIVER_SETUP, 0);
	message_set_number(m, FIELD_INCARNATION, r->incarnation);
	message_set_number(m, FIELD_CONFINE, c->h->config.require_confinement);
	return true;
}

static void
send_listen(struct cell *cell)
{
	const struct config_cell *o = &cell->file.cell;
	struct message m;

	message_init(&m, MESSAGE_LISTEN, 0);
	message_set_number(&m, FIELD_SLOT, cell->slot);
	message_set_text(&m, FIELD_CELL, o->name);
	message_set_number(&m, FIELD_CONNECTIONS, o->connections);
	message_set_number(&m, FIELD_EVENTS_PER_S, o->events_per_s);
	message_set_number(&m, FIELD_BYTES_PER_S, o->bytes_per_s);
	if (o->peer_uid >= 0)
		message_set_number(&m, FIELD_PEER_UID, (uint64_t)o->peer_uid);
	if (file_duplicate(hark_listener_fd(cell->listener), &m.fds[0]) != ERR_OK) {
		log_error("cell %s: its socket cannot be passed on: %s", o->name, strerror(errno));
		child_kill(&cell->receiver->child, "it can have no socket");
		return;
	}
	m.fd_count = 1;
	child_send(&cell->receiver->child, &m);
}

static void
on_ready(struct child *c, const struct message *ready)
{
	struct receiver *r = receiver_of(c);
	struct cell *cell;
	struct cell *next;

	(void)ready;
	for (cell = c->h->cells; cell != NULL; cell = cell->next) {
		if (cell->receiver == r && cell->listener != NULL)
			send_listen(cell);
	}
	receiver_pair(r);
	/* Those that were told to leave meanwhile. */
	for (cell = c->h->cells; cell != NULL; cell = next) {
		next = cell->next;
		if (cell->receiver == r && cell->state == CELL_LEAVING)
			cell_let_go(cell);
	}
}

bool
receiver_is_starting(const struct receiver *r)
{
	return r != NULL && r->child.state == CHILD_STARTING;
}

/* The only answer that is due: a cell was let go, and all that it said is durable. */
static bool
on_message(struct child *c, struct message *m)
{
	struct receiver *r = receiver_of(c);
	struct cell *cell;

	if (m->type != MESSAGE_DONE)
		return false;
	for (cell = c->h->cells; cell != NULL; cell = cell->next) {
		if (cell->receiver == r && cell->unlistened && cell->number == m->id) {
			cell->receiver = NULL;
			r->cell_count--;
			cell_left(cell);
			return true;
		}
	}
	return true; /* of a cell that has left by another way */
}

static void
on_ended(struct child *c)
{
	struct receiver *r = receiver_of(c);
	struct cell *cell;
	struct cell *next;
	struct message m;

	if (r->channel != 0) {
		message_init(&m, MESSAGE_CHANNEL_GONE, 0);
		message_set_number(&m, FIELD_CHANNEL, r->channel);
		message_set_text(&m, FIELD_TEXT, c->last_words);
		child_send(&c->h->notary, &m);
		drop_channel(r);
	}
	for (cell = c->h->cells; cell != NULL; cell = next) {
		next = cell->next; /* it may be freed */
		if (cell->receiver != r || cell->state != CELL_LEAVING)
			continue;
		cell->receiver = NULL;
		r->cell_count--;
		cell_left(cell);
	}
	if (r->cell_count == 0)
		c->wanted = false;
}

static void
receiver_destroy(struct receiver *r)
{
	struct receiver **link = &r->child.h->receivers;

	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	drop_channel(r);
	child_finish(&r->child);
	free(r);
}

/* Where harkd ends, receivers stay in the list: their cells point at them. */
static void
on_gone(struct child *c)
{
	struct receiver *r = receiver_of(c);

	if (r->cell_count == 0)
		receiver_destroy(r);
}

const struct child_kind role_receiver = {
	.role = "receiver",
	.program = "hark-receiver",
	.drains = true,
	.messages_per_s = RECEIVER_MESSAGES_PER_S,
	.start_limit_s = 30,
	.stop_limit_s = 10,
	.stop = MESSAGE_STOP,
	.setup = set_up,
	.ready = on_ready,
	.hear = on_message,
	.ended = on_ended,
	.gone = on_gone,
};

/* ---- cells --------------------------------------------------------------------------------- */

static struct receiver *
receiver_create(struct harkd *h, const struct cell *cell)
{
	struct receiver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	child_init(&r->child, &role_receiver, h);
	r->channel_end = -1;
	h->last_receiver++;
	if (h->config.receivers_shared)
		(void)snprintf(r->label, sizeof(r->label), "group %llu",
			       (unsigned long long)h->last_receiver);
	else
		(void)snprintf(r->label, sizeof(r->label), "%s", cell->file.cell.name);
	r->child.label = r->label;
	r->next = h->receivers;
	h->receivers = r;
	return r;
}

/* The lowest slot that no cell of this receiver has. */
static uint16_t
free_slot(const struct harkd *h, const struct receiver *r)
{
	const struct cell *cell;
	uint32_t slot = 0;
	bool taken;

	do {
		taken = false;
		for (cell = h->cells; cell != NULL && !taken; cell = cell->next)
			taken = cell->receiver == r && cell->slot == slot;
		slot += taken;
	} while (taken);
	MUST(slot <= UINT16_MAX);
	return (uint16_t)slot;
}

enum err
receiver_take(struct harkd *h, struct cell *cell)
{
	struct receiver *r = NULL;

	MUST(cell->receiver == NULL);

	if (h->config.receivers_shared) {
		for (r = h->receivers; r != NULL; r = r->next) {
			if (r->child.wanted && r->cell_count < h->config.shared_cells_max)
				break;
		}
	}
	if (r == NULL)
		r = receiver_create(h, cell);
	if (r == NULL)
		return ERR_MEMORY;
	cell->slot = free_slot(h, r);
	cell->receiver = r;
	r->cell_count++;
	if (r->channel != 0)
		send_slot(r, cell);
	child_start(&r->child);
	return ERR_OK;
}

/* The notary knows the slot: records of it may come. */
static void
on_slot_known(struct harkd *h, void *ctx, const struct message *done)
{
	struct cell *cell = ctx;

	(void)h;
	(void)done; /* where the notary has ended, the next one is told of all slots first */
	if (cell->receiver != NULL && cell->state == CELL_LISTENING &&
	    child_runs(&cell->receiver->child))
		send_listen(cell);
}

void
receiver_listen(struct cell *cell)
{
	struct harkd *h = cell->h;
	struct message m;

	if (!child_runs(&cell->receiver->child))
		return; /* it hears of it when it is ready */
	if (cell->receiver->channel == 0 || !notary_hears(h)) {
		send_listen(cell);
		return;
	}
	message_init(&m, MESSAGE_PING, 0);
	pending_ask(h, &m, on_slot_known, cell, 0, 0);
}

/* There is no process that could still say something of the cell. */
static void
detach(struct cell *cell)
{
	struct receiver *r = cell->receiver;

	cell->receiver = NULL;
	r->cell_count--;
	if (r->cell_count > 0)
		return;
	child_stop(&r->child);
	if (!child_exists(&r->child))
		receiver_destroy(r);
}

void
receiver_release(struct cell *cell)
{
	struct receiver *r = cell->receiver;
	struct message m;

	if (r != NULL && child_runs(&r->child) && r->cell_count > 1) {
		message_init(&m, MESSAGE_UNLISTEN, cell->number);
		message_set_number(&m, FIELD_SLOT, cell->slot);
		cell->unlistened = true;
		child_send(&r->child, &m);
		return; /* its answer goes on, or on_ended */
	}
	if (r != NULL && child_exists(&r->child) && r->child.state != CHILD_STARTING) {
		if (r->cell_count == 1)
			child_stop(&r->child);
		return; /* on_ended goes on */
	}
	if (r != NULL)
		detach(cell);
	cell_left(cell);
}
