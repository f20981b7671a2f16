/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* RFC 3339 times, read and written by arithmetic alone: no locale, no time zone of the host. */
#include <string.h>

#include "base/must.h"
#include "sign/sign_internal.h"

/* The fixed part, "2025-11-05T13:20:00". */
#define MOMENT_HEAD_BYTES 19u
#define DAY_SECONDS       86400

struct fields {
	int year, month, day, hour, minute, second;
};

/* Days from 1970-01-01, in the Gregorian calendar without a beginning. */
static int64_t
days_of(int year, int month, int day)
{
	/* Years that begin in March put the leap day last; 400 of them have 146,097 days. */
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool
read_digits(const char *text, size_t count, int max, int *out)
{
	int v = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (text[i] - '0');
	}
	if (v > max)
		return false;
	*out = v;
	return true;
}

static int
month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

static bool
read_head(const char *text, struct fields *f)
{
	/* A leap second has no place in a count without them, and none will come after 2035. */
	return text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':' &&
	       text[16] == ':' && read_digits(text, 4, 9999, &f->year) &&
	       read_digits(text + 5, 2, 12, &f->month) && f->month >= 1 &&
	       read_digits(text + 8, 2, 31, &f->day) && f->day >= 1 &&
	       f->day <= month_days(f->year, f->month) && read_digits(text + 11, 2, 23, &f->hour) &&
	       read_digits(text + 14, 2, 59, &f->minute) &&
	       read_digits(text + 17, 2, 59, &f->second);
}

/* ".5": one digit at least; digits beyond the ninth are cut.  Gives the size, 0 where malformed. */
static size_t
read_fraction(const char *text, size_t size, uint32_t *nanoseconds_out)
{
	uint32_t weight = 100000000;
	uint32_t v = 0;
	size_t i = 1;

	for (; i < size && text[i] >= '0' && text[i] <= '9'; i++) {
		v += (uint32_t)(text[i] - '0') * weight;
		weight /= 10;
	}
	*nanoseconds_out = v;
	return i > 1 ? i : 0;
}

/* The head and the fraction; *size_out is how much that was. */
static bool
read_local(const char *text, size_t size, struct hark_time *out, size_t *size_out)
{
	struct fields f = { 0 };
	size_t used = MOMENT_HEAD_BYTES;
	uint32_t nanoseconds = 0;

	if (size < MOMENT_HEAD_BYTES || !read_head(text, &f))
		return false;
	if (size > used && text[used] == '.') {
		size_t fraction = read_fraction(text + used, size - used, &nanoseconds);

		if (fraction == 0)
			return false;
		used += fraction;
	}
	out->seconds = days_of(f.year, f.month, f.day) * DAY_SECONDS + f.hour * 3600 +
		       f.minute * 60 + f.second;
	out->nanoseconds = nanoseconds;
	*size_out = used;
	return true;
}

bool
moment_read(const char *text, size_t size, struct hark_time *out)
{
	struct hark_time time;
	size_t used;

	MUST(text != NULL || size == 0);
	MUST(out != NULL);

	if (!read_local(text, size, &time, &used) || size - used != 1 || text[used] != 'Z')
		return false;
	*out = time;
	return true;
}

bool
moment_is_rfc3339(const char *text, size_t size)
{
	struct hark_time time;
	size_t used;
	int v;

	MUST(text != NULL || size == 0);

	if (!read_local(text, size, &time, &used))
		return false;
	text += used;
	size -= used;
	if (size == 1)
		return text[0] == 'Z';
	return size == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':' &&
	       read_digits(text + 1, 2, 23, &v) && read_digits(text + 4, 2, 59, &v);
}

static void
write_digits(char *text, size_t count, int64_t v)
{
	while (count-- > 0) {
		text[count] = (char)('0' + v % 10);
		v /= 10;
	}
}

bool
moment_write_seconds(const struct hark_time *time, char text[MOMENT_SECONDS_BYTES])
{
	int64_t days;
	int64_t rest;
	int year;
	int month = 1;

	MUST(time != NULL && text != NULL);

	if (time->nanoseconds >= 1000000000 || time->seconds < days_of(0, 1, 1) * DAY_SECONDS ||
	    time->seconds >= days_of(10000, 1, 1) * DAY_SECONDS)
		return false;
	days = time->seconds / DAY_SECONDS;
	rest = time->seconds % DAY_SECONDS;
	if (rest < 0) {
		rest += DAY_SECONDS;
		days--;
	}
	/* A year too early by this division at most; the calendar itself decides. */
	year = (int)((days + 719528) * 400 / 146097) - 1;
	if (year < 0)
		year = 0;
	while (days_of(year + 1, 1, 1) <= days)
		year++;
	while (month < 12 && days_of(year, month + 1, 1) <= days)
		month++;
	memcpy(text, "0000-00-00T00:00:00Z", MOMENT_SECONDS_BYTES);
	write_digits(text, 4, year);
	write_digits(text + 5, 2, month);
	write_digits(text + 8, 2, days - days_of(year, month, 1) + 1);
	write_digits(text + 11, 2, rest / 3600);
	write_digits(text + 14, 2, rest / 60 % 60);
	write_digits(text + 17, 2, rest % 60);
	return true;
}

int
moment_compare(const struct hark_time *a, const struct hark_time *b)
{
	MUST(a != NULL && b != NULL);

	if (a->seconds != b->seconds)
		return a->seconds < b->seconds ? -1 : 1;
	if (a->nanoseconds != b->nanoseconds)
		return a->nanoseconds < b->nanoseconds ? -1 : 1;
	return 0;
}
