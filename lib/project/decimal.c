/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "project/decimal.h"

#define NANO_DIGITS 9
#define NANO        1000000000
/* Of 2^64, and of the largest that is kept. */
#define WHOLE_DIGITS_OF_U64 20
#define WHOLE_DIGITS_MOST   30
/* No number below 2^64 has its first digit further left, nor one of a billionth further right. */
#define EXPONENT_MAX 1000000

/* Digits of a number as they come, with the place of its point. */
struct digits {
	const char *at;
	const char *end;
	bool negative;
	/* The digits from the first that is not 0 on, so many as count. */
	uint8_t kept[40];
	int count;
	long point; /* the value is 0.kept x 10^point */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One digit; those behind the last that can count are only there for the point. */
static void
keep(struct digits *d, char c, bool before_point)
{
	if (d->count == 0 && c == '0') {
		d->point -= !before_point;
		return;
	}
	d->point += before_point;
	if (d->count < (int)sizeof(d->kept))
		d->kept[d->count++] = (uint8_t)(c - '0');
}

static enum err
read_exponent(struct digits *d)
{
	bool negative = false;
	long exponent = 0;

	d->at++;
	if (d->at < d->end && (*d->at == '+' || *d->at == '-'))
		negative = *d->at++ == '-';
	if (d->at == d->end)
		return ERR_FORMAT;
	for (; d->at < d->end && is_digit(*d->at); d->at++) {
		if (exponent < EXPONENT_MAX)
			exponent = exponent * 10 + (*d->at - '0');
	}
	d->point += negative ? -exponent : exponent;
	return ERR_OK;
}

static enum err
read_digits(struct digits *d)
{
	const char *begin;

	d->negative = d->at < d->end && *d->at == '-';
	d->at += d->negative;
	begin = d->at;
	for (; d->at < d->end && is_digit(*d->at); d->at++)
		keep(d, *d->at, true);
	if (d->at == begin || (*begin == '0' && d->at - begin > 1))
		return ERR_FORMAT;
	if (d->at < d->end && *d->at == '.') {
		begin = ++d->at;
		for (; d->at < d->end && is_digit(*d->at); d->at++)
			keep(d, *d->at, false);
		if (d->at == begin)
			return ERR_FORMAT;
	}
	if (d->at < d->end && (*d->at == 'e' || *d->at == 'E') && read_exponent(d) != ERR_OK)
		return ERR_FORMAT;
	return d->at == d->end ? ERR_OK : ERR_FORMAT;
}

/* `whole_digits`: so many may stand before the point. */
static enum err
read_number(const char *text, size_t size, long whole_digits, struct decimal *out)
{
	struct digits d = { .at = text, .end = text + size };
	struct decimal v = { 0 };
	long places;
	long i;

	if (read_digits(&d) != ERR_OK)
		return ERR_FORMAT;
	if (d.count > 0 && d.point > whole_digits)
		return ERR_RANGE;
	/* So many digits count down to a billionth, and the one behind them rounds. */
	places = d.count > 0 ? d.point + NANO_DIGITS : -1;
	for (i = 0; i < places; i++) {
		int digit = i < d.count ? d.kept[i] : 0;

		/* Downwards, because there is one more below 0 than above. */
		if (__builtin_mul_overflow(v.nanos, 10, &v.nanos) ||
		    __builtin_sub_overflow(v.nanos, digit, &v.nanos))
			return ERR_RANGE;
	}
	if (places >= 0 && places < d.count && d.kept[places] >= 5 &&
	    __builtin_sub_overflow(v.nanos, 1, &v.nanos))
		return ERR_RANGE;
	if (!d.negative && __builtin_sub_overflow(0, v.nanos, &v.nanos))
		return ERR_RANGE;
	*out = v;
	return ERR_OK;
}

enum err
decimal_read(const char *text, size_t size, struct decimal *out)
{
	struct decimal v;
	enum err e;

	MUST(text != NULL && out != NULL);

	e = read_number(text, size, WHOLE_DIGITS_OF_U64, &v);
	if (e != ERR_OK)
		return e;
	if (decimal_is_negative(v) ? -(v.nanos / NANO) > UINT64_MAX : v.nanos / NANO > UINT64_MAX)
		return ERR_RANGE;
	*out = v;
	return ERR_OK;
}

enum err
decimal_load(const char *text, size_t size, struct decimal *out)
{
	MUST(text != NULL && out != NULL);

	return read_number(text, size, WHOLE_DIGITS_MOST, out);
}

enum err
decimal_add(struct decimal *a, struct decimal b)
{
	struct decimal sum;

	MUST(a != NULL);

	if (__builtin_add_overflow(a->nanos, b.nanos, &sum.nanos))
		return ERR_RANGE;
	*a = sum;
	return ERR_OK;
}

int
decimal_compare(struct decimal a, struct decimal b)
{
	return (a.nanos > b.nanos) - (a.nanos < b.nanos);
}

bool
decimal_is_negative(struct decimal a)
{
	return a.nanos < 0;
}

size_t
decimal_write(struct decimal a, char text[DECIMAL_TEXT_BYTES])
{
	__extension__ unsigned __int128 rest = a.nanos;
	char reversed[DECIMAL_TEXT_BYTES];
	size_t count = 0;
	size_t size = 0;
	int place = 0;

	MUST(text != NULL);

	/* The smallest has no positive twin but this one. */
	if (a.nanos < 0)
		rest = -rest;
	/* From the last digit to the first; zeros behind the point are left out until one is not.
	 */
	do {
		char digit = (char)('0' + (int)(rest % 10));

		if (place == NANO_DIGITS && count > 0)
			reversed[count++] = '.';
		if (place >= NANO_DIGITS || count > 0 || digit != '0')
			reversed[count++] = digit;
		rest /= 10;
		place++;
	} while (rest > 0 || place <= NANO_DIGITS);
	if (a.nanos < 0)
		text[size++] = '-';
	while (count > 0)
		text[size++] = reversed[--count];
	text[size] = '\0';
	return size;
}
