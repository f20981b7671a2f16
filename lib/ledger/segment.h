/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One file of segments/: its header, and frames that are loaded whole, one at a time, into a buffer
 * that is used again.  A frame holds here if its bytes are in order and its CRC matches; whether
 * its root is the one of its records is for who knows the tree before it.
 */
#ifndef LEDGER_SEGMENT_H
#define LEDGER_SEGMENT_H

#include "ledger/format.h"
#include "ledger/ledger.h"
#include "os/disk.h"

#define SEGMENT_NAME_BYTES 32u

struct segment {
	struct disk disk;
	int file; /* -1: none */
	uint64_t serial;
	uint64_t bytes; /* of the file, when it was opened */
	struct format_segment header;
};

/* "segments/<serial>.seg" and "state/<serial>", terminated. */
void segment_name(uint64_t serial, char out[SEGMENT_NAME_BYTES]);
void segment_state_name(uint64_t serial, char out[SEGMENT_NAME_BYTES]);

/* The serials of a folder's files, and how many there are. */
struct segment_range {
	uint64_t count;
	uint64_t lowest; /* where count > 0 */
	uint64_t highest;
};

/* Lists "segments" or "state"; names that are none of ours are passed over.  ERR_MISSING. */
MUST_USE enum err segment_list(struct disk disk, const char *folder, struct segment_range *out);

/*
 * Opens a segment and reads its header.  ERR_MISSING: no file, or a header that was never written;
 * ERR_UNSUPPORTED, ERR_FORMAT (also where header and name do not agree, or the origin is another
 * one than `origin`, unless that is NULL); ERR_SYSTEM.
 */
MUST_USE enum err segment_open(struct disk disk, uint64_t serial, const char *origin,
			       struct segment *out, struct ledger_failure *why);
void segment_close(struct segment *s);

/* A buffer for one frame. */
struct segment_frame {
	struct format_head head;
	uint64_t offset;
	struct buf data; /* head.bytes of it, where one is loaded */
};

/*
 * Loads and checks the frame at `offset`.  ERR_MISSING: no frame was written there; ERR_END: the
 * file ends; ERR_FORMAT: it is broken; ERR_MEMORY, ERR_SYSTEM.  For all of them *why has words.
 */
MUST_USE enum err segment_load(const struct segment *s, uint64_t offset, struct segment_frame *f,
			       struct ledger_failure *why);
/* The changes of state and the records of a loaded frame. */
struct bytes segment_changes(const struct segment_frame *f);
struct bytes segment_records(const struct segment_frame *f);

/*
 * Searches behind `offset` for a frame that holds.  ERR_OK with its offset; ERR_END: there is none;
 * ERR_MEMORY, ERR_SYSTEM.  `scratch` is overwritten.
 */
MUST_USE enum err segment_find_after(const struct segment *s, uint64_t offset,
				     struct segment_frame *scratch, uint64_t *offset_out);

#endif
