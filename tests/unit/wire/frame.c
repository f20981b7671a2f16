/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Frames beside the conformance cases: what wire 2 and sessions refuse and why, every truncation
 * and bit flip of good frames, and round trips.  In this program an allocation while
 * `no_allocation` is set ends it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "frame_rows.h"

#include <hark/telemetry.h>

static bool no_allocation;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *
__wrap_malloc(size_t size)
{
	if (no_allocation)
		abort();
	return __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	if (no_allocation)
		abort();
	return __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	if (no_allocation)
		abort();
	return __real_realloc(old, size);
}

static enum hark_telemetry_error
decode(struct hark_wire_session *session, const void *body, size_t size,
       struct hark_guest_declaration *out, struct hark_rejection *rejection)
{
	enum hark_telemetry_error e;

	no_allocation = true;
	e = hark_decode_frame(session, body, size, out, rejection);
	no_allocation = false;
	return e;
}

static enum hark_telemetry_error
encode(const struct hark_guest_declaration *d, void *frame, size_t capacity, size_t *size_out)
{
	enum hark_telemetry_error e;

	no_allocation = true;
	e = hark_encode_frame(d, frame, capacity, size_out);
	no_allocation = false;
	return e;
}

static const uint64_t stream_before = 5;
static const uint64_t stream_of_good = UINT64_C(0x00112233445566ff);

static void
refuses_with_the_reason(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		const struct row *row = &rows[i];
		struct hark_wire_session s = { .mode = (enum hark_wire_mode)row->before,
					       .stream = stream_before };
		struct hark_rejection rejection = { 0 };
		struct hark_guest_declaration d;
		struct hark_guest_declaration untouched;
		char text[HARK_REJECTION_TEXT_BYTES];
		enum hark_telemetry_error e;

		memset(&d, 0xa5, sizeof(d));
		memcpy(&untouched, &d, sizeof(d));
		e = decode(&s, row->body, row->size, &d, &rejection);
		hark_rejection_text(&rejection, text);
		if (e == HARK_TELEMETRY_OK)
			text[0] = '\0';
		if (strcmp(text, row->want) != 0)
			fail_msg("%s: '%s', not '%s'", row->rule, text, row->want);
		if ((int)s.mode != row->after)
			fail_msg("%s: mode %d", row->rule, (int)s.mode);
		if (row->before != HARK && row->after == HARK)
			assert_true(s.stream == stream_of_good);
		else
			assert_true(s.stream == stream_before);
		/* Byte by byte on purpose: nothing may be written, not even into padding. */
		if (e != HARK_TELEMETRY_OK && memcmp(&d, &untouched, sizeof(d)) != 0) /* NOLINT */
			fail_msg("%s: a refused frame left something behind", row->rule);
		if (e == HARK_TELEMETRY_OK && row->after == CELLOS)
			assert_true(!d.has_seq && !d.has_dropped && d.detail_count == 0);
	}
}

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
	    a->guest_monotonic_ns != b->guest_monotonic_ns ||
	    !same_text(a->probe_source, b->probe_source) ||
	    !same_text(a->guest_comm, b->guest_comm) || a->has_seq != b->has_seq ||
	    a->has_dropped != b->has_dropped || a->seq != b->seq || a->dropped != b->dropped ||
	    a->detail_count != b->detail_count)
		return false;
	for (i = 0; i < a->detail_count; i++) {
		if (!same_entry(&a->detail[i], &b->detail[i]))
			return false;
	}
	return true;
}

/* What was accepted can be written, and reads back as the same. */
static void
check_round(const struct hark_wire_session *before, const struct hark_wire_session *after,
	    const struct hark_guest_declaration *d)
{
	static uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	struct hark_wire_session s = *before;
	struct hark_guest_declaration again;
	struct hark_rejection rejection;
	enum hark_telemetry_error e;
	size_t size = 0;

	e = encode(d, frame, sizeof(frame), &size);
	if (after->mode == HARK_WIRE_CELLOS && d->content_version == 2 &&
	    same_text(d->probe_source, (struct hark_text){ "agent.hello", 11 })) {
		/* Without its meaning it is a hello without a stream. */
		assert_int_equal(e, HARK_TELEMETRY_ARGUMENT);
		return;
	}
	assert_int_equal(e, HARK_TELEMETRY_OK);
	assert_int_equal(decode(&s, frame + 4, size - 4, &again, &rejection), HARK_TELEMETRY_OK);
	assert_true(s.mode == after->mode && s.stream == after->stream);
	assert_true(same_declaration(d, &again));
}

