/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The ring against a plain model: numbers, evictions, confirmations, sending again. */
#include <string.h>

#include "hark-agent/ring.h"
#include "unit.h"

/* A frame whose body is its number, repeated to the wanted size. */
static size_t
make_frame(uint64_t number, size_t body, uint8_t *out)
{
	size_t i;

	for (i = 0; i < 4; i++)
		out[i] = (uint8_t)(body >> (8 * i));
	for (i = 0; i < body; i++)
		out[4 + i] = (uint8_t)(number >> (8 * (i % 8)));
	return 4 + body;
}

static size_t
body_of(uint64_t number)
{
	return 8 + (size_t)(number * 37 % 900);
}

static void
add(struct ring *r)
{
	uint8_t frame[4 + 1024];

	ring_add(r, frame, make_frame(r->next, body_of(r->next), frame));
	assert_true(ring_check(r));
}

/* Takes all that is unsent and checks that it is the events from `first` on, whole. */
static void
take_all(struct ring *r, uint64_t first)
{
	static uint8_t out[1 << 16];
	uint8_t want[4 + 1024];
	uint64_t number = first;
	size_t size;

	while ((size = ring_take(r, out, 2000)) > 0) {
		size_t at = 0;

		assert_true(ring_check(r));
		while (at < size) {
			size_t n = make_frame(number, body_of(number), want);

			assert_true(size - at >= n);
			assert_memory_equal(out + at, want, n);
			at += n;
			number++;
		}
	}
	assert_int_equal(number, r->next);
}

static void
overflow_evicts_the_oldest(void **state)
{
	struct ring r;
	uint64_t before;
	int i;

	(void)state;
	assert_int_equal(ring_init(RING_BYTES_MIN, &r), ERR_OK);
	assert_true(ring_check(&r));
	for (i = 0; i < 5000; i++)
		add(&r);
	assert_int_equal(r.next, 5000);
	assert_true(r.oldest > 4900);
	assert_int_equal(r.unsent, r.oldest);
	take_all(&r, r.oldest);
	before = r.oldest;
	ring_rewind(&r);
	assert_true(ring_check(&r));
	take_all(&r, before);
	ring_finish(&r);
}

static void
taking_and_adding_in_turns(void **state)
{
	static uint8_t out[1 << 16];
	struct ring r;
	int i;

	(void)state;
	assert_int_equal(ring_init(RING_BYTES_MIN, &r), ERR_OK);
	for (i = 0; i < 3000; i++) {
		add(&r);
		if (i % 3 == 0)
			(void)ring_take(&r, out, 1000);
		assert_true(ring_check(&r));
		if (i % 50 == 0)
			assert_int_equal(ring_ack(&r, r.oldest + (r.next - r.oldest) / 2), ERR_OK);
		assert_true(ring_check(&r));
		if (i % 70 == 0)
			ring_rewind(&r);
		assert_true(ring_check(&r));
	}
	ring_finish(&r);
}

static void
confirmations_trim(void **state)
{
	struct ring r;
	int i;

	(void)state;
	assert_int_equal(ring_init(RING_BYTES_MIN, &r), ERR_OK);
	assert_int_equal(ring_ack(&r, 1), ERR_RANGE);
	assert_int_equal(ring_ack(&r, 0), ERR_OK);
	for (i = 0; i < 10; i++)
		add(&r);
	assert_int_equal(ring_ack(&r, 11), ERR_RANGE);
	assert_int_equal(ring_ack(&r, UINT64_MAX), ERR_RANGE);
	assert_int_equal(r.oldest, 0);
	assert_int_equal(ring_ack(&r, 4), ERR_OK);
	assert_int_equal(r.oldest, 4);
	assert_int_equal(r.unsent, 4);
	/* An old one again changes nothing. */
	assert_int_equal(ring_ack(&r, 2), ERR_OK);
	assert_int_equal(r.oldest, 4);
	take_all(&r, 4);
	assert_int_equal(ring_ack(&r, 10), ERR_OK);
	assert_int_equal(r.used, 0);
	assert_true(ring_check(&r));
	add(&r);
	take_all(&r, 10);
	ring_finish(&r);
}

static void
a_frame_is_never_cut(void **state)
{
	uint8_t out[64];
	struct ring r;

	(void)state;
	assert_int_equal(ring_init(RING_BYTES_MIN, &r), ERR_OK);
	add(&r); /* 12 bytes */
	add(&r); /* 49 bytes */
	assert_int_equal(ring_take(&r, out, 11), 0);
	assert_int_equal(ring_take(&r, out, 60), 12);
	assert_int_equal(ring_take(&r, out, 48), 0);
	assert_int_equal(ring_take(&r, out, 49), 49);
	assert_int_equal(ring_take(&r, out, 64), 0);
	ring_finish(&r);
	ring_finish(NULL);
}

static void
check_sees_damage(void **state)
{
	struct ring r;

	(void)state;
	assert_int_equal(ring_init(RING_BYTES_MIN, &r), ERR_OK);
	add(&r);
	add(&r);
	r.next++;
	assert_false(ring_check(&r));
	r.next--;
	r.unsent_offset++;
	assert_false(ring_check(&r));
	r.unsent_offset--;
	r.data[0]++;
	assert_false(ring_check(&r));
	ring_finish(&r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(overflow_evicts_the_oldest),
		cmocka_unit_test(taking_and_adding_in_turns),
		cmocka_unit_test(confirmations_trim),
		cmocka_unit_test(a_frame_is_never_cut),
		cmocka_unit_test(check_sees_damage),
	};

	return cmocka_run_group_tests_name("hark-agent/ring", tests, NULL, NULL);
}
