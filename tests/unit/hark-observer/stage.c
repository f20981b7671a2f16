/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Effects into payloads of messages and out again: the same, in order, and within a message. */
#include <stdlib.h>
#include <string.h>

#include "hark-observer/stage.h"
#include "proto/staged.h"
#include "unit.h"

/* An effect: a token and so many bytes, each of a value that depends on its place. */
struct effect {
	uint8_t token;
	size_t size;
};

static uint8_t large[3 * STAGED_BYTES_MAX];

static uint8_t
byte_of(size_t effect, size_t at)
{
	return (uint8_t)(effect * 31 + at * 7 + at / 251);
}

static void
take_all(struct stage *s, const struct effect *effects, size_t count)
{
	size_t i, j;

	for (i = 0; i < count; i++) {
		for (j = 0; j < effects[i].size; j++)
			large[j] = byte_of(i, j);
		assert_int_equal(stage_take(s, effects[i].token, effects[i].size > 0 ? large : NULL,
					    effects[i].size),
				 ERR_OK);
	}
	assert_int_equal(s->effects, count);
}

/* Reads what the messages say. */
static void
expect_all(const struct stage *s, const struct effect *effects, size_t count)
{
	size_t effect = 0;
	size_t at = 0;
	size_t i, j;

	for (i = 0; i < stage_payload_count(s); i++) {
		struct bytes payload = stage_payload(s, i);
		struct staged_piece piece;
		size_t begin = 0;
		enum err e;

		assert_true(payload.size > 0 && payload.size <= STAGED_BYTES_MAX);
		while ((e = staged_read(payload, &begin, &piece)) == ERR_OK) {
			assert_true(effect < count);
			assert_int_equal(piece.token, effects[effect].token);
			for (j = 0; j < piece.bytes.size; j++)
				assert_int_equal(piece.bytes.data[j], byte_of(effect, at + j));
			at += piece.bytes.size;
			assert_true(piece.goes_on ? at < effects[effect].size
						  : at == effects[effect].size);
			effect += !piece.goes_on;
			at = piece.goes_on ? at : 0;
		}
		assert_int_equal(e, ERR_END);
	}
	assert_int_equal(effect, count);
}

static void
init(struct stage *s)
{
	struct hark_observer_limits limits;

	hark_observer_limits_default(&limits);
	stage_init(s, &limits);
}

static void
effects_come_out_as_they_went_in(void **state)
{
	static const struct effect few[] = { { 0, 3 }, { 3, 0 }, { 1, 1 }, { 2, 100 } };
	static const struct effect cut[] = { { 0, 2 * STAGED_BYTES_MAX + 5 }, { 1, 0 }, { 2, 7 } };
	struct stage s;

	(void)state;
	init(&s);
	assert_int_equal(stage_payload_count(&s), 0);
	take_all(&s, few, COUNT_OF(few));
	assert_int_equal(stage_payload_count(&s), 1);
	expect_all(&s, few, COUNT_OF(few));
	stage_clear(&s);
	assert_int_equal(stage_payload_count(&s), 0);
	take_all(&s, cut, COUNT_OF(cut));
	assert_int_equal(stage_payload_count(&s), 3);
	expect_all(&s, cut, COUNT_OF(cut));
	stage_finish(&s);
	stage_finish(&s);
}

/* The end of a message at every place of an effect's head and first bytes. */
static void
an_effect_is_cut_anywhere(void **state)
{
	size_t left;

	(void)state;
	for (left = 0; left < 40; left++) {
		const struct effect effects[] = {
			{ 0, STAGED_BYTES_MAX - STAGED_HEAD_BYTES - left }, { 1, 20 }, { 2, 0 }
		};
		struct stage s;

		init(&s);
		take_all(&s, effects, COUNT_OF(effects));
		expect_all(&s, effects, COUNT_OF(effects));
		stage_finish(&s);
	}
}

/* As much as the limits allow, in the cut that needs most heads. */
static void
all_that_a_call_may_have_fits(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, STAGED_BYTES_MAX / 2, 65536 };
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT_OF(sizes); i++) {
		struct hark_observer_limits limits;
		struct stage s;
		size_t count;

		hark_observer_limits_default(&limits);
		count = sizes[i] == 0 || limits.effects < limits.effect_bytes / sizes[i]
				? limits.effects
				: limits.effect_bytes / sizes[i];
		stage_init(&s, &limits);
		for (j = 0; j < count; j++)
			assert_int_equal(stage_take(&s, 0, large, sizes[i]), ERR_OK);
		assert_int_equal(s.effects, count);
		stage_finish(&s);
	}
}

static void
a_large_call_gives_its_memory_back(void **state)
{
	struct stage s;
	int i;

	(void)state;
	init(&s);
	for (i = 0; i < 20; i++)
		assert_int_equal(stage_take(&s, 0, large, sizeof(large)), ERR_OK);
	stage_clear(&s);
	assert_int_equal(s.bytes.capacity, 0);
	assert_int_equal(stage_take(&s, 0, large, 5), ERR_OK);
	stage_clear(&s);
	assert_true(s.bytes.capacity > 0);
	stage_finish(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(effects_come_out_as_they_went_in),
		cmocka_unit_test(an_effect_is_cut_anywhere),
		cmocka_unit_test(all_that_a_call_may_have_fits),
		cmocka_unit_test(a_large_call_gives_its_memory_back),
	};

	return cmocka_run_group_tests_name("hark-observer/stage", tests, NULL, NULL);
}
