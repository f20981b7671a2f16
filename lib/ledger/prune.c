/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Dropping whole segments from the front.  Each removal is durable before the next, so that a crash
 * never leaves a hole.
 */
#include "base/must.h"
#include "ledger/ledger_internal.h"

/* True where a segment has ended before `index`: the next one begins there or earlier. */
static enum err
ends_before(struct ledger *l, uint64_t serial, uint64_t index, bool *out, uint64_t *next_first)
{
	struct segment next;
	enum err e = segment_open(l->disk, serial + 1, l->origin, &next, NULL);

	if (e == ERR_MISSING) {
		*out = false;
		return ERR_OK;
	}
	if (e != ERR_OK)
		return e;
	*next_first = next.header.first_index;
	*out = *next_first <= index;
	segment_close(&next);
	return ERR_OK;
}

static enum err
drop(struct disk d, uint64_t serial)
{
	char name[SEGMENT_NAME_BYTES];
	enum err e;

	segment_name(serial, name);
	e = d.ops->remove(d.ctx, name);
	if (e == ERR_OK)
		e = d.ops->sync_directory(d.ctx, "segments");
	if (e != ERR_OK)
		return e;
	/* Without its segment a state is of no use, and of no harm. */
	segment_state_name(serial, name);
	(void)d.ops->remove(d.ctx, name);
	return ERR_OK;
}

enum err
ledger_prune(struct ledger *l, uint64_t index, uint64_t *first_out)
{
	struct segment_range range = { 0 };
	struct segment lowest;
	uint64_t first = 0;
	uint64_t serial;
	enum err e;

	if (index > l->committed_size)
		return ERR_RANGE;
	e = segment_list(l->disk, "segments", &range);
	if (e != ERR_OK || range.count == 0)
		return e == ERR_OK ? ERR_MISSING : e;
	e = segment_open(l->disk, range.lowest, l->origin, &lowest, NULL);
	if (e == ERR_OK) {
		first = lowest.header.first_index;
		segment_close(&lowest);
	}
	/* The segment that the next frame goes to, and the one before where that is not begun yet,
	 * stay: recovery begins there. */
	for (serial = range.lowest; e == ERR_OK && serial < l->committed_at.serial; serial++) {
		bool is_below = false;
		uint64_t next_first = first;

		e = ends_before(l, serial, index, &is_below, &next_first);
		if (e != ERR_OK || !is_below)
			break;
		e = drop(l->disk, serial);
		if (e == ERR_OK)
			first = next_first;
	}
	if (e != ERR_OK)
		return e;
	*first_out = first;
	return ERR_OK;
}
