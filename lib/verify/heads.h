/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every tree head that a ledger must have gone through: its checkpoint, its past ones, those that
 * were seen elsewhere, and what operations saw.  Each is compared when the leaves have come to its
 * size, so one walk judges them all.
 */
#ifndef VERIFY_HEADS_H
#define VERIFY_HEADS_H

#include "merkle/merkle.h"
#include "verify/history.h"
#include "verify/verify_internal.h"

struct heads_fixed {
	struct checkpoint head;
	bool is_since; /* seen elsewhere; else the ledger's own */
};

/* fixed rises by size. */
struct heads {
	struct judging *j;
	struct heads_fixed fixed[HARK_VERIFIER_CHECKPOINTS_MAX + 1];
	size_t fixed_count;
	size_t fixed_at;
	struct history history;
	struct history_entry entry; /* read and not yet compared, where has_entry */
	bool has_entry;
	uint64_t history_last; /* the size of the last one that a given key signed */
	uint64_t rotated_at;   /* HARK_NO_INDEX, or the size at which another key signed too */
	const struct operations *operations; /* NULL: not held against them */
	size_t operation_at;
};

void heads_init(struct heads *h, struct judging *j);
/* The ledger's own checkpoint, once. */
void heads_add_own(struct heads *h, const struct checkpoint *head);
/* Those from elsewhere that are of this origin and that a given key signed. */
void heads_add_since(struct heads *h);
/* Before the walk: reads ahead.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err heads_begin(struct heads *h);
/* The smallest size that still has to be compared; HARK_NO_INDEX where there is none. */
uint64_t heads_next(const struct heads *h);
/* The tree has that size and root: compares all heads of that size.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err heads_compare(struct heads *h, uint64_t size, const struct merkle_hash *root);
/* The walk is over: whatever is left was signed and is not there.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err heads_end(struct heads *h, uint64_t size);
void heads_finish(struct heads *h);

#endif
