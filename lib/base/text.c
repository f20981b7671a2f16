/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* UTF-8 and escaping.  It knows nothing of where a text comes from. */
#include <string.h>

#include "base/must.h"
#include "base/text.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Eight bytes at once: true where all are ASCII. */
static bool
eight_are_ascii(const char *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	return (word & HIGH_BITS) == 0;
}

/* What nearly every text is, told without a branch for each word. */
static bool
all_are_ascii(const char *text, size_t size)
{
	uint64_t all = 0;
	uint64_t word;
	size_t at;

	if (size < 8) {
		for (at = 0; at < size; at++)
			all |= (uint8_t)text[at];
		return all < 0x80;
	}
	for (at = 0; size - at >= 8; at += 8) {
		memcpy(&word, text + at, sizeof(word));
		all |= word;
	}
	/* The rest of less than eight lies within the last eight. */
	memcpy(&word, text + size - 8, sizeof(word));
	return ((all | word) & HIGH_BITS) == 0;
}

static bool
is_continuation(char c)
{
	return ((uint8_t)c & 0xc0u) == 0x80u;
}

size_t
text_code_point(const char *text, size_t size, uint32_t *out)
{
	/* The least code point that needs so many bytes: anything less is an overlong form. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t first;
	uint32_t v;
	size_t count;
	size_t i;

	if (size == 0)
		return 0;
	first = (uint8_t)text[0];
	if (first < 0x80) {
		*out = first;
		return 1;
	}
	if (first >= 0xc2 && first <= 0xdf) {
		count = 2;
		v = first & 0x1fu;
	} else if ((first & 0xf0u) == 0xe0u) {
		count = 3;
		v = first & 0x0fu;
	} else if (first >= 0xf0 && first <= 0xf4) {
		count = 4;
		v = first & 0x07u;
	} else {
		return 0;
	}
	if (size < count)
		return 0;
	for (i = 1; i < count; i++) {
		if (!is_continuation(text[i]))
			return 0;
		v = v << 6 | ((uint8_t)text[i] & 0x3fu);
	}
	if (v < least[count] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*out = v;
	return count;
}

size_t
text_cut(const char *text, size_t size, size_t size_max)
{
	MUST(text != NULL || size == 0);

	if (size <= size_max)
		return size;
	while (size_max > 0 && is_continuation(text[size_max]))
		size_max--;
	return size_max;
}

bool
text_is_utf8(const char *text, size_t size)
{
	size_t at = 0;
	uint32_t v;

	MUST(text != NULL || size == 0);

	if (all_are_ascii(text, size))
		return true;
	while (at < size) {
		size_t step;

		if (size - at >= 8 && eight_are_ascii(text + at)) {
			at += 8;
			continue;
		}
		if ((uint8_t)text[at] < 0x80) {
			at++;
			continue;
		}
		step = text_code_point(text + at, size - at, &v);
		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

/* Unicode's White_Space property and category Cc, both closed lists. */
static bool
is_blank_or_control(uint32_t v)
{
	return v <= 0x20 || (v >= 0x7f && v <= 0xa0) || v == 0x1680 ||
	       (v >= 0x2000 && v <= 0x200a) || v == 0x2028 || v == 0x2029 || v == 0x202f ||
	       v == 0x205f || v == 0x3000;
}

bool
text_is_id(const char *text, size_t size, size_t size_max)
{
	size_t at = 0;
	uint32_t v;

	MUST(text != NULL || size == 0);

	if (size == 0 || size > size_max)
		return false;
	while (at < size) {
		size_t step = text_code_point(text + at, size - at, &v);

		if (step == 0 || is_blank_or_control(v))
			return false;
		at += step;
	}
	return true;
}

bool
text_is_hex(const char *text, size_t size, size_t digits)
{
	size_t i;

	MUST(text != NULL || size == 0);

	if (size != digits)
		return false;
	for (i = 0; i < size; i++) {
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
	}
	return true;
}

size_t
text_write_hex(const void *data, size_t size, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	size_t i;

	MUST(data != NULL || size == 0);
	MUST(out != NULL || size == 0);

	for (i = 0; i < size; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	return 2 * size;
}

/* The escaped form of one byte; gives its size. */
static size_t
escape_byte(uint8_t c, char form[4])
{
	if (c == '\\') {
		memcpy(form, "\\\\", 2);
		return 2;
	}
	if (c >= 0x20 && c < 0x7f) {
		form[0] = (char)c;
		return 1;
	}
	form[0] = '\\';
	form[1] = 'x';
	(void)text_write_hex(&c, 1, form + 2);
	return 4;
}

size_t
text_escape(const char *text, size_t size, char *out, size_t capacity)
{
	static const char dots[] = "...";
	size_t room;     /* for content, if the dots must follow it */
	size_t used = 0; /* bytes written */
	size_t safe = 0; /* the last boundary at which the dots still fit */
	size_t i;

	MUST(text != NULL || size == 0);
	MUST(out != NULL && capacity >= 8);

	room = capacity - sizeof(dots);
	for (i = 0; i < size; i++) {
		char form[4];
		size_t step = escape_byte((uint8_t)text[i], form);

		if (used + step > capacity - 1) {
			memcpy(out + safe, dots, sizeof(dots));
			return safe + sizeof(dots) - 1;
		}
		memcpy(out + used, form, step);
		used += step;
		if (used <= room)
			safe = used;
	}
	out[used] = '\0';
	return used;
}
