/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A declaration's detail: the flat map of wire 2, its one reader and its one writer. */
#include "base/must.h"
#include "base/num.h"
#include "wire/detail_key.h"
#include "wire/wire_internal.h"

/* Finds where a key belongs among the sorted ones; false where it is there already. */
static bool
find_place(const struct hark_guest_declaration *d, struct hark_text key, uint32_t *out)
{
	uint32_t at = d->detail_count;

	/* Backwards, as most senders sort. */
	while (at > 0) {
		int order = detail_key_compare(d->detail[at - 1].key, key);

		if (order == 0)
			return false;
		if (order < 0)
			break;
		at--;
	}
	*out = at;
	return true;
}

static enum err
read_key(struct cbor_reader *r, struct hark_text *out, struct hark_rejection *rejection)
{
	struct cbor_head head;
	enum cbor_fault fault = cbor_read_head(r, &head);
	enum err e;

	if (fault != CBOR_FINE)
		return wire_refuse_fault(rejection, fault);
	if (head.major != CBOR_TEXT)
		return wire_refuse_type(rejection, head.major, HARK_FIELD_KEY);
	e = wire_take_text(r, head.argument, HARK_FIELD_DETAIL, out, rejection);
	if (e != ERR_OK)
		return e;
	if (!detail_key_is_good(*out))
		return wire_refuse(rejection, HARK_REJECT_BAD_DETAIL_KEY, HARK_FIELD_NONE);
	return ERR_OK;
}

static enum err
read_value(struct cbor_reader *r, struct hark_detail *out, struct hark_rejection *rejection)
{
	struct cbor_head head;
	enum cbor_fault fault = cbor_read_head(r, &head);

	if (fault != CBOR_FINE)
		return wire_refuse_fault(rejection, fault);
	switch (head.major) {
	case CBOR_TEXT:
		out->type = HARK_DETAIL_TEXT;
		return wire_take_text(r, head.argument, HARK_FIELD_DETAIL, &out->value.text,
				      rejection);
	case CBOR_UNSIGNED:
		if (head.argument > (uint64_t)NUM_JSON_INTEGER_MAX)
			return wire_refuse(rejection, HARK_REJECT_OUT_OF_RANGE, HARK_FIELD_DETAIL);
		out->type = HARK_DETAIL_INTEGER;
		out->value.integer = (int64_t)head.argument;
		return ERR_OK;
	case CBOR_NEGATIVE:
		/* -1 - argument: one less than the limit is the limit itself. */
		if (head.argument >= (uint64_t)NUM_JSON_INTEGER_MAX)
			return wire_refuse(rejection, HARK_REJECT_OUT_OF_RANGE, HARK_FIELD_DETAIL);
		out->type = HARK_DETAIL_INTEGER;
		out->value.integer = -1 - (int64_t)head.argument;
		return ERR_OK;
	case CBOR_SIMPLE:
		if (head.argument != CBOR_TRUE && head.argument != CBOR_FALSE)
			return wire_refuse_type(rejection, head.major, HARK_FIELD_DETAIL);
		out->type = HARK_DETAIL_BOOL;
		out->value.boolean = head.argument == CBOR_TRUE;
		return ERR_OK;
	case CBOR_ARRAY:
	case CBOR_MAP:
		return wire_refuse(rejection, HARK_REJECT_TOO_DEEP, HARK_FIELD_NONE);
	case CBOR_BYTES:
	case CBOR_TAG:
	default:
		return wire_refuse_type(rejection, head.major, HARK_FIELD_DETAIL);
	}
}

enum err
detail_read(struct cbor_reader *r, struct hark_guest_declaration *d,
	    struct hark_rejection *rejection)
{
	struct cbor_head head;
	enum cbor_fault fault = cbor_read_head(r, &head);
	uint64_t i;

	MUST(d->detail_count == 0);

	if (fault != CBOR_FINE)
		return wire_refuse_fault(rejection, fault);
	if (head.major != CBOR_MAP)
		return wire_refuse_type(rejection, head.major, HARK_FIELD_DETAIL);
	if (head.argument > HARK_DETAIL_COUNT_MAX)
		return wire_refuse(rejection, HARK_REJECT_TOO_MANY, HARK_FIELD_DETAIL);
	for (i = 0; i < head.argument; i++) {
		struct hark_detail entry = { 0 };
		uint32_t at;
		enum err e = read_key(r, &entry.key, rejection);

		if (e != ERR_OK)
			return e;
		if (!find_place(d, entry.key, &at))
			return wire_refuse(rejection, HARK_REJECT_DUPLICATE_KEY, HARK_FIELD_DETAIL);
		e = read_value(r, &entry, rejection);
		if (e != ERR_OK)
			return e;
		if (at < d->detail_count)
			memmove(&d->detail[at + 1], &d->detail[at],
				(d->detail_count - at) * sizeof(d->detail[0]));
		d->detail[at] = entry;
		d->detail_count++;
	}
	return ERR_OK;
}

