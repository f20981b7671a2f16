/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of this room share: how a refusal is said, and the parts of a frame. */
#ifndef WIRE_INTERNAL_H
#define WIRE_INTERNAL_H

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/text.h"
#include "cbor/head.h"

#include <hark/telemetry.h>

#define HELLO_SOURCE      "agent.hello"
#define STREAM_KEY        "stream"
#define STREAM_HEX_DIGITS 16u

/* The most unknown keys that a frame of a later minor may have: each is kept to find it again. */
#define SKIP_KEYS_MAX 32u

struct skip_keys {
	uint32_t count; /* the first `count` of keys are set */
	struct bytes keys[SKIP_KEYS_MAX];
};

/* Says why, and gives the error to return. */
static inline enum err
wire_refuse(struct hark_rejection *rejection, enum hark_reject_reason reason,
	    enum hark_frame_field field)
{
	rejection->reason = reason;
	rejection->field = field;
	return ERR_REFUSED;
}

/* The same for a fault of a CBOR head. */
MUST_USE enum err wire_refuse_fault(struct hark_rejection *rejection, enum cbor_fault fault);
/* The same for a well-formed value of a type that may not stand where it stands. */
MUST_USE enum err wire_refuse_type(struct hark_rejection *rejection, enum cbor_major major,
				   enum hark_frame_field field);

/* text_is_utf8, fast for what nearly every text is: a few bytes of ASCII. */
static inline bool
wire_is_utf8(const uint8_t *data, size_t size)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	uint64_t first;
	uint64_t last;
	size_t i;
	uint8_t all = 0;

	if (size >= 8 && size <= 16) {
		memcpy(&first, data, sizeof(first));
		memcpy(&last, data + size - sizeof(last), sizeof(last));
		if (((first | last) & high) == 0)
			return true;
	} else if (size < 8) {
		for (i = 0; i < size; i++)
			all |= data[i];
		if (all < 0x80)
			return true;
	}
	return text_is_utf8((const char *)data, size);
}

/* Takes the content of a text whose head was read: `short`, or invalid_utf8 with this field. */
MUST_USE enum err wire_take_text(struct cbor_reader *r, uint64_t size, enum hark_frame_field field,
				 struct hark_text *out, struct hark_rejection *rejection);

/* ---- detail.c: the flat map of wire 2 ---- */

/* Reads it strictly into d->detail, sorted, and sets d->detail_count. */
MUST_USE enum err detail_read(struct cbor_reader *r, struct hark_guest_declaration *d,
			      struct hark_rejection *rejection);
/* The encoded size; ERR_ARGUMENT where detail_read would refuse it, ERR_LIMIT where it is vast. */
MUST_USE enum err detail_measure(const struct hark_guest_declaration *d, size_t *out);
/* Writes it.  It was measured. */
void detail_write(struct cbor_writer *w, const struct hark_guest_declaration *d);
/* A hello's `stream`: missing_field:stream or bad_hello:stream where there is none. */
MUST_USE enum err detail_read_stream(const struct hark_guest_declaration *d, uint64_t *out,
				     struct hark_rejection *rejection);

/* ---- skip.c: what a later minor may add ---- */

/* Remembers an unknown key: duplicate_key:unknown, too_many:unknown. */
MUST_USE enum err skip_key(struct skip_keys *keys, struct bytes key,
			   struct hark_rejection *rejection);
/* Reads over one value within the bounds.  `field` names its key in a refusal. */
MUST_USE enum err skip_value(struct cbor_reader *r, enum hark_frame_field field,
			     struct hark_rejection *rejection);

#endif
