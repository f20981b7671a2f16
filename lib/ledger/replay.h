/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Frames in turn from a known tree on, each root recomputed: how recovery goes through the tail,
 * and how a segment's part of the tree is made again.
 */
#ifndef LEDGER_REPLAY_H
#define LEDGER_REPLAY_H

#include "ledger/segment.h"
#include "ledger/tree.h"

struct replay {
	struct merkle_frontier frontier; /* behind the last frame that held */
	struct tree_rows rows;           /* of that frame */
	struct segment_frame frame;
};

MUST_USE enum err replay_init(struct replay *r);
void replay_finish(struct replay *r);

/*
 * Loads the frame at `offset`, checks that it goes on from the frontier and that its root is the
 * one of its records.  Errors as segment_load, and ERR_RANGE where it is whole and goes on from
 * elsewhere, which no crash leaves; the frontier is then as it was.
 */
MUST_USE enum err replay_frame(struct replay *r, const struct segment *s, uint64_t offset,
			       struct ledger_failure *why);

/*
 * Writes the tree's rows of a whole segment again, from state/<serial> and its frames up to
 * `offset`.  ERR_FORMAT, ERR_MEMORY, ERR_SYSTEM.
 */
MUST_USE enum err replay_tree(struct disk disk, uint64_t serial, uint64_t offset, struct tree *t);

#endif
