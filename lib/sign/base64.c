/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * base64url, read without tables: keys come in here, and which line of a cache was touched must not
 * tell of them.  What is written are signatures, which are for everybody.
 */
#include "sign/base64.h"
#include "base/must.h"

/* All ones where low <= c <= high, else 0, for values below 256. */
static uint32_t
in_range(uint32_t c, uint32_t low, uint32_t high)
{
	return 0u - (((low - 1 - c) & (c - high - 1)) >> 31);
}

/* The six bits of a letter; 64 where it is none. */
static uint32_t
letter_value(uint8_t letter)
{
	uint32_t c = letter;
	uint32_t upper = in_range(c, 'A', 'Z');
	uint32_t lower = in_range(c, 'a', 'z');
	uint32_t digit = in_range(c, '0', '9');
	uint32_t minus = in_range(c, '-', '-');
	uint32_t under = in_range(c, '_', '_');
	uint32_t known = upper | lower | digit | minus | under;

	return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
	       (minus & 62) | (under & 63) | (~known & 64);
}

/* The size without padding, which must be whole if it is there. */
static enum err
strip_padding(const char *text, size_t size, size_t *size_out)
{
	size_t padding = 0;

	while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
		padding++;
	if (padding > 0 && size % 4 != 0)
		return ERR_FORMAT;
	if ((size - padding) % 4 == 1)
		return ERR_FORMAT;
	*size_out = size - padding;
	return ERR_OK;
}

enum err
base64_read(const char *text, size_t size, uint8_t *bytes, size_t *size_out)
{
	uint32_t bits = 0;
	uint32_t bit_count = 0;
	uint32_t unknown = 0;
	size_t count = 0;
	size_t i;
	enum err e;

	MUST(text != NULL || size == 0);
	MUST(bytes != NULL && size_out != NULL);

	e = strip_padding(text, size, &size);
	if (e != ERR_OK)
		return e;
	for (i = 0; i < size; i++) {
		uint32_t v = letter_value((uint8_t)text[i]);

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

void
base64_write(const uint8_t *bytes, size_t size, char *text)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	uint32_t bit_count = 0;
	size_t i;

	MUST(bytes != NULL || size == 0);
	MUST(text != NULL);

	for (i = 0; i < size; i++) {
		bits = (bits << 8 | bytes[i]) & 0xffff;
		bit_count += 8;
		while (bit_count >= 6) {
			bit_count -= 6;
			*text++ = letters[bits >> bit_count & 63];
		}
	}
	if (bit_count > 0)
		*text++ = letters[bits << (6 - bit_count) & 63];
}
