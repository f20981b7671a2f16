/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The calendar, against the system's. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "event/time.h"
#include "unit.h"

#define SECONDS_MIN (-INT64_C(62167219200))
#define SECONDS_MAX INT64_C(253402300799)

static void
texts(void **state)
{
	static const struct {
		const char *rule;
		int64_t seconds;
		uint32_t nanoseconds;
		enum err want;
		const char *text;
	} rows[] = {
		{ "before the year 0000", SECONDS_MIN - 1, 0, ERR_RANGE, NULL },
		{ "the year 10000", SECONDS_MAX + 1, 0, ERR_RANGE, NULL },
		{ "smallest", INT64_MIN, 0, ERR_RANGE, NULL },
		{ "largest", INT64_MAX, 0, ERR_RANGE, NULL },
		{ "a whole second of nanoseconds", 0, 1000000000, ERR_RANGE, NULL },
		{ "most nanoseconds", 0, UINT32_MAX, ERR_RANGE, NULL },
		{ "first", SECONDS_MIN, 0, ERR_OK, "0000-01-01T00:00:00.000000000Z" },
		{ "last", SECONDS_MAX, 999999999, ERR_OK, "9999-12-31T23:59:59.999999999Z" },
		{ "epoch", 0, 1, ERR_OK, "1970-01-01T00:00:00.000000001Z" },
		{ "just before it", -1, 120000000, ERR_OK, "1969-12-31T23:59:59.120000000Z" },
		{ "leap day of a 400th year", 951782400, 0, ERR_OK,
		  "2000-02-29T00:00:00.000000000Z" },
		{ "no leap day in 1900", -2203891200, 0, ERR_OK, "1900-03-01T00:00:00.000000000Z" },
		{ "leap day of 0000", SECONDS_MIN + INT64_C(59) * 86400, 0, ERR_OK,
		  "0000-02-29T00:00:00.000000000Z" },
		{ "usual", 1762348800, 123456789, ERR_OK, "2025-11-05T13:20:00.123456789Z" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		char text[EVENT_TIME_BYTES];
		enum err e = event_time_write(
			(struct hark_time){ rows[i].seconds, rows[i].nanoseconds }, text);

		if (e != rows[i].want ||
		    (e == ERR_OK && memcmp(text, rows[i].text, sizeof(text)) != 0))
			fail_msg("%s", rows[i].rule);
	}
}

static void
compare(int64_t seconds, uint32_t nanoseconds)
{
	char text[EVENT_TIME_BYTES];
	char want[80];
	struct tm tm;
	time_t t = (time_t)seconds;

	assert_non_null(gmtime_r(&t, &tm));
	(void)snprintf(want, sizeof(want), "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", tm.tm_year + 1900,
		       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, nanoseconds);
	assert_int_equal(event_time_write((struct hark_time){ seconds, nanoseconds }, text),
			 ERR_OK);
	if (memcmp(text, want, sizeof(text)) != 0)
		fail_msg("%.*s is not %s", (int)sizeof(text), text, want);
}

/* Every day of eight hundred years, and steps that share no factor with days through all. */
static void
as_the_system_has_it(void **state)
{
	int64_t seconds;
	int64_t day;

	(void)state;
	for (day = -146097; day < 146097; day++)
		compare(day * 86400 + (day & 1 ? 86399 : 0), 0);
	for (seconds = SECONDS_MIN; seconds <= SECONDS_MAX; seconds += INT64_C(1234577))
		compare(seconds, (uint32_t)(seconds & 0x1fffffff));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(as_the_system_has_it),
	};

	return cmocka_run_group_tests_name("event/time", tests, NULL, NULL);
}
