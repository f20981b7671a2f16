/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The notary's core with everything around it owned by the test: time, two ledgers on simulated
 * disks, harkd, receivers and signers.  A world survives restarts of its notary.
 */
#ifndef TESTS_UNIT_HARK_NOTARY_WORLD_H
#define TESTS_UNIT_HARK_NOTARY_WORLD_H

#include <stdio.h>
#include <string.h>

#include "hark-notary/notary.h"
#include "ledger/reader.h"
#include "sim/disk.h"
#include "unit.h"

#define WORLD_COMMIT_US     5000u
#define WORLD_TICK_MS       60000u
#define WORLD_CHECKPOINT_MS 1000u
#define WORLD_BATCH_BYTES   NOTARY_BATCH_BYTES_MIN
#define WORLD_LINES_BYTES   65536u
#define WORLD_ANSWERS       64u

struct world {
	struct sim_disk *disks[PROTO_LEDGERS];
	struct notary *core;
	struct event_clock now;
	uint64_t restarts;
	bool clean;
	uint64_t commit_us;
	bool no_receipts; /* receipts find no room */
	bool no_signer;
	bool begins_later; /* the test calls notary_begin */
	/* what the core did */
	uint64_t answers[WORLD_ANSWERS]; /* ids */
	uint64_t codes[WORLD_ANSWERS];
	uint64_t indexes[WORLD_ANSWERS];
	uint64_t counts[WORLD_ANSWERS];
	size_t answer_count;
	uint64_t receipt_next;
	uint64_t receipt_before; /* the one before the last */
	uint64_t receipt_bytes;
	unsigned int receipts;
	char violation[64]; /* the last one's reason */
	enum notary_ledger_state states[PROTO_LEDGERS];
	struct page_state pages[PROTO_LEDGERS];
	unsigned int asked[PROTO_LEDGERS]; /* signatures */
	uint64_t asked_size[PROTO_LEDGERS];
	struct merkle_hash asked_root[PROTO_LEDGERS];
	struct notary_trapped trapped; /* the last one */
	unsigned int trapped_count;
	bool has_stopped;
	/* a batch that is being made */
	uint8_t batch[RECORD_BATCH_BYTES_MAX];
	size_t batch_size;
	uint32_t batch_count;
	uint64_t next_record;
	uint64_t incarnation;
	uint64_t channel;
	uint64_t next_cell;
};

/* w->commit_us and w->begins_later are kept, all else is made new: zeroed is fine. */
void world_create(struct world *w);
void world_destroy(struct world *w);
/* Starts a notary on what the disks have.  harkd has started anew where `restarts` is 0. */
void world_start(struct world *w);
/* Ends it as kill -9 does: what was not committed is lost. */
void world_kill(struct world *w);
/* Moves time on, calling the core whenever it wants to be called. */
void world_wait(struct world *w, uint64_t ns);
void world_tick(struct world *w);
/* Waits until all is committed. */
void world_commit(struct world *w);

void world_cell(struct world *w, const char *cell, const char *run, uint64_t number);
void world_channel(struct world *w, uint64_t channel, uint64_t incarnation);
void world_slot(struct world *w, uint16_t slot, uint64_t cell_number);
void world_add(struct world *w, const struct record *r);
/* Gives the batch to the core, and again what had to wait. */
void world_send(struct world *w);
/* The same bytes again, under another number. */
void world_send_raw(struct world *w, const void *data, size_t size);

/* Calls for each committed leaf of a ledger from `from` on. */
typedef void world_leaf_fn(void *ctx, uint64_t index, const char *json, size_t size);
void world_leaves(struct world *w, enum proto_ledger ledger, uint64_t from, world_leaf_fn *fn,
		  void *ctx);
uint64_t world_size(const struct world *w, enum proto_ledger ledger);
/* The leaves from `from` on are just these lines. */
void world_assert_leaves(struct world *w, enum proto_ledger ledger, uint64_t from,
			 const char *want);
/* Appends a line of what a leaf says: its type's last word, epoch, and members that matter. */
void world_brief(const char *json, size_t size, char *lines, size_t capacity);

#endif
