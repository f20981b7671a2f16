/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A frame is taken whole or not at all: its leaves go to a copy of the frontier first. */
#include "ledger/replay.h"

#include <inttypes.h>
#include <string.h>

#include "base/must.h"
#include "ledger/failure.h"
#include "ledger/ledger_internal.h"

enum err
replay_init(struct replay *r)
{
	memset(r, 0, sizeof(*r));
	return tree_rows_init(&r->rows, FORMAT_FRAME_RECORDS_MAX);
}

void
replay_finish(struct replay *r)
{
	tree_rows_finish(&r->rows);
	buf_finish(&r->frame.data);
}

static enum err
refuse(const struct segment *s, uint64_t offset, enum err e, struct ledger_failure *why,
       const char *what, uint64_t got, uint64_t want)
{
	char name[SEGMENT_NAME_BYTES];

	segment_name(s->serial, name);
	return failure_say(why, e, "%s at %" PRIu64 ": %s %" PRIu64 ", expected %" PRIu64, name,
			   offset, what, got, want);
}

enum err
replay_frame(struct replay *r, const struct segment *s, uint64_t offset, struct ledger_failure *why)
{
	struct merkle_frontier grown = r->frontier;
	struct format_position at = { s->serial, offset };
	struct format_record record;
	struct merkle_hash root;
	format_complaint complaint;
	struct bytes records;
	enum err e;

	e = segment_load(s, offset, &r->frame, why);
	if (e != ERR_OK)
		return e;
	if (r->frame.head.first_index != grown.size)
		return refuse(s, offset, ERR_RANGE, why, "the frame begins at leaf",
			      r->frame.head.first_index, grown.size);
	tree_rows_clear(&r->rows, grown.size);
	records = segment_records(&r->frame);
	while (format_record_take(&records, &record, &complaint) == ERR_OK) {
		struct merkle_hash leaf;

		format_record_hash(&record, &leaf);
		merkle_frontier_add(&grown, &leaf, tree_rows_hash, &r->rows);
	}
	MUST(grown.size == r->frame.head.size_after);
	merkle_frontier_root(&grown, &root);
	if (!merkle_equal(&root, &r->frame.head.root_after))
		return refuse(s, offset, ERR_FORMAT, why,
			      "the records of the frame lead to another root than its own; leaves",
			      r->frame.head.first_index, r->frame.head.size_after);
	tree_rows_position(&r->rows, r->frame.head.first_index, r->frame.head.records, &at);
	r->frontier = grown;
	return ERR_OK;
}

static enum err
tree_from(struct replay *r, const struct segment *s, uint64_t end, struct tree *t)
{
	uint64_t offset = FORMAT_SEGMENT_BYTES;

	while (offset < end) {
		enum err e = replay_frame(r, s, offset, NULL);

		if (e == ERR_OK)
			e = tree_write(t, &r->rows);
		if (e != ERR_OK)
			return e == ERR_SYSTEM || e == ERR_MEMORY ? e : ERR_FORMAT;
		offset += r->frame.head.bytes;
	}
	return ERR_OK;
}

enum err
replay_tree(struct disk disk, uint64_t serial, uint64_t offset, struct tree *t)
{
	cleanup(replay_finish) struct replay r = { 0 };
	cleanup(segment_close) struct segment s = { .file = -1 };
	cleanup(buf_finish) struct buf file = { 0 };
	char name[SEGMENT_NAME_BYTES];
	struct snapshot snapshot;
	format_complaint complaint;
	enum err e;

	e = replay_init(&r);
	if (e == ERR_OK)
		e = segment_open(disk, serial, NULL, &s, NULL);
	segment_state_name(serial, name);
	if (e == ERR_OK)
		e = commit_read_file(disk, name, SNAPSHOT_BYTES_MAX, &file);
	if (e == ERR_OK)
		e = snapshot_read((struct bytes){ file.data, file.size }, &snapshot, &complaint);
	if (e != ERR_OK)
		return e;
	r.frontier = snapshot.frontier;
	return tree_from(&r, &s, offset, t);
}
