/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What an observer in C includes.  Build it with clang, for wasm32 and without a library:
 *
 *     clang --target=wasm32 -O2 -mbulk-memory -nostdlib -Wl,--no-entry -o mine.wasm mine.c
 *
 *     #include <hark/observer.h>
 *     HARK_OBSERVER
 *     {
 *             HARK_FOR_EACH_EVENT(event) {
 *                     struct hark_json *row = hark_json_begin();
 *                     hark_json_u64(row, "index", event->index);
 *                     hark_json_text(row, "cell", hark_event_text(event, event->cell));
 *                     hark_pg_write_row(row);
 *             }
 *     }
 *
 * A module imports only what it calls, and needs only the grants of that.  What it does counts if
 * it returns.  It starts anew for each batch: nothing that it keeps survives.
 * docs/format/observer-abi.md has all of it for other languages.
 */
#ifndef HARK_OBSERVER_H
#define HARK_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#define HARK_EVENT_RECORD_VERSION    1u
#define HARK_EVENT_RECORD_HEAD_BYTES 128u
#define HARK_EVENT_RECORD_BYTES_MAX  4096u

/* Flags: which members of a record mean something, and what does not is 0. */
#define HARK_EVENT_HAS_EPOCH 1u
#define HARK_EVENT_HAS_SEQ   2u
#define HARK_EVENT_HAS_GUEST 4u /* guest_pid, guest_monotonic_ns; claimed by the guest */
/* probe_source, guest_comm or both are the beginnings of longer texts, in whole characters: the
 * event's JSON has all of them. */
#define HARK_EVENT_TEXTS_CUT 8u

/* Where a text lies in its record, from the record's begin.  UTF-8, not terminated. */
struct hark_event_text {
	uint32_t offset;
	uint32_t size;
};

/* One event.  Little-endian; its texts follow the head. */
struct hark_event_record {
	uint32_t size;    /* of head and texts */
	uint16_t version; /* HARK_EVENT_RECORD_VERSION; a later one has more in `reserved` */
	uint16_t flags;
	uint64_t index;   /* in the ledger */
	uint64_t time_ns; /* since 1970, when the host received it */
	uint64_t guest_monotonic_ns;
	uint64_t seq;
	uint32_t epoch;
	uint32_t guest_pid;
	uint32_t json_bytes;    /* what event.json will give */
	uint32_t payload_bytes; /* of one effect at the most: a larger one ends the call */
	struct hark_event_text type, id, cell, run, probe_source, guest_comm;
	uint8_t reserved[24]; /* zero */
};

#ifdef __wasm__

#ifndef __wasm_bulk_memory__
#error "build with -mbulk-memory: there is no library that has memcpy"
#endif

#define HARK_IMPORT(interface, its_name) \
	__attribute__((import_module("arkhe:observer/" interface), import_name(its_name)))

/* The imports as they are.  The two of input give the size, 0 where there is nothing (more), and
 * minus what is needed where len is too small: then the event is still to come. */
HARK_IMPORT("event", "next") int32_t hark_event_next(void *at, int32_t len);
HARK_IMPORT("event", "json") int32_t hark_event_json(void *at, int32_t len);
HARK_IMPORT("pg", "write") void hark_pg_write(const void *at, int32_t len);
HARK_IMPORT("metric", "emit") void hark_metric_emit(const void *at, int32_t len);
HARK_IMPORT("kms", "receipt") void hark_kms_receipt(const void *at, int32_t len);
HARK_IMPORT("log", "write") void hark_log_write(const void *at, int32_t len);

/* Stands before the body of the observer. */
#define HARK_OBSERVER                                                 \
	__attribute__((export_name("observer"))) void observer(void); \
	void observer(void)

/* Goes over the batch; the name is a const struct hark_event_record * that is good for one turn. */
#define HARK_FOR_EACH_EVENT(event) \
	for (const struct hark_event_record *event; (event = hark_next()) != 0;)

/* More than one guest's event can come to, whatever is in it: 4,096 bytes, six each where they are
 * control characters, and what the host says.  An effect of so many bytes is within the usual
 * limit. */
