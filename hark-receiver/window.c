/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The window of records without a receipt.  It decides nothing about what a record says. */
#include <assert.h>
#include <string.h>

#include "base/must.h"
#include "hark-receiver/window.h"
#include "os/memory.h"

static_assert(RECORD_BATCH_HEAD_BYTES + WINDOW_ROOM_BYTES <= RECORD_BATCH_BYTES_MAX,
	      "a new batch holds what one frame brings");
static_assert(2 * RECORD_BATCH_BYTES_MAX <= WINDOW_BYTES, "one batch is sent while another grows");

#define BATCHES_BYTES (WINDOW_BATCHES_MAX * sizeof(struct window_batch))
#define MARKS_BYTES   (WINDOW_MARKS_MAX * sizeof(struct window_mark))

enum err
window_init(struct window *w)
{
	void *data = NULL;
	void *batches = NULL;
	void *marks = NULL;

	MUST(w != NULL);

	*w = (struct window){ 0 };
	if (memory_map(WINDOW_BYTES_WIDE, &data) == ERR_OK &&
	    memory_map(BATCHES_BYTES, &batches) == ERR_OK &&
	    memory_map(MARKS_BYTES, &marks) == ERR_OK) {
		w->data = data;
		w->capacity = WINDOW_BYTES;
		w->batches = batches;
		w->marks = marks;
		return ERR_OK;
	}
	memory_unmap(data, WINDOW_BYTES_WIDE);
	memory_unmap(batches, BATCHES_BYTES);
	return ERR_MEMORY;
}

void
window_finish(struct window *w)
{
	if (w == NULL)
		return;
	memory_unmap(w->data, WINDOW_BYTES_WIDE);
	memory_unmap(w->batches, BATCHES_BYTES);
	memory_unmap(w->marks, MARKS_BYTES);
	*w = (struct window){ 0 };
}

bool
window_widen(struct window *w)
{
	MUST(w != NULL);

	if (w->count > 0 && w->capacity != WINDOW_BYTES_WIDE)
		return false;
	w->capacity = WINDOW_BYTES_WIDE;
	return true;
}

static struct window_batch *
batch_at(const struct window *w, uint32_t index)
{
	MUST(index < WINDOW_BATCHES_MAX);
	return &w->batches[(w->head + index) % WINDOW_BATCHES_MAX];
}

static struct window_batch *
batch_last(const struct window *w)
{
	MUST(w->count > 0);
	return batch_at(w, w->count - 1);
}

/* Where the bytes end that a batch at this offset may have. */
static uint32_t
limit_of(const struct window *w, uint32_t offset)
{
	uint32_t limit = offset + RECORD_BATCH_BYTES_MAX;
	uint32_t oldest = w->count > 0 ? batch_at(w, 0)->offset : 0;

	if (limit > w->capacity)
		limit = w->capacity;
	if (w->count > 0 && oldest > offset && limit > oldest)
		limit = oldest;
	return limit;
}

/* Finds the place of a new batch.  False where none has room for its head and one frame. */
static bool
place_find(const struct window *w, uint32_t *offset_out)
{
	const uint32_t need = RECORD_BATCH_HEAD_BYTES + WINDOW_ROOM_BYTES;
	const struct window_batch *last;
	uint32_t oldest;
	uint32_t end;

	if (w->count == 0) {
		*offset_out = 0;
		return true;
	}
	if (w->count == WINDOW_BATCHES_MAX)
		return false;
	last = batch_last(w);
	oldest = batch_at(w, 0)->offset;
	end = last->offset + last->size;
	if (last->offset < oldest) { /* they go round the end already */
		*offset_out = end;
		return oldest - end >= need;
	}
	*offset_out = w->capacity - end >= need ? end : 0;
	return *offset_out != 0 || oldest >= need;
}

static uint32_t
open_room(const struct window *w)
{
	const struct window_batch *last;

	if (!w->open)
		return 0;
	last = batch_last(w);
	return limit_of(w, last->offset) - (last->offset + last->size);
}

bool
window_has_room(const struct window *w)
{
	uint32_t offset;

	MUST(w != NULL);

	if (w->mark_count == WINDOW_MARKS_MAX)
		return false;
	return open_room(w) >= WINDOW_ROOM_BYTES || place_find(w, &offset);
}

static void
batch_close(struct window *w)
{
	struct window_batch *last = batch_last(w);
	struct record_batch head = { .first = last->first, .count = last->count };

	MUST(w->open && last->count > 0);

	record_batch_write(&head, w->data + last->offset);
	w->open = false;
}

enum err
window_add(struct window *w, const struct record *r, size_t *size_out)
{
	struct window_batch *last;
	uint32_t offset;

	MUST(w != NULL && r != NULL && size_out != NULL);

	if (w->open) {
		last = batch_last(w);
		if (record_write(r, w->data + last->offset + last->size, open_room(w), size_out) ==
		    ERR_OK) {
			last->size += (uint32_t)*size_out;
			last->count++;
			w->next++;
			return ERR_OK;
		}
	}
	if (!place_find(w, &offset))
		return ERR_LIMIT;
	if (record_write(r, w->data + offset + RECORD_BATCH_HEAD_BYTES,
			 limit_of(w, offset) - offset - RECORD_BATCH_HEAD_BYTES,
			 size_out) != ERR_OK)
		return ERR_LIMIT;
	if (w->open)
		batch_close(w);
	w->count++;
	w->serial++;
	w->open = true;
	last = batch_last(w);
	*last = (struct window_batch){ .offset = offset,
				       .size = RECORD_BATCH_HEAD_BYTES + (uint32_t)*size_out,
				       .count = 1,
				       .first = w->next };
	w->next++;
	return ERR_OK;
}

