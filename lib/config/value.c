/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Values of scalars, from text: pure.  It does not know which key they belong to. */
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "config/value.h"

/* Names that are longer are not compared: no key is. */
#define DISTANCE_BYTES_MAX 32u

enum err
config_value_thousandths(const char *text, size_t size, uint64_t *out)
{
	const char *point;
	uint64_t whole, part = 0;
	size_t digits;
	enum err e;

	MUST(text != NULL && out != NULL);

	point = size > 0 ? memchr(text, '.', size) : NULL;
	digits = point != NULL ? (size_t)(point - text) : size;
	e = num_read_u64(text, digits, UINT64_MAX / 1000 - 1, &whole);
	if (e != ERR_OK)
		return e;
	if (point != NULL) {
		size_t i, count = size - digits - 1;

		if (count == 0 || count > 3)
			return ERR_FORMAT;
		for (i = 0; i < 3; i++) {
			char c = i < count ? point[1 + i] : '0';

			if (c < '0' || c > '9')
				return ERR_FORMAT;
			part = part * 10 + (uint64_t)(c - '0');
		}
	}
	*out = whole * 1000 + part;
	return ERR_OK;
}

enum err
config_value_bytes(const char *text, size_t size, uint64_t *out)
{
	static const struct {
		const char *name;
		unsigned int shift;
	} units[] = { { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 } };
	unsigned int shift = 0;
	uint64_t number;
	enum err e;
	size_t i;

	MUST(text != NULL && out != NULL);

	for (i = 0; i < sizeof(units) / sizeof(units[0]) && size > 3; i++) {
		if (memcmp(text + size - 3, units[i].name, 3) != 0)
			continue;
		shift = units[i].shift;
		size -= 3;
		break;
	}
	e = num_read_u64(text, size, UINT64_MAX >> shift, &number);
	if (e == ERR_OK)
		*out = number << shift;
	return e;
}

enum err
config_value_mode(const char *text, size_t size, int64_t *out)
{
	int64_t mode = 0;
	size_t i;

	MUST(text != NULL && out != NULL);

	if (size != 4 || text[0] != '0')
		return ERR_FORMAT;
	for (i = 1; i < size; i++) {
		if (text[i] < '0' || text[i] > '7')
			return ERR_FORMAT;
		mode = mode * 8 + (text[i] - '0');
	}
	*out = mode;
	return ERR_OK;
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t
config_value_distance(const char *a, const char *b)
{
	size_t rows[3][DISTANCE_BYTES_MAX + 1];
	size_t a_size, b_size, i, j;

	MUST(a != NULL && b != NULL);

	a_size = strlen(a);
	b_size = strlen(b);
	if (a_size > DISTANCE_BYTES_MAX || b_size > DISTANCE_BYTES_MAX)
		return SIZE_MAX;
	for (j = 0; j <= b_size; j++)
		rows[0][j] = j;
	for (i = 1; i <= a_size; i++) {
		size_t *now = rows[i % 3];
		const size_t *last = rows[(i + 2) % 3];
		const size_t *before = rows[(i + 1) % 3];

		now[0] = i;
		for (j = 1; j <= b_size; j++) {
			now[j] = least(least(last[j], now[j - 1]) + 1,
				       last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
	}
	return rows[a_size % 3][b_size];
}
