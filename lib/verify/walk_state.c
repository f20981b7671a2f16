/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Judges state/<serial>, from which a writer would recover, by the segment that it belongs to. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "ledger/snapshot.h"

#include "verify/walk.h"

/* What the snapshot of a segment does not have in common with it, in words; NULL: nothing. */
static const char *
snapshot_differs(const struct walk *w, const struct snapshot *s)
{
	struct merkle_hash kept;
	struct merkle_hash root;

	if (s->serial != w->segment.serial)
		return "it is of another segment";
	if (memcmp(s->salt, w->segment.header.salt, sizeof(s->salt)) != 0)
		return "it has another salt than its segment";
	if (s->frontier.size != w->frontier.size)
		return "it has another number of leaves than come before its segment";
	merkle_frontier_root(&s->frontier, &kept);
	merkle_frontier_root(&w->frontier, &root);
	return merkle_equal(&kept, &root) ? NULL : "it has another tree than its segment follows";
}

/*
 * A writer keeps the snapshots of the newest segment and of the one before it.  True where this one
 * is neither, perhaps because the writer has gone on since the walk began.
 */
static enum err
is_old(struct walk *w, bool *out)
{
	enum err e = ERR_OK;

	*out = w->segment.serial < w->loose_serial;
	if (*out)
		return ERR_OK;
	e = walk_list(w);
	*out = w->last_serial > w->segment.serial + 1;
	return e;
}

/* The snapshot from which the writer would recover.  It holds no evidence, so the walk goes on. */
enum err
walk_check_state(struct walk *w)
{
	struct buf file = { 0 };
	struct snapshot s;
	format_complaint why = NULL;
	char name[FRAMES_NAME_BYTES];
	bool old = false;
	enum err e;

	(void)snprintf(name, sizeof(name), "state/%016" PRIx64, w->segment.serial);
	e = window_slurp(w->disk, name, SNAPSHOT_BYTES_MAX, &file);
	if (e == ERR_OK)
		e = snapshot_read((struct bytes){ file.data, file.size }, &s, &why);
	if (e == ERR_OK)
		why = snapshot_differs(w, &s);
	buf_finish(&file);
	if (e == ERR_MISSING && is_old(w, &old) == ERR_OK && old)
		return ERR_OK;
	if (e == ERR_MEMORY || e == ERR_SYSTEM)
		return e;
	if (e == ERR_UNSUPPORTED)
		finding(w->j, HARK_FINDING_NEWER, name, HARK_NO_INDEX,
			"it has a format that this version does not know");
	else if (e == ERR_MISSING || e == ERR_LIMIT)
		finding(w->j, HARK_FINDING_STATE, name, HARK_NO_INDEX,
			e == ERR_LIMIT ? "it is too large" : "it is not there");
	else if (why != NULL)
		finding(w->j, HARK_FINDING_STATE, name, HARK_NO_INDEX, "%s", why);
	return ERR_OK;
}
