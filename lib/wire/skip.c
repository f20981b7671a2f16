/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a later minor of CellOS's wire may add, read over within bounds: scalars, texts, bytes, and
 * one flat map or array of those.  It keeps nothing of a value, and the keys only to find a second
 * one of the same name.  It does not look for equal keys inside a map that means nothing.
 */
#include "base/must.h"
#include "wire/wire_internal.h"

enum err
skip_key(struct skip_keys *keys, struct bytes key, struct hark_rejection *rejection)
{
	uint32_t i;

	MUST(keys->count <= SKIP_KEYS_MAX);

	for (i = 0; i < keys->count; i++) {
		if (keys->keys[i].size == key.size &&
		    memcmp(keys->keys[i].data, key.data, key.size) == 0)
			return wire_refuse(rejection, HARK_REJECT_DUPLICATE_KEY,
					   HARK_FIELD_UNKNOWN);
	}
	if (keys->count == SKIP_KEYS_MAX)
		return wire_refuse(rejection, HARK_REJECT_TOO_MANY, HARK_FIELD_UNKNOWN);
	keys->keys[keys->count++] = key;
	return ERR_OK;
}

/* Reads over what follows the head of anything that holds no other values. */
static enum err
skip_scalar(struct cbor_reader *r, const struct cbor_head *head, enum hark_frame_field field,
	    struct hark_rejection *rejection)
{
	struct hark_text text;

	switch (head->major) {
	case CBOR_UNSIGNED:
	case CBOR_NEGATIVE:
		return ERR_OK;
	case CBOR_BYTES:
		if (cbor_take(r, head->argument) == NULL)
			return wire_refuse(rejection, HARK_REJECT_SHORT, HARK_FIELD_NONE);
		return ERR_OK;
	case CBOR_TEXT:
		return wire_take_text(r, head->argument, field, &text, rejection);
	case CBOR_SIMPLE:
		if (head->argument >= CBOR_FALSE && head->argument <= CBOR_NULL)
			return ERR_OK;
		return wire_refuse(rejection, HARK_REJECT_SIMPLE_VALUE, HARK_FIELD_NONE);
	case CBOR_ARRAY:
	case CBOR_MAP:
	case CBOR_TAG:
	default:
		return wire_refuse(rejection, HARK_REJECT_TOO_DEEP, HARK_FIELD_NONE);
	}
}

static enum err
skip_item(struct cbor_reader *r, enum hark_frame_field field, struct hark_rejection *rejection)
{
	struct cbor_head head;
	enum cbor_fault fault = cbor_read_head(r, &head);

	if (fault != CBOR_FINE)
		return wire_refuse_fault(rejection, fault);
	return skip_scalar(r, &head, field, rejection);
}

enum err
skip_value(struct cbor_reader *r, enum hark_frame_field field, struct hark_rejection *rejection)
{
	struct cbor_head head;
	enum cbor_fault fault;
	uint64_t i;

	MUST(rejection != NULL);

	fault = cbor_read_head(r, &head);
	if (fault != CBOR_FINE)
		return wire_refuse_fault(rejection, fault);
	if (head.major != CBOR_ARRAY && head.major != CBOR_MAP)
		return skip_scalar(r, &head, field, rejection);
	/* The count is the sender's word, but every turn takes a byte at least or ends. */
	for (i = 0; i < head.argument; i++) {
		enum err e = skip_item(r, field, rejection);

		if (e == ERR_OK && head.major == CBOR_MAP)
			e = skip_item(r, field, rejection);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}
