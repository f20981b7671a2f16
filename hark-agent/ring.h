/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The numbered events that no host has confirmed yet, as encoded frames in a bounded ring. */
#ifndef AGENT_RING_H
#define AGENT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Any frame fits into the smallest ring; the largest is what a guest can spare at most. */
#define RING_BYTES_MIN     (UINT64_C(16) << 10)
#define RING_BYTES_MAX     (UINT64_C(1) << 30)
#define RING_BYTES_DEFAULT (UINT64_C(1) << 20)

/*
 * Frames lie one after another from `head`, round the end, each with its own length prefix.  They
 * are the events numbered oldest to next - 1, without a hole: only the front is ever cut off.
 * oldest <= unsent <= next, and unsent_offset is where the frame numbered unsent begins, counted
 * from head.
 */
struct ring {
	uint8_t *data;
	size_t capacity;
	size_t head;
	size_t used;
	size_t unsent_offset;
	uint64_t oldest;
	uint64_t unsent;
	uint64_t next;
};

/* ERR_MEMORY.  The ring is to be finished. */
MUST_USE enum err ring_init(size_t capacity, struct ring *out);
void ring_finish(struct ring *r);

/*
 * Adds the frame (prefix and body) of the event numbered r->next; the oldest events make room.
 * Losing them is no error: the number of the next one that is sent shows it.
 */
void ring_add(struct ring *r, const void *frame, size_t size);

/* Copies whole frames not sent yet, in order, as many as fit; gives the bytes. */
size_t ring_take(struct ring *r, uint8_t *out, size_t capacity);

/* All that is held is to be sent again: there is a new connection. */
void ring_rewind(struct ring *r);

/* Every event numbered below `number` is durable.  RANGE: there is no such event yet. */
MUST_USE enum err ring_ack(struct ring *r, uint64_t number);

/* True while the invariants above hold; walks the whole ring. */
bool ring_check(const struct ring *r);

#endif
