/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Texts with their paths, one after the other: u32 of the count, then two u32 of sizes, path, text.
 */
#include <string.h>

#include "base/must.h"
#include "proto/record_internal.h"
#include "proto/texts.h"

#define COUNT_BYTES 4u
#define HEAD_BYTES  8u

enum err
texts_begin(struct buf *b)
{
	static const uint8_t none[COUNT_BYTES];

	MUST(b != NULL && b->size == 0);

	return buf_append(b, none, sizeof(none), TEXTS_BYTES_MAX);
}

enum err
texts_add(struct buf *b, const char *path, struct bytes text)
{
	uint8_t head[HEAD_BYTES];
	size_t path_size;
	enum err e;

	MUST(b != NULL && b->size >= COUNT_BYTES && path != NULL);

	path_size = strlen(path);
	if (path_size == 0 || path_size > TEXTS_PATH_BYTES_MAX || text.size > TEXTS_BYTES_MAX)
		return ERR_LIMIT;
	record_put32(head, (uint32_t)path_size);
	record_put32(head + 4, (uint32_t)text.size);
	/* Room for all of it first, so that nothing fails half-way. */
	e = buf_reserve(b, sizeof(head) + path_size + text.size, TEXTS_BYTES_MAX);
	if (e == ERR_OK)
		e = buf_append(b, head, sizeof(head), TEXTS_BYTES_MAX);
	if (e == ERR_OK)
		e = buf_append(b, path, path_size, TEXTS_BYTES_MAX);
	if (e == ERR_OK)
		e = buf_append(b, text.data, text.size, TEXTS_BYTES_MAX);
	if (e == ERR_OK)
		record_put32(b->data, record_get32(b->data) + 1);
	return e;
}

static struct bytes
cut(struct bytes *rest, size_t size)
{
	struct bytes front = { rest->data, size };

	rest->data += size;
	rest->size -= size;
	return front;
}

enum err
texts_open(struct bytes all, struct texts *out)
{
	MUST(out != NULL);

	if (all.size < COUNT_BYTES || all.size > TEXTS_BYTES_MAX)
		return ERR_FORMAT;
	out->rest = all;
	out->left = record_get32(cut(&out->rest, COUNT_BYTES).data);
	return ERR_OK;
}

enum err
texts_take(struct texts *t, struct bytes *path, struct bytes *text)
{
	struct bytes rest = t->rest;
	const uint8_t *head;
	uint32_t path_size;
	uint32_t text_size;

	MUST(path != NULL && text != NULL);

	if (t->left == 0)
		return rest.size == 0 ? ERR_END : ERR_FORMAT;
	if (rest.size < HEAD_BYTES)
		return ERR_FORMAT;
	head = cut(&rest, HEAD_BYTES).data;
	path_size = record_get32(head);
	text_size = record_get32(head + 4);
	if (path_size == 0 || path_size > TEXTS_PATH_BYTES_MAX || path_size > rest.size ||
	    text_size > rest.size - path_size || memchr(rest.data, '\0', path_size) != NULL)
		return ERR_FORMAT;
	*path = cut(&rest, path_size);
	*text = cut(&rest, text_size);
	t->rest = rest;
	t->left--;
	return ERR_OK;
}
