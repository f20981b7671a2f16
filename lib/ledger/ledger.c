/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The writer as its owner sees it: an open batch that is filled and hashed (batch.c), and at most
 * one closed batch on its way to the disk (commit.c).  recover.c opens.
 */
#include "ledger/ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "ledger/failure.h"
#include "ledger/ledger_internal.h"

/* Of a batch, for changes of state: a part, so that leaves always get most of it. */
#define CHANGE_PART 4u
/* Batches whose rows can be kept in memory while the tree's files cannot be written. */
#define BEHIND_BATCHES 2u

static_assert(LEDGER_LEAF_BYTES_MAX == FORMAT_LEAF_BYTES_MAX, "one limit");
static_assert(LEDGER_BATCH_BYTES_MAX == FORMAT_FRAME_BYTES_MAX, "one limit");
static_assert(LEDGER_ORIGIN_BYTES_MAX == FORMAT_ORIGIN_MAX, "one limit");
static_assert(LEDGER_STATE_KEY_MAX == FORMAT_STATE_KEY_MAX, "one limit");
static_assert(LEDGER_STATE_VALUE_MAX == FORMAT_STATE_VALUE_MAX, "one limit");
static_assert(LEDGER_BATCH_BYTES_MIN / CHANGE_PART >= LEDGER_STATE_ROOM_BYTES,
	      "the promised room for changes is there in the smallest batch");
static_assert(LEDGER_BATCH_BYTES_MIN >= FORMAT_HEAD_BYTES + FORMAT_RECORD_BYTES +
						LEDGER_LEAF_BYTES_MAX + LEDGER_STATE_ROOM_BYTES +
						FORMAT_ALIGN,
	      "and so is that for the largest leaf");

/* Sizes from the options, each within its bounds. */
static enum err
set_sizes(struct ledger *l, const struct ledger_options *o, struct ledger_failure *why)
{
	l->batch_bytes = o->batch_bytes == 0 ? LEDGER_BATCH_BYTES_MAX : o->batch_bytes;
	l->segment_bytes = o->segment_bytes == 0 ? LEDGER_SEGMENT_BYTES_DEFAULT : o->segment_bytes;
	if (l->batch_bytes < LEDGER_BATCH_BYTES_MIN || l->batch_bytes > LEDGER_BATCH_BYTES_MAX)
		return failure_say(why, ERR_LIMIT, "a batch of %zu bytes; allowed are %u to %u",
				   l->batch_bytes, LEDGER_BATCH_BYTES_MIN, LEDGER_BATCH_BYTES_MAX);
	if (l->segment_bytes < FORMAT_SEGMENT_BYTES + 2 * l->batch_bytes ||
	    l->segment_bytes > INT64_MAX / 2)
		return failure_say(why, ERR_LIMIT,
				   "a segment must hold two batches: at least %zu bytes",
				   FORMAT_SEGMENT_BYTES + 2 * l->batch_bytes);
	l->batch_bytes -= l->batch_bytes % FORMAT_ALIGN;
	l->change_capacity = l->batch_bytes / CHANGE_PART;
	l->gap = FORMAT_HEAD_BYTES + l->change_capacity;
	l->random[0] = o->salt[0];
	l->random[1] = o->salt[1];
	return ERR_OK;
}

static enum err
open_all(struct ledger *l, const struct ledger_options *o, struct ledger_failure *why)
{
	enum err e = set_sizes(l, o, why);

	if (e != ERR_OK)
		return e;
	state_init(&l->state, l->random);
	e = tree_rows_init(&l->behind, BEHIND_BATCHES * FORMAT_FRAME_RECORDS_MAX);
	if (e == ERR_OK)
		e = batch_init(l, &l->batches[0]);
	if (e == ERR_OK)
		e = batch_init(l, &l->batches[1]);
	if (e != ERR_OK)
		return failure_say(why, e, "memory for two batches");
	e = recover(l, o->origin, why);
	if (e != ERR_OK)
		return e;
	tree_rows_clear(&l->behind, l->committed_size);
	l->open = &l->batches[0];
	batch_begin(l->open, &l->frontier);
	if (o->is_synchronous)
		return ERR_OK;
	e = worker_create(&l->worker);
	return e == ERR_OK ? e : failure_say(why, e, "a thread that writes");
}

enum err
ledger_open(struct disk disk, const struct ledger_options *options, struct ledger **out,
	    struct ledger_failure *why)
{
	struct ledger *l;
	enum err e;

	MUST(disk.ops != NULL && options != NULL && out != NULL);

	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return failure_say(why, ERR_MEMORY, "memory for a ledger");
	l->disk = disk;
	l->writer.file = -1;
	l->writer.ahead_file = -1;
	e = open_all(l, options, why);
	if (e != ERR_OK) {
		ledger_close(l);
		return e;
	}
	*out = l;
	return ERR_OK;
}

void
ledger_close(struct ledger *l)
{
	int kept = errno;

	if (l == NULL)
		return;
	worker_destroy(l->worker);
	if (l->writer.file >= 0)
		l->disk.ops->close(l->disk.ctx, l->writer.file);
	if (l->writer.ahead_file >= 0)
		l->disk.ops->close(l->disk.ctx, l->writer.ahead_file);
	tree_close(&l->tree);
	tree_rows_finish(&l->behind);
	batch_finish(&l->batches[0]);
	batch_finish(&l->batches[1]);
	buf_finish(&l->next_opening.snapshot);
	state_finish(&l->state);
	free(l);
	errno = kept;
}