static void
survives_truncations_and_bit_flips(void **state)
{
	size_t good = 0;
	size_t flips_accepted = 0;
	size_t i;
	size_t bit;
	size_t n;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		const struct row *row = &rows[i];
		const struct hark_wire_session before = { (enum hark_wire_mode)row->before, 5 };

		if (row->want[0] != '\0')
			continue;
		good++;
		for (n = 0; n < row->size; n++) {
			struct hark_wire_session s = before;
			struct hark_rejection rejection = { 0 };
			struct hark_guest_declaration d;
			/* A copy of exactly its size: a sanitizer sees one byte read past it. */
			uint8_t *cut = malloc(n + 1);

			assert_non_null(cut);
			memcpy(cut + 1, row->body, n);
			if (decode(&s, cut + 1, n, &d, &rejection) != HARK_TELEMETRY_WIRE)
				fail_msg("%s: accepted at %zu bytes", row->rule, n);
			if (rejection.reason !=
			    (n == 0 ? HARK_REJECT_LENGTH_ZERO : HARK_REJECT_SHORT))
				fail_msg("%s: reason at %zu bytes", row->rule, n);
			free(cut);
		}
		for (bit = 0; bit < row->size * 8; bit++) {
			static uint8_t flipped[HARK_MAX_FRAME_BYTES];
			struct hark_wire_session s = before;
			struct hark_rejection rejection = { 0 };
			struct hark_guest_declaration d;

			memcpy(flipped, row->body, row->size);
			flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (decode(&s, flipped, row->size, &d, &rejection) == HARK_TELEMETRY_OK) {
				flips_accepted++;
				check_round(&before, &s, &d);
			} else {
				assert_true(rejection.reason != HARK_REJECT_NONE);
				assert_true(s.mode == before.mode && s.stream == before.stream);
			}
		}
	}
	assert_true(good >= 20);
	assert_true(flips_accepted > 1000);
}

/* Short texts have ways of their own to be judged: a bad byte is found at each place of each size.
 */
static void
bad_text_is_found_at_every_place(void **state)
{
	static const char text[41] = "0123456789012345678901234567890123456789";
	uint8_t frame[256];
	size_t n;
	size_t at;

	(void)state;
	for (n = 1; n <= 40; n++) {
		struct hark_guest_declaration d = { .content_version = 1,
						    .guest_comm = { text, n } };
		size_t size = 0;
		size_t begin;

		assert_int_equal(encode(&d, frame, sizeof(frame), &size), HARK_TELEMETRY_OK);
		/* guest_monotonic_ns with its value of one byte follows the text. */
		begin = size - 20 - n;
		assert_memory_equal(frame + begin, text, n);
		for (at = 0; at < n; at++) {
			struct hark_rejection rejection = { 0 };

			frame[begin + at] = 0xff;
			assert_int_equal(decode(NULL, frame + 4, size - 4, &d, &rejection),
					 HARK_TELEMETRY_WIRE);
			assert_int_equal(rejection.reason, HARK_REJECT_INVALID_UTF8);
			assert_int_equal(rejection.field, HARK_FIELD_GUEST_COMM);
			frame[begin + at] = (uint8_t)text[at];
		}
	}
}