#define HARK_JSON_BYTES 32768u

/* What one object may have: less where the host takes less, which an event's record says. */
static uint32_t hark_json_bytes = HARK_JSON_BYTES;

/* The next event of the batch, good until the next call; 0 at the end. */
static inline const struct hark_event_record *
hark_next(void)
{
	static union {
		struct hark_event_record record;
		uint8_t bytes[HARK_EVENT_RECORD_BYTES_MAX];
	} buffer;

	if (hark_event_next(&buffer, sizeof(buffer)) <= 0)
		return 0;
	if (buffer.record.payload_bytes > 0 && buffer.record.payload_bytes < HARK_JSON_BYTES)
		hark_json_bytes = buffer.record.payload_bytes;
	return &buffer.record;
}

/* A slice of text. */
struct hark_slice {
	const char *data;
	uint32_t size;
};

/* A text of an event. */
static inline struct hark_slice
hark_event_text(const struct hark_event_record *event, struct hark_event_text text)
{
	return (struct hark_slice){ (const char *)event + text.offset, text.size };
}

/* The current event's JSON, good until the next call; empty where there is none. */
static inline struct hark_slice
hark_json_of_event(void)
{
	static char buffer[65536];
	int32_t size = hark_event_json(buffer, sizeof(buffer));

	return (struct hark_slice){ buffer, size > 0 ? (uint32_t)size : 0 };
}

/* ---- bytes, eight at a time: each turn of a loop costs fuel and time, whatever it does ---- */

#define HARK_EACH_BYTE 0x0101010101010101u
/* In place, where a name is a literal; and once, whoever calls it. */
#define HARK_INLINE __attribute__((always_inline))
#define HARK_APART  __attribute__((noinline))

/* Of a literal it is known while compiling. */
static inline HARK_INLINE uint32_t
hark_text_size(const char *text)
{
	uint32_t size = 0;

	if (__builtin_constant_p(__builtin_strlen(text)))
		return (uint32_t)__builtin_strlen(text);
	while (text[size] != 0)
		size++;
	return size;
}

/* Eight bytes, the first of them lowest. */
static inline uint64_t
hark_word(const char *at)
{
	uint64_t word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
}

/* Less than eight bytes, and zeroes behind them. */
static inline uint64_t
hark_word_of(const char *at, uint32_t size)
{
	uint32_t first, last;

	if (size >= 4) { /* they overlap: what both have is the same */
		__builtin_memcpy(&first, at, sizeof(first));
		__builtin_memcpy(&last, at + size - 4, sizeof(last));
		return first | (uint64_t)last << 8 * (size - 4);
	}
	if (size == 0)
		return 0;
	return (uint8_t)at[0] | (uint64_t)(uint8_t)at[size / 2] << 8 * (size / 2) |
	       (uint64_t)(uint8_t)at[size - 1] << 8 * (size - 1);
}

/* The highest bit of each byte that is c: exact up to the first of them, which is the lowest. */
static inline uint64_t
hark_word_finds(uint64_t word, char c)
{
	uint64_t other = word ^ HARK_EACH_BYTE * (uint8_t)c;

	return (other - HARK_EACH_BYTE) & ~other & HARK_EACH_BYTE << 7;
}

/* For what is mostly short. */
static inline void
hark_copy(char *to, const char *from, uint32_t size)
{
	uint32_t at;

	if (size > 64) {
		__builtin_memcpy(to, from, size);
	} else if (size >= 8) {
		for (at = 0; at < size - 8; at += 8)
			__builtin_memcpy(to + at, from + at, 8);
		__builtin_memcpy(to + size - 8, from + size - 8, 8);
	} else {
		for (at = 0; at < size; at++)
			to[at] = from[at];
	}
}

/* Whether so many bytes are the same. */
static inline bool
hark_same(const char *a, const char *b, uint32_t size)
{
	uint32_t at;

	for (at = 0; size - at >= 8; at += 8) {
		if (hark_word(a + at) != hark_word(b + at))
			return false;
	}
	return hark_word_of(a + at, size - at) == hark_word_of(b + at, size - at);
}