struct window_mark *
window_mark(struct window *w, struct window_place *place, uint16_t slot, uint16_t connection_place,
	    uint32_t connection)
{
	struct window_mark *mark;

	MUST(w != NULL && w->open && place != NULL);

	if (place->serial == w->serial)
		return &w->marks[place->index];
	MUST(w->mark_count < WINDOW_MARKS_MAX);
	place->serial = w->serial;
	place->index = (w->mark_head + w->mark_count) % WINDOW_MARKS_MAX;
	w->mark_count++;
	batch_last(w)->marks++;
	mark = &w->marks[place->index];
	*mark = (struct window_mark){ .slot = slot,
				      .place = connection_place,
				      .connection = connection };
	return mark;
}

bool
window_unsent(struct window *w, bool whole, const void **data_out, size_t *size_out)
{
	const struct window_batch *batch;

	MUST(w != NULL && data_out != NULL && size_out != NULL);

	if (w->sent_count == w->count)
		return false;
	if (w->open && w->sent_count == w->count - 1) {
		/* With the last entry of the table it grows on: another could not begin. */
		bool waits = w->count == WINDOW_BATCHES_MAX;

		if ((whole || waits) && open_room(w) >= WINDOW_ROOM_BYTES)
			return false;
		batch_close(w);
	}
	batch = batch_at(w, w->sent_count);
	*data_out = w->data + batch->offset;
	*size_out = batch->size;
	return true;
}

void
window_sent(struct window *w)
{
	const struct window_batch *batch;

	MUST(w != NULL && w->sent_count < w->count);
	MUST(!w->open || w->sent_count < w->count - 1);
	batch = batch_at(w, w->sent_count);
	w->sent_count++;
	if (batch->first + batch->count > w->sent_next)
		w->sent_next = batch->first + batch->count;
}

void
window_rewind(struct window *w)
{
	MUST(w != NULL);
	w->sent_count = 0;
}

enum err
window_receipt(struct window *w, uint64_t next, window_mark_fn *fn, void *ctx)
{
	MUST(w != NULL && fn != NULL);

	if (next > w->sent_next)
		return ERR_RANGE;
	while (w->count > 0) {
		const struct window_batch *oldest = batch_at(w, 0);
		uint32_t marks = oldest->marks;

		if (oldest->first + oldest->count > next)
			break;
		MUST(!w->open || w->count > 1);
		w->head = (w->head + 1) % WINDOW_BATCHES_MAX;
		w->count--;
		if (w->sent_count > 0)
			w->sent_count--;
		for (; marks > 0; marks--) {
			const struct window_mark mark = w->marks[w->mark_head];

			w->mark_head = (w->mark_head + 1) % WINDOW_MARKS_MAX;
			w->mark_count--;
			fn(ctx, &mark);
		}
	}
	/* From the front again, so that a calm cell touches the same page for ever. */
	if (w->count == 0) {
		w->head = 0;
		w->mark_head = 0;
	}
	return ERR_OK;
}

uint64_t
window_durable(const struct window *w)
{
	MUST(w != NULL);
	return w->count > 0 ? batch_at(w, 0)->first : w->next;
}

bool
window_is_empty(const struct window *w)
{
	MUST(w != NULL);
	return w->count == 0;
}

void
window_give_back(struct window *w)
{
	MUST(w != NULL);

	if (w->count > 0)
		return;
	MUST(w->mark_count == 0);
	memory_give_back(w->data, WINDOW_BYTES_WIDE);
	memory_give_back(w->batches, BATCHES_BYTES);
	memory_give_back(w->marks, MARKS_BYTES);
}

bool
window_check(const struct window *w)
{
	uint64_t number = w->next;
	uint32_t marks = 0;
	uint32_t i;

	if (w->count > WINDOW_BATCHES_MAX || w->sent_count > w->count ||
	    w->mark_count > WINDOW_MARKS_MAX || w->sent_next > w->next ||
	    (w->open && w->count == 0) || (w->open && w->sent_count == w->count))
		return false;
	for (i = w->count; i > 0; i--) {
		const struct window_batch *b = batch_at(w, i - 1);
		uint32_t j;

		if (b->count == 0 || b->first + b->count != number || b->offset > w->capacity ||
		    b->size > RECORD_BATCH_BYTES_MAX || b->size > w->capacity - b->offset)
			return false;
		for (j = 0; j < i - 1; j++) {
			const struct window_batch *other = batch_at(w, j);

			if (b->offset < other->offset + other->size &&
			    other->offset < b->offset + b->size)
				return false;
		}
		number = b->first;
		marks += b->marks;
	}
	return marks == w->mark_count;
}
