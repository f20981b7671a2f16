/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <endian.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "proto/options.h"

#define HEAD_BYTES 4u

enum kind { NUMBER, TEXT };

static const struct {
	enum kind kind;
	uint16_t size_max;
	uint16_t times;
} table[OPTION_COUNT] = {
#define OPTION(name, kind, size_max, times) { kind, size_max, times },
#include "proto/options.def"
#undef OPTION
};

static uint16_t
get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

bool
options_is_number(enum observer_option option)
{
	MUST(option < OPTION_COUNT);

	return table[option].kind == NUMBER;
}

/* ---- writing ------------------------------------------------------------------------------- */

static enum err
add(struct buf *out, enum observer_option option, const void *value, size_t size)
{
	uint8_t head[HEAD_BYTES];
	uint16_t number = htole16((uint16_t)option);
	uint16_t length = htole16((uint16_t)size);
	enum err e;

	memcpy(head, &number, sizeof(number));
	memcpy(head + 2, &length, sizeof(length));
	e = buf_reserve(out, HEAD_BYTES + size, OPTIONS_BYTES_MAX);
	if (e == ERR_OK)
		e = buf_append(out, head, HEAD_BYTES, OPTIONS_BYTES_MAX);
	if (e == ERR_OK)
		e = buf_append(out, value, size, OPTIONS_BYTES_MAX);
	return e;
}

enum err
options_add_number(struct buf *out, enum observer_option option, uint64_t value)
{
	MUST(out != NULL && option < OPTION_COUNT && table[option].kind == NUMBER);

	value = htole64(value);
	return add(out, option, &value, sizeof(value));
}

enum err
options_add_text(struct buf *out, enum observer_option option, const void *text, size_t size)
{
	MUST(out != NULL && option < OPTION_COUNT && table[option].kind == TEXT);
	MUST(text != NULL || size == 0);

	if (size > table[option].size_max)
		return ERR_LIMIT;
	if (size > 0 && (!text_is_utf8(text, size) || memchr(text, 0, size) != NULL))
		return ERR_FORMAT;
	return add(out, option, text, size);
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool
value_is_good(uint16_t number, const uint8_t *value, size_t size)
{
	if (table[number].kind == NUMBER)
		return size == sizeof(uint64_t);
	return size <= table[number].size_max &&
	       (size == 0 ||
		(text_is_utf8((const char *)value, size) && memchr(value, 0, size) == NULL));
}

enum err
options_check(const void *data, size_t size)
{
	const uint8_t *at = data;
	uint32_t times = 0;
	uint16_t last = 0;

	MUST(data != NULL || size == 0);

	if (size > OPTIONS_BYTES_MAX)
		return ERR_FORMAT;
	while (size > 0) {
		uint16_t number;
		uint16_t length;

		if (size < HEAD_BYTES)
			return ERR_FORMAT;
		number = get16(at);
		length = get16(at + 2);
		if (number >= OPTION_COUNT || number < last || length > size - HEAD_BYTES ||
		    !value_is_good(number, at + HEAD_BYTES, length))
			return ERR_FORMAT;
		times = number == last ? times + 1 : 1;
		if (times > table[number].times)
			return ERR_FORMAT;
		last = number;
		at += HEAD_BYTES + length;
		size -= HEAD_BYTES + length;
	}
	return ERR_OK;
}

bool
options_next(struct bytes options, size_t *at, struct option_entry *out)
{
	const uint8_t *entry;
	uint16_t size;

	MUST(at != NULL && out != NULL && *at <= options.size);

	if (*at == options.size)
		return false;
	MUST(options.size - *at >= HEAD_BYTES);
	entry = options.data + *at;
	size = get16(entry + 2);
	MUST(size <= options.size - *at - HEAD_BYTES);
	*out = (struct option_entry){ .option = (enum observer_option)get16(entry) };
	MUST(out->option < OPTION_COUNT);
	if (table[out->option].kind == NUMBER) {
		MUST(size == sizeof(out->number));
		memcpy(&out->number, entry + HEAD_BYTES, sizeof(out->number));
		out->number = le64toh(out->number);
	} else {
		out->text = (struct bytes){ entry + HEAD_BYTES, size };
	}
	*at += HEAD_BYTES + size;
	return true;
}

static bool
find(struct bytes options, enum observer_option option, struct option_entry *out)
{
	size_t at = 0;

	while (options_next(options, &at, out)) {
		if (out->option == option)
			return true;
	}
	return false;
}

uint64_t
options_number(struct bytes options, enum observer_option option, uint64_t absent)
{
	struct option_entry entry;

	MUST(option < OPTION_COUNT && table[option].kind == NUMBER);

	return find(options, option, &entry) ? entry.number : absent;
}

struct bytes
options_text(struct bytes options, enum observer_option option)
{
	struct option_entry entry;

	MUST(option < OPTION_COUNT && table[option].kind == TEXT);

	return find(options, option, &entry) ? entry.text : (struct bytes){ NULL, 0 };
}

bool
options_matches(enum observer_option option, struct bytes wanted, const void *text, size_t size)
{
	bool is_prefix = option == OPTION_FILTER_TYPE && wanted.size > 0 &&
			 wanted.data[wanted.size - 1] == '*';

	MUST(option == OPTION_FILTER_CELL || option == OPTION_FILTER_TYPE ||
	     option == OPTION_FILTER_SOURCE);

	wanted.size -= is_prefix;
	return (is_prefix ? size >= wanted.size : size == wanted.size) &&
	       (wanted.size == 0 || memcmp(text, wanted.data, wanted.size) == 0);
}
