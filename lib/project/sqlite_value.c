/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Values of rows as SQLite keeps them.  A column's affinity turns texts into numbers, and beyond
 * i64 and behind 15 digits into doubles that are others: what would be one of these is a BLOB of
 * its digits, which SQLite keeps as it is.
 */
#include <stdlib.h>

#include "base/must.h"
#include "project/sqlite_internal.h"

/* The digits of the largest i64. */
#define I64_DIGITS 19u
/* Each decimal of so many digits comes back from the double that is nearest to it ... */
#define DOUBLE_DIGITS 15
/* ... where its first digit's power of ten is of this size at the most. */
#define DOUBLE_POWER_MAX 307
/* A double below 10 to that, and one, has its last digit at the point or behind it: as an integer,
 * which SQLite makes of it where it is one, it is the same. */
#define DOUBLE_WHOLE_POWER_MAX 14
/* An exponent beyond is none that any number here has. */
#define POWER_MAX 1000000L

/* What a text is that SQLite takes for a number. */
struct number {
	bool is_whole; /* digits and no more, but for a sign and blanks */
	long digits;   /* from the first to the last that is not 0 */
	long power;    /* of ten, of the first */
};

struct scan {
	const char *at;
	const char *end;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
skip_blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || (*s->at >= '\t' && *s->at <= '\r')))
		s->at++;
}

static bool
skip_sign(struct scan *s)
{
	bool negative = s->at < s->end && *s->at == '-';

	if (negative || (s->at < s->end && *s->at == '+'))
		s->at++;
	return negative;
}

/* Digits on one side of the point; gives how many. */
static long
scan_digits(struct scan *s, struct number *n, long *last)
{
	const char *from = s->at;

	for (; s->at < s->end && is_digit(*s->at); s->at++) {
		if (*last > 0 || *s->at != '0')
			++*last;
		if (*s->at != '0')
			n->digits = *last;
	}
	return s->at - from;
}

/* False: an `e` without digits. */
static bool
scan_exponent(struct scan *s, long *out)
{
	bool negative;
	long power = 0;

	s->at++;
	negative = skip_sign(s);
	if (s->at == s->end || !is_digit(*s->at))
		return false;
	for (; s->at < s->end && is_digit(*s->at); s->at++)
		power = power < POWER_MAX ? 10 * power + (*s->at - '0') : power;
	*out = negative ? -power : power;
	return true;
}

/* As sqlite3AtoF reads; false: it is a text. */
static bool
scan_number(struct bytes text, struct number *out)
{
	struct scan s = { (const char *)text.data, (const char *)text.data + text.size };
	struct number n = { .is_whole = true };
	long last = 0; /* digits from the first that is not 0 */
	long before, behind = 0;
	long power = 0;

	skip_blanks(&s);
	(void)skip_sign(&s);
	before = scan_digits(&s, &n, &last);
	n.power = last - 1;
	if (s.at < s.end && *s.at == '.') {
		long seen = last;

		n.is_whole = false;
		s.at++;
		behind = scan_digits(&s, &n, &last);
		if (seen == 0)
			n.power = last - 1 - behind;
	}
	if (before + behind == 0)
		return false;
	if (s.at < s.end && (*s.at == 'e' || *s.at == 'E')) {
		n.is_whole = false;
		if (!scan_exponent(&s, &power))
			return false;
	}
	n.power += power;
	skip_blanks(&s);
	if (s.at < s.end)
		return false;
	*out = n;
	return true;
}

/* A whole number that i64 holds. */
static bool
read_whole(struct bytes text, int64_t *out)
{
	struct scan s = { (const char *)text.data, (const char *)text.data + text.size };
	bool negative;
	uint64_t limit, v = 0;

	skip_blanks(&s);
	negative = skip_sign(&s);
	limit = negative ? UINT64_C(1) << 63 : INT64_MAX;
	for (; s.at < s.end && is_digit(*s.at); s.at++) {
		if (v > (UINT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(*s.at - '0');
	}
	if (v > limit)
		return false;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

/* Whether SQLite's number there is this one. */
static bool
is_kept(const struct number *n, struct bytes text, enum column_form form)
{
	int64_t whole = 0;

	if (n->is_whole && !read_whole(text, &whole))
		return false;
	if (n->is_whole && form == COLUMN_NUMERIC)
		return true;
	if (n->digits > 0 && labs(n->power) > DOUBLE_POWER_MAX)
		return false;
	if (n->digits > 0 && form == COLUMN_NUMERIC && n->power > DOUBLE_WHOLE_POWER_MAX)
		return false;
	/* Who makes a column of doubles wants the nearest of what is no whole number. */
	return n->digits <= DOUBLE_DIGITS || (form == COLUMN_REAL && !n->is_whole);
}

/* JSON's numbers have no other text that is as whole, but "-0". */
static bool
is_own_text(struct bytes text)
{
	return text.size <= I64_DIGITS + 1 &&
	       !(text.size == 2 && text.data[0] == '-' && text.data[1] == '0');
}

static int
bind_text(sqlite3_stmt *statement, int at, const struct row_value *v, enum column_form form)
{
	struct bytes text = row_value_text(v, form);
	const char *data = text.data != NULL ? (const char *)text.data : "";
	struct number n;
	int64_t whole = 0;
	bool is_number = false;

	if (form == COLUMN_NUMERIC || form == COLUMN_REAL || v->kind == ROW_NUMBER)
		is_number = scan_number(text, &n);
	if (is_number && (form == COLUMN_NUMERIC || form == COLUMN_REAL) &&
	    !is_kept(&n, text, form))
		return sqlite3_bind_blob64(statement, at, data, text.size, SQLITE_STATIC);
	if (is_number && v->kind == ROW_NUMBER && n.is_whole && is_own_text(text) &&
	    read_whole(text, &whole))
		return sqlite3_bind_int64(statement, at, whole);
	return sqlite3_bind_text64(statement, at, data, text.size, SQLITE_STATIC, SQLITE_UTF8);
}

int
sqlite_bind_value(sqlite3_stmt *statement, int at, const struct row_value *v, enum column_form form)
{
	MUST(statement != NULL && v->kind != ROW_ABSENT);

	switch (v->kind) {
	case ROW_NULL:
		return sqlite3_bind_null(statement, at);
	case ROW_FALSE:
	case ROW_TRUE:
		return sqlite3_bind_int64(statement, at, v->kind == ROW_TRUE);
	default:
		return bind_text(statement, at, v, form);
	}
}
