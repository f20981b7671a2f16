/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The bucket: a second's worth at once, the rate on average, exact in sum, never an overflow. */
#include "hark-receiver/bucket.h"
#include "unit.h"

#define S UINT64_C(1000000000)

static void
rates_are_kept_in_sum(void **state)
{
	static const uint64_t rates[] = { 1, 3, 7, 1000, 333333, 999999937, BUCKET_RATE_MAX };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rates); i++) {
		uint64_t step = rates[i] / 1000 + 1;
		uint64_t now = 100 * S;
		uint64_t begin = now;
		uint64_t taken = 0;
		struct bucket b;
		size_t turn;

		bucket_init(&b, rates[i]);
		/* A guest that always has more: takes whenever it may. */
		for (turn = 0; turn < 20000; turn++) {
			uint64_t ready = bucket_ready_ns(&b, 0, now);

			if (ready > now)
				now = ready;
			bucket_take(&b, step, now);
			taken += step;
		}
		/* What was taken is paid off exactly at the rate, but for the first second's worth.
		 */
		assert_true(b.paid_ns - (begin - S) ==
			    taken / rates[i] * S + taken % rates[i] * S / rates[i]);
		assert_true(now <= b.paid_ns);
	}
}

static void
a_second_at_once_and_no_more(void **state)
{
	struct bucket b;
	uint64_t now = 1000 * S;
	unsigned int taken;

	(void)state;
	bucket_init(&b, 100);
	for (taken = 0; bucket_ready_ns(&b, 0, now) <= now; taken++)
		bucket_take(&b, 1, now);
	/* The last one goes into debt: with the debt not yet paid nothing more is taken. */
	assert_int_equal(taken, 101);
	assert_true(bucket_ready_ns(&b, 0, now) == now + S / 100);
	/* However long it was quiet. */
	now += 3600 * S;
	for (taken = 0; bucket_ready_ns(&b, 0, now) <= now; taken++)
		bucket_take(&b, 1, now);
	assert_int_equal(taken, 101);
}

static void
what_is_on_its_way_counts(void **state)
{
	struct bucket b;
	uint64_t now = 1000 * S;

	(void)state;
	bucket_init(&b, 1000);
	assert_true(bucket_ready_ns(&b, 1000, now) <= now);
	assert_true(bucket_ready_ns(&b, 1500, now) == now + S / 2);
	assert_true(bucket_ready_ns(&b, 0, now) <= now); /* asking takes nothing */
}

static void
limits_are_off(void **state)
{
	static const uint64_t rates[] = { 0, BUCKET_RATE_MAX + 1, UINT64_MAX };
	struct bucket b;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rates); i++) {
		bucket_init(&b, rates[i]);
		assert_false(bucket_limits(&b));
		bucket_take(&b, UINT64_MAX, 0);
		assert_true(bucket_ready_ns(&b, UINT64_MAX, 0) == 0);
	}
}

static void
the_largest_debt_is_no_overflow(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 1);
	bucket_take(&b, UINT64_MAX, S);
	assert_true(bucket_ready_ns(&b, UINT64_MAX, S) >= UINT64_C(3155760000) * S);
	bucket_take(&b, UINT64_MAX, UINT64_MAX);
	assert_true(bucket_ready_ns(&b, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
	/* The first second of a clock. */
	bucket_init(&b, 10);
	assert_true(bucket_ready_ns(&b, 0, 0) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_kept_in_sum),
		cmocka_unit_test(a_second_at_once_and_no_more),
		cmocka_unit_test(what_is_on_its_way_counts),
		cmocka_unit_test(limits_are_off),
		cmocka_unit_test(the_largest_debt_is_no_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
