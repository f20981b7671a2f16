/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Opening: what a ledger directory holds becomes a writer, or a refusal.  Everything is read and
 * judged before the torn tail is cut; of a ledger that is refused only what is derived from its
 * segments (tree/) has been touched.
 */
#include <inttypes.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "ledger/failure.h"
#include "ledger/ledger_internal.h"
#include "ledger/replay.h"

#define ZERO_STEP_BYTES 65536u

struct recovery {
	struct ledger *l;
	struct ledger_failure *why;
	struct segment_range segments;
	struct replay replay;
	struct segment segment;    /* the one that is read */
	struct format_position at; /* the next frame */
	bool has_state;            /* state/<at.serial> holds */
	uint8_t state_salt[FORMAT_SALT_BYTES];
	bool is_between; /* the last frame of a segment was read, and at is where the next begins */
	uint64_t ended_at; /* then: where that segment ended */
	int64_t last_seconds;
};

/* Takes state/<serial> if it holds.  ERR_MISSING where it is not there or does not. */
static enum err
take_state(struct recovery *r, uint64_t serial)
{
	cleanup(buf_finish) struct buf file = { 0 };
	struct ledger *l = r->l;
	char name[SEGMENT_NAME_BYTES];
	struct snapshot s;
	format_complaint complaint;
	enum err e;

	segment_state_name(serial, name);
	e = commit_read_file(l->disk, name, SNAPSHOT_BYTES_MAX, &file);
	if (e == ERR_MISSING || e == ERR_LIMIT)
		return ERR_MISSING;
	if (e != ERR_OK)
		return failure_say(r->why, e, "%s: reading it failed", name);
	e = snapshot_read((struct bytes){ file.data, file.size }, &s, &complaint);
	if (e == ERR_UNSUPPORTED)
		return failure_say(r->why, e, "%s: it is of a newer format", name);
	if (e != ERR_OK || s.serial != serial)
		return ERR_MISSING;
	e = snapshot_apply(&s, &l->state, &complaint);
	if (e == ERR_MEMORY)
		return failure_say(r->why, e, "memory for the ledger's state");
	if (e != ERR_OK) {
		state_finish(&l->state);
		return ERR_MISSING;
	}
	r->replay.frontier = s.frontier;
	r->at = (struct format_position){ serial, FORMAT_SEGMENT_BYTES };
	r->has_state = true;
	memcpy(r->state_salt, s.salt, sizeof(r->state_salt));
	return ERR_OK;
}

/* The newest state that holds; before the first segment nothing is needed. */
static enum err
find_state(struct recovery *r)
{
	struct segment_range states = { 0 };
	uint64_t serial;
	enum err e;

	e = segment_list(r->l->disk, "state", &states);
	if (e == ERR_OK)
		e = segment_list(r->l->disk, "segments", &r->segments);
	if (e != ERR_OK)
		return failure_say(r->why, e == ERR_MISSING ? ERR_FORMAT : e,
				   "state or segments: listing them failed");
	if (r->segments.count > 0 &&
	    r->segments.highest - r->segments.lowest != r->segments.count - 1)
		return failure_say(
			r->why, ERR_FORMAT,
			"segments: %" PRIu64 " %s, expected all from %016" PRIx64 " to %016" PRIx64,
			r->segments.count, text_counted(r->segments.count, "file", "files"),
			r->segments.lowest, r->segments.highest);
	/* Names may be anything: no state without a segment, and no more steps than files. */
	if (r->segments.count > 0 && states.count > 0) {
		uint64_t top =
			states.highest < r->segments.highest ? states.highest : r->segments.highest;

		for (serial = top; serial >= r->segments.lowest; serial--) {
			e = take_state(r, serial);
			if (e != ERR_MISSING)
				return e;
			if (serial == 0)
				break;
		}
	}
	if (r->segments.count > 0 && r->segments.lowest > 0)
		return failure_say(r->why, ERR_FORMAT,
				   "state: no file of it holds, and the ledger begins at segment "
				   "%016" PRIx64,
				   r->segments.lowest);
	r->at = (struct format_position){ 0, FORMAT_SEGMENT_BYTES };
	r->is_between = true;
	return ERR_OK;
}

