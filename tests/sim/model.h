/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A scripted owner of a ledger, and what it must find again: leaves that are known by their index,
 * the state at each commit, what was acknowledged.  Everything is a function of a seed.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "ledger/ledger.h"
#include "sim/disk.h"

#define MODEL_LEAVES_MAX  2048u
#define MODEL_COMMITS_MAX 256u
#define MODEL_KEYS        12u

struct model_commit {
	uint64_t size;
	struct merkle_hash root;
	uint64_t values[MODEL_KEYS]; /* 0: not there */
};

struct model {
	uint64_t seed;
	struct sim_disk *disk;
	struct ledger *ledger;
	struct merkle_frontier frontier;
	uint32_t leaf_seed[MODEL_LEAVES_MAX];
	uint8_t redacted[MODEL_LEAVES_MAX]; /* 1: asked for, 2: acknowledged */
	uint64_t values[MODEL_KEYS];
	struct model_commit commits[MODEL_COMMITS_MAX]; /* 0: the empty ledger */
	unsigned int closed;                            /* commits that were begun */
	unsigned int acknowledged;
	uint64_t pruned_below; /* asked for */
	unsigned int retries;
};

void model_init(struct model *m, uint64_t seed, struct sim_disk *disk);
/* Opens the ledger.  False where the disk is dead. */
bool model_open(struct model *m);
/*
 * `rounds` rounds of appending, changing state, committing, checkpoints, redacting and pruning.
 * Failures that are no crash are tried again.  False where the disk died.
 */
bool model_run(struct model *m, unsigned int rounds);
/* One round of appending and committing alone. */
bool model_grow(struct model *m);
/* Closes without a word, as a killed process does. */
void model_drop(struct model *m);
/* After a restart and an opening: everything acknowledged is there, nothing invented, and the model
 * goes on from what was found. */
void model_check(struct model *m);

#endif