/* The encoded size of one entry. */
static enum err
measure_entry(const struct hark_detail *entry, size_t *out)
{
	const struct hark_text *text = &entry->value.text;
	int64_t integer = entry->value.integer;

	if (entry->key.data == NULL || !detail_key_is_good(entry->key))
		return ERR_ARGUMENT;
	*out = cbor_head_size(entry->key.size) + entry->key.size;
	switch (entry->type) {
	case HARK_DETAIL_TEXT:
		if (text->data == NULL && text->size > 0)
			return ERR_ARGUMENT;
		if (text->size > HARK_MAX_FRAME_BYTES)
			return ERR_LIMIT;
		if (text->size > 0 && !text_is_utf8(text->data, text->size))
			return ERR_ARGUMENT;
		*out += cbor_head_size(text->size) + text->size;
		return ERR_OK;
	case HARK_DETAIL_BOOL:
		*out += 1;
		return ERR_OK;
	case HARK_DETAIL_INTEGER:
		if (integer > NUM_JSON_INTEGER_MAX || integer < -NUM_JSON_INTEGER_MAX)
			return ERR_ARGUMENT;
		*out += cbor_head_size(integer < 0 ? ~(uint64_t)integer : (uint64_t)integer);
		return ERR_OK;
	default:
		return ERR_ARGUMENT;
	}
}

/* True where an earlier entry has the key of the entry `at`. */
static bool
is_repeated(const struct hark_guest_declaration *d, uint32_t at)
{
	uint32_t i;

	for (i = 0; i < at; i++) {
		if (detail_key_compare(d->detail[i].key, d->detail[at].key) == 0)
			return true;
	}
	return false;
}

enum err
detail_measure(const struct hark_guest_declaration *d, size_t *out)
{
	size_t total;
	uint32_t i;

	MUST(out != NULL);

	if (d->detail_count > HARK_DETAIL_COUNT_MAX)
		return ERR_ARGUMENT;
	total = cbor_head_size(d->detail_count);
	for (i = 0; i < d->detail_count; i++) {
		size_t size;
		enum err e = measure_entry(&d->detail[i], &size);

		if (e != ERR_OK)
			return e;
		if (is_repeated(d, i))
			return ERR_ARGUMENT;
		total += size;
	}
	*out = total;
	return ERR_OK;
}

void
detail_write(struct cbor_writer *w, const struct hark_guest_declaration *d)
{
	uint32_t i;

	MUST(d->detail_count <= HARK_DETAIL_COUNT_MAX);

	cbor_write_head(w, CBOR_MAP, d->detail_count);
	for (i = 0; i < d->detail_count; i++) {
		const struct hark_detail *entry = &d->detail[i];

		cbor_write_text(w, entry->key.data, entry->key.size);
		if (entry->type == HARK_DETAIL_TEXT)
			cbor_write_text(w, entry->value.text.data, entry->value.text.size);
		else if (entry->type == HARK_DETAIL_BOOL)
			cbor_write_bool(w, entry->value.boolean);
		else
			cbor_write_integer(w, entry->value.integer);
	}
}

enum err
detail_read_stream(const struct hark_guest_declaration *d, uint64_t *out,
		   struct hark_rejection *rejection)
{
	static const struct hark_text name = { STREAM_KEY, sizeof(STREAM_KEY) - 1 };
	const struct hark_detail *entry = NULL;
	uint64_t stream = 0;
	uint32_t i;

	MUST(rejection != NULL);

	for (i = 0; i < d->detail_count && entry == NULL; i++) {
		if (detail_key_compare(d->detail[i].key, name) == 0)
			entry = &d->detail[i];
	}
	if (entry == NULL)
		return wire_refuse(rejection, HARK_REJECT_MISSING_FIELD, HARK_FIELD_STREAM);
	if (entry->type != HARK_DETAIL_TEXT ||
	    !text_is_hex(entry->value.text.data, entry->value.text.size, STREAM_HEX_DIGITS))
		return wire_refuse(rejection, HARK_REJECT_BAD_HELLO, HARK_FIELD_STREAM);
	for (i = 0; i < STREAM_HEX_DIGITS; i++) {
		char c = entry->value.text.data[i];

		stream = stream << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*out = stream;
	return ERR_OK;
}