/* The tree's files up to the state, against the state's frontier. */
static enum err
check_tree(struct recovery *r)
{
	struct ledger *l = r->l;
	uint64_t size = r->replay.frontier.size;
	char name[TREE_NAME_BYTES];
	struct merkle_hash root;
	struct merkle_hash want;
	unsigned int column = 0;
	enum err e;

	e = tree_open(&l->tree, l->disk, true);
	if (e != ERR_OK)
		return failure_say(r->why, e, "tree: opening it failed");
	e = tree_begin_at(&l->tree, size, &column);
	tree_name(column, name);
	if (e == ERR_END)
		return failure_say(r->why, ERR_FORMAT,
				   "%s: it is shorter than the %" PRIu64 " %s of the first %" PRIu64
				   " %s",
				   name, tree_entries(column, size),
				   text_counted(tree_entries(column, size), "entry", "entries"),
				   size, text_counted(size, "leaf", "leaves"));
	if (e != ERR_OK)
		return failure_say(r->why, e, "%s: reading it failed", name);
	l->committed_size = size;
	merkle_frontier_root(&r->replay.frontier, &want);
	e = merkle_root_at(ledger_node, l, size, &root);
	if (e != ERR_OK)
		return failure_say(r->why, e, "tree: reading it failed");
	if (!merkle_equal(&root, &want))
		return failure_say(r->why, ERR_FORMAT,
				   "tree: its root of the first %" PRIu64
				   " leaves is not the one of state/%016" PRIx64,
				   size, r->at.serial);
	return ERR_OK;
}

static enum err
apply_changes(struct recovery *r)
{
	struct bytes rest = segment_changes(&r->replay.frame);
	struct format_change c;
	format_complaint complaint;

	while (format_change_take(&rest, &c, &complaint) == ERR_OK) {
		enum err e = state_put(&r->l->state, c.key, c.is_removal ? NULL : &c.value);

		if (e != ERR_OK)
			return failure_say(r->why, e, "memory for the ledger's state");
	}
	return ERR_OK;
}

/* A frame that holds: its changes, and its part of the tree. */
static enum err
take_frame(struct recovery *r)
{
	struct ledger *l = r->l;
	enum err e = apply_changes(r);

	if (e != ERR_OK)
		return e;
	e = tree_write(&l->tree, &r->replay.rows);
	if (e != ERR_OK)
		return failure_say(r->why, e, "tree: writing it failed");
	tree_advance(&l->tree, &r->replay.rows);
	l->committed_size = r->replay.frontier.size;
	r->last_seconds = r->replay.frame.head.time.seconds;
	r->at.offset += r->replay.frame.head.bytes;
	r->is_between = r->replay.frame.head.is_last;
	if (r->is_between) {
		r->ended_at = r->at.offset;
		r->at = (struct format_position){ r->at.serial + 1, FORMAT_SEGMENT_BYTES };
		r->has_state = false;
	}
	return ERR_OK;
}

/* Nothing that holds may come after a frame that does not. */
static enum err
check_nothing_after(struct recovery *r)
{
	struct ledger_failure torn = r->why != NULL ? *r->why : (struct ledger_failure){ 0 };
	struct segment next = { .file = -1 };
	uint64_t offset = 0;
	enum err e;

	e = segment_find_after(&r->segment, r->at.offset, &r->replay.frame, &offset);
	if (e == ERR_OK)
		return failure_say(r->why, ERR_FORMAT,
				   "%.400s; and a frame that holds follows at %" PRIu64, torn.text,
				   offset);
	if (e != ERR_END)
		return failure_say(r->why, e, "segments/%016" PRIx64 ".seg: reading it failed",
				   r->at.serial);
	e = segment_open(r->l->disk, r->at.serial + 1, NULL, &next, NULL);
	segment_close(&next);
	if (e == ERR_MISSING)
		return ERR_OK;
	if (e == ERR_SYSTEM)
		return failure_say(r->why, e, "segments/%016" PRIx64 ".seg: reading it failed",
				   r->at.serial + 1);
	return failure_say(r->why, ERR_FORMAT, "%.400s; and another segment follows", torn.text);
}

/* All frames of the segment that is open.  ERR_END: they end, and nothing comes after. */
static enum err
walk_segment(struct recovery *r)
{
	r->is_between = false;
	while (!r->is_between) {
		enum err e = replay_frame(&r->replay, &r->segment, r->at.offset, r->why);

		if (e == ERR_OK)
			e = take_frame(r);
		else if (e == ERR_MISSING || e == ERR_END || e == ERR_FORMAT) {
			e = check_nothing_after(r);
			return e == ERR_OK ? ERR_END : e;
		}
		if (e != ERR_OK)
			return e == ERR_RANGE ? ERR_FORMAT : e;
	}
	return ERR_OK;
}

