/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The owning buffer. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/num.h"

/* The first allocation in bytes: a usual event fits. */
#define BUF_FIRST_BYTES 1024u

enum err
buf_reserve(struct buf *b, size_t more, size_t size_max)
{
	size_t needed;
	size_t capacity;
	uint8_t *data;

	MUST(b != NULL);
	MUST(b->size <= b->capacity);

	if (!num_add(b->size, more, &needed) || needed > size_max)
		return ERR_LIMIT;
	if (needed <= b->capacity)
		return ERR_OK;
	capacity = b->capacity > 0 ? b->capacity : BUF_FIRST_BYTES;
	while (capacity < needed)
		capacity = capacity > size_max / 2 ? size_max : capacity * 2;
	data = realloc(b->data, capacity);
	if (data == NULL)
		return ERR_MEMORY;
	b->data = data;
	b->capacity = capacity;
	return ERR_OK;
}

enum err
buf_append(struct buf *b, const void *data, size_t size, size_t size_max)
{
	enum err e;

	MUST(data != NULL || size == 0);

	e = buf_reserve(b, size, size_max);
	if (e != ERR_OK)
		return e;
	if (size > 0)
		memcpy(b->data + b->size, data, size);
	b->size += size;
	return ERR_OK;
}

void
buf_clear(struct buf *b)
{
	MUST(b != NULL);
	b->size = 0;
}

void
buf_finish(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->data);
	*b = (struct buf){ 0 };
}
