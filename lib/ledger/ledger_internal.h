/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the files of the writer share.  The main thread owns everything in a ledger but `writer` and
 * the batch in flight, which are the worker's while a commit is under way.
 */
#ifndef LEDGER_LEDGER_INTERNAL_H
#define LEDGER_LEDGER_INTERNAL_H

#include "checkpoint/checkpoint.h"
#include "ledger/ledger.h"
#include "ledger/segment.h"
#include "ledger/snapshot.h"
#include "ledger/state.h"
#include "ledger/tree.h"
#include "os/worker.h"

/* A new segment, and the state at its beginning. */
struct opening {
	bool is_due;
	struct format_segment header;
	struct buf snapshot;
};

/*
 * Leaves and changes that become one frame.  Records begin `gap` bytes into storage: the head and
 * the changes are put right before them when the batch is closed.
 */
struct batch {
	uint8_t *storage;
	uint8_t *changes;
	size_t change_bytes;
	size_t record_bytes;
	uint32_t records;
	uint64_t first_index;
	struct tree_rows rows;

	/* Closed: */
	struct format_head head;
	struct format_position at;
	const uint8_t *frame; /* head.bytes of it, in storage */
	uint64_t now_ns;
	struct opening opening; /* of the segment that this frame begins */
};

/* The files that the writing side has open. */
struct writer {
	int file; /* the segment `serial`, -1: none yet */
	uint64_t serial;
	int ahead_file; /* the next one, allocated and without a header; -1: there is none */
	uint64_t ahead_serial;
	uint64_t ahead_tried_ns; /* monotonic, of the batch that tried last to make one */
	bool tree_is_suspect;    /* a sync of the tree has failed: what it held may be lost */
};

enum commit_state {
	COMMIT_IDLE,
	COMMIT_BUSY,
	COMMIT_FAILED,
};

struct commit {
	enum commit_state state;
	struct batch *batch;
	bool must_write_behind; /* there is no room to keep this batch's rows as well */

	/* The result: */
	enum err result;
	int system_error;
	bool behind_is_written;
	bool rows_are_written;
	bool has_ahead;
};

struct ledger {
	struct disk disk;
	char origin[FORMAT_ORIGIN_MAX + 1u];
	uint64_t segment_bytes;
	size_t batch_bytes;
	size_t change_capacity;
	size_t gap;
	uint64_t random[2];
	struct worker *worker; /* NULL: commits end where they begin */

	/* With the open batch. */
	struct merkle_frontier frontier;
	struct state_map state;
	struct batch batches[2];
	struct batch *open;

	/* Where the next closed batch goes. */
	struct format_position next;
	uint8_t next_salt[FORMAT_SALT_BYTES];
	uint64_t next_segment_bytes;
	struct opening next_opening;

	/* What is durable. */
	uint64_t committed_size;
	struct merkle_hash committed_root;
	struct format_position committed_at;
	struct tree tree;
	struct tree_rows behind; /* committed, and not in the tree's files */

	bool space_is_low;
	struct commit commit;
	struct writer writer;
};

/* batch.c */
MUST_USE enum err batch_init(struct ledger *l, struct batch *b);
void batch_finish(struct batch *b);
/* Empty, and goes on from the frontier. */
void batch_begin(struct batch *b, const struct merkle_frontier *frontier);
bool batch_is_empty(const struct batch *b);
/* Of the frame that it would be now. */
size_t batch_bytes(const struct batch *b);
/* Makes the frame that goes where the ledger's next one goes. */
void batch_close(struct ledger *l, struct batch *b, struct hark_time now, uint64_t now_ns,
		 bool is_last);

/* commit.c */
void commit_run(void *ctx); /* the job; ctx is the ledger */
/* Makes `segments/<serial>` of zeroes.  The file is the caller's. */
MUST_USE enum err commit_make_segment(const struct ledger *l, uint64_t serial, int *file_out);
/* Plans that the next frame begins segment `serial`.  ERR_MEMORY. */
MUST_USE enum err commit_plan_opening(struct ledger *l, uint64_t serial, int64_t seconds);
/* Writes a whole file beside `name`, syncs it, puts it in its place, and syncs the directory. */
MUST_USE enum err commit_replace(struct disk disk, const char *directory, const char *name,
				 const char *beside, const void *data, size_t size);

/* origin.c: sets l->origin.  Errors as ledger_open. */
MUST_USE enum err origin_find(struct ledger *l, const char *origin, struct ledger_failure *why);

/* recover.c */
MUST_USE enum err recover(struct ledger *l, const char *origin, struct ledger_failure *why);

/* note.c */
/* The tree head of a signed note in a file.  ERR_MISSING; ERR_FORMAT, ERR_MEMORY, ERR_SYSTEM, with
 * *why. */
MUST_USE enum err note_read_latest(struct disk disk, const char *name, struct checkpoint *out,
				   struct ledger_failure *why);
/* A half-written last entry of `checkpoints` is cut. */
MUST_USE enum err note_cut_history(struct disk disk);
/* Compares the ledger with the latest checkpoint, where there is one. */
MUST_USE enum err note_compare(struct ledger *l, struct ledger_failure *why);

/* redact.c: finishes what was begun before a crash. */
MUST_USE enum err redact_resume(struct disk disk, struct ledger_failure *why);

/* Reads a whole small file into *out.  ERR_MISSING, ERR_LIMIT, ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err commit_read_file(struct disk disk, const char *name, size_t size_max,
				   struct buf *out);

#endif
