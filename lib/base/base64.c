/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Base64 in two alphabets, which differ in their last two letters and in their padding. */
#include "base/base64.h"
#include "base/must.h"

/* The letters of 62 and 63. */
struct alphabet {
	char letter_62;
	char letter_63;
};

static const struct alphabet standard = { '+', '/' };
static const struct alphabet url = { '-', '_' };

/* All ones where low <= c <= high, else 0, for values below 256. */
static uint32_t
in_range(uint32_t c, uint32_t low, uint32_t high)
{
	return 0u - (((low - 1 - c) & (c - high - 1)) >> 31);
}

/* The six bits of a letter; 64 where it is none. */
static uint32_t
letter_value(const struct alphabet *a, uint8_t letter)
{
	uint32_t c = letter;
	uint32_t upper = in_range(c, 'A', 'Z');
	uint32_t lower = in_range(c, 'a', 'z');
	uint32_t digit = in_range(c, '0', '9');
	uint32_t is_62 = in_range(c, (uint8_t)a->letter_62, (uint8_t)a->letter_62);
	uint32_t is_63 = in_range(c, (uint8_t)a->letter_63, (uint8_t)a->letter_63);
	uint32_t known = upper | lower | digit | is_62 | is_63;

	return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
	       (is_62 & 62) | (is_63 & 63) | (~known & 64);
}

static char
value_letter(const struct alphabet *a, uint32_t v)
{
	return (char)((in_range(v, 0, 25) & (v + 'A')) | (in_range(v, 26, 51) & (v - 26 + 'a')) |
		      (in_range(v, 52, 61) & (v - 52 + '0')) |
		      (in_range(v, 62, 62) & (uint8_t)a->letter_62) |
		      (in_range(v, 63, 63) & (uint8_t)a->letter_63));
}

static size_t
padding_of(const char *text, size_t size)
{
	size_t padding = 0;

	while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
		padding++;
	return padding;
}

/* Reads what has no padding any more. */
static enum err
read_letters(const struct alphabet *a, const char *text, size_t size, uint8_t *bytes,
	     size_t capacity, size_t *size_out)
{
	uint32_t bits = 0;
	uint32_t bit_count = 0;
	uint32_t unknown = 0;
	size_t count = 0;
	size_t i;

	if (size % 4 == 1)
		return ERR_FORMAT;
	if (size / 4 * 3 + size % 4 * 6 / 8 > capacity)
		return ERR_LIMIT;
	for (i = 0; i < size; i++) {
		uint32_t v = letter_value(a, (uint8_t)text[i]);

		unknown |= v & 64;
		bits = (bits << 6 | (v & 63)) & 0xfff;
		bit_count += 6;
		if (bit_count >= 8) {
			bit_count -= 8;
			bytes[count++] = (uint8_t)(bits >> bit_count);
		}
	}
	if (unknown != 0 || (bits & ((1u << bit_count) - 1)) != 0)
		return ERR_FORMAT;
	*size_out = count;
	return ERR_OK;
}

/* Gives where it ends. */
static char *
write_letters(const struct alphabet *a, const uint8_t *bytes, size_t size, char *text)
{
	uint32_t bits = 0;
	uint32_t bit_count = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		bits = (bits << 8 | bytes[i]) & 0xffff;
		bit_count += 8;
		while (bit_count >= 6) {
			bit_count -= 6;
			*text++ = value_letter(a, bits >> bit_count & 63);
		}
	}
	if (bit_count > 0)
		*text++ = value_letter(a, bits << (6 - bit_count) & 63);
	return text;
}

enum err
base64_read(const char *text, size_t size, void *out, size_t capacity, size_t *size_out)
{
	MUST(text != NULL || size == 0);
	MUST(out != NULL && size_out != NULL);

	if (size % 4 != 0)
		return ERR_FORMAT;
	return read_letters(&standard, text, size - padding_of(text, size), out, capacity,
			    size_out);
}

enum err
base64_read_url(const char *text, size_t size, void *out, size_t capacity, size_t *size_out)
{
	size_t padding;

	MUST(text != NULL || size == 0);
	MUST(out != NULL && size_out != NULL);

	padding = padding_of(text, size);
	if (padding > 0 && size % 4 != 0)
		return ERR_FORMAT;
	return read_letters(&url, text, size - padding, out, capacity, size_out);
}

void
base64_write(const void *data, size_t size, char *text)
{
	char *end = text + BASE64_SIZE(size);

	MUST(data != NULL || size == 0);
	MUST(text != NULL);

	text = write_letters(&standard, data, size, text);
	while (text < end)
		*text++ = '=';
}

void
base64_write_url(const void *data, size_t size, char *text)
{
	MUST(data != NULL || size == 0);
	MUST(text != NULL);

	(void)write_letters(&url, data, size, text);
}
