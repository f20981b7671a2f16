/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A reader's view of the tree and of single files. */
#include <inttypes.h>
#include <string.h>

#include "base/must.h"
#include "checkpoint/note.h"
#include "ledger/failure.h"
#include "ledger/ledger_internal.h"
#include "ledger/reader_internal.h"

enum err
reader_look_at_tree(struct ledger_reader *r)
{
	unsigned int i;

	for (i = 0; i < TREE_COLUMNS; i++) {
		size_t entry = i == TREE_POSITIONS ? FORMAT_POSITION_BYTES : MERKLE_HASH_BYTES;
		char name[TREE_NAME_BYTES];
		uint64_t bytes = 0;
		enum err e = ERR_OK;

		tree_name(i, name);
		if (r->tree.files[i] < 0)
			e = r->disk.ops->open(r->disk.ctx, name, DISK_READ, &r->tree.files[i]);
		if (e == ERR_OK)
			e = r->disk.ops->size(r->disk.ctx, r->tree.files[i], &bytes);
		if (e != ERR_OK && e != ERR_MISSING)
			return e;
		r->tree.written[i] = bytes / entry;
	}
	return ERR_OK;
}

enum err
ledger_reader_size(struct ledger_reader *r, uint64_t *out, struct ledger_failure *why)
{
	struct cursor *c = &r->side;
	struct segment_range range = { 0 };
	enum err e;

	e = segment_list(r->disk, "segments", &range);
	if (e != ERR_OK)
		return failure_say(why, e == ERR_MISSING ? ERR_FORMAT : e,
				   "segments: listing it failed");
	/* The highest may have been made ahead. */
	e = range.count == 0 ? ERR_MISSING : cursor_begin(c, range.highest, why);
	if (e == ERR_MISSING && range.count > 1)
		e = cursor_begin(c, range.highest - 1, why);
	if (e == ERR_MISSING && range.count <= 1 && range.lowest == 0) {
		*out = 0;
		return ERR_OK;
	}
	while (e == ERR_OK)
		e = cursor_frame(c, UINT64_MAX, why);
	if (e != ERR_AGAIN)
		return e == ERR_MISSING ? ERR_FORMAT : e;
	*out = c->size;
	return ERR_OK;
}

/* A leaf's hash from its record; in turn they cost no search. */
static enum err
leaf_hash(struct ledger_reader *r, uint64_t index, struct merkle_hash *out)
{
	struct cursor *c = &r->side;
	struct format_record record;
	uint64_t found = 0;
	enum err e = ERR_END;

	if (c->frame.data.size > 0 && c->index == index) {
		e = cursor_record(c, &record, &found);
		while (e == ERR_END) {
			e = cursor_frame(c, UINT64_MAX, NULL);
			if (e == ERR_OK)
				e = cursor_record(c, &record, &found);
			if (e == ERR_AGAIN)
				return ERR_RANGE;
		}
	} else {
		e = reader_place(r, c, index, NULL);
		if (e == ERR_AGAIN)
			return ERR_RANGE;
		while (e == ERR_OK) {
			e = cursor_record(c, &record, &found);
			if (e == ERR_OK && found == index)
				break;
		}
	}
	if (e != ERR_OK)
		return e == ERR_END ? ERR_RANGE : e;
	MUST(found == index);
	format_record_hash(&record, out);
	return ERR_OK;
}

/* From the files, or from the two nodes below. */
static enum err
node(struct ledger_reader *r, unsigned int level, uint64_t index, struct merkle_hash *out)
{
	struct merkle_hash left;
	struct merkle_hash right;
	enum err e = tree_node(&r->tree, NULL, level, index, out);

	if (e != ERR_RANGE)
		return e;
	if (level == 0)
		return leaf_hash(r, index, out);
	e = node(r, level - 1, 2 * index, &left); /* NOLINT(misc-no-recursion): 64 levels */
	if (e == ERR_OK)
		e = node(r, level - 1, 2 * index + 1, &right);
	if (e == ERR_OK)
		merkle_node(&left, &right, out);
	return e;
}

