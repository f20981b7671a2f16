/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A place in a ledger's sequence of frames, for readers: from frame to frame and from segment to
 * segment, with what is expected next.
 */
#ifndef LEDGER_CURSOR_H
#define LEDGER_CURSOR_H

#include "ledger/segment.h"

struct cursor {
	struct disk disk;
	const char *origin; /* borrowed */
	struct segment segment;
	struct segment_frame frame; /* the one that was loaded last */
	struct format_position at;  /* of the next */
	uint64_t size;              /* the leaves before it */

	struct bytes rest; /* records of the loaded frame that were not taken */
	uint64_t index;    /* of the first of them */
	size_t record_at;  /* where the record that was taken last begins in the frame */
};

void cursor_init(struct cursor *c, struct disk disk, const char *origin);
void cursor_finish(struct cursor *c);

/* Before the first frame of a segment.  Errors as segment_open. */
MUST_USE enum err cursor_begin(struct cursor *c, uint64_t serial, struct ledger_failure *why);
/*
 * Loads the next frame, where its first leaf is below `limit`.  ERR_AGAIN: there is none (yet);
 * ERR_FORMAT: damaged; ERR_MEMORY, ERR_SYSTEM.
 */
MUST_USE enum err cursor_frame(struct cursor *c, uint64_t limit, struct ledger_failure *why);
/* Takes the next record of the loaded frame.  ERR_END. */
MUST_USE enum err cursor_record(struct cursor *c, struct format_record *out, uint64_t *index_out);

#endif
