/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The channel to the notary.  A notary that has gone is no failure: its successor's channel comes
 * from harkd, and until then the window fills.  One that says nonsense is our own mistake, or
 * worse.
 */
#include "hark-receiver/channel.h"
#include "base/must.h"
#include "hark-receiver/cell.h"
#include "hark-receiver/connection.h"
#include "os/file.h"
#include "prog/exit.h"

void
channel_close(struct receiver *r)
{
	if (r->channel < 0)
		return;
	loop_fd_remove(r->loop, r->channel);
	file_close(&r->channel);
	r->channel_waits = false;
}

static void
on_mark(void *ctx, const struct window_mark *mark)
{
	struct receiver *r = ctx;
	struct cell *cell = receiver_cell(r, mark->slot);
	struct connection *c;

	/* A cell stays until all of its records are durable. */
	MUST(cell != NULL);
	MUST(cell->in_flight >= mark->charge);
	cell->in_flight -= mark->charge;
	c = &cell->connections[mark->place];
	if (c->stream != NULL && c->number == mark->connection)
		connection_receipted(c, mark);
}

static bool
take_receipt(struct receiver *r, size_t size)
{
	uint32_t i;

	if (record_receipt_read(r->receipt_bytes, size, &r->receipt) != ERR_OK ||
	    window_receipt(&r->window, r->receipt.next, on_mark, r) != ERR_OK)
		return false;
	for (i = 0; i < r->receipt.count; i++) {
		struct cell *cell = receiver_cell(r, r->receipt.slots[i].slot);

		if (cell != NULL)
			cell_count_bytes(cell, r->receipt.slots[i].bytes);
	}
	return true;
}

static void
take_receipts(struct receiver *r)
{
	unsigned int i;

	for (i = 0; i < CHANNEL_RECEIPTS_PER_TURN; i++) {
		size_t fd_count = 0;
		size_t size = 0;
		enum err e = ipc_receive(r->channel, r->receipt_bytes, sizeof(r->receipt_bytes),
					 &size, NULL, 0, &fd_count);

		if (e == ERR_AGAIN)
			break;
		if (e == ERR_LIMIT || (e == ERR_OK && !take_receipt(r, size))) {
			receiver_fail(r, EXIT_PROTOCOL, "the notary sent what is no receipt");
			return;
		}
		if (e != ERR_OK) {
			channel_close(r);
			break;
		}
	}
}

/* Cells that were not read for bytes on their way may go on: their receipt has counted them. */
static void
resume_cells(struct receiver *r)
{
	struct link *at = r->limited.next;

	while (at != &r->limited) {
		struct cell *cell = link_owner(at, struct cell, limited);
		uint64_t again_ns;

		at = at->next;
		(void)cell_try_resume(cell, &again_ns); /* the timer is set for it already */
	}
}

static void
on_channel(void *ctx, uint32_t ready)
{
	struct receiver *r = ctx;

	if ((ready & EPOLLOUT) != 0 && r->channel_waits) {
		r->channel_waits = false;
		if (loop_fd_modify(r->loop, r->channel, EPOLLIN) != ERR_OK) {
			channel_close(r);
			return;
		}
	}
	if ((ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
		return;
	take_receipts(r);
	resume_cells(r);
}

enum err
channel_take(struct receiver *r, int *fd)
{
	enum err e;
	uint32_t i;

	MUST(fd != NULL && *fd >= 0);

	channel_close(r);
	e = loop_fd_add(r->loop, *fd, EPOLLIN, on_channel, r);
	if (e != ERR_OK)
		return e;
	r->channel = *fd;
	*fd = -1;
	window_rewind(&r->window);
	for (i = 0; i < r->cells_size; i++) {
		if (r->cells[i] != NULL)
			cell_forget_count(r->cells[i]);
	}
	return ERR_OK;
}

void
channel_flush(struct receiver *r, bool whole)
{
	const void *data;
	size_t size;

	while (r->channel >= 0 && !r->channel_waits &&
	       window_unsent(&r->window, whole, &data, &size)) {
		enum err e = ipc_send(r->channel, data, size, NULL, 0);

		if (e == ERR_OK) {
			window_sent(&r->window);
			continue;
		}
		if (e == ERR_AGAIN &&
		    loop_fd_modify(r->loop, r->channel, EPOLLIN | EPOLLOUT) == ERR_OK)
			r->channel_waits = true;
		else
			channel_close(r);
	}
}
