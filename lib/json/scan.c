/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Strings and numbers of JSON, as RFC 8259 has them and nothing beyond. */
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "json/scan.h"
#include "json/stops.h"

enum err
json_scan_refuse(struct json_scan *s, const char *why)
{
	s->why = why;
	return ERR_FORMAT;
}

static bool
at_end(const struct json_scan *s)
{
	return s->at == s->end;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
keep_bytes(struct json_scan *s, const char *bytes, size_t size)
{
	/* What a string means is never longer than how it was written: the storage suffices. */
	if (size > 0)
		memcpy(s->bytes_at, bytes, size);
	s->bytes_at += size;
}

static void
keep_code_point(struct json_scan *s, uint32_t v)
{
	char form[4];

	if (v < 0x80) {
		form[0] = (char)v;
		keep_bytes(s, form, 1);
	} else if (v < 0x800) {
		form[0] = (char)(0xc0 | v >> 6);
		form[1] = (char)(0x80 | (v & 0x3f));
		keep_bytes(s, form, 2);
	} else if (v < 0x10000) {
		form[0] = (char)(0xe0 | v >> 12);
		form[1] = (char)(0x80 | (v >> 6 & 0x3f));
		form[2] = (char)(0x80 | (v & 0x3f));
		keep_bytes(s, form, 3);
	} else {
		form[0] = (char)(0xf0 | v >> 18);
		form[1] = (char)(0x80 | (v >> 12 & 0x3f));
		form[2] = (char)(0x80 | (v >> 6 & 0x3f));
		form[3] = (char)(0x80 | (v & 0x3f));
		keep_bytes(s, form, 4);
	}
}

/* The four hex digits of an escape, either case. */
static enum err
read_hex(struct json_scan *s, uint32_t *out)
{
	uint32_t v = 0;
	size_t i;

	for (i = 0; i < 4; i++) {
		char c = at_end(s) ? '\0' : *s->at;

		if (is_digit(c))
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint32_t)(c - 'A' + 10);
		else
			return json_scan_refuse(s, "expected four hex digits after \\u");
		s->at++;
	}
	*out = v;
	return ERR_OK;
}

/* After "\u": a code unit, or two that are a surrogate pair. */
static enum err
read_unicode_escape(struct json_scan *s)
{
	uint32_t high;
	uint32_t low;
	enum err e;

	e = read_hex(s, &high);
	if (e != ERR_OK)
		return e;
	if (high < 0xd800 || high > 0xdfff) {
		keep_code_point(s, high);
		return ERR_OK;
	}
	if (high > 0xdbff || s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
		return json_scan_refuse(s, "half of a surrogate pair");
	s->at += 2;
	e = read_hex(s, &low);
	if (e != ERR_OK)
		return e;
	if (low < 0xdc00 || low > 0xdfff)
		return json_scan_refuse(s, "half of a surrogate pair");
	keep_code_point(s, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
	return ERR_OK;
}

/* After a backslash. */
static enum err
read_escape(struct json_scan *s)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *letter;
	char c;

	if (at_end(s))
		return json_scan_refuse(s, "the text ends inside a string");
	c = *s->at++;
	if (c == 'u')
		return read_unicode_escape(s);
	letter = c != '\0' ? strchr(letters, c) : NULL;
	if (letter == NULL)
		return json_scan_refuse(s, "unknown escape in a string");
	keep_bytes(s, &meanings[letter - letters], 1);
	return ERR_OK;
}

/*
 * What nearly every string is: judged and kept in one pass, eight bytes at a time.  Eight are
 * written though fewer may count: there is room for all that is left of the text.
 */
static void
keep_plain_ascii(struct json_scan *s)
{
	while (s->end - s->at >= 8) {
		uint64_t word;
		uint64_t stops;
		size_t count = 8;

		memcpy(&word, s->at, sizeof(word));
		stops = json_stops(word) | (word & JSON_TOPS);
		memcpy(s->bytes_at, &word, sizeof(word));
		if (stops != 0)
			count = json_stops_first(stops);
		s->at += count;
		s->bytes_at += count;
		if (stops != 0)
			return;
	}
}

enum err
json_scan_string(struct json_scan *s, const char **text_out, size_t *size_out)
{
	char *kept = s->bytes_at;

	MUST(s->at < s->end && *s->at == '"');

	s->at++;
	for (;;) {
		const char *run;
		enum err e;

		keep_plain_ascii(s);
		run = s->at;
		while (s->at < s->end && *s->at != '"' && *s->at != '\\' && (uint8_t)*s->at >= 0x20)
			s->at++;
		if (s->at > run && !text_is_utf8(run, (size_t)(s->at - run)))
			return json_scan_refuse(s, "a string is not valid UTF-8");
		keep_bytes(s, run, (size_t)(s->at - run));
		if (at_end(s))
			return json_scan_refuse(s, "the text ends inside a string");
		if ((uint8_t)*s->at < 0x20)
			return json_scan_refuse(s,
						"a control character in a string must be escaped");
		if (*s->at++ == '"')
			break;
		e = read_escape(s);
		if (e != ERR_OK)
			return e;
	}
	*text_out = kept;
	*size_out = (size_t)(s->bytes_at - kept);
	return ERR_OK;
}

/* One digit or more. */
static enum err
skip_digits(struct json_scan *s)
{
	if (at_end(s) || !is_digit(*s->at))
		return json_scan_refuse(s, "expected a digit");
	while (!at_end(s) && is_digit(*s->at))
		s->at++;
	return ERR_OK;
}

/* The grammar of RFC 8259, section 6. */
static enum err
skip_number(struct json_scan *s)
{
	enum err e = ERR_OK;

	if (*s->at == '-')
		s->at++;
	if (!at_end(s) && *s->at == '0') {
		s->at++;
		if (!at_end(s) && is_digit(*s->at))
			return json_scan_refuse(s, "a number has a leading zero");
	} else {
		e = skip_digits(s);
	}
	if (e == ERR_OK && !at_end(s) && *s->at == '.') {
		s->at++;
		e = skip_digits(s);
	}
	if (e == ERR_OK && !at_end(s) && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (!at_end(s) && (*s->at == '+' || *s->at == '-'))
			s->at++;
		e = skip_digits(s);
	}
	return e;
}

enum err
json_scan_number(struct json_scan *s, const char **text_out, size_t *size_out)
{
	const char *from = s->at;
	char *kept = s->bytes_at;
	enum err e;

	MUST(!at_end(s));

	e = skip_number(s);
	if (e != ERR_OK)
		return e;
	keep_bytes(s, from, (size_t)(s->at - from));
	*text_out = kept;
	*size_out = (size_t)(s->at - from);
	return ERR_OK;
}
