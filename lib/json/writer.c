/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The canonical writer.  It is on the path of every event, so it copies whole runs where it can. */
#include "json/writer.h"
#include "base/must.h"
#include "base/num.h"
#include "json/stops.h"

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

static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static bool
eight_are_plain(const char *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	return json_stops(word) == 0;
}

/* Of the compilers, for sixteen bytes at once, whatever the processor calls them. */
typedef uint8_t sixteen_bytes __attribute__((vector_size(16)));
typedef uint64_t two_words __attribute__((vector_size(16)));

/* Copies sixteen bytes; true where all are plain.  There is room for what is not, too. */
static inline bool
copy_sixteen(char *out, const char *text)
{
	sixteen_bytes v;
	two_words stops;

	memcpy(&v, text, sizeof(v));
	stops = (two_words)((v < 0x20) | (v == '"') | (v == '\\'));
	memcpy(out, &v, sizeof(v));
	return (stops[0] | stops[1]) == 0;
}

/* A text of four to seven bytes, copied where all are plain: its halves may lie over another. */
static bool
copy_four_to_seven(char *out, const char *text, size_t size)
{
	uint32_t first;
	uint32_t last;

	memcpy(&first, text, sizeof(first));
	memcpy(&last, text + size - sizeof(last), sizeof(last));
	if (json_stops((uint64_t)first << 32 | last) != 0)
		return false;
	memcpy(out, &first, sizeof(first));
	memcpy(out + size - sizeof(last), &last, sizeof(last));
	return true;
}

/*
 * Copies bytes from the start of `text` as long as they need no escape and gives their number.
 * `out` has room for `size`: judged and copied in one pass, a word at a time.
 */
static inline size_t
copy_plain(char *out, const char *text, size_t size)
{
	size_t at = 0;

	while (size - at >= 16 && copy_sixteen(out + at, text + at))
		at += 16;
	while (size - at >= 8 && eight_are_plain(text + at)) {
		memcpy(out + at, text + at, 8);
		at += 8;
	}
	/* The rest of less than eight lies within the last eight. */
	if (size - at < 8 && size >= 8 && eight_are_plain(text + size - 8)) {
		memcpy(out + size - 8, text + size - 8, 8);
		return size;
	}
	if (size < 8 && size >= 4 && copy_four_to_seven(out, text, size))
		return size;
	for (; at < size && is_plain((uint8_t)text[at]); at++)
		out[at] = text[at];
	return at;
}

void
json_write_string_part(struct json_writer *w, const char *text, size_t size)
{
	size_t at = 0;

	MUST(text != NULL || size == 0);

	while (at < size) {
		size_t run;

		/* Escapes only make it longer: what does not fit as it is does not fit at all. */
		if (w->overflowed || size - at > (size_t)(w->end - w->at)) {
			w->overflowed = true;
			return;
		}
		run = copy_plain(w->at, text + at, size - at);
		w->at += run;
		at += run;
		if (at < size)
			write_escape(w, (uint8_t)text[at++]);
	}
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

	if (!w->overflowed && (size_t)(w->end - w->at) >= sizeof(digits)) {
		w->at += num_write_u64(v, w->at);
		return;
	}
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
