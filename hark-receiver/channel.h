/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The channel to the notary: batches go out, receipts come back, nobody blocks. */
#ifndef RECEIVER_CHANNEL_H
#define RECEIVER_CHANNEL_H

#include "hark-receiver/receiver.h"

/* The most receipts that are taken in a turn: the latest says all. */
#define CHANNEL_RECEIPTS_PER_TURN 64u

/* Takes *fd (-1 afterwards) for the channel in place of the one before, if any; everything without
 * a receipt goes out again.  ERR_MEMORY, ERR_SYSTEM: it cannot be watched. */
MUST_USE enum err channel_take(struct receiver *r, int *fd);
/* Sends what the notary takes now: with `whole` only batches that are full. */
void channel_flush(struct receiver *r, bool whole);
/* Closes it.  Nothing happens where there is none. */
void channel_close(struct receiver *r);

#endif
