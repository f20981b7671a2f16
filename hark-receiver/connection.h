/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One connection of a guest: frames become records; receipts become confirmations. */
#ifndef RECEIVER_CONNECTION_H
#define RECEIVER_CONNECTION_H

#include "hark-receiver/cell.h"

/* The most frames that one connection is read for before the others have their turn. */
#define CONNECTION_FRAMES_PER_TURN 256u
/* A connection that has ended stays so long for what is still to be confirmed. */
#define CONNECTION_LINGER_NS UINT64_C(3000000000)

enum connection_reading {
	CONNECTION_WAITS,   /* nothing is there: an edge will tell */
	CONNECTION_MORE,    /* its share of the turn is used, or the window is full */
	CONNECTION_LIMITED, /* its cell's limits do not allow more */
	CONNECTION_ENDED,   /* it is not to be read any more */
};

/* Takes *stream (NULL afterwards), whatever comes of it, into a free place.  ERR_MEMORY,
 * ERR_SYSTEM: it cannot be watched and is closed. */
MUST_USE enum err connection_begin(struct cell *cell, struct hark_stream **stream);
/* Its share of a turn. */
enum connection_reading connection_read(struct connection *c);
/* No more is read than what has come. */
void connection_stop(struct connection *c);
/* A batch with records of it is durable. */
void connection_receipted(struct connection *c, const struct window_mark *mark);
/* Tells the guest what is durable, as far as it takes it. */
void connection_answer(struct connection *c);
/* Ends what was begun too long ago: a frame, or staying for confirmations. */
void connection_tick(struct connection *c, uint64_t now_ns);
/* Closes it without a word.  Nothing happens where the place is free. */
void connection_close(struct connection *c);

#endif
