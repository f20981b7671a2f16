/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the receiver has read and the notary has not yet confirmed: numbered records in batches,
 * each batch as it goes over the channel.  A batch is never changed once it was sent, so that a new
 * notary gets the same records under the same numbers.  Pure: no socket, no clock.
 *
 * Records leave in the order in which they came.  A mark says which connection of which cell has
 * records in a batch, and what the receipt of that batch is worth to it.
 */
#ifndef RECEIVER_WINDOW_H
#define RECEIVER_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/record.h"

/* The bytes of all batches that have no receipt, for one cell and for several: a commit takes its
 * time however many cells wait for it. */
#define WINDOW_BYTES      (256u << 10)
#define WINDOW_BYTES_WIDE (1024u << 10)
/* The most batches, and the most marks; a mark is one connection in one batch. */
#define WINDOW_BATCHES_MAX 256u
#define WINDOW_MARKS_MAX   16384u
/* What must be free before a guest is read: the largest record, and the few small ones that its
 * frame may bring with it. */
#define WINDOW_ROOM_BYTES (RECORD_BYTES_MAX + 512u)

/* Whose records are in a batch. */
struct window_mark {
	uint16_t slot;
	uint16_t place;      /* of the connection in its cell */
	uint32_t connection; /* its number: the place may be another's by then */
	uint32_t charge;     /* estimated bytes of ledger */
	bool confirms;       /* `confirm` is set */
	bool answer;         /* the guest waits for a confirmation even if it tells nothing new */
	uint64_t confirm;    /* every event of the stream below it is in this batch or before */
};

struct window_batch {
	uint32_t offset;
	uint32_t size; /* with the head */
	uint32_t count;
	uint32_t marks;
	uint64_t first;
};

/*
 * Batches lie in `data` one behind the other, round the end, each in one piece.  The first
 * `sent_count` were sent; of the others only the last can be open, that is, still growing.
 */
struct window {
	uint8_t *data;      /* WINDOW_BYTES_WIDE */
	uint32_t capacity;  /* of these are used */
	uint64_t next;      /* number of the next record */
	uint64_t sent_next; /* every record below it was sent, to this notary or to one before */
	uint64_t serial; /* counts batches, so that a connection knows its mark in the open one */
	uint32_t head;   /* index of the oldest batch */
	uint32_t count;
	uint32_t sent_count;
	bool open;
	uint32_t mark_head;
	uint32_t mark_count;
	struct window_batch *batches; /* WINDOW_BATCHES_MAX */
	struct window_mark *marks;    /* WINDOW_MARKS_MAX */
};

/* Where a connection keeps what window_mark found, zeroed at its begin. */
struct window_place {
	uint64_t serial;
	uint32_t index;
};

/* Called for each mark of the batches that a receipt covers, in order. */
typedef void window_mark_fn(void *ctx, const struct window_mark *mark);

/* ERR_MEMORY. */
MUST_USE enum err window_init(struct window *w);
void window_finish(struct window *w);
/* Uses WINDOW_BYTES_WIDE from now on.  False where it holds records: to be tried again. */
bool window_widen(struct window *w);
/* True where WINDOW_ROOM_BYTES of records and a mark can be added. */
bool window_has_room(const struct window *w);
/* Adds a record to the open batch, or begins one.  ERR_LIMIT where there is no room; never after
 * window_has_room for the first WINDOW_ROOM_BYTES. */
MUST_USE enum err window_add(struct window *w, const struct record *r, size_t *size_out);
/* The mark of a connection in the open batch, in which its record was just added; a new one is
 * zeroed but for whose it is.  Only after window_has_room. */
struct window_mark *window_mark(struct window *w, struct window_place *place, uint16_t slot,
				uint16_t connection_place, uint32_t connection);
/*
 * The oldest batch that was not sent.  The open one is closed for it, unless `whole` asks for full
 * ones alone.  False where there is none.
 */
bool window_unsent(struct window *w, bool whole, const void **data_out, size_t *size_out);
/* What window_unsent gave was sent. */
void window_sent(struct window *w);
/* Nothing was sent: there is another notary. */
void window_rewind(struct window *w);
/*
 * Every record below `next` is durable: drops the batches of which that is all.  A lower number
 * than before says nothing new, and a new notary may know of records that an earlier one took.
 * ERR_RANGE where it speaks of records that were sent to none.
 */
MUST_USE enum err window_receipt(struct window *w, uint64_t next, window_mark_fn *fn, void *ctx);
/* Below it every record has its receipt, as far as that is known by whole batches. */
uint64_t window_durable(const struct window *w);
/* True where every record has its receipt. */
bool window_is_empty(const struct window *w);
/* Gives the memory of an empty window back.  Nothing happens where it holds records. */
void window_give_back(struct window *w);
/* The invariants, for tests. */
bool window_check(const struct window *w);

#endif
