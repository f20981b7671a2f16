/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The bounded ring of events that are not confirmed yet.  It knows no sockets and no contents. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "hark-agent/ring.h"

#define PREFIX_BYTES 4u

enum err
ring_init(size_t capacity, struct ring *out)
{
	uint8_t *data;

	MUST(out != NULL);
	MUST(capacity >= RING_BYTES_MIN && capacity <= RING_BYTES_MAX);

	data = malloc(capacity);
	if (data == NULL)
		return ERR_MEMORY;
	memset(out, 0, sizeof(*out));
	out->data = data;
	out->capacity = capacity;
	return ERR_OK;
}

void
ring_finish(struct ring *r)
{
	if (r == NULL)
		return;
	free(r->data);
	memset(r, 0, sizeof(*r));
}

/* Copies out of the ring, from an offset counted from head. */
static void
copy_out(const struct ring *r, size_t offset, void *out, size_t size)
{
	size_t at = (r->head + offset) % r->capacity;
	size_t first = r->capacity - at < size ? r->capacity - at : size;

	memcpy(out, r->data + at, first);
	memcpy((uint8_t *)out + first, r->data, size - first);
}

/* The bytes of the frame that begins there, prefix included. */
static size_t
frame_size_at(const struct ring *r, size_t offset)
{
	uint8_t p[PREFIX_BYTES];

	copy_out(r, offset, p, sizeof(p));
	return PREFIX_BYTES +
	       ((size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24);
}

static void
drop_oldest(struct ring *r)
{
	size_t size;

	MUST(r->oldest < r->next);

	size = frame_size_at(r, 0);
	MUST(size <= r->used);
	r->head = (r->head + size) % r->capacity;
	r->used -= size;
	if (r->unsent == r->oldest)
		r->unsent++;
	else
		r->unsent_offset -= size;
	r->oldest++;
}

void
ring_add(struct ring *r, const void *frame, size_t size)
{
	size_t at;
	size_t first;

	MUST(frame != NULL && size > PREFIX_BYTES);
	MUST(size <= r->capacity);

	while (r->capacity - r->used < size)
		drop_oldest(r);
	at = (r->head + r->used) % r->capacity;
	first = r->capacity - at < size ? r->capacity - at : size;
	memcpy(r->data + at, frame, first);
	memcpy(r->data, (const uint8_t *)frame + first, size - first);
	MUST(frame_size_at(r, r->used) == size);
	r->used += size;
	r->next++;
}

size_t
ring_take(struct ring *r, uint8_t *out, size_t capacity)
{
	size_t end = r->unsent_offset;
	size_t total;

	MUST(out != NULL);

	while (r->unsent < r->next) {
		size_t size = frame_size_at(r, end);

		if (end - r->unsent_offset + size > capacity)
			break;
		end += size;
		r->unsent++;
	}
	total = end - r->unsent_offset;
	copy_out(r, r->unsent_offset, out, total);
	r->unsent_offset = end;
	return total;
}

void
ring_rewind(struct ring *r)
{
	r->unsent = r->oldest;
	r->unsent_offset = 0;
}

enum err
ring_ack(struct ring *r, uint64_t number)
{
	if (number > r->next)
		return ERR_RANGE;
	while (r->oldest < number)
		drop_oldest(r);
	return ERR_OK;
}

bool
ring_check(const struct ring *r)
{
	uint64_t number = r->oldest;
	size_t offset = 0;

	if (r->used > r->capacity || r->head >= r->capacity)
		return false;
	while (offset < r->used) {
		if (number == r->unsent && offset != r->unsent_offset)
			return false;
		if (r->used - offset <= PREFIX_BYTES)
			return false;
		offset += frame_size_at(r, offset);
		number++;
	}
	if (r->unsent == r->next && r->unsent_offset != r->used)
		return false;
	return offset == r->used && number == r->next && r->oldest <= r->unsent &&
	       r->unsent <= r->next;
}
