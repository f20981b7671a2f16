/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The open batch: leaves and changes of state are put into it, and closing makes one frame of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "ledger/ledger_internal.h"

void
batch_begin(struct batch *b, const struct merkle_frontier *frontier)
{
	b->change_bytes = 0;
	b->record_bytes = 0;
	b->records = 0;
	b->first_index = frontier->size;
	tree_rows_clear(&b->rows, frontier->size);
}

enum err
batch_init(struct ledger *l, struct batch *b)
{
	/* Pages that are not touched cost nothing. */
	b->storage = malloc(l->gap + l->batch_bytes);
	b->changes = malloc(l->change_capacity);
	if (b->storage == NULL || b->changes == NULL)
		return ERR_MEMORY;
	return tree_rows_init(&b->rows, FORMAT_FRAME_RECORDS_MAX);
}

void
batch_finish(struct batch *b)
{
	free(b->storage);
	free(b->changes);
	tree_rows_finish(&b->rows);
	buf_finish(&b->opening.snapshot);
	memset(b, 0, sizeof(*b));
}

bool
batch_is_empty(const struct batch *b)
{
	return b->records == 0 && b->change_bytes == 0;
}

size_t
batch_bytes(const struct batch *b)
{
	return format_frame_bytes(b->change_bytes, b->record_bytes);
}

size_t
ledger_batch_bytes(const struct ledger *l)
{
	return batch_bytes(l->open);
}

size_t
ledger_state_room(const struct ledger *l)
{
	MUST(l->open->change_bytes <= l->change_capacity);
	return l->change_capacity - l->open->change_bytes;
}

bool
ledger_batch_is_empty(const struct ledger *l)
{
	return batch_is_empty(l->open);
}

char *
ledger_reserve(struct ledger *l)
{
	struct batch *b = l->open;
	size_t after =
		format_frame_bytes(b->change_bytes + LEDGER_STATE_ROOM_BYTES,
				   b->record_bytes + FORMAT_RECORD_BYTES + LEDGER_LEAF_BYTES_MAX);

	if (b->records == FORMAT_FRAME_RECORDS_MAX || after > l->batch_bytes ||
	    b->change_bytes + LEDGER_STATE_ROOM_BYTES > l->change_capacity)
		return NULL;
	return (char *)b->storage + l->gap + b->record_bytes + FORMAT_RECORD_BYTES;
}

void
ledger_append(struct ledger *l, size_t size)
{
	struct batch *b = l->open;
	uint8_t *record = b->storage + l->gap + b->record_bytes;
	struct merkle_hash leaf;

	MUST(size <= LEDGER_LEAF_BYTES_MAX);
	MUST(b->records < FORMAT_FRAME_RECORDS_MAX);
	MUST(format_frame_bytes(b->change_bytes, b->record_bytes + FORMAT_RECORD_BYTES + size) <=
	     l->batch_bytes);

	format_put_u32(record, (uint32_t)size);
	merkle_leaf(record + FORMAT_RECORD_BYTES, size, &leaf);
	merkle_frontier_add(&l->frontier, &leaf, tree_rows_hash, &b->rows);
	b->record_bytes += FORMAT_RECORD_BYTES + size;
	b->records++;
}

enum err
ledger_state_set(struct ledger *l, const void *key, size_t key_size, const void *value,
		 size_t value_size)
{
	struct batch *b = l->open;
	struct bytes k = { key, key_size };
	struct bytes v = { value, value_size };
	size_t more = format_change_bytes(key_size, value == NULL ? 0 : value_size);
	enum err e;

	MUST(key_size >= 1 && key_size <= LEDGER_STATE_KEY_MAX);
	MUST(value_size <= LEDGER_STATE_VALUE_MAX);

	if (b->change_bytes + more > l->change_capacity ||
	    format_frame_bytes(b->change_bytes + more, b->record_bytes) > l->batch_bytes)
		return ERR_LIMIT;
	/* Written first: the value may lie in the map that it is then put into. */
	(void)format_change_write(key, key_size, value, value == NULL ? 0 : value_size,
				  b->changes + b->change_bytes);
	e = state_put(&l->state, k, value == NULL ? NULL : &v);
	if (e != ERR_OK)
		return e;
	b->change_bytes += more;
	return ERR_OK;
}

bool
ledger_state_get(const struct ledger *l, const void *key, size_t key_size, struct bytes *value_out)
{
	return state_get(&l->state, (struct bytes){ key, key_size }, value_out);
}

enum err
ledger_state_each(const struct ledger *l, ledger_state_fn *fn, void *ctx)
{
	return state_each(&l->state, fn, ctx);
}

/* Head and changes right before the records, and zeroes behind them. */
void
batch_close(struct ledger *l, struct batch *b, struct hark_time now, uint64_t now_ns, bool is_last)
{
	size_t start = l->gap - b->change_bytes - FORMAT_HEAD_BYTES;
	uint8_t *frame = b->storage + start;
	size_t parts = FORMAT_HEAD_BYTES + b->change_bytes + b->record_bytes;

	b->at = l->next;
	b->now_ns = now_ns;
	b->frame = frame;
	b->head = (struct format_head){
		.bytes = (uint32_t)batch_bytes(b),
		.records = b->records,
		.change_bytes = (uint32_t)b->change_bytes,
		.record_bytes = (uint32_t)b->record_bytes,
		.is_last = is_last,
		.first_index = b->first_index,
		.size_after = l->frontier.size,
		.time = now,
		.monotonic_ns = now_ns,
	};
	merkle_frontier_root(&l->frontier, &b->head.root_after);
	memcpy(frame + FORMAT_HEAD_BYTES, b->changes, b->change_bytes);
	memset(frame + parts, 0, b->head.bytes - parts);
	format_head_write(&b->head, l->next_salt, frame + FORMAT_HEAD_BYTES, frame);
	tree_rows_position(&b->rows, b->first_index, b->records, &b->at);
}
