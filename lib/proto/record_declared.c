/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* RECORD_DECLARED as bytes: a guest's declaration with its texts and its detail. */
#include <assert.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "proto/record_internal.h"
#include "wire/detail_key.h"

/* Behind the head of RECORD_DECLARED. */
enum {
	AT_STREAM = 16,
	AT_MONOTONIC = 24,
	AT_SEQ = 32,
	AT_DROPPED = 40,
	AT_PID = 48,         /* u32 */
	AT_SOURCE_SIZE = 52, /* u16 */
	AT_COMM_SIZE = 54,   /* u16 */
	DECLARED_BYTES = 56, /* then source, comm, and the entries of detail */
};

/* One entry of detail: u8 size of its key, u8 type, u16 size of its value, key, value. */
#define ENTRY_BYTES 4u

#define FLAG_SEQ     1u
#define FLAG_DROPPED 2u

/* A frame's texts and keys all stand in its body; an integer grows from one byte to eight. */
static_assert(DECLARED_BYTES + HARK_MAX_FRAME_BYTES + HARK_DETAIL_COUNT_MAX * (ENTRY_BYTES + 8u) <=
		      RECORD_BYTES_MAX,
	      "every frame that decodes fits into a record");
static size_t
entry_value_size(const struct hark_detail *entry)
{
	switch (entry->type) {
	case HARK_DETAIL_TEXT:
		return entry->value.text.size;
	case HARK_DETAIL_BOOL:
		return 1;
	case HARK_DETAIL_INTEGER:
		return 8;
	default:
		MUST_NOT_REACH("a type of detail that nobody made");
	}
}

size_t
record_declared_size(const struct hark_guest_declaration *d)
{
	size_t size = DECLARED_BYTES + d->probe_source.size + d->guest_comm.size;
	uint32_t i;

	MUST(d->detail_count <= HARK_DETAIL_COUNT_MAX);

	for (i = 0; i < d->detail_count; i++)
		size += ENTRY_BYTES + d->detail[i].key.size + entry_value_size(&d->detail[i]);
	return size;
}

static uint8_t *
put_text(uint8_t *at, struct hark_text text)
{
	bytes_copy(at, text.data, text.size);
	return at + text.size;
}

static uint8_t *
put_entry(uint8_t *at, const struct hark_detail *entry)
{
	at[0] = (uint8_t)entry->key.size;
	at[1] = (uint8_t)entry->type;
	record_put16(at + 2, (uint16_t)entry_value_size(entry));
	at = put_text(at + ENTRY_BYTES, entry->key);
	if (entry->type == HARK_DETAIL_TEXT)
		return put_text(at, entry->value.text);
	if (entry->type == HARK_DETAIL_BOOL) {
		*at = entry->value.boolean ? 1 : 0;
		return at + 1;
	}
	record_put64(at, (uint64_t)entry->value.integer);
	return at + 8;
}

void
record_declared_write(uint8_t *at, const struct record *r)
{
	const struct hark_guest_declaration *d = &r->declaration;
	uint32_t i;

	at[RECORD_AT_FLAGS] =
		(uint8_t)((d->has_seq ? FLAG_SEQ : 0) | (d->has_dropped ? FLAG_DROPPED : 0));
	at[RECORD_AT_MODE] = (uint8_t)r->session.mode;
	at[RECORD_AT_SMALL] = (uint8_t)d->detail_count;
	record_put32(at + RECORD_AT_WORD, d->content_version);
	record_put64(at + AT_STREAM, r->session.mode == HARK_WIRE_HARK ? r->session.stream : 0);
	record_put64(at + AT_MONOTONIC, d->guest_monotonic_ns);
	record_put64(at + AT_SEQ, d->has_seq ? d->seq : 0);
	record_put64(at + AT_DROPPED, d->has_dropped ? d->dropped : 0);
	record_put32(at + AT_PID, d->guest_pid);
	record_put16(at + AT_SOURCE_SIZE, (uint16_t)d->probe_source.size);
	record_put16(at + AT_COMM_SIZE, (uint16_t)d->guest_comm.size);
	at = put_text(at + DECLARED_BYTES, d->probe_source);
	at = put_text(at, d->guest_comm);
	for (i = 0; i < d->detail_count; i++)
		at = put_entry(at, &d->detail[i]);
}

/* Takes `size` bytes of UTF-8 from the front of *rest. */
static enum err
take_text(struct bytes *rest, size_t size, struct hark_text *out)
{
	if (size > rest->size || !text_is_utf8((const char *)rest->data, size))
		return ERR_FORMAT;
	*out = (struct hark_text){ .data = (const char *)rest->data, .size = size };
	rest->data += size;
	rest->size -= size;
	return ERR_OK;
}

