/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Values of scalars: what each form takes, and what it refuses. */
#include <string.h>

#include "config/value.h"
#include "unit.h"

struct row {
	const char *text;
	enum err want;
	uint64_t value;
};

static void
thousandths(void **state)
{
	static const struct row rows[] = {
		{ "0", ERR_OK, 0 },
		{ "0.001", ERR_OK, 1 },
		{ "2.5", ERR_OK, 2500 },
		{ "10", ERR_OK, 10000 },
		{ "1.50", ERR_OK, 1500 },
		{ "18446744073709550.615", ERR_OK, UINT64_C(18446744073709550615) },
		{ "", ERR_FORMAT, 0 },
		{ ".5", ERR_FORMAT, 0 },
		{ "5.", ERR_FORMAT, 0 },
		{ "1.0000", ERR_FORMAT, 0 },
		{ "1.2.3", ERR_FORMAT, 0 },
		{ "1,5", ERR_FORMAT, 0 },
		{ "-1", ERR_FORMAT, 0 },
		{ "1e3", ERR_FORMAT, 0 },
		{ "01", ERR_FORMAT, 0 },
		{ "1s", ERR_FORMAT, 0 },
		{ "18446744073709551", ERR_LIMIT, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t got = 77;
		enum err e = config_value_thousandths(rows[i].text, strlen(rows[i].text), &got);

		if (e != rows[i].want || got != (e == ERR_OK ? rows[i].value : 77))
			fail_msg("'%s': %s", rows[i].text, err_text(e));
	}
}

static void
sizes(void **state)
{
	static const struct row rows[] = {
		{ "0", ERR_OK, 0 },
		{ "512", ERR_OK, 512 },
		{ "64MiB", ERR_OK, UINT64_C(64) << 20 },
		{ "1KiB", ERR_OK, 1024 },
		{ "17179869183GiB", ERR_OK, UINT64_C(17179869183) << 30 },
		{ "17179869184GiB", ERR_LIMIT, 0 },
		{ "18446744073709551616", ERR_LIMIT, 0 },
		{ "MiB", ERR_FORMAT, 0 },
		{ "", ERR_FORMAT, 0 },
		{ "64 MiB", ERR_FORMAT, 0 },
		{ "64MB", ERR_FORMAT, 0 },
		{ "64mib", ERR_FORMAT, 0 },
		{ "1MiBMiB", ERR_FORMAT, 0 },
		{ "1.5MiB", ERR_FORMAT, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t got = 77;
		enum err e = config_value_bytes(rows[i].text, strlen(rows[i].text), &got);

		if (e != rows[i].want || got != (e == ERR_OK ? rows[i].value : 77))
			fail_msg("'%s': %s", rows[i].text, err_text(e));
	}
}

static void
modes(void **state)
{
	static const struct row rows[] = {
		{ "0660", ERR_OK, 0660 },   { "0000", ERR_OK, 0 },     { "0777", ERR_OK, 0777 },
		{ "660", ERR_FORMAT, 0 },   { "0888", ERR_FORMAT, 0 }, { "1777", ERR_FORMAT, 0 },
		{ "00660", ERR_FORMAT, 0 }, { "", ERR_FORMAT, 0 },     { "0x60", ERR_FORMAT, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		int64_t got = 77;
		enum err e = config_value_mode(rows[i].text, strlen(rows[i].text), &got);

		if (e != rows[i].want || (e == ERR_OK && got != (int64_t)rows[i].value))
			fail_msg("'%s': %s", rows[i].text, err_text(e));
	}
}

static void
distances(void **state)
{
	(void)state;
	assert_int_equal(config_value_distance("data", "data"), 0);
	assert_int_equal(config_value_distance("dta", "data"), 1);
	assert_int_equal(config_value_distance("dataa", "data"), 1);
	assert_int_equal(config_value_distance("date", "data"), 1);
	assert_int_equal(config_value_distance("adta", "data"), 1);
	assert_int_equal(config_value_distance("", "run"), 3);
	assert_int_equal(config_value_distance("kitten", "sitting"), 3);
	assert_true(config_value_distance("a name that is longer than any key of ours", "run") ==
		    SIZE_MAX);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(thousandths),
		cmocka_unit_test(sizes),
		cmocka_unit_test(modes),
		cmocka_unit_test(distances),
	};

	return cmocka_run_group_tests_name("config/value", tests, NULL, NULL);
}
