/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Opening, finding a leaf, and going on from leaf to leaf.  Trees and single files: reader_parts.c.
 */
#include "ledger/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "ledger/failure.h"
#include "ledger/ledger_internal.h"
#include "ledger/reader_internal.h"

/* What is there now: a segment may have been added or pruned since. */
static enum err
look_at_segments(struct ledger_reader *r, struct ledger_failure *why)
{
	struct segment_range range = { 0 };
	struct segment s;
	enum err e;

	e = segment_list(r->disk, "segments", &range);
	if (e == ERR_MISSING)
		return failure_say(why, ERR_FORMAT, "segments: the directory is not there");
	if (e != ERR_OK)
		return failure_say(why, e, "segments: listing it failed");
	r->segments = range;
	r->first = 0;
	if (range.count == 0 || range.lowest == 0)
		return ERR_OK;
	e = segment_open(r->disk, range.lowest, r->origin, &s, why);
	if (e == ERR_OK)
		r->first = s.header.first_index;
	if (e == ERR_OK)
		segment_close(&s);
	return e == ERR_MISSING ? ERR_FORMAT : e;
}

static enum err
read_origin(struct ledger_reader *r, struct ledger_failure *why)
{
	cleanup(buf_finish) struct buf file = { 0 };
	format_complaint complaint = "it is too long";
	enum err e = commit_read_file(r->disk, "ledger", FORMAT_LEDGER_FILE_MAX, &file);

	if (e == ERR_MISSING)
		return failure_say(why, e, "ledger: it is not there");
	if (e == ERR_OK)
		e = format_ledger_read((const char *)file.data, file.size, r->origin, &complaint);
	else if (e == ERR_LIMIT)
		e = ERR_FORMAT;
	else
		complaint = "reading it failed";
	return e == ERR_OK ? e : failure_say(why, e, "ledger: %s", complaint);
}

enum err
ledger_reader_open(struct disk disk, struct ledger_reader **out, struct ledger_failure *why)
{
	struct ledger_reader *r;
	enum err e;

	MUST(disk.ops != NULL && out != NULL);

	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return failure_say(why, ERR_MEMORY, "memory for a reader");
	r->disk = disk;
	cursor_init(&r->main, disk, r->origin);
	cursor_init(&r->side, disk, r->origin);
	e = read_origin(r, why);
	if (e == ERR_OK)
		e = look_at_segments(r, why);
	if (e == ERR_OK) {
		e = tree_open(&r->tree, disk, false);
		if (e != ERR_OK)
			(void)failure_say(why, e, "tree: opening it failed");
	}
	if (e == ERR_OK && r->segments.count > 0) {
		e = cursor_begin(&r->main, r->segments.lowest, why);
		/* Before the first commit the first segment has no header. */
		if (e == ERR_MISSING && r->segments.lowest == 0)
			e = ERR_OK;
	}
	if (e != ERR_OK) {
		ledger_reader_close(r);
		return e;
	}
	*out = r;
	return ERR_OK;
}

void
ledger_reader_close(struct ledger_reader *r)
{
	if (r == NULL)
		return;
	cursor_finish(&r->main);
	cursor_finish(&r->side);
	tree_close(&r->tree);
	free(r);
}

const char *
ledger_reader_origin(const struct ledger_reader *r)
{
	return r->origin;
}

uint64_t
ledger_reader_first(const struct ledger_reader *r)
{
	return r->first;
}

struct format_position
reader_record_position(const struct ledger_reader *r)
{
	const struct cursor *c = &r->main;

	MUST(c->frame.data.size > 0);
	return (struct format_position){ c->segment.serial, c->frame.offset + c->record_at };
}

/* Uses tree/offsets, which may be behind or wrong: the frame there must hold the leaf it says. */
static bool
begin_by_offsets(struct ledger_reader *r, struct cursor *c, uint64_t index)
{
	uint64_t entry = index / FORMAT_TILE_LEAVES;
	struct segment_frame *f = &c->frame;
	struct format_position at;

	if (reader_look_at_tree(r) != ERR_OK || tree_position(&r->tree, entry, &at) != ERR_OK ||
	    at.offset < FORMAT_SEGMENT_BYTES || at.offset % FORMAT_ALIGN != 0)
		return false;
	if (cursor_begin(c, at.serial, NULL) != ERR_OK ||
	    segment_load(&c->segment, at.offset, f, NULL) != ERR_OK)
		return false;
	if (f->head.first_index > entry * FORMAT_TILE_LEAVES ||
	    f->head.size_after <= entry * FORMAT_TILE_LEAVES)
		return false;
	c->at = at;
	c->size = f->head.first_index;
	return true;
}

