/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Answers to UNLISTEN: harkd is told that a cell is gone once all that was said of it is durable,
 * so that the notary may forget the slot and no record of it comes later.
 */
#ifndef RECEIVER_FAREWELL_H
#define RECEIVER_FAREWELL_H

#include "hark-receiver/receiver.h"

/* The cell at this slot was told to stop, and somebody waits for the answer `id`.  ERR_MEMORY. */
MUST_USE enum err farewell_begin(struct receiver *r, uint16_t slot, uint64_t id);
/* All of the cell is said: it is in the window. */
void farewell_said(struct receiver *r, uint16_t slot);
/* Answers for those whose last record is durable. */
void farewell_tell(struct receiver *r);
void farewell_finish(struct receiver *r);

#endif
