/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark_encode_frame for the agent's own declarations, where the wire room is not part of the build.
 */
#include <string.h>

#include <hark/telemetry.h>

struct writer {
	uint8_t *data;
	size_t size;
	size_t capacity;
	bool full;
};

static void
put_bytes(struct writer *w, const void *data, size_t size)
{
	if (w->full || w->capacity - w->size < size) {
		w->full = true;
		return;
	}
	if (size > 0)
		memcpy(w->data + w->size, data, size);
	w->size += size;
}

static void
put_head(struct writer *w, uint8_t major, uint64_t v)
{
	uint8_t head[9];
	size_t bytes = v < 24            ? 0
		       : v <= UINT8_MAX  ? 1
		       : v <= UINT16_MAX ? 2
		       : v <= UINT32_MAX ? 4
					 : 8;
	size_t i;

	head[0] = (uint8_t)(major << 5);
	if (bytes == 0)
		head[0] |= (uint8_t)v;
	else
		head[0] |= (uint8_t)(bytes == 1 ? 24 : bytes == 2 ? 25 : bytes == 4 ? 26 : 27);
	for (i = 0; i < bytes; i++)
		head[1 + i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
	put_bytes(w, head, 1 + bytes);
}

static void
put_text(struct writer *w, struct hark_text text)
{
	put_head(w, 3, text.size);
	put_bytes(w, text.data, text.size);
}

static void
put_key(struct writer *w, const char *key)
{
	put_text(w, (struct hark_text){ .data = key, .size = strlen(key) });
}

static void
put_detail(struct writer *w, const struct hark_detail *d)
{
	put_text(w, d->key);
	if (d->type == HARK_DETAIL_TEXT)
		put_text(w, d->value.text);
	else if (d->type == HARK_DETAIL_BOOL)
		put_head(w, 7, d->value.boolean ? 21 : 20);
	else if (d->value.integer >= 0)
		put_head(w, 0, (uint64_t)d->value.integer);
	else
		put_head(w, 1, (uint64_t)(-1 - d->value.integer));
}

enum hark_telemetry_error
hark_encode_frame(const struct hark_guest_declaration *g, void *frame, size_t capacity,
		  size_t *size_out)
{
	struct writer w = { .data = frame, .size = HARK_FRAME_PREFIX_BYTES, .capacity = capacity };
	size_t body;
	uint32_t i;

	if (capacity < HARK_FRAME_PREFIX_BYTES)
		return HARK_TELEMETRY_LIMIT;
	put_head(&w, 5, 5u + g->has_seq + g->has_dropped + (g->detail_count > 0));
	put_key(&w, "content_version");
	put_head(&w, 0, g->content_version);
	put_key(&w, "probe_source");
	put_text(&w, g->probe_source);
	put_key(&w, "guest_pid");
	put_head(&w, 0, g->guest_pid);
	put_key(&w, "guest_comm");
	put_text(&w, g->guest_comm);
	put_key(&w, "guest_monotonic_ns");
	put_head(&w, 0, g->guest_monotonic_ns);
	if (g->has_seq) {
		put_key(&w, "seq");
		put_head(&w, 0, g->seq);
	}
	if (g->has_dropped) {
		put_key(&w, "dropped");
		put_head(&w, 0, g->dropped);
	}
	if (g->detail_count > 0) {
		put_key(&w, "detail");
		put_head(&w, 5, g->detail_count);
	}
	for (i = 0; i < g->detail_count; i++)
		put_detail(&w, &g->detail[i]);
	body = w.size - HARK_FRAME_PREFIX_BYTES;
	if (w.full || body > HARK_MAX_FRAME_BYTES)
		return HARK_TELEMETRY_LIMIT;
	for (i = 0; i < HARK_FRAME_PREFIX_BYTES; i++)
		w.data[i] = (uint8_t)(body >> (8 * i));
	*size_out = w.size;
	return HARK_TELEMETRY_OK;
}
