/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The walk over segments and frames, with the tree that grows from them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"

#include "verify/walk.h"

void
walk_init(struct walk *w, struct judging *j, struct disk disk)
{
	w->j = j;
	w->disk = disk;
	frames_init(&w->segment);
	trees_init(&w->trees, disk);
	heads_init(&w->heads, j);
	w->events.j = j;
}

void
walk_finish(struct walk *w)
{
	frames_finish(&w->segment);
	trees_finish(&w->trees);
	heads_finish(&w->heads);
	events_finish(&w->events);
}

/* ---- which segments there are --------------------------------------------------------------- */

/* A disk_name_fn; names that are no segment's are none of ours. */
static enum err
take_name(void *ctx, const char *name)
{
	struct walk *w = ctx;
	uint64_t serial = 0;
	size_t i;

	if (strlen(name) != 20 || strcmp(name + 16, ".seg") != 0 || !text_is_hex(name, 16, 16))
		return ERR_OK;
	for (i = 0; i < 16; i++) {
		char c = name[i];

		serial = serial << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	if (!w->has_segments || serial < w->first_serial)
		w->first_serial = serial;
	if (!w->has_segments || serial > w->last_serial)
		w->last_serial = serial;
	w->has_segments = true;
	return ERR_OK;
}

enum err
walk_list(struct walk *w)
{
	enum err e;

	w->has_segments = false;
	e = w->disk.ops->list(w->disk.ctx, "segments", take_name, w);
	/* Something else in its place holds no segments either. */
	if (e == ERR_SYSTEM && (errno == ENOTDIR || errno == ELOOP))
		return ERR_OK;
	return e == ERR_MISSING ? ERR_OK : e;
}

/* The last segment that has a header: behind it the writer has made at most one ahead. */
static enum err
find_loose(struct walk *w)
{
	uint64_t serial = w->last_serial;
	enum err e;

	w->loose_serial = serial;
	e = frames_open(&w->segment, w->disk, serial);
	if (e == ERR_END && serial > w->first_serial)
		w->loose_serial = serial - 1;
	return e == ERR_MEMORY || e == ERR_SYSTEM ? e : ERR_OK;
}

/* ---- frames --------------------------------------------------------------------------------- */

/* `place` is of FRAMES_NAME_BYTES and 32 more. */
static void
frame_place(const struct walk *w, uint64_t offset, char place[FRAMES_NAME_BYTES + 32])
{
	(void)snprintf(place, FRAMES_NAME_BYTES + 32, "%s offset %" PRIu64, w->segment.name,
		       offset);
}

/* The leaves do not lead to the frame's root: names the one that tree/0 has otherwise. */
static enum err
refuse_root(struct walk *w, const struct frames_one *f, const char *place)
{
	const struct trees_fault *fault = &w->trees.fault;

	if (fault->is_set && !fault->is_short && fault->level == 0 && !w->tree_told)
		return finding_end(w->j, HARK_FINDING_ROOT, place, fault->leaf,
				   "leaf %" PRIu64 " was changed: its hash is not the one in "
				   "tree/0, and leaves %" PRIu64 " to %" PRIu64
				   " do not lead to their frame's root",
				   fault->leaf, f->head.first_index, f->head.size_after - 1);
	return finding_end(w->j, HARK_FINDING_ROOT, place, f->head.first_index,
			   "the frame's root is not the one that its leaves, %" PRIu64
			   " to %" PRIu64 ", lead to",
			   f->head.first_index, f->head.size_after - 1);
}

/* The frame's leaves are the ones that were sealed: now what they say. */
static enum err
read_events(struct walk *w, const struct frames_one *f)
{
	uint64_t index = f->head.first_index;
	struct bytes rest = f->body;
	struct format_record record;
	format_complaint why;
	enum err e;

	while ((e = format_record_take(&rest, &record, &why)) == ERR_OK) {
		e = record.is_redacted ? events_redacted(&w->events, index)
				       : events_leaf(&w->events, record.data, index);
		if (e != ERR_OK)
			return e;
		index++;
	}
	return e == ERR_END ? ERR_OK : e;
}

static enum err
walk_frame(struct walk *w, const struct frames_one *f)
{
	char place[FRAMES_NAME_BYTES + 32];
	struct bytes rest = f->body;
	struct format_record record;
	format_complaint why;
	struct merkle_hash root;
	enum err e = ERR_OK;

	frame_place(w, f->offset, place);
	if (w->snapshot_due) { /* it is there before the first frame, and not before that */
		w->snapshot_due = false;
		e = walk_check_state(w);
		if (e != ERR_OK)
			return e;
	}
	if (w->ended_last)
		return finding_end(w->j, HARK_FINDING_FRAME, place, f->head.first_index,
				   "a frame follows the one that says it is the segment's last");
	if (f->head.first_index != w->frontier.size)
		return finding_end(w->j, HARK_FINDING_FRAME, place, f->head.first_index,
				   "its first leaf is %" PRIu64 ", expected %" PRIu64
				   ": a frame was taken out, repeated or moved",
				   f->head.first_index, w->frontier.size);
	while (e == ERR_OK && (e = format_record_take(&rest, &record, &why)) == ERR_OK) {
		struct merkle_hash hash;

		if (w->frontier.size % FORMAT_TILE_LEAVES == 0)
			trees_check_offset(&w->trees, w->frontier.size, w->segment.serial,
					   f->offset);
		format_record_hash(&record, &hash);
		e = walk_grow(w, &hash);
	}
	if (e != ERR_END)
		return e;
	merkle_frontier_root(&w->frontier, &root);
	if (!merkle_equal(&root, &f->head.root_after))
		return refuse_root(w, f, place);
	walk_tell_tree_faults(w);
	w->ended_last = f->head.is_last;
	return read_events(w, f);
}

/* Something stands there that is no frame: a torn end, or damage. */
static enum err
judge_broken(struct walk *w)
{
	char place[FRAMES_NAME_BYTES + 32];
	uint64_t later_offset = 0;
	bool later = false;
	enum err e = frames_has_later(&w->segment, &later, &later_offset);

	if (e != ERR_OK)
		return e;
	frame_place(w, w->segment.offset, place);
	if (later)
		return finding_end(w->j, HARK_FINDING_FRAME, place, w->frontier.size,
				   "%s; a frame that holds follows at offset %" PRIu64,
				   w->segment.why, later_offset);
	if (w->segment.serial < w->loose_serial || w->frontier.size < w->sealed || w->ended_last)
		return finding_end(w->j, HARK_FINDING_FRAME, place, w->frontier.size,
				   "%s; expected the frame of leaf %" PRIu64, w->segment.why,
				   w->frontier.size);
	finding(w->j, HARK_FINDING_TAIL, place, w->frontier.size,
		"%s; nothing that was sealed is there, so it is taken for a frame that is "
		"being written, or was when the host went down",
		w->segment.why);
	return ERR_END;
}

/* The next frame; what is broken is looked at twice, because the writer may be at it. */
static enum err
next_frame(struct walk *w, struct frames_one *out)
{
	struct frames *s = &w->segment;
	enum err e = frames_next(s, out);

	if (e != ERR_FORMAT)
		return e;
	window_forget(&s->window);
	e = s->disk.ops->size(s->disk.ctx, s->window.file, &s->bytes);
	if (e == ERR_OK)
		e = frames_next(s, out);
	return e == ERR_FORMAT ? judge_broken(w) : e;
}

static enum err
walk_frames(struct walk *w)
{
	struct frames_one f;
	enum err e;

	w->ended_last = false;
	while ((e = next_frame(w, &f)) == ERR_OK) {
		e = walk_frame(w, &f);
		if (e != ERR_OK)
			return e;
	}
	return e == ERR_END ? ERR_OK : e;
}

/* ---- segments ------------------------------------------------------------------------------- */

static enum err
check_header(struct walk *w)
{
	const struct frames *s = &w->segment;

	if (strcmp(s->header.origin, w->j->report->origin) != 0)
		return finding_end(w->j, HARK_FINDING_SEGMENT, s->name, HARK_NO_INDEX,
				   "it is a segment of %s", s->header.origin);
	if (s->header.first_index != w->frontier.size)
		return finding_end(w->j, HARK_FINDING_SEGMENT, s->name, s->header.first_index,
				   "its first leaf is %" PRIu64 ", expected %" PRIu64
				   ": frames of the segment before it are gone",
				   s->header.first_index, w->frontier.size);
	return ERR_OK;
}

/* Opens a segment that should be there.  ERR_END: it is the one made ahead. */
static enum err
open_segment(struct walk *w, uint64_t serial)
{
	struct frames *s = &w->segment;
	enum err e = frames_open(s, w->disk, serial);

	if (e == ERR_MISSING)
		return finding_end(w->j, HARK_FINDING_SEGMENT, s->name, w->frontier.size,
				   "it is gone, or no regular file; its first leaf was %" PRIu64,
				   w->frontier.size);
	if (e == ERR_UNSUPPORTED)
		return finding_end(w->j, HARK_FINDING_NEWER, s->name, HARK_NO_INDEX,
				   "it has a format that this version does not know");
	if (e == ERR_END && serial < w->last_serial)
		return finding_end(w->j, HARK_FINDING_SEGMENT, s->name, w->frontier.size,
				   "its header is all zero, and a later segment is there");
	if (e == ERR_FORMAT && !s->is_whole && serial == w->last_serial &&
	    w->frontier.size >= w->sealed && w->frontier.size > 0) {
		finding(w->j, HARK_FINDING_TAIL, s->name, HARK_NO_INDEX,
			"%s; nothing that was sealed is there, so it is taken for a segment "
			"that was being begun",
			s->why);
		return ERR_END;
	}
	if (e == ERR_FORMAT)
		return finding_end(w->j, HARK_FINDING_SEGMENT, s->name, w->frontier.size, "%s",
				   s->why);
	return e;
}

/* The first segment, or the one that is the first now, because others were pruned meanwhile. */
static enum err
open_first(struct walk *w, uint64_t serial)
{
	enum err e = open_segment(w, serial);

	if (e != ERR_OK)
		return e;
	if (w->segment.header.first_index < w->frontier.size ||
	    (serial == 0 && w->segment.header.first_index != 0))
		return check_header(w);
	if (w->segment.header.first_index > 0)
		e = walk_grow_from_tree(w, w->segment.header.first_index);
	/* The window of the segment was not touched, and the header is still read. */
	return e;
}

/* The segment after the one that was walked, or a later one where that was pruned meanwhile. */
static enum err
open_next(struct walk *w, uint64_t *serial)
{
	uint64_t before = w->last_serial;
	enum err e = frames_open(&w->segment, w->disk, *serial);

	if (e != ERR_MISSING)
		return open_segment(w, *serial);
	e = walk_list(w);
	if (e != ERR_OK)
		return e;
	if (w->has_segments && w->first_serial > *serial && w->last_serial >= before) {
		*serial = w->first_serial;
		return open_first(w, *serial);
	}
	return *serial > before ? ERR_END : open_segment(w, *serial);
}

static enum err
walk_segments(struct walk *w)
{
	uint64_t serial = w->first_serial;
	enum err e = open_first(w, serial);

	while (e == ERR_OK) {
		e = check_header(w);
		if (e != ERR_OK)
			return e;
		w->snapshot_due = true;
		if (serial >= w->loose_serial && w->trees.loose_from == UINT64_MAX)
			w->trees.loose_from = w->frontier.size;
		e = walk_frames(w);
		if (e != ERR_OK)
			return e;
		if (!w->ended_last && serial < w->loose_serial)
			return finding_end(w->j, HARK_FINDING_SEGMENT, w->segment.name,
					   w->frontier.size,
					   "its frames end without the one that says it is the "
					   "last, and a later segment is there");
		if (serial == UINT64_MAX)
			break;
		serial++;
		e = open_next(w, &serial);
	}
	return e == ERR_END ? ERR_OK : e;
}

enum err
walk_run(struct walk *w)
{
	struct merkle_hash root;
	enum err e;

	events_begin(&w->events);
	e = walk_list(w);
	if (e == ERR_OK)
		e = heads_begin(&w->heads);
	if (e == ERR_OK && heads_next(&w->heads) == 0) {
		merkle_empty(&root);
		e = heads_compare(&w->heads, 0, &root);
	}
	if (e == ERR_OK && w->has_segments)
		e = find_loose(w);
	if (e == ERR_OK && w->has_segments)
		e = walk_segments(w);
	merkle_frontier_root(&w->frontier, &root);
	memcpy(w->j->report->root, root.bytes, sizeof(root.bytes));
	w->j->report->committed = w->frontier.size;
	if (e == ERR_OK)
		e = heads_end(&w->heads, w->frontier.size);
	return e;
}
