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
	uint32_t json_bytes; /* what event.json will give */
	uint32_t zero;
	struct hark_event_text type, id, cell, run, probe_source, guest_comm;
	uint8_t reserved[24]; /* zero */
};

#ifdef __wasm__

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

/* The next event of the batch, good until the next call; 0 at the end. */
static inline const struct hark_event_record *
hark_next(void)
{
	static union {
		struct hark_event_record record;
		uint8_t bytes[HARK_EVENT_RECORD_BYTES_MAX];
	} buffer;

	return hark_event_next(&buffer, sizeof(buffer)) > 0 ? &buffer.record : 0;
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

/* Whether they are the same bytes. */
static inline bool
hark_slice_is(struct hark_slice slice, const char *text)
{
	uint32_t i;

	for (i = 0; i < slice.size; i++) {
		if (text[i] == 0 || text[i] != slice.data[i])
			return false;
	}
	return text[i] == 0;
}

/*
 * The value of a member of a canonical JSON object as it is written, or an empty slice: a string
 * with its quotes and escapes, a number, an object.  Members of objects within it are not looked
 * at.
 */
static inline struct hark_slice
hark_json_member(struct hark_slice object, const char *name)
{
	const char *at = object.data + 1;
	const char *end = object.data + object.size;
	struct hark_slice found = { 0, 0 };

	while (at < end && *at == '"') {
		struct hark_slice key = { at + 1, 0 };
		const char *value;
		uint32_t depth = 0;
		bool in_string = false;

		for (at++; at < end && *at != '"'; at++)
			at += *at == '\\';
		key.size = (uint32_t)(at - key.data);
		value = at + 2; /* a quote and a colon */
		for (at = value; at < end; at++) {
			if (in_string) {
				if (*at == '\\')
					at++; /* and what it escapes */
				else
					in_string = *at != '"';
				continue;
			}
			if (depth == 0 && (*at == ',' || *at == '}'))
				break;
			in_string = *at == '"';
			depth += *at == '{' || *at == '[';
			depth -= *at == '}' || *at == ']';
		}
		if (at <= end && hark_slice_is(key, name))
			return (struct hark_slice){ value, (uint32_t)(at - value) };
		at++;
	}
	return found;
}

/* ---- writing one flat JSON object; what does not fit is left out, whole members at a time ---- */

/* More than one guest's event can come to, whatever is in it: 4,096 bytes, six each where they are
 * control characters, and what the host says.  An effect of so many bytes is within the usual
 * limit. */
#define HARK_JSON_BYTES 32768u

struct hark_json {
	uint32_t size;
	char text[HARK_JSON_BYTES];
};

/* Begins the one object that is written at a time. */
static inline struct hark_json *
hark_json_begin(void)
{
	static struct hark_json json;

	json.size = 1;
	json.text[0] = '{';
	return &json;
}

/* Of the functions below: bytes as they are, where they are known to fit. */
static inline void
hark_json_bytes(struct hark_json *json, const char *data, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		json->text[json->size++] = data[i];
}

/* A member whose value is JSON already.  Names are the author's own: they are not escaped. */
static inline void
hark_json_raw(struct hark_json *json, const char *name, struct hark_slice value)
{
	uint32_t name_size = 0;

	while (name[name_size] != 0)
		name_size++;
	if (value.size == 0 || name_size + value.size + 5 > HARK_JSON_BYTES - json->size)
		return;
	hark_json_bytes(json, ",\"", json->size > 1 ? 2 : 0);
	if (json->size == 1)
		json->text[json->size++] = '"';
	hark_json_bytes(json, name, name_size);
	hark_json_bytes(json, "\":", 2);
	hark_json_bytes(json, value.data, value.size);
}

/* A member whose value is a string: the text, escaped.  U+0000, which databases refuse, becomes
 * U+FFFD: a guest would hide its row by it. */
static inline void
hark_json_text(struct hark_json *json, const char *name, struct hark_slice text)
{
	static char quoted[HARK_JSON_BYTES];
	uint32_t size = 0;

	quoted[size++] = '"';
	for (uint32_t i = 0; i < text.size && size < HARK_JSON_BYTES - 8; i++) {
		uint8_t c = (uint8_t)text.data[i];

		if (c == 0) {
			quoted[size++] = '\xef';
			quoted[size++] = '\xbf';
			c = 0xbd;
		} else if (c == '"' || c == '\\') {
			quoted[size++] = '\\';
		} else if (c < 0x20) {
			for (int j = 0; j < 4; j++)
				quoted[size++] = "\\u00"[j];
			quoted[size++] = (char)('0' + (c >> 4));
			c = (uint8_t) "0123456789abcdef"[c & 15];
		}
		quoted[size++] = (char)c;
	}
	quoted[size++] = '"';
	hark_json_raw(json, name, (struct hark_slice){ quoted, size });
}

/* A member whose value is a number. */
static inline void
hark_json_u64(struct hark_json *json, const char *name, uint64_t value)
{
	char digits[20];
	uint32_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	hark_json_raw(json, name,
		      (struct hark_slice){ digits + at, (uint32_t)sizeof(digits) - at });
}

/* Of the two below. */
static inline void
hark_json_end(struct hark_json *json)
{
	json->text[json->size++] = '}';
}

/* One row, one sample: ends the object and asks for the effect. */
static inline void
hark_pg_write_row(struct hark_json *row)
{
	hark_json_end(row);
	hark_pg_write(row->text, (int32_t)row->size);
}

/* The same for a sample of a metric. */
static inline void
hark_metric_emit_sample(struct hark_json *sample)
{
	hark_json_end(sample);
	hark_metric_emit(sample->text, (int32_t)sample->size);
}

/* A line of the log. */
static inline void
hark_log(const char *text)
{
	int32_t size = 0;

	while (text[size] != 0)
		size++;
	hark_log_write(text, size);
}

#endif /* __wasm__ */
#endif