/* Whether they are the same bytes. */
static inline HARK_INLINE bool
hark_slice_is(struct hark_slice slice, const char *text)
{
	uint32_t size = hark_text_size(text);

	return slice.size == size && hark_same(slice.data, text, size);
}

/* ---- reading canonical JSON ---- */

/* Behind the quote that begins a string: the one that ends it, or the end. */
static inline const char *
hark_json_string_end(const char *at, const char *end)
{
	while (at < end) {
		if (end - at >= 8) {
			uint64_t word = hark_word(at);
			uint64_t stops = hark_word_finds(word, '"') | hark_word_finds(word, '\\');

			if (stops == 0) {
				at += 8;
				continue;
			}
			at += __builtin_ctzll(stops) / 8;
		}
		/* One often comes after another. */
		while (*at == '\\') {
			at += 2;
			if (at >= end)
				return end;
		}
		if (*at == '"')
			return at;
		if (end - at < 8)
			at++;
	}
	return end;
}

/* At a value: what is behind it, a comma or a bracket, or the end. */
static inline const char *
hark_json_value_end(const char *at, const char *end)
{
	uint32_t depth = 0;

	for (; at < end; at++) {
		if (*at == '"') {
			at = hark_json_string_end(at + 1, end);
		} else if ((*at | ' ') == '{') { /* or a square one */
			depth++;
		} else if ((*at | ' ') == '}') {
			if (depth == 0)
				return at;
			depth--;
		} else if (*at == ',' && depth == 0) {
			return at;
		}
	}
	return end;
}

/* At an object: where the value of its member of that name begins; the end where it has none. */
static inline HARK_APART const char *
hark_json_find(const char *at, const char *end, struct hark_slice name)
{
	while (at < end && (*at == '{' || *at == ',') && end - at > 1 && at[1] == '"') {
		struct hark_slice key = { at + 2, 0 };

		at = hark_json_string_end(key.data, end);
		key.size = (uint32_t)(at - key.data);
		at += 2; /* a quote and a colon */
		if (at >= end)
			break;
		if (key.size == name.size && hark_same(key.data, name.data, name.size))
			return at;
		/* Names ascend, but for how their escapes look. */
		if (key.data[0] > name.data[0] && key.data[0] != '\\')
			break;
		at = hark_json_value_end(at, end);
	}
	return end;
}

/*
 * From the value of a member of a canonical JSON object on, whatever is behind it, or an empty
 * slice.  Where the value is an object it can be looked into by this and by hark_json_member, and
 * is not gone over before.
 */
static inline HARK_INLINE struct hark_slice
hark_json_inside(struct hark_slice object, const char *name)
{
	const char *end = object.data + object.size;
	const char *at =
		hark_json_find(object.data, end, (struct hark_slice){ name, hark_text_size(name) });

	return (struct hark_slice){ at, (uint32_t)(end - at) };
}

/*
 * The value of a member of a canonical JSON object as it is written, or an empty slice: a string
 * with its quotes and escapes, a number, an object.  Members of objects within it are not looked
 * at.
 */
static inline HARK_INLINE struct hark_slice
hark_json_member(struct hark_slice object, const char *name)
{
	struct hark_slice value = hark_json_inside(object, name);

	value.size =
		(uint32_t)(hark_json_value_end(value.data, value.data + value.size) - value.data);
	return value;
}

/*
 * Each member of an object, in one go over it: begin with the object, or with what hark_json_inside
 * gives of it.  False at the end.  The name is as it is written, without its quotes.
 */
