/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The payloads lie behind one another in one buffer, so that an effect is copied once. */
#include "hark-observer/stage.h"

#include <stdlib.h>

#include "base/must.h"
#include "proto/staged.h"

/* What is kept of the storage from one call to the next. */
#define KEPT_BYTES ((size_t)1024 * 1024)

void
stage_init(struct stage *s, const struct hark_observer_limits *limits)
{
	size_t effects = limits->effect_bytes + limits->effects * STAGED_HEAD_BYTES;

	/* An effect that is cut has one head more in each payload, of which each but the last is
	 * full to a head. */
	*s = (struct stage){
		.bytes_max = effects + (effects / (STAGED_BYTES_MAX / 2) + 1) *
					       (STAGED_HEAD_BYTES + STAGED_HEAD_BYTES),
	};
}

void
stage_clear(struct stage *s)
{
	if (s->bytes.capacity > KEPT_BYTES)
		buf_finish(&s->bytes);
	buf_clear(&s->bytes);
	s->payload_begin = 0;
	s->end_count = 0;
	s->effects = 0;
}

void
stage_finish(struct stage *s)
{
	if (s == NULL)
		return;
	buf_finish(&s->bytes);
	free(s->ends);
	*s = (struct stage){ .bytes_max = 0 };
}

static enum err
end_payload(struct stage *s)
{
	if (s->end_count == s->end_capacity) {
		size_t capacity = s->end_capacity == 0 ? 16 : 2 * s->end_capacity;
		size_t *ends = realloc(s->ends, capacity * sizeof(*ends));

		if (ends == NULL)
			return ERR_MEMORY;
		s->ends = ends;
		s->end_capacity = capacity;
	}
	s->ends[s->end_count++] = s->bytes.size;
	s->payload_begin = s->bytes.size;
	return ERR_OK;
}

enum err
stage_take(struct stage *s, uint8_t token, const void *bytes, size_t size)
{
	struct bytes rest = { bytes, size };
	bool whole;
	enum err e;

	MUST(s != NULL && (bytes != NULL || size == 0));

	do {
		size_t used = s->bytes.size - s->payload_begin;
		size_t wanted = STAGED_HEAD_BYTES + rest.size;
		size_t room = STAGED_BYTES_MAX - used;

		e = buf_reserve(&s->bytes, wanted < room ? wanted : room, s->bytes_max);
		if (e != ERR_OK)
			return ERR_MEMORY; /* the limits were looked at when the module asked */
		whole = staged_write(token, &rest, s->bytes.data + s->payload_begin,
				     STAGED_BYTES_MAX, &used);
		s->bytes.size = s->payload_begin + used;
		if (!whole) {
			e = end_payload(s);
			if (e != ERR_OK)
				return e;
		}
	} while (!whole);
	s->effects++;
	return ERR_OK;
}

size_t
stage_payload_count(const struct stage *s)
{
	return s->end_count + (s->bytes.size > s->payload_begin ? 1 : 0);
}

struct bytes
stage_payload(const struct stage *s, size_t index)
{
	size_t begin = index == 0 ? 0 : s->ends[index - 1];
	size_t end = index < s->end_count ? s->ends[index] : s->bytes.size;

	MUST(index < stage_payload_count(s));

	return (struct bytes){ s->bytes.data + begin, end - begin };
}
