/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The files of tree/ against what is recomputed, hash by hash while leaves go by.  They are written
 * behind the commit and synced when a segment ends, so in the last segment they may end early or
 * hold zeroes, and nowhere else.
 */
#ifndef VERIFY_TREES_H
#define VERIFY_TREES_H

#include "ledger/format.h"
#include "merkle/merkle.h"
#include "verify/window.h"

#define TREES_LEVELS FORMAT_TREE_LEVELS

/* What one file held that is not so. */
struct trees_fault {
	bool is_set;
	bool is_short; /* it ends before that hash */
	unsigned int level;
	uint64_t index;
	uint64_t leaf; /* after which it was seen */
};

struct trees {
	struct disk disk;
	struct window levels[TREES_LEVELS];
	bool tried[TREES_LEVELS];
	struct window offsets;
	bool has_offsets;
	uint64_t loose_from;                 /* from this leaf on the files may lag */
	struct trees_fault fault;            /* the first in tree/<level> since trees_accept */
	struct trees_fault offset_fault;     /* the first in tree/offsets */
	struct format_position offset_found; /* what stood there; zeroes where it ends before */
	enum err error;                      /* of a read; ERR_OK */
};

void trees_init(struct trees *t, struct disk disk);
void trees_finish(struct trees *t);
/* A leaf hash that tree/0 holds; ERR_END where it does not reach so far. */
MUST_USE enum err trees_leaf(struct trees *t, uint64_t index, struct merkle_hash *out);
/* A merkle_done_fn; ctx is the trees. */
void trees_check(void *ctx, unsigned int level, uint64_t index, const struct merkle_hash *hash);
/* A leaf whose index is a multiple of 256 lies in the frame at this place. */
void trees_check_offset(struct trees *t, uint64_t index, uint64_t serial, uint64_t position);

#endif
