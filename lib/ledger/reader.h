/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reads a ledger beside its writer, by pread alone.  It checks structure (CRC, order, sizes) and
 * never believes what lies past the caller's limit, which is what the writer published.  Hashes are
 * the verifier's business.
 */
#ifndef LEDGER_READER_H
#define LEDGER_READER_H

#include "ledger/ledger.h"

struct ledger_reader;

/* The frame in which a leaf lies. */
struct ledger_frame {
	uint64_t serial;
	uint64_t offset;
	uint32_t bytes;
	uint32_t records;
	uint64_t first_index;
	uint64_t size_after;
	struct merkle_hash root_after;
	struct hark_time time;
	bool is_last; /* of its segment */
};

struct ledger_leaf {
	uint64_t index;
	struct bytes data; /* good until the next call; empty where redacted */
	bool redacted;
	struct merkle_hash redacted_hash;
	uint32_t bytes;                   /* of the leaf, also of a redacted one */
	const struct ledger_frame *frame; /* good until the next call */
};

/* ERR_MISSING (no ledger), ERR_UNSUPPORTED, ERR_FORMAT, ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err ledger_reader_open(struct disk disk, struct ledger_reader **out,
				     struct ledger_failure *why);
void ledger_reader_close(struct ledger_reader *r);
const char *ledger_reader_origin(const struct ledger_reader *r);
/* The first leaf that is still there (0 unless pruned). */
uint64_t ledger_reader_first(const struct ledger_reader *r);

/*
 * The next ledger_reader_next gives `index`, which may be the end.  ERR_MISSING: pruned; ERR_RANGE:
 * past the end now; ERR_FORMAT, ERR_MEMORY, ERR_SYSTEM, with *why.
 */
MUST_USE enum err ledger_reader_seek(struct ledger_reader *r, uint64_t index,
				     struct ledger_failure *why);
/*
 * The next leaf, below `limit` (UINT64_MAX: up to the last frame that holds).  ERR_AGAIN: there is
 * none yet (a torn tail too); ERR_FORMAT: damaged, with *why; ERR_MEMORY, ERR_SYSTEM.
 */
MUST_USE enum err ledger_reader_next(struct ledger_reader *r, uint64_t limit,
				     struct ledger_leaf *out, struct ledger_failure *why);
/*
 * The same in two steps, for who looks at frames too (also at those without a leaf): the next frame
 * whole, then its leaves one by one.  ledger_reader_leaf gives ERR_END behind the last; leaves of a
 * frame before the one that was sought are passed over.
 */
MUST_USE enum err ledger_reader_frame(struct ledger_reader *r, uint64_t limit,
				      struct ledger_frame *out, struct ledger_failure *why);
MUST_USE enum err ledger_reader_leaf(struct ledger_reader *r, struct ledger_leaf *out);
/* How many leaves there are, by the frames alone.  ERR_FORMAT, ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err ledger_reader_size(struct ledger_reader *r, uint64_t *out,
				     struct ledger_failure *why);
/* A merkle_node_fn from the tree's files, rebuilt from leaves where those are behind. */
enum err ledger_reader_node(void *ctx, unsigned int level, uint64_t index, struct merkle_hash *out);
/* The latest signed note as it is.  ERR_MISSING; ERR_LIMIT: no note is so large. */
MUST_USE enum err ledger_reader_checkpoint(struct ledger_reader *r, struct buf *out);

/* What single files say, for who judges them. */

/* The segments that are there, the one made ahead among them.  False: none. */
MUST_USE enum err ledger_reader_segments(struct ledger_reader *r, uint64_t *lowest_out,
					 uint64_t *highest_out, bool *any_out);

struct ledger_segment {
	uint64_t serial;
	uint64_t first_index;
	int64_t seconds; /* when it was made */
	uint64_t bytes;  /* of the file */
};

/* ERR_MISSING: no file, or it was made ahead and has no header; ERR_UNSUPPORTED, ERR_FORMAT,
 * ERR_SYSTEM. */
MUST_USE enum err ledger_reader_segment(struct ledger_reader *r, uint64_t serial,
					struct ledger_segment *out, struct ledger_failure *why);

struct ledger_snapshot {
	uint64_t size; /* of the tree at the beginning of its segment */
	struct merkle_hash root;
	uint64_t keys;
};

/* state/<serial>.  ERR_MISSING, ERR_UNSUPPORTED, ERR_FORMAT, ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err ledger_reader_state(struct ledger_reader *r, uint64_t serial,
				      struct ledger_snapshot *out, struct ledger_failure *why);

/* How many entries tree/<level> has (level 0 to 7), and `count` of them as they are.  ERR_RANGE. */
MUST_USE enum err ledger_reader_tree_entries(struct ledger_reader *r, unsigned int level,
					     uint64_t *out);
MUST_USE enum err ledger_reader_tree(struct ledger_reader *r, unsigned int level, uint64_t first,
				     size_t count, struct merkle_hash *out);
/* Entry `entry` of tree/offsets: the frame of leaf 256 * entry.  ERR_RANGE. */
MUST_USE enum err ledger_reader_offset(struct ledger_reader *r, uint64_t entry,
				       uint64_t *serial_out, uint64_t *offset_out);

#endif
