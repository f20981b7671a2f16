/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The three lines of a tree head by C2SP's tlog-checkpoint; who signed them is not asked here. */
#include <stdbool.h>
#include <string.h>

#include "base/base64.h"
#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"

static bool
is_origin(const char *origin, size_t size)
{
	return text_is_id(origin, size, CHECKPOINT_ORIGIN_BYTES_MAX) &&
	       memchr(origin, '+', size) == NULL;
}

void
checkpoint_write(const struct checkpoint *c, char *text, size_t *size_out)
{
	char *at = text;
	size_t size;

	MUST(c != NULL && text != NULL && size_out != NULL);
	MUST(memchr(c->origin, '\0', sizeof(c->origin)) != NULL);
	MUST(is_origin(c->origin, strlen(c->origin)));

	size = strlen(c->origin);
	memcpy(at, c->origin, size);
	at += size;
	*at++ = '\n';
	at += num_write_u64(c->size, at);
	*at++ = '\n';
	base64_write(c->root.bytes, sizeof(c->root.bytes), at);
	at += BASE64_SIZE(sizeof(c->root.bytes));
	*at++ = '\n';
	*size_out = (size_t)(at - text);
}

/* Takes the next line off *text, without its newline.  ERR_FORMAT where it is empty or has no end.
 */
static enum err
take_line(struct bytes *text, struct bytes *out)
{
	const uint8_t *end = text->size > 0 ? memchr(text->data, '\n', text->size) : NULL;
	size_t size;

	if (end == NULL || end == text->data)
		return ERR_FORMAT;
	size = (size_t)(end - text->data);
	*out = (struct bytes){ .data = text->data, .size = size };
	text->data += size + 1;
	text->size -= size + 1;
	return ERR_OK;
}

enum err
checkpoint_read(struct bytes text, struct checkpoint *out)
{
	struct bytes lines[3];
	struct checkpoint c = { 0 };
	struct bytes more;
	size_t size;
	size_t i;
	enum err e;

	MUST(text.data != NULL || text.size == 0);
	MUST(out != NULL);

	for (i = 0; i < 3; i++) {
		e = take_line(&text, &lines[i]);
		if (e != ERR_OK)
			return e;
	}
	if (!is_origin((const char *)lines[0].data, lines[0].size))
		return ERR_FORMAT;
	memcpy(c.origin, lines[0].data, lines[0].size);
	e = num_read_u64((const char *)lines[1].data, lines[1].size, UINT64_MAX, &c.size);
	if (e != ERR_OK)
		return e;
	if (lines[2].size != BASE64_SIZE(sizeof(c.root.bytes)) ||
	    base64_read((const char *)lines[2].data, lines[2].size, c.root.bytes,
			sizeof(c.root.bytes), &size) != ERR_OK ||
	    size != sizeof(c.root.bytes))
		return ERR_FORMAT;
	while (text.size > 0) {
		e = take_line(&text, &more);
		if (e != ERR_OK)
			return e;
	}

	*out = c;
	return ERR_OK;
}