static uint64_t
next_random(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Numbers of every size, not only vast ones. */
static uint64_t
random_number(uint64_t *seed)
{
	return next_random(seed) >> next_random(seed) % 64;
}

static struct hark_text
random_text(uint64_t *seed)
{
	static const char alphabet[] =
		"The quick brown fox \xc3\xa4\xe2\x82\xac jumps over\n\x01 it";
	static const size_t starts[] = { 0, 3, 10, 20, 22, 25, 30 };
	size_t a = next_random(seed) % COUNT_OF(starts);
	size_t b = a + next_random(seed) % (COUNT_OF(starts) - a);

	return (struct hark_text){ alphabet + starts[a], starts[b] - starts[a] };
}

static void
random_declaration(uint64_t *seed, struct hark_guest_declaration *d)
{
	static char keys[HARK_DETAIL_COUNT_MAX][8];
	uint32_t i;

	memset(d, 0, sizeof(*d));
	d->content_version = (uint16_t)(1 + next_random(seed) % 2);
	d->probe_source = random_text(seed);
	d->guest_comm = random_text(seed);
	d->guest_pid = (uint32_t)random_number(seed);
	d->guest_monotonic_ns = random_number(seed);
	if (d->content_version == 1)
		return;
	d->has_seq = next_random(seed) % 2 == 0;
	d->seq = d->has_seq ? random_number(seed) : 0;
	d->has_dropped = next_random(seed) % 2 == 0;
	d->dropped = d->has_dropped ? random_number(seed) : 0;
	d->detail_count = (uint32_t)(next_random(seed) % (HARK_DETAIL_COUNT_MAX + 1));
	for (i = 0; i < d->detail_count; i++) {
		struct hark_detail *entry = &d->detail[i];

		(void)snprintf(keys[i], sizeof(keys[i]), "k.%02u", i);
		entry->key = (struct hark_text){ keys[i], strlen(keys[i]) };
		entry->type = (enum hark_detail_type)(next_random(seed) % 3);
		if (entry->type == HARK_DETAIL_TEXT)
			entry->value.text = random_text(seed);
		else if (entry->type == HARK_DETAIL_BOOL)
			entry->value.boolean = next_random(seed) % 2 == 0;
		else
			entry->value.integer = (int64_t)(random_number(seed) >> 11) *
					       (next_random(seed) % 2 == 0 ? 1 : -1);
	}
}

static void
what_is_written_reads_back(void **state)
{
	static uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	uint64_t seed = 20240229;
	int round;

	(void)state;
	for (round = 0; round < 20000; round++) {
		struct hark_wire_session s = { 0 };
		struct hark_rejection rejection = { 0 };
		struct hark_guest_declaration d;
		struct hark_guest_declaration shuffled;
		struct hark_guest_declaration back;
		size_t size = 0;
		uint32_t i;

		random_declaration(&seed, &d);
		/* The order of a detail is the writer's; the reader sorts. */
		shuffled = d;
		for (i = d.detail_count; i > 1; i--) {
			uint32_t j = (uint32_t)(next_random(&seed) % i);
			struct hark_detail entry = shuffled.detail[j];

			shuffled.detail[j] = shuffled.detail[i - 1];
			shuffled.detail[i - 1] = entry;
		}
		s.mode = d.content_version == 2 ? HARK_WIRE_HARK : HARK_WIRE_CELLOS;
		assert_int_equal(encode(&shuffled, frame, sizeof(frame), &size), HARK_TELEMETRY_OK);
		assert_int_equal(frame[0] | frame[1] << 8, size - 4);
		assert_int_equal(decode(&s, frame + 4, size - 4, &back, &rejection),
				 HARK_TELEMETRY_OK);
		assert_true(same_declaration(&d, &back));
	}
}

static void
a_callers_mistake_is_an_argument(void **state)
{
	static const char body[] = "\xa5" V1 EVENT;
	struct hark_wire_session bad = { .mode = (enum hark_wire_mode)9 };
	struct hark_guest_declaration d = { .content_version = 1 };
	struct hark_rejection rejection;
	uint8_t frame[256];
	size_t size;

	(void)state;
	assert_int_equal(decode(NULL, NULL, 5, &d, &rejection), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(decode(NULL, body, 5, NULL, &rejection), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(decode(NULL, body, 5, &d, NULL), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(decode(&bad, body, 5, &d, &rejection), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(encode(NULL, frame, sizeof(frame), &size), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(encode(&d, NULL, sizeof(frame), &size), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(encode(&d, frame, sizeof(frame), NULL), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(decode(NULL, body, sizeof(body) - 1, &d, &rejection), HARK_TELEMETRY_OK);
	assert_int_equal(decode(NULL, NULL, 0, &d, &rejection), HARK_TELEMETRY_WIRE);
	assert_int_equal(rejection.reason, HARK_REJECT_LENGTH_ZERO);
	assert_int_equal(decode(NULL, body, 4097, &d, &rejection), HARK_TELEMETRY_WIRE);
	assert_int_equal(rejection.reason, HARK_REJECT_LENGTH_OVER_4096);
}

static void
every_refusal_has_a_text_that_fits(void **state)
{
	char text[HARK_REJECTION_TEXT_BYTES + 1];
	struct hark_rejection rejection;
	int reason;
	int field;

	(void)state;
	for (reason = 0; reason < HARK_REJECT_COUNT; reason++) {
		for (field = 0; field < HARK_FIELD_COUNT; field++) {
			rejection.reason = (enum hark_reject_reason)reason;
			rejection.field = (enum hark_frame_field)field;
			memset(text, '!', sizeof(text));
			hark_rejection_text(&rejection, text);
			assert_int_equal(text[HARK_REJECTION_TEXT_BYTES], '!');
			assert_true(strlen(text) ==
				    strlen(hark_reject_reason_name(rejection.reason)) +
					    (field != 0) +
					    strlen(hark_frame_field_name(rejection.field)));
		}
	}
	assert_null(hark_reject_reason_name(HARK_REJECT_COUNT));
	assert_null(hark_frame_field_name(HARK_FIELD_COUNT));
	rejection.reason = (enum hark_reject_reason)9999;
	hark_rejection_text(&rejection, text);
	assert_string_equal(text, "");
	hark_rejection_text(NULL, text);
	assert_string_equal(text, "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_with_the_reason),
		cmocka_unit_test(survives_truncations_and_bit_flips),
		cmocka_unit_test(bad_text_is_found_at_every_place),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(a_callers_mistake_is_an_argument),
		cmocka_unit_test(every_refusal_has_a_text_that_fits),
	};

	return cmocka_run_group_tests_name("wire/frame", tests, NULL, NULL);
}
