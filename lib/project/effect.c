/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdlib.h>

#include "base/must.h"
#include "project/effect.h"
#include "proto/staged.h"

/* Storage beyond this is given back once the batch is committed, in bytes. */
#define KEPT_BYTES_MAX 4194304u
#define ITEMS_AT_FIRST 64u

static enum err
add_item(struct effects *s, uint8_t token, const struct project_config *config)
{
	if (s->count >= config->effects || s->count >= UINT32_MAX)
		return ERR_LIMIT;
	if (s->count == s->capacity) {
		size_t more = s->capacity == 0 ? ITEMS_AT_FIRST : 2 * s->capacity;
		struct effect *items = reallocarray(s->items, more, sizeof(*items));

		if (items == NULL)
			return ERR_MEMORY;
		s->items = items;
		s->capacity = more;
	}
	s->items[s->count] = (struct effect){ .token = token,
					      .ordinal = (uint32_t)s->count,
					      .offset = s->bytes.size };
	s->count++;
	return ERR_OK;
}

static enum err
take_piece(struct effects *s, const struct staged_piece *piece, const struct project_config *config)
{
	size_t begun;
	enum err e = ERR_OK;

	if ((config->tokens >> piece->token & 1u) == 0)
		return ERR_FORMAT;
	if (!s->goes_on)
		e = add_item(s, piece->token, config);
	else if (s->items[s->count - 1].token != piece->token)
		return ERR_FORMAT;
	if (e != ERR_OK)
		return e;
	begun = s->bytes.size - s->items[s->count - 1].offset;
	if (piece->bytes.size > config->payload_bytes ||
	    begun > config->payload_bytes - piece->bytes.size)
		return ERR_LIMIT;
	s->goes_on = piece->goes_on;
	return buf_append(&s->bytes, piece->bytes.data, piece->bytes.size,
			  (size_t)config->effect_bytes);
}

enum err
effects_take(struct effects *s, struct bytes data, const struct project_config *config)
{
	struct staged_piece piece;
	size_t at = 0;
	enum err e;

	MUST(s != NULL && config != NULL);

	for (;;) {
		e = staged_read(data, &at, &piece);
		if (e == ERR_END)
			return ERR_OK;
		if (e == ERR_OK)
			e = take_piece(s, &piece, config);
		if (e != ERR_OK)
			return e;
	}
}

enum err
effects_end(struct effects *s, uint64_t count)
{
	size_t i;

	MUST(s != NULL);

	if (s->goes_on || s->count != count)
		return ERR_FORMAT;
	for (i = 0; i < s->count; i++) {
		size_t end = i + 1 < s->count ? s->items[i + 1].offset : s->bytes.size;
		size_t offset = s->items[i].offset;

		/* An empty one has no bytes to point at. */
		s->items[i].payload = (struct bytes){ end > offset ? s->bytes.data + offset : NULL,
						      end - offset };
	}
	return ERR_OK;
}

void
effects_clear(struct effects *s)
{
	MUST(s != NULL);

	if (s->bytes.capacity > KEPT_BYTES_MAX)
		buf_finish(&s->bytes);
	else
		buf_clear(&s->bytes);
	if (s->capacity * sizeof(s->items[0]) > KEPT_BYTES_MAX) {
		free(s->items);
		s->items = NULL;
		s->capacity = 0;
	}
	s->count = 0;
	s->goes_on = false;
}

void
effects_finish(struct effects *s)
{
	if (s == NULL)
		return;
	buf_finish(&s->bytes);
	free(s->items);
	*s = (struct effects){ 0 };
}
