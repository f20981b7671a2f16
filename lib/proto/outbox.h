/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What waits to be sent to one peer: messages in their order, with their descriptors, up to a limit
 * in bytes.  It never waits itself: its user watches the descriptor while outbox_is_waiting.
 */
#ifndef PROTO_OUTBOX_H
#define PROTO_OUTBOX_H

#include "proto/message.h"

/* Room for a message of every cell to one peer that is busy, in bytes. */
#define OUTBOX_BYTES_MAX 67108864u

struct outbox_item;

/* Zeroed is empty.  bytes: of what waits, with a fixed part for each. */
struct outbox {
	struct outbox_item *first;
	struct outbox_item *last;
	size_t bytes;
};

/*
 * Sends m on fd, or keeps it where others wait or the peer is busy.  Takes the descriptors of *m,
 * also on failure.  ERR_LIMIT: more waits than may, or m is too large; ERR_FORMAT: m cannot be
 * written; ERR_END: the peer has gone; ERR_MEMORY; ERR_SYSTEM.
 */
MUST_USE enum err outbox_send(struct outbox *o, int fd, struct message *m);
/* Sends what can be sent.  ERR_OK: nothing waits any more; ERR_AGAIN; ERR_END; ERR_SYSTEM. */
MUST_USE enum err outbox_flush(struct outbox *o, int fd);
bool outbox_is_waiting(const struct outbox *o);
/* Forgets what waits and closes its descriptors. */
void outbox_finish(struct outbox *o);

#endif
