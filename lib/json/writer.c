/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The canonical writer.  It is on the path of every event, so it copies whole runs where it can. */
#include "json/writer.h"
#include "base/must.h"
#include "base/num.h"

void
json_writer_init(struct json_writer *w, char *buffer, size_t capacity)
{
	MUST(w != NULL);
	MUST(buffer != NULL || capacity == 0);

	w->start = buffer;
	w->at = buffer;
	w->end = buffer + capacity;
	w->overflowed = false;
}

enum err
json_writer_finish(const struct json_writer *w, size_t *size_out)
{
	MUST(w != NULL);
	MUST(w->at <= w->end);

	if (w->overflowed)
		return ERR_LIMIT;
	*size_out = (size_t)(w->at - w->start);
	return ERR_OK;
}

void
json_write_raw(struct json_writer *w, const char *text, size_t size)
{
	if (w->overflowed || size > (size_t)(w->end - w->at)) {
		w->overflowed = true;
		return;
	}
	if (size > 0)
		memcpy(w->at, text, size);
	w->at += size;
}

/* RFC 8785 section 3.2.2.2: the two-letter escapes where JSON has them, else \u00xx in lower case.
 */
static void
write_escape(struct json_writer *w, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};
	char form[6] = { '\\', 'u', '0', '0', 0, 0 };

	if (c == '"' || c == '\\') {
		form[1] = (char)c;
		json_write_raw(w, form, 2);
		return;
	}
	MUST(c < 0x20);
	if (letters[c] != 0) {
		form[1] = letters[c];
		json_write_raw(w, form, 2);
		return;
	}
	form[4] = hex[c >> 4];
	form[5] = hex[c & 15];
	json_write_raw(w, form, 6);
}

void
json_write_string_part(struct json_writer *w, const char *text, size_t size)
{
	size_t run = 0; /* where the bytes begin that need no escape */
	size_t i;

	for (i = 0; i < size; i++) {
		uint8_t c = (uint8_t)text[i];

		if (__builtin_expect(c >= 0x20 && c != '"' && c != '\\', 1))
			continue;
		json_write_raw(w, text + run, i - run);
		write_escape(w, c);
		run = i + 1;
	}
	if (size > run)
		json_write_raw(w, text + run, size - run);
}

void
json_write_string(struct json_writer *w, const char *text, size_t size)
{
	json_write_literal(w, "\"");
	json_write_string_part(w, text, size);
	json_write_literal(w, "\"");
}

void
json_write_integer(struct json_writer *w, int64_t v)
{
	char digits[NUM_I64_DIGITS_MAX];

	MUST(v >= -NUM_JSON_INTEGER_MAX && v <= NUM_JSON_INTEGER_MAX);
	json_write_raw(w, digits, num_write_i64(v, digits));
}

void
json_write_u64_digits(struct json_writer *w, uint64_t v)
{
	char digits[NUM_U64_DIGITS_MAX];

	json_write_raw(w, digits, num_write_u64(v, digits));
}

void
json_write_u64_string(struct json_writer *w, uint64_t v)
{
	json_write_literal(w, "\"");
	json_write_u64_digits(w, v);
	json_write_literal(w, "\"");
}

void
json_write_bool(struct json_writer *w, bool v)
{
	if (v)
		json_write_literal(w, "true");
	else
		json_write_literal(w, "false");
}
