/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The receiver: the turns of reading, and what all of its cells share.  A guest's
 * bytes come in by connection.c and leave by channel.c; nothing here opens anything.
 */
#ifndef RECEIVER_RECEIVER_H
#define RECEIVER_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hark-receiver/cell.h"
#include "hark-receiver/list.h"
#include "hark-receiver/window.h"
#include "ipc/ipc.h"
#include "loop/loop.h"
#include "proto/record.h"

/* Slots are below it; cells are found by their slot. */
#define RECEIVER_SLOTS_MAX 65536u
/* What has no hurry waits for a look at most so long: refusals that are counted, frames that are
 * not whole, memory that is not used. */
#define RECEIVER_TICK_NS UINT64_C(1000000000)
/* After STOP: for reading what has come and for its receipts. */
#define RECEIVER_STOP_NS UINT64_C(3000000000)

/* How long such a rest is: well below the time of a commit, which everybody waits for anyway. */
#define RECEIVER_REST_NS UINT64_C(500000)

struct receiver {
	struct loop *loop;
	int supervisor;     /* borrowed */
	int channel;        /* -1 while there is no notary */
	bool channel_waits; /* its queue is full */
	bool stopping;
	bool done;
	int exit_code;
	uint32_t rounds;      /* of reading since the last batch was sent */
	uint32_t connections; /* number of the latest */
	uint32_t small_turns; /* turns that followed one another closely, each of which brought
				 little */
	size_t turn_bytes;    /* of records in this turn */
	uint64_t turn_ns;     /* when the last turn was */
	size_t cell_count;
	size_t stopped_count; /* of them, told to stop */
	size_t touched_bytes; /* of the window since memory was given back */
	uint64_t active_ns;   /* when something was read last */
	uint64_t tick_ns;     /* when the tick comes; UINT64_MAX: it is not armed */
	struct loop_timer tick;
	struct loop_timer limit;
	struct loop_timer stop;
	struct link ready;   /* connections with something to read, in order */
	struct link answers; /* connections to be told what is durable */
	struct link limited; /* cells that wait for their limits */
	struct link shut;    /* cells whose accepting waits for a descriptor */
	struct window window;
	struct cell **cells; /* by slot; NULL where there is none */
	size_t cells_size;
	struct cell *first_cells[1]; /* `cells`, while that is enough */
	struct cell first_cell;      /* free where its receiver is NULL */
	/* From here on the large ones.  harkd's messages are small, and begin in a page that is
	 * used anyway; of the others no page is touched before a guest speaks. */
	uint8_t supervisor_bytes[IPC_BYTES_MAX];
	struct record record; /* the one that is being made */
	struct record_receipt receipt;
	uint8_t receipt_bytes[RECORD_RECEIPT_BYTES_MAX];
};

/*
 * Fills *r, which is too large for a stack.  Borrows the loop and the supervisor's descriptor,
 * which is watched from now on.  ERR_MEMORY, ERR_SYSTEM.
 */
MUST_USE enum err receiver_init(struct receiver *r, struct loop *loop, int supervisor);
/* Closes and frees everything that it has. */
void receiver_finish(struct receiver *r);
/* One turn: waits, if `wait`, where there is nothing to do, then reads, sends and answers. */
MUST_USE enum err receiver_turn(struct receiver *r, bool wait);
/*
 * True where guests write frame by frame, so that each frame costs a wake, a read and a message:
 * the next turn is then better made RECEIVER_REST_NS later, when more has come.  Whoever speaks
 * after a pause is heard at once.
 */
bool receiver_may_rest(const struct receiver *r);
/* Turns until it is done, and gives the exit code. */
int receiver_run(struct receiver *r);

/* ---- for cells, connections and the channel -------------------------------------------------- */

/* Looks after what has no hurry at this time, or before. */
void receiver_want_tick(struct receiver *r, uint64_t at_ns);
/* Something cannot go on: tells harkd and ends.  `text` is for a person. */
void receiver_fail(struct receiver *r, int exit_code, const char *text);
/* The cell of a slot, or NULL. */
struct cell *receiver_cell(const struct receiver *r, uint16_t slot);
/* Adds r->record, for which there is room. */
void receiver_say(struct receiver *r, size_t *size_out);

#endif
