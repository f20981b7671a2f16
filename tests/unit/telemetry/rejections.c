/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Refusals: none is lost, and a flood of them is told seldom. */
#include "telemetry/rejections.h"
#include "unit.h"

#define SECOND UINT64_C(1000000000)

static const struct hark_rejection too_large = { HARK_REJECT_LENGTH_OVER_4096, HARK_FIELD_NONE };
static const struct hark_rejection not_text = { HARK_REJECT_INVALID_UTF8, HARK_FIELD_GUEST_COMM };

static void
nothing_noted_is_nothing_told(void **state)
{
	struct rejections r;
	struct hark_rejection why = { HARK_REJECT_NONE, HARK_FIELD_NONE };
	uint64_t count = 7;

	(void)state;
	rejections_init(&r);
	assert_false(rejections_take(&r, 0, &why, &count));
	assert_false(rejections_flush(&r, &why, &count));
	assert_true(count == 7);
	assert_true(rejections_deadline(&r) == UINT64_MAX);
}

static void
first_at_once_then_one_a_second(void **state)
{
	struct rejections r;
	struct hark_rejection why;
	uint64_t count;
	uint64_t i;

	(void)state;
	rejections_init(&r);
	rejections_note(&r, &too_large, 5);
	assert_true(rejections_deadline(&r) == 5);
	assert_true(rejections_take(&r, 5, &why, &count));
	assert_int_equal(why.reason, HARK_REJECT_LENGTH_OVER_4096);
	assert_true(count == 1);
	assert_false(rejections_take(&r, 5, &why, &count));
	for (i = 0; i < 1000; i++)
		rejections_note(&r, &too_large, 6 + i);
	assert_true(rejections_deadline(&r) == 5 + SECOND);
	assert_false(rejections_take(&r, 4 + SECOND, &why, &count));
	assert_true(rejections_take(&r, 5 + SECOND, &why, &count));
	assert_true(count == 1000);
	assert_true(rejections_deadline(&r) == UINT64_MAX);
	assert_true(rejections_total(&r, HARK_REJECT_LENGTH_OVER_4096) == 1001);
	/* After a quiet time the next is told at once again. */
	rejections_note(&r, &too_large, 100 * SECOND);
	assert_true(rejections_take(&r, 100 * SECOND, &why, &count));
	assert_true(count == 1);
}

static void
reasons_do_not_hide_each_other(void **state)
{
	struct rejections r;
	struct hark_rejection why;
	uint64_t count;

	(void)state;
	rejections_init(&r);
	rejections_note(&r, &too_large, 1);
	assert_true(rejections_take(&r, 1, &why, &count));
	rejections_note(&r, &too_large, 2);
	rejections_note(&r, &not_text, 2);
	assert_true(rejections_take(&r, 2, &why, &count));
	assert_int_equal(why.reason, HARK_REJECT_INVALID_UTF8);
	assert_int_equal(why.field, HARK_FIELD_GUEST_COMM);
	assert_false(rejections_take(&r, 2, &why, &count));
}

static void
flush_leaves_nothing(void **state)
{
	struct rejections r;
	struct hark_rejection why;
	uint64_t count;

	(void)state;
	rejections_init(&r);
	rejections_note(&r, &too_large, 1);
	assert_true(rejections_take(&r, 1, &why, &count));
	rejections_note(&r, &too_large, 2);
	rejections_note(&r, &too_large, 3);
	rejections_note(&r, &not_text, 3);
	assert_true(rejections_flush(&r, &why, &count));
	assert_true(count == 2);
	assert_true(rejections_flush(&r, &why, &count));
	assert_true(count == 1);
	assert_false(rejections_flush(&r, &why, &count));
	assert_true(rejections_total(&r, HARK_REJECT_LENGTH_OVER_4096) == 3);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_noted_is_nothing_told),
		cmocka_unit_test(first_at_once_then_one_a_second),
		cmocka_unit_test(reasons_do_not_hide_each_other),
		cmocka_unit_test(flush_leaves_nothing),
	};

	return cmocka_run_group_tests_name("telemetry/rejections", tests, NULL, NULL);
}
