/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers in text: what is refused, and that what is written reads back. */
#include <string.h>

#include "base/num.h"
#include "unit.h"

static void
reads_strictly(void **state)
{
	static const struct {
		const char *rule, *text;
		uint64_t max;
		enum err want;
		uint64_t value;
	} rows[] = {
		{ "empty", "", UINT64_MAX, ERR_FORMAT, 0 },
		{ "sign", "+1", UINT64_MAX, ERR_FORMAT, 0 },
		{ "minus", "-1", UINT64_MAX, ERR_FORMAT, 0 },
		{ "leading zero", "007", UINT64_MAX, ERR_FORMAT, 0 },
		{ "trailing space", "7 ", UINT64_MAX, ERR_FORMAT, 0 },
		{ "leading space", " 7", UINT64_MAX, ERR_FORMAT, 0 },
		{ "hex", "0x10", UINT64_MAX, ERR_FORMAT, 0 },
		{ "one past u64", "18446744073709551616", UINT64_MAX, ERR_LIMIT, 0 },
		{ "far past u64", "99999999999999999999999", UINT64_MAX, ERR_LIMIT, 0 },
		{ "past u64, then no digit", "18446744073709551616x", UINT64_MAX, ERR_FORMAT, 0 },
		{ "one past max", "4294967296", UINT32_MAX, ERR_LIMIT, 0 },
		{ "zero", "0", UINT64_MAX, ERR_OK, 0 },
		{ "largest u32", "4294967295", UINT32_MAX, ERR_OK, UINT32_MAX },
		{ "largest u64", "18446744073709551615", UINT64_MAX, ERR_OK, UINT64_MAX },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t v = 77;

		if (num_read_u64(rows[i].text, strlen(rows[i].text), rows[i].max, &v) !=
		    rows[i].want)
			fail_msg("%s", rows[i].rule);
		if (v != (rows[i].want == ERR_OK ? rows[i].value : 77))
			fail_msg("%s: value %llu", rows[i].rule, (unsigned long long)v);
	}
}

static void
writes_what_reads_back(void **state)
{
	static const uint64_t values[] = { 0,         1,     9,        10,         11,
					   99,        100,   101,      999,        1000,
					   65535,     99999, 1u << 31, UINT32_MAX, 10000000000u,
					   UINT64_MAX };
	char text[NUM_U64_DIGITS_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(values); i++) {
		uint64_t back = 0;
		size_t size = num_write_u64(values[i], text);

		assert_int_equal(num_read_u64(text, size, UINT64_MAX, &back), ERR_OK);
		assert_true(back == values[i]);
	}
	assert_int_equal(num_write_i64(INT64_MIN, text), 20);
	assert_memory_equal(text, "-9223372036854775808", 20);
	assert_int_equal(num_write_i64(-1, text), 2);
	assert_memory_equal(text, "-1", 2);
}

static void
checked_arithmetic_refuses_overflow(void **state)
{
	size_t v = 5;

	(void)state;
	assert_false(num_add(SIZE_MAX, 1, &v));
	assert_false(num_mul(SIZE_MAX / 2 + 1, 2, &v));
	assert_int_equal(v, 5);
	assert_true(num_add(SIZE_MAX - 1, 1, &v));
	assert_true(v == SIZE_MAX);
	assert_true(num_add_saturating(UINT64_MAX, 9) == UINT64_MAX);
	assert_true(num_add_saturating(1, 9) == 10);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_strictly),
		cmocka_unit_test(writes_what_reads_back),
		cmocka_unit_test(checked_arithmetic_refuses_overflow),
	};

	return cmocka_run_group_tests_name("base/num", tests, NULL, NULL);
}
