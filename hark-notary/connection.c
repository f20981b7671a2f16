/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Connections: made by a record, known across a restart, ended with a leaf of their own. */
#include <stdlib.h>

#include "base/must.h"
#include "hark-notary/notary_internal.h"

enum err
connection_create(struct notary *n, struct channel *channel, struct cell *cell, uint16_t slot,
		  uint32_t number, struct connection **out)
{
	struct connection *c = calloc(1, sizeof(*c));
	enum err e;

	if (c == NULL)
		return ERR_MEMORY;
	e = table_set(&channel->connections, number, c);
	if (e != ERR_OK) {
		free(c);
		return e;
	}
	c->channel = channel;
	c->cell = cell;
	c->slot = slot;
	c->number = number;
	c->next = cell->connections;
	cell->connections = c;
	cell->connection_count++;
	n->connection_count++;
	*out = c;
	return ERR_OK;
}

void
connection_destroy(struct notary *n, struct connection *c)
{
	struct connection **at = &c->cell->connections;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->cell->connection_count--;
	n->connection_count--;
	if (c->is_dirty) {
		at = &n->dirty_connections;
		while (*at != c)
			at = &(*at)->next_dirty;
		*at = c->next_dirty;
		n->dirty_count--;
	}
	(void)table_remove(&c->channel->connections, c->number);
	if (c->stream != NULL)
		stream_release(n, c->stream);
	/* Nothing is waited for any more. */
	if (c->cell->is_removing && c->cell->connections == NULL) {
		c->cell->remove_until_ns = n->now.monotonic_ns;
		n->removing_ns = n->now.monotonic_ns;
	}
	free(c);
}

void
connection_touch(struct notary *n, struct connection *c)
{
	if (c->is_dirty)
		return;
	c->is_dirty = true;
	c->next_dirty = n->dirty_connections;
	n->dirty_connections = c;
	n->dirty_count++;
}

void
connection_end(struct notary *n, struct connection *c, enum connection_end how, uint64_t frames)
{
	struct event_place to;
	size_t size = 0;
	enum err e;

	conflict_end(n, c, how);
	/* A wire 2 agent sends again what was not acknowledged; of any other, nobody knows what
	 * was in the receiver's hands. */
	if (how == CONNECTION_LOST && c->session.mode != HARK_WIRE_HARK) {
		to = book_place(EVIDENCE(n));
		e = event_gap_receiver_died(cell_stamp(n, c->cell, c->epoch), &c->session, &to,
					    &size);
		cell_written(n, c->cell, e, size);
	}
	to = book_place(EVIDENCE(n));
	if (hark_event_closed(&c->session, c->said_goodbye, frames,
			      cell_stamp(n, c->cell, c->epoch), to.origin, to.json, to.capacity,
			      &size) != HARK_TELEMETRY_OK)
		e = ERR_RANGE;
	else
		e = ERR_OK;
	cell_written(n, c->cell, e, size);
	store_connection_gone(n, c);
	connection_destroy(n, c);
}
