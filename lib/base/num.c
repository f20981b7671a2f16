/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers in decimal text, read strictly and written fast. */
#include <string.h>

#include "base/must.h"
#include "base/num.h"

enum err
num_read_u64(const char *text, size_t size, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	size_t i;

	MUST(text != NULL || size == 0);
	MUST(out != NULL);

	if (size == 0 || (size > 1 && text[0] == '0'))
		return ERR_FORMAT;
	for (i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return ERR_FORMAT;
	}
	for (i = 0; i < size; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');

		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return ERR_LIMIT;
	}
	if (v > max)
		return ERR_LIMIT;
	*out = v;
	return ERR_OK;
}

size_t
num_write_u64(uint64_t v, char *text)
{
	/* Two digits at a time halve the divisions, which dominate here. */
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	char reversed[NUM_U64_DIGITS_MAX];
	size_t at = sizeof(reversed);
	size_t size;

	MUST(text != NULL);

	while (v >= 100) {
		at -= 2;
		memcpy(reversed + at, pairs + (v % 100) * 2, 2);
		v /= 100;
	}
	if (v >= 10) {
		at -= 2;
		memcpy(reversed + at, pairs + v * 2, 2);
	} else {
		reversed[--at] = (char)('0' + v);
	}
	size = sizeof(reversed) - at;
	memcpy(text, reversed + at, size);
	return size;
}

size_t
num_write_i64(int64_t v, char *text)
{
	MUST(text != NULL);

	if (v >= 0)
		return num_write_u64((uint64_t)v, text);
	text[0] = '-';
	return 1 + num_write_u64(UINT64_C(0) - (uint64_t)v, text + 1);
}