/*
 * A segment whose state was not written has no frame yet, whatever its header is: a crash in the
 * middle of a rotation leaves it so.  ERR_END: it will be opened anew; ERR_OK: it has frames.
 */
static enum err
look_at_unopened(struct recovery *r, enum err opened)
{
	char name[SEGMENT_NAME_BYTES];
	uint8_t first[4] = { 0 };
	struct disk d = r->l->disk;
	size_t size = 0;
	enum err e;
	int file;

	if (opened == ERR_SYSTEM || opened == ERR_UNSUPPORTED)
		return opened;
	segment_name(r->at.serial, name);
	e = d.ops->open(d.ctx, name, DISK_READ, &file);
	if (e == ERR_MISSING)
		return ERR_END;
	if (e != ERR_OK)
		return failure_say(r->why, e, "%s: opening it failed", name);
	e = d.ops->read(d.ctx, file, FORMAT_SEGMENT_BYTES, first, sizeof(first), &size);
	d.ops->close(d.ctx, file);
	if (e != ERR_OK)
		return failure_say(r->why, e, "%s: reading it failed", name);
	if (format_is_zero(first, sizeof(first)))
		return ERR_END;
	return opened == ERR_MISSING
		       ? failure_say(r->why, ERR_FORMAT, "%s: it has frames and no header", name)
		       : opened;
}

/* The header against what is known of the tree and the state. */
static enum err
check_segment(struct recovery *r)
{
	const struct format_segment *h = &r->segment.header;

	if (h->first_index != r->replay.frontier.size)
		return failure_say(r->why, ERR_FORMAT,
				   "segments/%016" PRIx64 ".seg: it begins at leaf %" PRIu64
				   ", expected %" PRIu64,
				   h->serial, h->first_index, r->replay.frontier.size);
	if (r->has_state && memcmp(h->salt, r->state_salt, sizeof(h->salt)) != 0)
		return failure_say(r->why, ERR_FORMAT,
				   "segments/%016" PRIx64
				   ".seg: its salt is not the one of its state",
				   h->serial);
	return ERR_OK;
}

/* Segment after segment, from the state on, until nothing more holds. */
static enum err
walk(struct recovery *r)
{
	for (;;) {
		enum err e;

		segment_close(&r->segment);
		e = segment_open(r->l->disk, r->at.serial, r->l->origin, &r->segment, r->why);
		if (!r->has_state) {
			e = look_at_unopened(r, e);
			if (e == ERR_END)
				return ERR_OK;
		}
		if (e != ERR_OK)
			return e == ERR_MISSING ? ERR_FORMAT : e;
		e = check_segment(r);
		if (e == ERR_OK)
			e = walk_segment(r);
		if (e == ERR_END)
			return ERR_OK;
		if (e != ERR_OK)
			return e;
	}
}

/* Zeroes what is not zero behind the last frame. */
static enum err
cut_tail(struct recovery *r, int file)
{
	static const uint8_t zeroes[ZERO_STEP_BYTES];
	uint8_t step[ZERO_STEP_BYTES];
	struct disk d = r->l->disk;
	uint64_t at = r->at.offset;
	bool is_changed = false;
	size_t size = 0;

	for (;; at += size) {
		enum err e = d.ops->read(d.ctx, file, at, step, sizeof(step), &size);

		if (e == ERR_OK && size == 0)
			return is_changed ? d.ops->sync(d.ctx, file) : ERR_OK;
		if (e == ERR_OK && !format_is_zero(step, size)) {
			is_changed = true;
			e = d.ops->write(d.ctx, file, at, zeroes, size);
		}
		if (e != ERR_OK)
			return e;
	}
}