static inline bool
hark_json_next(struct hark_slice *rest, struct hark_slice *name, struct hark_slice *value)
{
	const char *at = rest->data;
	const char *end = at + rest->size;

	if (rest->size < 2 || (*at != '{' && *at != ',') || at[1] != '"')
		return false;
	name->data = at + 2;
	at = hark_json_string_end(name->data, end);
	name->size = (uint32_t)(at - name->data);
	at += 2; /* a quote and a colon */
	if (at >= end)
		return false;
	value->data = at;
	at = hark_json_value_end(at, end);
	value->size = (uint32_t)(at - value->data);
	*rest = (struct hark_slice){ at, (uint32_t)(end - at) };
	return true;
}

/*
 * ---- writing one flat JSON object; what does not fit is left out, whole members at a time ----
 * So no guest ends a call by an event that is larger than the host takes effects: write first what
 * must be there, and what guests may make long last.
 */

struct hark_json {
	uint32_t size;
	uint32_t most;
	bool left_out; /* something did not fit */
	char text[HARK_JSON_BYTES];
};

/* Begins the one object that is written at a time. */
static inline struct hark_json *
hark_json_begin(void)
{
	static struct hark_json json;

	json.size = 0;
	json.most = hark_json_bytes;
	json.left_out = false;
	return &json;
}

/*
 * Of the functions below: writes a comma, the name and a colon where so many bytes, and what ends
 * the object, fit behind them.  The first comma becomes a brace in the end.
 */
static inline HARK_INLINE bool
hark_json_name(struct hark_json *json, const char *name, uint32_t room)
{
	uint32_t size = hark_text_size(name);
	char *out = json->text + json->size;

	if (size + room + 5 > json->most - json->size) {
		json->left_out = true;
		return false;
	}
	__builtin_memcpy(out, ",\"", 2);
	if (__builtin_constant_p(size) && size <= 32)
		__builtin_memcpy(out + 2, name, size);
	else
		hark_copy(out + 2, name, size);
	__builtin_memcpy(out + 2 + size, "\":", 2);
	json->size += size + 4;
	return true;
}

/* A member whose value is JSON already.  Names are the author's own: they are not escaped. */
static inline HARK_INLINE void
hark_json_raw(struct hark_json *json, const char *name, struct hark_slice value)
{
	if (value.size == 0 || !hark_json_name(json, name, value.size))
		return;
	hark_copy(json->text + json->size, value.data, value.size);
	json->size += value.size;
}

/* One byte that cannot stand in a string as it is.  U+0000, which databases refuse, becomes U+FFFD:
 * a guest would hide its row by it. */
static inline char *
hark_json_escape(char *out, char c)
{
	if (c == 0) {
		__builtin_memcpy(out, "\xef\xbf\xbd", 3);
		return out + 3;
	}
	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = c;
		return out + 2;
	}
	__builtin_memcpy(out, "\\u00", 4);
	out[4] = (char)('0' + (c >> 4));
	out[5] = "0123456789abcdef"[c & 15];
	return out + 6;
}

/* What cannot stand in a string as it is. */
static inline bool
hark_json_is_special(char c)
{
	return (uint8_t)c < ' ' || c == '"' || c == '\\';
}

/* The quoted text; false, with nothing written, where it does not fit. */
static inline HARK_APART bool
hark_json_quote(struct hark_json *json, struct hark_slice text)
{
	/* What is written between two looks: a word, of which the rest is overwritten, and one
	 * escape. */
	const char *limit = json->text + json->most - 16;
	char *out = json->text + json->size;
	const char *at = text.data;
	uint32_t left = text.size;

	*out++ = '"';
	while (left > 0) {
		uint64_t word = left >= 8 ? hark_word(at) : hark_word_of(at, left);
		/* Below a blank, which what is behind the text is, too. */
		uint64_t stops = (word - HARK_EACH_BYTE * ' ') & ~word & HARK_EACH_BYTE << 7;
		uint32_t plain;

		if (out > limit)
			return false;
		stops |= hark_word_finds(word, '"') | hark_word_finds(word, '\\');
		plain = stops != 0 ? (uint32_t)__builtin_ctzll(stops) / 8 : 8;
		__builtin_memcpy(out, &word, sizeof(word));
		out += plain;
		at += plain;
		left -= plain;
		/* One often comes after another. */
		for (; left > 0 && hark_json_is_special(*at); left--) {
			if (out > limit)
				return false;
			out = hark_json_escape(out, *at++);
		}
	}
	*out++ = '"';
	json->size = (uint32_t)(out - json->text);
	return true;
}

