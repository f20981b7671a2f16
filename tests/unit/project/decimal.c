/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers of metrics, in both directions. */
#include <stdio.h>
#include <string.h>

#include "project/decimal.h"
#include "unit.h"

static const struct {
	const char *text;
	enum err want;
	const char *written;
} rows[] = {
	{ "0", ERR_OK, "0" },
	{ "-0", ERR_OK, "0" },
	{ "0.0", ERR_OK, "0" },
	{ "0e999999999999999999", ERR_OK, "0" },
	{ "7", ERR_OK, "7" },
	{ "-1.5", ERR_OK, "-1.5" },
	{ "100.250", ERR_OK, "100.25" },
	{ "1e3", ERR_OK, "1000" },
	{ "1.5E-3", ERR_OK, "0.0015" },
	{ "12e+1", ERR_OK, "120" },
	{ "0.000000001", ERR_OK, "0.000000001" },
	{ "0.0000000005", ERR_OK, "0.000000001" },
	{ "-0.0000000005", ERR_OK, "-0.000000001" },
	{ "0.0000000004999", ERR_OK, "0" },
	{ "9.9999999995", ERR_OK, "10" },
	{ "0.30000000000000004", ERR_OK, "0.3" },
	{ "123456789.123456789", ERR_OK, "123456789.123456789" },
	{ "18446744073709551615", ERR_OK, "18446744073709551615" },
	{ "-18446744073709551615", ERR_OK, "-18446744073709551615" },
	{ "100000000000000000000000000000000000000000e-40", ERR_OK, "10" },
	{ "18446744073709551616", ERR_RANGE, NULL },
	{ "-18446744073709551616", ERR_RANGE, NULL },
	{ "1e20", ERR_RANGE, NULL },
	{ "1e999999999999999999", ERR_RANGE, NULL },
	{ "1e-999999999999999999", ERR_OK, "0" },
	{ "", ERR_FORMAT, NULL },
	{ "-", ERR_FORMAT, NULL },
	{ "+1", ERR_FORMAT, NULL },
	{ "01", ERR_FORMAT, NULL },
	{ "-00", ERR_FORMAT, NULL },
	{ ".5", ERR_FORMAT, NULL },
	{ "1.", ERR_FORMAT, NULL },
	{ "1e", ERR_FORMAT, NULL },
	{ "1e+", ERR_FORMAT, NULL },
	{ "1 ", ERR_FORMAT, NULL },
	{ " 1", ERR_FORMAT, NULL },
	{ "1.5.5", ERR_FORMAT, NULL },
	{ "0x1", ERR_FORMAT, NULL },
	{ "NaN", ERR_FORMAT, NULL },
};

static void
numbers_are_read_and_written(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		char text[DECIMAL_TEXT_BYTES];
		size_t size;
		struct decimal v = { 0 };
		struct decimal again = { 0 };
		enum err e = decimal_read(rows[i].text, strlen(rows[i].text), &v);

		if (e != rows[i].want)
			fail_msg("%s: %s", rows[i].text, err_text(e));
		if (e != ERR_OK)
			continue;
		size = decimal_write(v, text);
		assert_int_equal(size, strlen(text));
		assert_string_equal(text, rows[i].written);
		assert_int_equal(decimal_load(text, strlen(text), &again), ERR_OK);
		assert_int_equal(decimal_compare(v, again), 0);
		assert_int_equal(decimal_is_negative(v), text[0] == '-');
	}
}

static void
sums_do_not_depend_on_their_order(void **state)
{
	struct decimal tenth, sum = { 0 };
	char text[DECIMAL_TEXT_BYTES];
	int i;

	(void)state;
	assert_int_equal(decimal_read("0.1", 3, &tenth), ERR_OK);
	for (i = 0; i < 30; i++)
		assert_int_equal(decimal_add(&sum, tenth), ERR_OK);
	(void)decimal_write(sum, text);
	assert_string_equal(text, "3");
}

static void
sums_have_an_end(void **state)
{
	static const char largest[] = "170141183460469231731687303715.884105727";
	static const char smallest[] = "-170141183460469231731687303715.884105728";
	char text[DECIMAL_TEXT_BYTES];
	struct decimal v, one;

	(void)state;
	assert_int_equal(decimal_read("0.000000001", 11, &one), ERR_OK);
	assert_int_equal(decimal_load(largest, strlen(largest), &v), ERR_OK);
	assert_int_equal(decimal_add(&v, one), ERR_RANGE);
	(void)decimal_write(v, text);
	assert_string_equal(text, largest);
	assert_int_equal(decimal_load(smallest, strlen(smallest), &v), ERR_OK);
	(void)decimal_write(v, text);
	assert_string_equal(text, smallest);
	assert_int_equal(decimal_load("170141183460469231731687303715.884105728", 40, &v),
			 ERR_RANGE);
	assert_int_equal(decimal_load("1701411834604692317316873037150", 31, &v), ERR_RANGE);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_and_written),
		cmocka_unit_test(sums_do_not_depend_on_their_order),
		cmocka_unit_test(sums_have_an_end),
	};

	return cmocka_run_group_tests_name("project/decimal", tests, NULL, NULL);
}
