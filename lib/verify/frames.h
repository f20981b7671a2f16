/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One segment file read frame by frame, for who expects that it was damaged on purpose: what does
 * not hold is told in words, with the place.  Roots are the caller's to recompute.
 */
#ifndef VERIFY_FRAMES_H
#define VERIFY_FRAMES_H

#include <hark/verify.h>

#include "base/bytes.h"
#include "base/err.h"
#include "ledger/format.h"
#include "verify/window.h"

#define FRAMES_NAME_BYTES 32u /* segments/<16 digits>.seg */

struct frames {
	struct disk disk;
	struct window window;
	struct format_segment header;
	uint64_t serial; /* by its name */
	uint64_t bytes;  /* of the file */
	char name[FRAMES_NAME_BYTES];
	bool is_whole;   /* its header is one, whatever it says */
	uint64_t offset; /* of the next frame */
	char why[256];   /* after ERR_FORMAT */
};

/* body: the records one after another.  Good until the next call. */
struct frames_one {
	uint64_t offset;
	struct format_head head;
	struct bytes body;
};

void frames_init(struct frames *s);
/*
 * Opens a segment and reads its header.  ERR_MISSING; ERR_END: it was made ahead and has no header
 * yet; ERR_UNSUPPORTED: of a newer format; ERR_FORMAT with s->why; ERR_MEMORY, ERR_SYSTEM.
 */
MUST_USE enum err frames_open(struct frames *s, struct disk disk, uint64_t serial);
/* The next frame.  ERR_END: nothing follows, all is zero up to the end of the file; ERR_FORMAT with
 * s->why: something is there that is no frame; ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err frames_next(struct frames *s, struct frames_one *out);
/* Whether anything after s->offset is a frame whose checksum holds.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err frames_has_later(struct frames *s, bool *out, uint64_t *offset_out);
void frames_finish(struct frames *s);

#endif