/* A member whose value is a string: the text, escaped, U+0000 as U+FFFD. */
static inline HARK_INLINE void
hark_json_text(struct hark_json *json, const char *name, struct hark_slice text)
{
	uint32_t size = json->size;

	if (hark_json_name(json, name, text.size + 2) && !hark_json_quote(json, text)) {
		json->size = size;
		json->left_out = true;
	}
}

/* Eight digits, the first in the lowest byte: halves, their halves, and theirs, side by side. */
static inline uint64_t
hark_eight_digits(uint32_t value)
{
	uint64_t fours = value / 10000 | (uint64_t)(value % 10000) << 32;
	uint64_t tens, pairs, ones;

	pairs = fours * 10486 >> 20 & 0x7f0000007fu; /* a hundredth, of less than 10,000 */
	pairs |= (fours - 100 * pairs) << 16;
	tens = pairs * 103 >> 10 & 0xf000f000f000fu; /* a tenth, of less than 100 */
	ones = pairs - 10 * tens;
	return tens | ones << 8;
}

/* At most eight digits without zeroes before them; *out has eight bytes. */
static inline char *
hark_write_digits(char *out, uint32_t value)
{
	uint64_t digits = hark_eight_digits(value);
	uint32_t zeroes = (uint32_t)__builtin_ctzll(digits | (uint64_t)1 << 56) / 8;

	digits = (digits + HARK_EACH_BYTE * '0') >> 8 * zeroes;
	__builtin_memcpy(out, &digits, sizeof(digits));
	return out + 8 - zeroes;
}

/* Eight digits with zeroes before them. */
static inline char *
hark_write_eight_digits(char *out, uint32_t value)
{
	uint64_t digits = hark_eight_digits(value) + HARK_EACH_BYTE * '0';

	__builtin_memcpy(out, &digits, sizeof(digits));
	return out + 8;
}

/* The number, for which there is room. */
static inline HARK_APART void
hark_json_digits(struct hark_json *json, uint64_t value)
{
	const uint64_t part = 100000000;
	char *out = json->text + json->size;

	if (value < part) {
		out = hark_write_digits(out, (uint32_t)value);
	} else if (value / part < part) {
		out = hark_write_digits(out, (uint32_t)(value / part));
		out = hark_write_eight_digits(out, (uint32_t)(value % part));
	} else {
		out = hark_write_digits(out, (uint32_t)(value / part / part));
		out = hark_write_eight_digits(out, (uint32_t)(value / part % part));
		out = hark_write_eight_digits(out, (uint32_t)(value % part));
	}
	json->size = (uint32_t)(out - json->text);
}

/* A member whose value is a number. */
static inline HARK_INLINE void
hark_json_u64(struct hark_json *json, const char *name, uint64_t value)
{
	if (hark_json_name(json, name, 24))
		hark_json_digits(json, value);
}

/* Of the two below. */
static inline void
hark_json_end(struct hark_json *json)
{
	json->text[0] = '{';
	json->size += json->size == 0;
	json->text[json->size++] = '}';
}

/* One row, one sample: ends the object and asks for the effect.  Where the host takes not even an
 * empty one there is none. */
static inline void
hark_pg_write_row(struct hark_json *row)
{
	hark_json_end(row);
	if (row->size <= row->most)
		hark_pg_write(row->text, (int32_t)row->size);
}

/* The same for a sample of a metric. */
static inline void
hark_metric_emit_sample(struct hark_json *sample)
{
	hark_json_end(sample);
	if (sample->size <= sample->most)
		hark_metric_emit(sample->text, (int32_t)sample->size);
}

/* A line of the log. */
static inline HARK_INLINE void
hark_log(const char *text)
{
	hark_log_write(text, (int32_t)hark_text_size(text));
}

#endif /* __wasm__ */
#endif