/* The segment that was read last goes on to be written. */
static enum err
go_on_in_segment(struct recovery *r)
{
	struct ledger *l = r->l;
	uint64_t bytes = r->segment.bytes;
	uint64_t need = r->at.offset + l->batch_bytes;
	char name[SEGMENT_NAME_BYTES];
	struct disk d = l->disk;
	enum err e;

	segment_name(r->at.serial, name);
	e = d.ops->open(d.ctx, name, DISK_WRITE, &l->writer.file);
	if (e == ERR_OK)
		e = cut_tail(r, l->writer.file);
	if (need < l->segment_bytes && bytes < l->segment_bytes)
		need = l->segment_bytes;
	/* A file that was cut short, or other options than before. */
	if (e == ERR_OK && bytes < need) {
		e = d.ops->allocate(d.ctx, l->writer.file, need);
		bytes = need;
	}
	if (e != ERR_OK)
		return failure_say(r->why, e, "%s: cutting its tail failed", name);
	l->writer.serial = r->at.serial;
	l->next_segment_bytes = bytes;
	memcpy(l->next_salt, r->segment.header.salt, FORMAT_SALT_BYTES);
	l->committed_at = r->at;
	return ERR_OK;
}

/* The next frame begins a segment. */
static enum err
go_on_in_new_segment(struct recovery *r)
{
	struct ledger *l = r->l;
	enum err e = commit_plan_opening(l, r->at.serial, r->last_seconds);

	if (e != ERR_OK)
		return failure_say(r->why, e, "memory for the ledger's state");
	memcpy(l->next_salt, l->next_opening.header.salt, FORMAT_SALT_BYTES);
	l->next_segment_bytes = l->segment_bytes;
	l->writer.serial = r->at.serial == 0 ? 0 : r->at.serial - 1;
	l->committed_at = r->at.serial == 0
				  ? r->at
				  : (struct format_position){ r->at.serial - 1, r->ended_at };
	return ERR_OK;
}

/* What is derived, what is ahead, and what was left half-done. */
static enum err
make_ready(struct recovery *r)
{
	struct ledger *l = r->l;
	uint64_t ahead = l->writer.file >= 0 ? r->at.serial + 1 : r->at.serial;
	enum err e;

	e = tree_cut(&l->tree);
	if (e != ERR_OK)
		return failure_say(r->why, e, "tree: cutting it failed");
	e = note_cut_history(l->disk);
	if (e != ERR_OK)
		return failure_say(r->why, e, "checkpoints: cutting its tail failed");
	/* Where an earlier opening has failed in the middle, `ledger` may not be durable yet. */
	e = ahead == 0 ? l->disk.ops->sync_directory(l->disk.ctx, "") : ERR_OK;
	if (e != ERR_OK)
		return failure_say(r->why, e, "ledger: making it failed");
	e = commit_make_segment(l, ahead, &l->writer.ahead_file);
	if (e != ERR_OK)
		l->writer.ahead_file = -1;
	if (e != ERR_OK && ahead == 0)
		return failure_say(r->why, e, "segments: making the first failed");
	l->writer.ahead_serial = ahead;
	l->space_is_low = e != ERR_OK;
	return ERR_OK;
}

static enum err
run(struct recovery *r, const char *origin)
{
	struct ledger *l = r->l;
	enum err e;

	e = origin_find(l, origin, r->why);
	if (e == ERR_OK)
		e = redact_resume(l->disk, r->why);
	if (e == ERR_OK)
		e = find_state(r);
	if (e == ERR_OK)
		e = check_tree(r);
	if (e == ERR_OK)
		e = walk(r);
	if (e != ERR_OK)
		return e;
	if (r->segments.count > 0 && r->segments.highest > r->at.serial + 1)
		return failure_say(r->why, ERR_FORMAT,
				   "segments/%016" PRIx64 ".seg: no frame leads to it",
				   r->segments.highest);
	e = note_compare(l, r->why);
	if (e != ERR_OK)
		return e;
	l->frontier = r->replay.frontier;
	l->next = r->at;
	merkle_frontier_root(&l->frontier, &l->committed_root);
	e = r->is_between || r->segment.file < 0 ? go_on_in_new_segment(r) : go_on_in_segment(r);
	return e == ERR_OK ? make_ready(r) : e;
}

enum err
recover(struct ledger *l, const char *origin, struct ledger_failure *why)
{
	struct ledger_failure unwanted = { 0 };
	struct recovery r = { .l = l,
			      .why = why != NULL ? why : &unwanted,
			      .segment = { .file = -1 } };
	enum err e;

	e = replay_init(&r.replay);
	if (e == ERR_OK)
		e = run(&r, origin);
	else
		e = failure_say(r.why, e, "memory for a frame");
	segment_close(&r.segment);
	replay_finish(&r.replay);
	return e;
}
