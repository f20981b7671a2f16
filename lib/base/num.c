/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers in decimal text, read strictly and written fast. */
#include "base/num.h"
#include "base/must.h"

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

const char num_pairs[201] = {
	"00010203040506070809101112131415161718192021222324"
	"25262728293031323334353637383940414243444546474849"
	"50515253545556575859606162636465666768697071727374"
	"75767778798081828384858687888990919293949596979899",
};

static size_t
count_digits(uint64_t v)
{
	static const uint64_t tens[] = {
		UINT64_C(1),
		UINT64_C(10),
		UINT64_C(100),
		UINT64_C(1000),
		UINT64_C(10000),
		UINT64_C(100000),
		UINT64_C(1000000),
		UINT64_C(10000000),
		UINT64_C(100000000),
		UINT64_C(1000000000),
		UINT64_C(10000000000),
		UINT64_C(100000000000),
		UINT64_C(1000000000000),
		UINT64_C(10000000000000),
		UINT64_C(100000000000000),
		UINT64_C(1000000000000000),
		UINT64_C(10000000000000000),
		UINT64_C(100000000000000000),
		UINT64_C(1000000000000000000),
		UINT64_C(10000000000000000000),
	};
	/* The bits times log10(2), a little less: right, or one too small, which the table tells.
	 */
	size_t bits = 64u - (size_t)__builtin_clzll(v | 1);
	size_t digits = bits * 1233u >> 12;

	return digits + (v >= tens[digits] || digits == 0);
}

size_t
num_write_u64(uint64_t v, char *text)
{
	size_t size = count_digits(v);
	size_t at = size;

	MUST(text != NULL);

	while (v >= 100) {
		at -= 2;
		num_write_two((uint32_t)(v % 100), text + at);
		v /= 100;
	}
	if (v >= 10)
		num_write_two((uint32_t)v, text);
	else
		text[0] = (char)('0' + v);
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
