/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The writing side of a commit, on the worker's thread: where the batch begins a segment, that is
 * opened first; then the frame, synced; then the tree, not synced.  Whatever failed is done again
 * from memory as a whole: after a failed sync the kernel may have forgotten what it could not
 * write.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "ledger/ledger_internal.h"
#include "ledger/replay.h"

/* Where there is no room for the next segment it is asked for again so often. */
#define AHEAD_RETRY_NS UINT64_C(1000000000)

enum err
commit_replace(struct disk disk, const char *directory, const char *name, const char *beside,
	       const void *data, size_t size)
{
	enum err e;
	int file;

	e = disk.ops->open(disk.ctx, beside, DISK_CREATE, &file);
	if (e != ERR_OK)
		return e;
	e = disk.ops->truncate(disk.ctx, file, 0);
	if (e == ERR_OK)
		e = disk.ops->write(disk.ctx, file, 0, data, size);
	if (e == ERR_OK)
		e = disk.ops->sync(disk.ctx, file);
	disk.ops->close(disk.ctx, file); /* keeps errno */
	if (e == ERR_OK)
		e = disk.ops->rename(disk.ctx, beside, name);
	if (e == ERR_OK)
		e = disk.ops->sync_directory(disk.ctx, directory);
	return e;
}

enum err
commit_read_file(struct disk disk, const char *name, size_t size_max, struct buf *out)
{
	uint64_t size = 0;
	size_t got = 0;
	enum err e;
	int file;

	e = disk.ops->open(disk.ctx, name, DISK_READ, &file);
	if (e != ERR_OK)
		return e;
	e = disk.ops->size(disk.ctx, file, &size);
	if (e == ERR_OK && size > size_max)
		e = ERR_LIMIT;
	if (e == ERR_OK)
		e = buf_reserve(out, (size_t)size + 1, size_max + 1);
	if (e == ERR_OK)
		e = disk.ops->read(disk.ctx, file, 0, out->data, (size_t)size, &got);
	if (e == ERR_OK)
		out->size = got;
	disk.ops->close(disk.ctx, file);
	return e;
}

enum err
commit_make_segment(const struct ledger *l, uint64_t serial, int *file_out)
{
	char name[SEGMENT_NAME_BYTES];
	struct disk d = l->disk;
	enum err e;
	int file;

	segment_name(serial, name);
	e = d.ops->open(d.ctx, name, DISK_CREATE, &file);
	if (e != ERR_OK)
		return e;
	/* What an earlier attempt has left is thrown away: behind the header all must be zero. */
	e = d.ops->truncate(d.ctx, file, 0);
	if (e == ERR_OK)
		e = d.ops->allocate(d.ctx, file, l->segment_bytes);
	if (e == ERR_OK)
		e = d.ops->sync(d.ctx, file);
	if (e == ERR_OK)
		e = d.ops->sync_directory(d.ctx, "segments");
	if (e != ERR_OK) {
		/* A part of it would hold the room that others need now. */
		int kept = errno;

		(void)d.ops->truncate(d.ctx, file, 0); /* only room is lost */
		d.ops->close(d.ctx, file);
		errno = kept;
		return e;
	}
	*file_out = file;
	return ERR_OK;
}

enum err
commit_plan_opening(struct ledger *l, uint64_t serial, int64_t seconds)
{
	struct format_segment *h = &l->next_opening.header;
	enum err e;

	memset(h, 0, sizeof(*h));
	h->serial = serial;
	h->first_index = l->frontier.size;
	h->seconds = seconds;
	format_salt(l->random, serial, h->salt);
	memcpy(h->origin, l->origin, sizeof(h->origin));
	buf_clear(&l->next_opening.snapshot);
	e = snapshot_write(serial, h->salt, &l->frontier, &l->state, &l->next_opening.snapshot);
	if (e != ERR_OK)
		return e;
	l->next_opening.is_due = true;
	return ERR_OK;
}

/* True where the next segment was asked for and there was no room. */
static bool
lacks_ahead(const struct writer *w)
{
	return w->ahead_file < 0 && w->ahead_serial == w->serial + 1;
}

