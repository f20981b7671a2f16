/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Times in text: what is refused, and the calendar both ways. */
#include <string.h>

#include "sign/sign_internal.h"
#include "unit.h"

static void
reads(void **state)
{
	static const struct {
		const char *text;
		bool is_utc, is_rfc3339;
		int64_t seconds;
		uint32_t nanoseconds;
	} rows[] = {
		{ "", false, false, 0, 0 },
		{ "2025-11-05", false, false, 0, 0 },
		{ "2025-11-05T13:20:00", false, false, 0, 0 },
		{ "2025-11-05 13:20:00Z", false, false, 0, 0 },
		{ "2025-11-05t13:20:00Z", false, false, 0, 0 },
		{ "2025-11-05T13:20:00z", false, false, 0, 0 },
		{ "2025-11-05T13:20Z", false, false, 0, 0 },
		{ "2025-11-05T13:20:00ZZ", false, false, 0, 0 },
		{ "2025-11-05T13:20:00Z ", false, false, 0, 0 },
		{ " 2025-11-05T13:20:00Z", false, false, 0, 0 },
		{ "2025-11-05T13:20:00.Z", false, false, 0, 0 },
		{ "2025-11-05T13:20:00,5Z", false, false, 0, 0 },
		{ "2025-00-05T13:20:00Z", false, false, 0, 0 },
		{ "2025-13-05T13:20:00Z", false, false, 0, 0 },
		{ "2025-11-00T13:20:00Z", false, false, 0, 0 },
		{ "2025-11-31T13:20:00Z", false, false, 0, 0 },
		{ "2025-02-29T13:20:00Z", false, false, 0, 0 },
		{ "1900-02-29T00:00:00Z", false, false, 0, 0 },
		{ "2025-11-05T24:00:00Z", false, false, 0, 0 },
		{ "2025-11-05T13:60:00Z", false, false, 0, 0 },
		{ "2025-11-05T13:20:60Z", false, false, 0, 0 },
		{ "+025-11-05T13:20:00Z", false, false, 0, 0 },
		{ "12025-11-05T13:20:00Z", false, false, 0, 0 },
		{ "2025-11-05T13:20:00+0100", false, false, 0, 0 },
		{ "2025-11-05T13:20:00+24:00", false, false, 0, 0 },
		{ "2025-11-05T13:20:00+01:60", false, false, 0, 0 },
		{ "2025-11-05T13:20:00+01:00", false, true, 0, 0 },
		{ "2025-11-05T13:20:00.5-11:30", false, true, 0, 0 },
		{ "2025-11-05T13:20:00+00:00", false, true, 0, 0 },
		{ "2025-11-05T13:20:00Z", true, true, 1762348800, 0 },
		{ "2025-11-05T13:20:00.5Z", true, true, 1762348800, 500000000 },
		{ "2025-11-05T13:20:00.123456789Z", true, true, 1762348800, 123456789 },
		{ "2025-11-05T13:20:00.1234567899Z", true, true, 1762348800, 123456789 },
		{ "1970-01-01T00:00:00Z", true, true, 0, 0 },
		{ "1969-12-31T23:59:59Z", true, true, -1, 0 },
		{ "2000-02-29T00:00:00Z", true, true, 951782400, 0 },
		{ "0000-01-01T00:00:00Z", true, true, INT64_C(-62167219200), 0 },
		{ "9999-12-31T23:59:59Z", true, true, INT64_C(253402300799), 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_time time = { .seconds = 77, .nanoseconds = 77 };
		size_t size = strlen(rows[i].text);

		if (moment_read(rows[i].text, size, &time) != rows[i].is_utc ||
		    moment_is_rfc3339(rows[i].text, size) != rows[i].is_rfc3339)
			fail_msg("%s", rows[i].text);
		if (time.seconds != (rows[i].is_utc ? rows[i].seconds : 77) ||
		    time.nanoseconds != (rows[i].is_utc ? rows[i].nanoseconds : 77))
			fail_msg("%s: %lld", rows[i].text, (long long)time.seconds);
	}
}

static void
writes_what_it_reads(void **state)
{
	/* A step that is no multiple of a day, through 400 years with all their leap days. */
	struct hark_time time = { .seconds = INT64_C(-62167219200) };
	char text[MOMENT_SECONDS_BYTES];

	(void)state;
	for (; time.seconds <= INT64_C(253402300799); time.seconds += 1000003) {
		struct hark_time back;

		assert_true(moment_write_seconds(&time, text));
		assert_true(moment_read(text, sizeof(text), &back));
		assert_true(back.seconds == time.seconds);
	}
	time = (struct hark_time){ .seconds = 1762348800, .nanoseconds = 999999999 };
	assert_true(moment_write_seconds(&time, text));
	assert_memory_equal(text, "2025-11-05T13:20:00Z", sizeof(text));
	time = (struct hark_time){ .seconds = -1 };
	assert_true(moment_write_seconds(&time, text));
	assert_memory_equal(text, "1969-12-31T23:59:59Z", sizeof(text));
	time = (struct hark_time){ .seconds = INT64_C(253402300800) };
	assert_false(moment_write_seconds(&time, text));
	time = (struct hark_time){ .seconds = INT64_C(-62167219201) };
	assert_false(moment_write_seconds(&time, text));
	time = (struct hark_time){ .nanoseconds = 1000000000 };
	assert_false(moment_write_seconds(&time, text));
}

static void
compares(void **state)
{
	static const struct hark_time a = { 1, 5 }, b = { 1, 6 }, c = { 2, 0 };

	(void)state;
	assert_int_equal(moment_compare(&a, &a), 0);
	assert_int_equal(moment_compare(&a, &b), -1);
	assert_int_equal(moment_compare(&b, &a), 1);
	assert_int_equal(moment_compare(&b, &c), -1);
	assert_int_equal(moment_compare(&c, &b), 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(compares),
	};

	return cmocka_run_group_tests_name("sign/moment", tests, NULL, NULL);
}