const char *
ledger_origin(const struct ledger *l)
{
	return l->origin;
}

uint64_t
ledger_committed_size(const struct ledger *l)
{
	return l->committed_size;
}

void
ledger_committed_root(const struct ledger *l, struct merkle_hash *out)
{
	*out = l->committed_root;
}

void
ledger_position(const struct ledger *l, uint64_t *serial_out, uint64_t *offset_out)
{
	*serial_out = l->committed_at.serial;
	*offset_out = l->committed_at.offset;
}

uint64_t
ledger_next_index(const struct ledger *l)
{
	return l->frontier.size;
}

bool
ledger_space_is_low(const struct ledger *l)
{
	return l->space_is_low;
}

/* The opening that is due goes to the batch that begins its segment; buffers are used again. */
static void
swap_opening(struct ledger *l, struct batch *b)
{
	struct opening kept = b->opening;

	b->opening = l->next_opening;
	l->next_opening = kept;
}

static void
start_commit(struct ledger *l)
{
	l->commit.state = COMMIT_BUSY;
	if (l->worker == NULL)
		commit_run(l);
	else
		worker_start(l->worker, commit_run, l);
}

enum err
ledger_commit_begin(struct ledger *l, struct hark_time now, uint64_t now_ns)
{
	struct batch *b = l->open;
	size_t bytes = batch_bytes(b);
	bool is_last = l->next.offset + bytes + l->batch_bytes > l->next_segment_bytes;
	enum err e;

	MUST(l->next.offset + bytes <= l->next_segment_bytes);

	if (ledger_commit_end(l) != ERR_OK)
		return ERR_AGAIN;
	if (batch_is_empty(b))
		return ERR_OK;
	swap_opening(l, b);
	l->next_opening.is_due = false;
	if (is_last) {
		e = commit_plan_opening(l, l->next.serial + 1, now.seconds);
		if (e != ERR_OK) {
			swap_opening(l, b); /* back, as it was */
			return ERR_MEMORY;
		}
	}
	batch_close(l, b, now, now_ns, is_last);
	if (is_last) {
		l->next = (struct format_position){ l->next.serial + 1, FORMAT_SEGMENT_BYTES };
		l->next_segment_bytes = l->segment_bytes;
		memcpy(l->next_salt, l->next_opening.header.salt, FORMAT_SALT_BYTES);
	} else {
		l->next.offset += bytes;
	}
	l->open = b == &l->batches[0] ? &l->batches[1] : &l->batches[0];
	batch_begin(l->open, &l->frontier);
	l->commit.batch = b;
	l->commit.must_write_behind = !tree_rows_fit(&l->behind, &b->rows);
	l->commit.behind_is_written = tree_rows_leaves(&l->behind) == 0;
	start_commit(l);
	return ERR_OK;
}

int
ledger_commit_fd(const struct ledger *l)
{
	return l->worker == NULL ? -1 : worker_fd(l->worker);
}

/* What a commit that has succeeded changes. */
static void
take_result(struct ledger *l)
{
	struct commit *c = &l->commit;
	const struct batch *b = c->batch;

	if (c->behind_is_written) {
		tree_advance(&l->tree, &l->behind);
		tree_rows_clear(&l->behind, b->first_index);
	}
	if (c->rows_are_written) {
		tree_advance(&l->tree, &b->rows);
		tree_rows_clear(&l->behind, b->head.size_after);
	} else {
		tree_rows_append(&l->behind, &b->rows);
	}
	l->committed_size = b->head.size_after;
	l->committed_root = b->head.root_after;
	l->committed_at = (struct format_position){ b->at.serial, b->at.offset + b->head.bytes };
	l->space_is_low = !c->has_ahead || !c->rows_are_written;
}

/* What errno says of a commit that has failed. */
static int
error_number_of(const struct commit *c)
{
	switch (c->result) {
	case ERR_SYSTEM:
		return c->system_error;
	case ERR_MEMORY:
		return ENOMEM;
	case ERR_MISSING:
		return ENOENT;
	default:
		return EIO; /* what was written before cannot be read back */
	}
}

enum err
ledger_commit_end(struct ledger *l)
{
	struct commit *c = &l->commit;

	if (c->state == COMMIT_BUSY && l->worker != NULL && !worker_take(l->worker))
		return ERR_AGAIN;
	if (c->state == COMMIT_BUSY) {
		c->state = c->result == ERR_OK ? COMMIT_IDLE : COMMIT_FAILED;
		if (c->state == COMMIT_IDLE)
			take_result(l);
	}
	if (c->state == COMMIT_IDLE)
		return ERR_OK;
	errno = error_number_of(c);
	return ERR_SYSTEM;
}

enum err
ledger_commit_retry(struct ledger *l)
{
	enum err e = ledger_commit_end(l);

	if (e != ERR_SYSTEM)
		return e;
	start_commit(l);
	return ERR_OK;
}

enum err
ledger_node(void *ctx, unsigned int level, uint64_t index, struct merkle_hash *out)
{
	const struct ledger *l = ctx;

	if (level >= 64 || index >= l->committed_size >> level)
		return ERR_RANGE;
	return tree_node(&l->tree, &l->behind, level, index, out);
}