/* Not having it is no failure: it only means that space is low. */
static void
make_ahead(struct ledger *l, uint64_t now_ns)
{
	struct writer *w = &l->writer;

	if (w->ahead_file >= 0 || (lacks_ahead(w) && now_ns - w->ahead_tried_ns < AHEAD_RETRY_NS))
		return;
	w->ahead_tried_ns = now_ns;
	w->ahead_serial = w->serial + 1;
	if (commit_make_segment(l, w->ahead_serial, &w->ahead_file) != ERR_OK)
		w->ahead_file = -1;
}

/* The tree up to a new segment is synced, because recovery will not make it again. */
static enum err
settle_tree(struct ledger *l, uint64_t new_serial)
{
	struct writer *w = &l->writer;
	enum err e = ERR_OK;

	if (new_serial > 0)
		MUST(w->serial == new_serial - 1 && l->committed_at.serial == w->serial);
	if (w->tree_is_suspect && new_serial > 0)
		e = replay_tree(l->disk, w->serial, l->committed_at.offset, &l->tree);
	if (e != ERR_OK)
		return e;
	e = tree_sync(&l->tree);
	w->tree_is_suspect = e != ERR_OK;
	return e;
}

static enum err
open_segment(struct ledger *l, const struct opening *o)
{
	struct writer *w = &l->writer;
	uint64_t serial = o->header.serial;
	uint8_t header[FORMAT_SEGMENT_BYTES];
	char name[SEGMENT_NAME_BYTES];
	struct disk d = l->disk;
	enum err e = ERR_OK;

	if (w->ahead_file < 0 || w->ahead_serial != serial) {
		e = commit_make_segment(l, serial, &w->ahead_file);
		w->ahead_serial = serial;
		w->ahead_file = e == ERR_OK ? w->ahead_file : -1;
	}
	if (e != ERR_OK)
		return e;
	format_segment_write(&o->header, header);
	e = d.ops->write(d.ctx, w->ahead_file, 0, header, sizeof(header));
	if (e == ERR_OK)
		e = d.ops->sync(d.ctx, w->ahead_file);
	segment_state_name(serial, name);
	if (e == ERR_OK)
		e = commit_replace(d, "state", name, "state/new", o->snapshot.data,
				   o->snapshot.size);
	if (e != ERR_OK)
		return e;
	if (w->file >= 0)
		d.ops->close(d.ctx, w->file);
	w->file = w->ahead_file;
	w->serial = serial;
	w->ahead_file = -1;
	if (serial >= 2) {
		/* One older state is enough; a state too many does no harm. */
		segment_state_name(serial - 2, name);
		(void)d.ops->remove(d.ctx, name);
	}
	return ERR_OK;
}

static enum err
run(struct ledger *l)
{
	struct commit *c = &l->commit;
	const struct batch *b = c->batch;
	struct writer *w = &l->writer;
	struct disk d = l->disk;
	bool is_first = false;
	enum err e = ERR_OK;

	if (!c->behind_is_written)
		e = tree_write(&l->tree, &l->behind);
	c->behind_is_written = e == ERR_OK;
	if (e != ERR_OK && (c->must_write_behind || b->opening.is_due))
		return e;
	if (b->opening.is_due && (w->file < 0 || w->serial != b->at.serial)) {
		e = settle_tree(l, b->at.serial);
		if (e == ERR_OK)
			e = open_segment(l, &b->opening);
		if (e != ERR_OK)
			return e;
		is_first = true;
	}
	MUST(w->file >= 0 && w->serial == b->at.serial);
	e = d.ops->write(d.ctx, w->file, b->at.offset, b->frame, b->head.bytes);
	if (e == ERR_OK)
		e = d.ops->sync(d.ctx, w->file);
	if (e != ERR_OK)
		return e;
	if (c->behind_is_written)
		c->rows_are_written = tree_write(&l->tree, &b->rows) == ERR_OK;
	/* A segment's first batch has waited long enough; and a disk that takes no frame is not
	 * asked for a segment. */
	if (!is_first)
		make_ahead(l, b->now_ns);
	return ERR_OK;
}

void
commit_run(void *ctx)
{
	struct ledger *l = ctx;
	struct commit *c = &l->commit;

	errno = 0;
	c->rows_are_written = false;
	c->result = run(l);
	c->system_error = errno;
	c->has_ahead = !lacks_ahead(&l->writer);
}