enum err
ledger_reader_node(void *ctx, unsigned int level, uint64_t index, struct merkle_hash *out)
{
	struct ledger_reader *r = ctx;
	enum err e;

	if (level >= 64 || (level > 0 && index >= UINT64_MAX >> level))
		return ERR_RANGE;
	e = reader_look_at_tree(r);
	return e == ERR_OK ? node(r, level, index, out) : e;
}

enum err
ledger_reader_checkpoint(struct ledger_reader *r, struct buf *out)
{
	return commit_read_file(r->disk, "checkpoint", NOTE_BYTES_MAX, out);
}

enum err
ledger_reader_segments(struct ledger_reader *r, uint64_t *lowest_out, uint64_t *highest_out,
		       bool *any_out)
{
	struct segment_range range = { 0 };
	enum err e = segment_list(r->disk, "segments", &range);

	if (e != ERR_OK)
		return e;
	*any_out = range.count > 0;
	*lowest_out = range.lowest;
	*highest_out = range.highest;
	return ERR_OK;
}

enum err
ledger_reader_segment(struct ledger_reader *r, uint64_t serial, struct ledger_segment *out,
		      struct ledger_failure *why)
{
	struct segment s;
	enum err e = segment_open(r->disk, serial, r->origin, &s, why);

	if (e != ERR_OK)
		return e;
	*out = (struct ledger_segment){ .serial = serial,
					.first_index = s.header.first_index,
					.seconds = s.header.seconds,
					.bytes = s.bytes };
	segment_close(&s);
	return ERR_OK;
}

enum err
ledger_reader_state(struct ledger_reader *r, uint64_t serial, struct ledger_snapshot *out,
		    struct ledger_failure *why)
{
	cleanup(buf_finish) struct buf file = { 0 };
	char name[SEGMENT_NAME_BYTES];
	struct format_change change;
	format_complaint complaint = "reading it failed";
	struct ledger_snapshot found = { 0 };
	struct snapshot s;
	enum err e;

	segment_state_name(serial, name);
	e = commit_read_file(r->disk, name, SNAPSHOT_BYTES_MAX, &file);
	if (e == ERR_OK)
		e = snapshot_read((struct bytes){ file.data, file.size }, &s, &complaint);
	if (e != ERR_OK)
		return failure_say(why, e == ERR_LIMIT ? ERR_FORMAT : e, "%s: %s", name, complaint);
	if (s.serial != serial)
		return failure_say(why, ERR_FORMAT, "%s: it is the one of segment %016" PRIx64,
				   name, s.serial);
	found.size = s.frontier.size;
	merkle_frontier_root(&s.frontier, &found.root);
	while (format_change_take(&s.entries, &change, &complaint) == ERR_OK)
		found.keys++;
	*out = found;
	return ERR_OK;
}

enum err
ledger_reader_tree_entries(struct ledger_reader *r, unsigned int level, uint64_t *out)
{
	enum err e;

	MUST(level < FORMAT_TREE_LEVELS);
	e = reader_look_at_tree(r);
	if (e == ERR_OK)
		*out = r->tree.written[level];
	return e;
}

enum err
ledger_reader_tree(struct ledger_reader *r, unsigned int level, uint64_t first, size_t count,
		   struct merkle_hash *out)
{
	uint64_t there = 0;
	size_t got = 0;
	enum err e;

	e = ledger_reader_tree_entries(r, level, &there);
	if (e != ERR_OK)
		return e;
	if (first > there || count > there - first)
		return ERR_RANGE;
	if (count == 0)
		return ERR_OK;
	e = r->disk.ops->read(r->disk.ctx, r->tree.files[level], first * MERKLE_HASH_BYTES, out,
			      count * MERKLE_HASH_BYTES, &got);
	if (e != ERR_OK)
		return e;
	return got == count * MERKLE_HASH_BYTES ? ERR_OK : ERR_RANGE;
}

enum err
ledger_reader_offset(struct ledger_reader *r, uint64_t entry, uint64_t *serial_out,
		     uint64_t *offset_out)
{
	struct format_position at;
	enum err e = reader_look_at_tree(r);

	if (e == ERR_OK)
		e = tree_position(&r->tree, entry, &at);
	if (e != ERR_OK)
		return e;
	*serial_out = at.serial;
	*offset_out = at.offset;
	return ERR_OK;
}
