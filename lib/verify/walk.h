/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* All segments of a ledger in turn: order, frames, roots, tree files, and what each event says. */
#ifndef VERIFY_WALK_H
#define VERIFY_WALK_H

#include "verify/events.h"
#include "verify/frames.h"
#include "verify/heads.h"
#include "verify/trees.h"
#include "verify/verify_internal.h"

struct walk {
	struct judging *j;
	struct disk disk;
	struct frames segment;
	struct trees trees;
	struct heads heads;
	struct events events;
	struct merkle_frontier frontier;
	uint64_t sealed; /* of the checkpoint; 0 where there is none */
	uint64_t first_serial, last_serial;
	bool has_segments;
	uint64_t loose_serial; /* the last segment with a header: its tree may lag */
	bool ended_last;       /* the frame before had the flag of a segment's last */
	bool snapshot_due;     /* that of this segment was not looked at yet */
	bool tree_told, offset_told;
};

void walk_init(struct walk *w, struct judging *j, struct disk disk);
/* Walks to the end.  ERR_OK or ERR_REFUSED (a finding ended it); ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err walk_run(struct walk *w);
void walk_finish(struct walk *w);

/* Looks which segments there are now.  ERR_SYSTEM. */
MUST_USE enum err walk_list(struct walk *w);

/* walk_tree.c.  Adds a leaf's hash, and compares what this completes.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err walk_grow(struct walk *w, const struct merkle_hash *hash);
/* Leaves whose segments are gone: their hashes are in tree/0, and the roots above hold those to
 * what was signed.  ERR_REFUSED too. */
MUST_USE enum err walk_grow_from_tree(struct walk *w, uint64_t until);
/* Tells of a hash or position in tree/ that is not the recomputed one, once of each kind: the
 * leaves themselves hold. */
void walk_tell_tree_faults(struct walk *w);

/* walk_state.c: the snapshot of the segment that is being walked, before its first frame.
 * ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err walk_check_state(struct walk *w);

#endif