static enum err
take_value(struct bytes *rest, size_t size, struct hark_detail *out)
{
	int64_t integer;

	if (out->type == HARK_DETAIL_TEXT)
		return take_text(rest, size, &out->value.text);
	if (size > rest->size || size != (out->type == HARK_DETAIL_BOOL ? 1 : 8))
		return ERR_FORMAT;
	if (out->type == HARK_DETAIL_BOOL) {
		if (rest->data[0] > 1)
			return ERR_FORMAT;
		out->value.boolean = rest->data[0] == 1;
	} else {
		integer = (int64_t)record_get64(rest->data);
		if (integer < -NUM_JSON_INTEGER_MAX || integer > NUM_JSON_INTEGER_MAX)
			return ERR_FORMAT;
		out->value.integer = integer;
	}
	rest->data += size;
	rest->size -= size;
	return ERR_OK;
}

static enum err
take_detail(struct bytes *rest, uint32_t count, struct hark_guest_declaration *d,
	    size_t *text_bytes)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		struct hark_detail *entry = &d->detail[i];
		size_t key_size;
		size_t value_size;
		enum err e;

		if (rest->size < ENTRY_BYTES || rest->data[1] > HARK_DETAIL_INTEGER)
			return ERR_FORMAT;
		key_size = rest->data[0];
		entry->type = (enum hark_detail_type)rest->data[1];
		value_size = record_get16(rest->data + 2);
		rest->data += ENTRY_BYTES;
		rest->size -= ENTRY_BYTES;
		e = take_text(rest, key_size, &entry->key);
		if (e != ERR_OK)
			return e;
		if (!detail_key_is_good(entry->key) ||
		    (i > 0 && detail_key_compare(entry->key, d->detail[i - 1].key) <= 0))
			return ERR_FORMAT;
		e = take_value(rest, value_size, entry);
		if (e != ERR_OK)
			return e;
		*text_bytes += key_size;
		if (entry->type == HARK_DETAIL_TEXT)
			*text_bytes += value_size;
	}
	d->detail_count = count;
	return ERR_OK;
}

/* What a version and a mode may have in them, as hark_decode_frame gives it. */
static bool
is_of_its_wire(const struct record *r)
{
	const struct hark_guest_declaration *d = &r->declaration;

	if (r->session.mode == HARK_WIRE_HARK)
		return d->content_version == HARK_WIRE_CONTENT_VERSION_HARK;
	return r->session.mode == HARK_WIRE_CELLOS && d->content_version >= 1 &&
	       d->content_version <= 255 && !d->has_seq && !d->has_dropped &&
	       d->detail_count == 0 && r->session.stream == 0;
}

enum err
record_declared_read(struct bytes record, struct record *out)
{
	const uint8_t *at = record.data;
	struct hark_guest_declaration *d = &out->declaration;
	struct bytes rest;
	size_t text_bytes;
	enum err e;

	if (record.size < DECLARED_BYTES || out->connection == 0 ||
	    at[RECORD_AT_SMALL] > HARK_DETAIL_COUNT_MAX ||
	    at[RECORD_AT_FLAGS] > (FLAG_SEQ | FLAG_DROPPED) ||
	    record_get32(at + RECORD_AT_WORD) > UINT16_MAX)
		return ERR_FORMAT;
	d->content_version = (uint16_t)record_get32(at + RECORD_AT_WORD);
	d->has_seq = (at[RECORD_AT_FLAGS] & FLAG_SEQ) != 0;
	d->has_dropped = (at[RECORD_AT_FLAGS] & FLAG_DROPPED) != 0;
	d->guest_pid = record_get32(at + AT_PID);
	d->guest_monotonic_ns = record_get64(at + AT_MONOTONIC);
	d->seq = record_get64(at + AT_SEQ);
	d->dropped = record_get64(at + AT_DROPPED);
	if ((!d->has_seq && d->seq != 0) || (!d->has_dropped && d->dropped != 0))
		return ERR_FORMAT;
	out->session.mode = (enum hark_wire_mode)at[RECORD_AT_MODE];
	out->session.stream = record_get64(at + AT_STREAM);
	text_bytes = (size_t)record_get16(at + AT_SOURCE_SIZE) + record_get16(at + AT_COMM_SIZE);
	rest.data = at + DECLARED_BYTES;
	rest.size = record.size - DECLARED_BYTES;
	e = take_text(&rest, record_get16(at + AT_SOURCE_SIZE), &d->probe_source);
	if (e == ERR_OK)
		e = take_text(&rest, record_get16(at + AT_COMM_SIZE), &d->guest_comm);
	if (e == ERR_OK)
		e = take_detail(&rest, at[RECORD_AT_SMALL], d, &text_bytes);
	if (e != ERR_OK)
		return e;
	/* More text than a frame can hold would be more than an event can. */
	if (rest.size != 0 || text_bytes > HARK_MAX_FRAME_BYTES || !is_of_its_wire(out))
		return ERR_FORMAT;
	return ERR_OK;
}
