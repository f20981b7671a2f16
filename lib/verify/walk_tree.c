/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tree that grows from a ledger's leaves, and the files of tree/ beside it. */
#include <inttypes.h>
#include <stdio.h>

#include "verify/walk.h"

/* Leaves between two reports of progress. */
#define PROGRESS_LEAVES 65536u

static void
report_progress(const struct walk *w)
{
	const struct hark_verifier *v = w->j->verifier;
	uint64_t done = w->frontier.size;

	if (v->on_progress != NULL && done % PROGRESS_LEAVES == 0)
		v->on_progress(v->progress_context, w->j->report->name, done,
			       w->sealed > done ? w->sealed : done);
}

enum err
walk_grow(struct walk *w, const struct merkle_hash *hash)
{
	struct merkle_hash root;

	merkle_frontier_add(&w->frontier, hash, trees_check, &w->trees);
	report_progress(w);
	if (w->trees.error != ERR_OK)
		return w->trees.error;
	if (w->frontier.size != heads_next(&w->heads))
		return ERR_OK;
	merkle_frontier_root(&w->frontier, &root);
	return heads_compare(&w->heads, w->frontier.size, &root);
}

void
walk_tell_tree_faults(struct walk *w)
{
	const struct trees_fault *f = &w->trees.fault;
	char place[64];

	if (f->is_set && !w->tree_told) {
		w->tree_told = true;
		(void)snprintf(place, sizeof(place), "tree/%u", f->level);
		if (f->is_short)
			finding(w->j, HARK_FINDING_TREE, place, HARK_NO_INDEX,
				"it ends before hash %" PRIu64 ", which leaf %" PRIu64 " completes",
				f->index, f->leaf);
		else
			finding(w->j, HARK_FINDING_TREE, place, HARK_NO_INDEX,
				"hash %" PRIu64 " is not the one of its leaves, the last of "
				"which is %" PRIu64,
				f->index, f->leaf);
	}
	f = &w->trees.offset_fault;
	if (f->is_set && !w->offset_told) {
		w->offset_told = true;
		if (f->is_short)
			finding(w->j, HARK_FINDING_OFFSETS, "tree/offsets", HARK_NO_INDEX,
				"it ends before position %" PRIu64 ", that of leaf %" PRIu64,
				f->index, f->leaf);
		else
			finding(w->j, HARK_FINDING_OFFSETS, "tree/offsets", HARK_NO_INDEX,
				"position %" PRIu64 ", that of leaf %" PRIu64
				", is segment %016" PRIx64 " offset %" PRIu64
				", where that leaf's frame is not",
				f->index, f->leaf, w->trees.offset_found.serial,
				w->trees.offset_found.offset);
	}
}

enum err
walk_grow_from_tree(struct walk *w, uint64_t until)
{
	while (w->frontier.size < until) {
		struct merkle_hash hash;
		enum err e = trees_leaf(&w->trees, w->frontier.size, &hash);

		if (e == ERR_END)
			return finding_end(w->j, HARK_FINDING_TREE, "tree/0", w->frontier.size,
					   "it ends before the hash of leaf %" PRIu64
					   ", whose segment is gone",
					   w->frontier.size);
		if (e == ERR_OK)
			e = walk_grow(w, &hash);
		if (e != ERR_OK)
			return e;
	}
	walk_tell_tree_faults(w);
	w->j->report->first = until;
	return ERR_OK;
}