/* The last segment that begins at or before the leaf. */
static enum err
begin_by_headers(struct ledger_reader *r, struct cursor *c, uint64_t index,
		 struct ledger_failure *why)
{
	uint64_t low = r->segments.lowest;
	uint64_t high = r->segments.highest;

	while (low < high) {
		uint64_t middle = low + (high - low + 1) / 2;
		enum err e = cursor_begin(c, middle, why);

		if (e != ERR_OK && e != ERR_MISSING)
			return e;
		/* One that was made ahead is after everything. */
		if (e == ERR_OK && c->size <= index)
			low = middle;
		else
			high = middle - 1;
	}
	return cursor_begin(c, low, why);
}

enum err
reader_place(struct ledger_reader *r, struct cursor *c, uint64_t index, struct ledger_failure *why)
{
	enum err e;

	e = look_at_segments(r, why);
	if (e != ERR_OK)
		return e;
	if (index < r->first)
		return failure_say(why, ERR_MISSING, "leaf %" PRIu64 ": it was pruned", index);
	if (r->segments.count == 0)
		return index == 0 ? ERR_AGAIN : ERR_RANGE;
	if (!begin_by_offsets(r, c, index)) {
		e = begin_by_headers(r, c, index, why);
		if (e == ERR_MISSING && r->segments.lowest == 0)
			return index == 0 ? ERR_AGAIN : ERR_RANGE;
		if (e != ERR_OK)
			return e == ERR_MISSING ? ERR_FORMAT : e;
	}
	do
		e = cursor_frame(c, UINT64_MAX, why);
	while (e == ERR_OK && c->size <= index);
	if (e == ERR_AGAIN && c->size != index)
		return failure_say(why, ERR_RANGE, "leaf %" PRIu64 ": there are %" PRIu64, index,
				   c->size);
	return e;
}

static void
set_view(struct ledger_reader *r)
{
	const struct format_head *h = &r->main.frame.head;

	r->frame = (struct ledger_frame){
		.serial = r->main.segment.serial,
		.offset = r->main.frame.offset,
		.bytes = h->bytes,
		.records = h->records,
		.first_index = h->first_index,
		.size_after = h->size_after,
		.root_after = h->root_after,
		.time = h->time,
		.is_last = h->is_last,
	};
}

enum err
ledger_reader_seek(struct ledger_reader *r, uint64_t index, struct ledger_failure *why)
{
	enum err e = reader_place(r, &r->main, index, why);

	if (e != ERR_OK && e != ERR_AGAIN)
		return e;
	r->wanted = index;
	if (e == ERR_OK)
		set_view(r);
	return ERR_OK;
}

enum err
ledger_reader_frame(struct ledger_reader *r, uint64_t limit, struct ledger_frame *out,
		    struct ledger_failure *why)
{
	enum err e = cursor_frame(&r->main, limit, why);

	if (e != ERR_OK)
		return e;
	set_view(r);
	*out = r->frame;
	return ERR_OK;
}

enum err
ledger_reader_leaf(struct ledger_reader *r, struct ledger_leaf *out)
{
	struct format_record record;
	uint64_t index = 0;

	do {
		enum err e = cursor_record(&r->main, &record, &index);

		if (e != ERR_OK)
			return e;
	} while (index < r->wanted);
	*out = (struct ledger_leaf){
		.index = index,
		.data = record.data,
		.redacted = record.is_redacted,
		.redacted_hash = record.hash,
		.bytes = record.bytes,
		.frame = &r->frame,
	};
	return ERR_OK;
}

enum err
ledger_reader_next(struct ledger_reader *r, uint64_t limit, struct ledger_leaf *out,
		   struct ledger_failure *why)
{
	for (;;) {
		enum err e;

		/* A frame may go beyond what the writer has published. */
		if (r->main.index >= limit)
			return ERR_AGAIN;
		e = ledger_reader_leaf(r, out);
		if (e != ERR_END)
			return e;
		e = cursor_frame(&r->main, limit, why);
		if (e != ERR_OK)
			return e;
		set_view(r);
	}
}
