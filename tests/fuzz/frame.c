/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Frames: the first byte of an input says what the connection spoke so far, the rest is a body.
 * Whatever is accepted can be written and reads back as the same; whatever is refused says why and
 * changes nothing.
 */
#include <string.h>

#include "fuzz.h"

#include <hark/telemetry.h>

static bool
same_text(struct hark_text a, struct hark_text b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool
same_entry(const struct hark_detail *a, const struct hark_detail *b)
{
	if (!same_text(a->key, b->key) || a->type != b->type)
		return false;
	if (a->type == HARK_DETAIL_TEXT)
		return same_text(a->value.text, b->value.text);
	if (a->type == HARK_DETAIL_BOOL)
		return a->value.boolean == b->value.boolean;
	return a->value.integer == b->value.integer;
}

static bool
same_declaration(const struct hark_guest_declaration *a, const struct hark_guest_declaration *b)
{
	uint32_t i;

	if (a->content_version != b->content_version || a->guest_pid != b->guest_pid ||
	    a->guest_monotonic_ns != b->guest_monotonic_ns)
		return false;
	if (!same_text(a->probe_source, b->probe_source) ||
	    !same_text(a->guest_comm, b->guest_comm))
		return false;
	if (a->has_seq != b->has_seq || a->has_dropped != b->has_dropped || a->seq != b->seq ||
	    a->dropped != b->dropped || a->detail_count != b->detail_count)
		return false;
	for (i = 0; i < a->detail_count; i++) {
		if (!same_entry(&a->detail[i], &b->detail[i]))
			return false;
	}
	return true;
}

static bool
is_sorted(const struct hark_guest_declaration *d)
{
	uint32_t i;

	for (i = 1; i < d->detail_count; i++) {
		struct hark_text a = d->detail[i - 1].key;
		struct hark_text b = d->detail[i].key;
		int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

		if (order > 0 || (order == 0 && a.size >= b.size))
			return false;
	}
	return true;
}

static bool
is_hello(const struct hark_guest_declaration *d)
{
	return same_text(d->probe_source, (struct hark_text){ "agent.hello", 11 });
}

static void
check_refusal(const struct hark_wire_session *before, const struct hark_wire_session *after,
	      const struct hark_rejection *rejection)
{
	char text[HARK_REJECTION_TEXT_BYTES];

	FUZZ_CLAIM(before->mode == after->mode && before->stream == after->stream);
	FUZZ_CLAIM(rejection->reason > HARK_REJECT_NONE && rejection->reason < HARK_REJECT_COUNT);
	hark_rejection_text(rejection, text);
	FUZZ_CLAIM(text[0] != '\0');
}

static void
check_round(const struct hark_wire_session *before, const struct hark_wire_session *after,
	    const struct hark_guest_declaration *d)
{
	static uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	struct hark_guest_declaration changed = *d;
	struct hark_guest_declaration again;
	struct hark_wire_session session = *before;
	struct hark_rejection rejection;
	enum hark_telemetry_error e;
	size_t size;

#ifdef FUZZ_TWIN
	if (changed.has_dropped && changed.dropped > 0)
		changed.dropped--;
#endif
	e = hark_encode_frame(&changed, frame, sizeof(frame), &size);
	if (after->mode == HARK_WIRE_CELLOS && d->content_version == 2 && is_hello(d)) {
		/* Without its meaning it is a hello without a stream, which cannot be written. */
		FUZZ_CLAIM(e == HARK_TELEMETRY_ARGUMENT);
		return;
	}
	FUZZ_CLAIM(e == HARK_TELEMETRY_OK);
	e = hark_decode_frame(&session, frame + HARK_FRAME_PREFIX_BYTES,
			      size - HARK_FRAME_PREFIX_BYTES, &again, &rejection);
	FUZZ_CLAIM(e == HARK_TELEMETRY_OK);
	FUZZ_CLAIM(session.mode == after->mode && session.stream == after->stream);
	FUZZ_CLAIM(same_declaration(d, &again));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hark_wire_session before = { 0 };
	struct hark_wire_session first;
	struct hark_wire_session second;
	struct hark_guest_declaration a;
	struct hark_guest_declaration b;
	struct hark_rejection why_a = { 0 };
	struct hark_rejection why_b = { 0 };
	enum hark_telemetry_error e;
	uint8_t *body;

	if (size == 0)
		return 0;
	before.mode = (enum hark_wire_mode)(data[0] % 3);
	/* A copy of exactly its size, so that one byte read past it is seen. */
	body = malloc(size - 1);
	if (body == NULL)
		return 0;
	if (size > 1)
		memcpy(body, data + 1, size - 1);
	first = before;
	second = before;
	memset(&a, 0, sizeof(a));
	memset(&b, 0xff, sizeof(b));
	e = hark_decode_frame(&first, body, size - 1, &a, &why_a);
	FUZZ_CLAIM(hark_decode_frame(&second, body, size - 1, &b, &why_b) == e);
	FUZZ_CLAIM(first.mode == second.mode && first.stream == second.stream);
	FUZZ_CLAIM(why_a.reason == why_b.reason && why_a.field == why_b.field);
	if (e == HARK_TELEMETRY_OK) {
		FUZZ_CLAIM(same_declaration(&a, &b));
		FUZZ_CLAIM(is_sorted(&a));
		FUZZ_CLAIM(first.mode != HARK_WIRE_FIRST);
		check_round(&before, &first, &a);
	} else {
		check_refusal(&before, &first, &why_a);
	}
	free(body);
	return 0;
}
