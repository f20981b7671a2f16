/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The one writer of a ledger: leaves are appended to a batch, a batch becomes one commit frame, and
 * a frame is durable before anybody hears of it.  docs/format/ledger.md has the bytes.  It owns no
 * clock.  One thread uses it; it may have a thread of its own for writing, made by ledger_open.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hark/telemetry.h>

#include "base/bytes.h"
#include "base/err.h"
#include "merkle/merkle.h"
#include "os/disk.h"

#define LEDGER_LEAF_BYTES_MAX        65535u
#define LEDGER_ORIGIN_BYTES_MAX      255u
#define LEDGER_SEGMENT_BYTES_DEFAULT UINT64_C(67108864)
#define LEDGER_BATCH_BYTES_MAX       2097152u
#define LEDGER_STATE_KEY_MAX         255u
#define LEDGER_STATE_VALUE_MAX       1024u
/* A batch and a segment are at least so large, so that each holds a leaf of the largest size. */
#define LEDGER_BATCH_BYTES_MIN 98304u
/* Behind every leaf there is room for so many bytes of changes (3 and key and value each). */
#define LEDGER_STATE_ROOM_BYTES 16384u

/* Why a ledger was refused, for a person: which file, where, what was expected. */
struct ledger_failure {
	int system_error;
	char text[512];
};

struct ledger_options {
	const char *origin; /* borrowed for the call; NULL: open an existing one of any origin */
	uint64_t segment_bytes; /* 0: the default; at least 4 MiB but in tests, and two batches */
	size_t batch_bytes;     /* most of a frame; 0: the maximum */
	uint64_t salt[2];       /* random, for segments made from now on; mixed with the serial */
	bool is_synchronous;    /* no thread: a commit ends within ledger_commit_begin */
};

struct ledger;

/*
 * Opens and recovers, or creates where the directory is empty.  The disk must outlive it.  Nothing
 * but a torn tail is cut, and what is derived from the segments made again.  Errors, with *why:
 * ERR_FORMAT (damaged, shorter or other than its checkpoint, another origin), ERR_UNSUPPORTED (a
 * newer format), ERR_MISSING (empty and no origin given), ERR_LIMIT (sizes out of bounds),
 * ERR_MEMORY, ERR_SYSTEM.
 */
MUST_USE enum err ledger_open(struct disk disk, const struct ledger_options *options,
			      struct ledger **out, struct ledger_failure *why);
/* Waits for a commit in flight; what was not committed is lost.  NULL is fine. */
void ledger_close(struct ledger *l);

const char *ledger_origin(const struct ledger *l);
/* What is durable. */
uint64_t ledger_committed_size(const struct ledger *l);
void ledger_committed_root(const struct ledger *l, struct merkle_hash *out);
/* Where the next frame begins: segment serial and offset. */
void ledger_position(const struct ledger *l, uint64_t *serial_out, uint64_t *offset_out);
/* The index that the next appended leaf gets. */
uint64_t ledger_next_index(const struct ledger *l);
/* Bytes, leaves and changes of the open batch. */
size_t ledger_batch_bytes(const struct ledger *l);
bool ledger_batch_is_empty(const struct ledger *l);

/* Bytes of changes of state (3 and key and value each) that the open batch still takes. */
size_t ledger_state_room(const struct ledger *l);

/* A place for a leaf of up to LEDGER_LEAF_BYTES_MAX bytes in the open batch, or NULL where the
 * batch is too full: commit first. */
char *ledger_reserve(struct ledger *l);
/* The leaf was written into that place.  Hashes it. */
void ledger_append(struct ledger *l, size_t size);

/* State: changed in memory at once, durable with the open batch.  value NULL deletes.  ERR_LIMIT:
 * the batch is too full; ERR_MEMORY. */
MUST_USE enum err ledger_state_set(struct ledger *l, const void *key, size_t key_size,
				   const void *value, size_t value_size);
bool ledger_state_get(const struct ledger *l, const void *key, size_t key_size,
		      struct bytes *value_out);
typedef enum err ledger_state_fn(void *ctx, struct bytes key, struct bytes value);
MUST_USE enum err ledger_state_each(const struct ledger *l, ledger_state_fn *fn, void *ctx);

/*
 * Closes the open batch and begins to write it; a new batch is open at once.  ERR_AGAIN: one is
 * still in flight, or has failed.  ERR_MEMORY: nothing was closed.  Nothing happens where the batch
 * is empty.
 */
MUST_USE enum err ledger_commit_begin(struct ledger *l, struct hark_time now, uint64_t now_ns);
/* Readable when a commit has ended; -1 where commits end within ledger_commit_begin. */
int ledger_commit_fd(const struct ledger *l);
/*
 * ERR_OK: nothing is in flight (any more), all that was closed is durable; ERR_AGAIN: it goes on;
 * ERR_SYSTEM: writing failed (errno: ENOSPC, EIO): the batch is kept, ledger_commit_retry writes it
 * again from memory; until then each call says so again.
 */
MUST_USE enum err ledger_commit_end(struct ledger *l);
MUST_USE enum err ledger_commit_retry(struct ledger *l);
/*
 * True where no room is reserved beyond the segment that is being written, or something that is
 * derived could not be written.  There is still room for what says so: say it, and take no more.
 * Each commit tries to reserve again.
 */
bool ledger_space_is_low(const struct ledger *l);

/* A merkle_node_fn over what is committed; ctx is the ledger. */
enum err ledger_node(void *ctx, unsigned int level, uint64_t index, struct merkle_hash *out);

/* Replaces `checkpoint`, and appends to the history where `keep`.  ERR_SYSTEM. */
MUST_USE enum err ledger_checkpoint_write(struct ledger *l, const void *note, size_t size,
					  struct hark_time now, bool keep);

/*
 * Drops whole segments whose leaves all lie below `index`; gives the first leaf that is left.  The
 * tree stays.  Durable on return; what failed may be done in part, and is done again by calling
 * again.  ERR_RANGE: not committed; ERR_MISSING: nothing was committed yet; ERR_SYSTEM.
 */
MUST_USE enum err ledger_prune(struct ledger *l, uint64_t index, uint64_t *first_out);
/*
 * Blanks one committed leaf and keeps its hash.  Durable on return.  A crash or a failure in the
 * middle is finished by the next opening or redaction.  ERR_RANGE: not committed; ERR_MISSING:
 * pruned; ERR_EXISTS: redacted already; ERR_UNSUPPORTED: a leaf below 32 bytes has no room for a
 * hash; ERR_FORMAT: damaged; ERR_MEMORY, ERR_SYSTEM.
 */
MUST_USE enum err ledger_redact(struct ledger *l, uint64_t index);

/* What is known of a ledger that was moved aside. */
struct ledger_retired {
	char moved_to[64];                         /* "retired/<name>-<number>" */
	char origin[LEDGER_ORIGIN_BYTES_MAX + 1u]; /* empty where nothing says it */
	bool has_head;                             /* there was a checkpoint that can be read */
	uint64_t size;
	struct merkle_hash root;
};

/*
 * Moves the ledger directory `name` of a data directory to retired/, whatever its state is, and
 * makes an empty one in its place.  Nobody may have it open.  ERR_MISSING: it is not there;
 * ERR_EXISTS: no number is free; ERR_SYSTEM, with *why.
 */
MUST_USE enum err ledger_retire(struct disk data, const char *name, struct ledger_retired *out,
				struct ledger_failure *why);

#endif
