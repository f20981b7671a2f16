/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Time as text.  Its own calendar, because gmtime_r takes a lock and a time zone's file into the
 * path of every event, and because years have bounds here.  Leap seconds do not exist, as in POSIX.
 */
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "event/time.h"

#define SECONDS_PER_DAY        86400
#define NANOSECONDS_PER_SECOND 1000000000u

/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
#define SECONDS_MIN (-INT64_C(62167219200))
#define SECONDS_MAX INT64_C(253402300799)

/* The days from 0000-03-01 to 1970-01-01.  Years that begin in March have their leap day last. */
#define DAYS_MARCH_0_TO_1970 719468
#define DAYS_PER_400_YEARS   146097u
#define DAYS_PER_100_YEARS   36524u
#define DAYS_PER_4_YEARS     1461u

struct civil_date {
	uint32_t year;
	uint32_t month; /* 1 to 12 */
	uint32_t day;   /* 1 to 31 */
};

/* Proleptic Gregorian; days_1970 is within the years 0000 to 9999. */
static struct civil_date
civil_from_days(int64_t days_1970)
{
	/* One era of 400 years earlier keeps January and February of the year 0000 positive. */
	uint32_t days = (uint32_t)(days_1970 + DAYS_MARCH_0_TO_1970 + (int64_t)DAYS_PER_400_YEARS);
	uint32_t era = days / DAYS_PER_400_YEARS;
	uint32_t day_of_era = days % DAYS_PER_400_YEARS;
	uint32_t year_of_era =
		(day_of_era - day_of_era / (DAYS_PER_4_YEARS - 1) +
		 day_of_era / DAYS_PER_100_YEARS - day_of_era / (DAYS_PER_400_YEARS - 1)) /
		365;
	uint32_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	/* Months from March on have 31, 30, 31, 30, 31 days, again and again: 153 in five. */
	uint32_t month_from_march = (5 * day_of_year + 2) / 153;
	bool is_next_year = month_from_march >= 10;

	return (struct civil_date){
		.year = era * 400 + year_of_era + (is_next_year ? 1 : 0) - 400,
		.month = is_next_year ? month_from_march - 9 : month_from_march + 3,
		.day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
	};
}

enum err
event_time_write(struct hark_time time, char text[EVENT_TIME_BYTES])
{
	int64_t since_0000;
	int64_t days;
	uint32_t second;
	uint32_t nanoseconds = time.nanoseconds;
	struct civil_date date;
	size_t i;

	MUST(text != NULL);

	if (time.seconds < SECONDS_MIN || time.seconds > SECONDS_MAX ||
	    nanoseconds >= NANOSECONDS_PER_SECOND)
		return ERR_RANGE;
	/* Counted from the year 0000 nothing is negative, so division rounds down. */
	since_0000 = time.seconds - SECONDS_MIN;
	second = (uint32_t)(since_0000 % SECONDS_PER_DAY);
	days = since_0000 / SECONDS_PER_DAY + SECONDS_MIN / SECONDS_PER_DAY;
	date = civil_from_days(days);

	memcpy(text, "0000-00-00T00:00:00.000000000Z", EVENT_TIME_BYTES);
	num_write_two(date.year / 100, text);
	num_write_two(date.year % 100, text + 2);
	num_write_two(date.month, text + 5);
	num_write_two(date.day, text + 8);
	num_write_two(second / 3600, text + 11);
	num_write_two(second / 60 % 60, text + 14);
	num_write_two(second % 60, text + 17);
	for (i = 0; i < 8; i += 2) {
		num_write_two(nanoseconds % 100, text + 27 - i);
		nanoseconds /= 100;
	}
	text[20] = (char)('0' + nanoseconds);
	return ERR_OK;
}
