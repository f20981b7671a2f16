/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The parts of canonical JSON that are not worth being inline. */
#include "json/canonical.h"

#include "base/text.h"

/* Escapes of RFC 8785: a letter for those that have one, else \u00 and two digits. */
static const char letters[] = "\"\\bfnrt";
static const char meanings[] = "\"\\\b\f\n\r\t";

static int
hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* At a backslash: what the escape means, and its size; 0 where it is none. */
static size_t
read_escape(const char *at, size_t left, char *out)
{
	const char *letter;
	int value;

	if (left < 2)
		return 0;
	letter = at[1] != '\0' ? strchr(letters, at[1]) : NULL;
	if (letter != NULL) {
		*out = meanings[letter - letters];
		return 2;
	}
	if (left < 6 || at[1] != 'u' || at[2] != '0' || at[3] != '0' ||
	    (at[4] != '0' && at[4] != '1') || hex_of(at[5]) < 0)
		return 0;
	value = (at[4] - '0') << 4 | hex_of(at[5]);
	/* One with a letter is never written by digits. */
	if (value != 0 && strchr(meanings, value) != NULL)
		return 0;
	*out = (char)value;
	return 6;
}

bool
json_canonical_string_rest(struct json_canonical *s, bool *is_plain)
{
	while (s->at < s->end) {
		size_t left = (size_t)(s->end - s->at);
		uint32_t code_point;
		size_t size = 1;
		char meaning;

		if (*s->at == '"') {
			s->at++;
			return true;
		}
		if (*s->at == '\\')
			size = read_escape(s->at, left, &meaning);
		else if ((uint8_t)*s->at >= 0x80)
			size = text_code_point(s->at, left, &code_point);
		else if ((uint8_t)*s->at < 0x20)
			return false;
		if (size == 0)
			return false;
		if (*s->at == '\\' || size > 1)
			*is_plain = false;
		s->at += size;
	}
	return false;
}

/* The next code point of a name that has been looked at; 0 bytes left are its end. */
static uint32_t
next_code_point(const char **at, size_t *left)
{
	uint32_t code_point = 0;
	char meaning = 0;
	size_t size;

	if (**at == '\\') {
		size = read_escape(*at, *left, &meaning);
		code_point = (uint8_t)meaning;
	} else {
		size = text_code_point(*at, *left, &code_point);
	}
	*at += size;
	*left -= size;
	return code_point;
}

/* Numbers that are in the order of UTF-16: pairs of surrogates come before what is above them. */
static uint32_t
rank_of(uint32_t code_point)
{
	return code_point >= 0xe000 && code_point <= 0xffff ? code_point + 0x110000 : code_point;
}

bool
json_canonical_ascends(const struct json_canonical_text *last,
		       const struct json_canonical_text *name)
{
	const char *a = last->data, *b = name->data;
	size_t a_left = last->size, b_left = name->size;

	while (a_left > 0 && b_left > 0) {
		uint32_t x = rank_of(next_code_point(&a, &a_left));
		uint32_t y = rank_of(next_code_point(&b, &b_left));

		if (x != y)
			return x < y;
	}
	return a_left == 0 && b_left > 0;
}

static bool
is_continuation(char c)
{
	return ((uint8_t)c & 0xc0u) == 0x80u;
}

bool
json_canonical_decode(const struct json_canonical_text *text, char *out, size_t capacity,
		      size_t *size_out)
{
	const char *at = text->data;
	size_t left = text->size;
	size_t size = 0;

	while (left > 0 && size < capacity) {
		char meaning = *at;
		size_t step = *at == '\\' ? read_escape(at, left, &meaning) : 1;

		out[size++] = meaning;
		at += step;
		left -= step;
	}
	/* Within a character: back to where it begins. */
	if (left > 0 && is_continuation(*at)) {
		do
			size--;
		while (is_continuation(out[size]));
	}
	*size_out = size;
	return left == 0;
}

/* ---- numbers and words ---------------------------------------------------------------------- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
skip_digits(struct json_canonical *s)
{
	const char *from = s->at;

	while (s->at < s->end && is_digit(*s->at))
		s->at++;
	return s->at > from;
}

/* The grammar of RFC 8259, section 6. */
static bool
skip_number(struct json_canonical *s)
{
	if (*s->at == '-')
		s->at++;
	if (s->at < s->end && *s->at == '0')
		s->at++;
	else if (!skip_digits(s))
		return false;
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (!skip_digits(s))
			return false;
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		return skip_digits(s);
	}
	return true;
}

static bool
skip_word(struct json_canonical *s, const char *word, size_t size)
{
	if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0)
		return false;
	s->at += size;
	return true;
}

bool
json_canonical_scalar(struct json_canonical *s, struct json_canonical_value *out)
{
	const char *from = s->at;

	if (*from == '-' || is_digit(*from)) {
		if (!skip_number(s))
			return false;
		out->type = JSON_CANONICAL_NUMBER;
		out->text = (struct json_canonical_text){ from, (uint32_t)(s->at - from), true };
		return true;
	}
	out->type = JSON_CANONICAL_OTHER;
	return skip_word(s, "true", 4) || skip_word(s, "false", 5) || skip_word(s, "null", 4);
}

/* ---- arrays and objects --------------------------------------------------------------------- */

static bool
skip_object(struct json_canonical *s, unsigned int depth)
{
	struct json_canonical_order order = { .has_last = false };
	struct json_canonical_value value;
	bool end;

	for (;;) {
		if (!json_canonical_name(s, &order, &end))
			return false;
		if (end)
			return true;
		if (!json_canonical_value(s, depth, &value))
			return false;
	}
}

static bool
skip_array(struct json_canonical *s, unsigned int depth)
{
	struct json_canonical_value value;

	if (s->at < s->end && *s->at == ']') {
		s->at++;
		return true;
	}
	for (;;) {
		if (!json_canonical_value(s, depth, &value) || s->at == s->end)
			return false;
		if (*s->at == ']') {
			s->at++;
			return true;
		}
		if (*s->at++ != ',')
			return false;
	}
}

bool
/* NOLINTNEXTLINE(misc-no-recursion): `depth` bounds it */
json_canonical_container(struct json_canonical *s, unsigned int depth)
{
	if (depth == 0)
		return false;
	return *s->at++ == '{' ? skip_object(s, depth - 1) : skip_array(s, depth - 1);
}
