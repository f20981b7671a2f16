/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The names of refusals, as they stand in events and conformance cases. */
#include <stdio.h>

#include "base/must.h"
#include "wire/wire_internal.h"

static const char *const reasons[] = {
#define REASON_NAME(name, text) [HARK_REJECT_##name] = (text),
	HARK_REJECT_REASONS(REASON_NAME)
#undef REASON_NAME
};

static const char *const fields[] = {
#define FIELD_NAME(name, text) [HARK_FIELD_##name] = (text),
	HARK_FRAME_FIELDS(FIELD_NAME)
#undef FIELD_NAME
};

enum err
wire_refuse_fault(struct hark_rejection *rejection, enum cbor_fault fault)
{
	static const enum hark_reject_reason of_fault[] = {
		[CBOR_SHORT] = HARK_REJECT_SHORT,
		[CBOR_RESERVED] = HARK_REJECT_RESERVED_HEAD,
		[CBOR_INDEFINITE] = HARK_REJECT_INDEFINITE_LENGTH,
		[CBOR_TAGGED] = HARK_REJECT_TAG,
		[CBOR_FLOATING] = HARK_REJECT_FLOAT,
	};

	MUST(fault != CBOR_FINE);
	MUST(fault <= CBOR_FLOATING);

	return wire_refuse(rejection, of_fault[fault], HARK_FIELD_NONE);
}

enum err
wire_refuse_type(struct hark_rejection *rejection, enum cbor_major major,
		 enum hark_frame_field field)
{
	/* Nothing of major 7 has a place but true and false in a detail: it needs no field. */
	if (major == CBOR_SIMPLE)
		return wire_refuse(rejection, HARK_REJECT_SIMPLE_VALUE, HARK_FIELD_NONE);
	return wire_refuse(rejection, HARK_REJECT_WRONG_TYPE, field);
}

const char *
hark_reject_reason_name(enum hark_reject_reason reason)
{
	return (unsigned int)reason < HARK_REJECT_COUNT ? reasons[reason] : NULL;
}

const char *
hark_frame_field_name(enum hark_frame_field field)
{
	return (unsigned int)field < HARK_FIELD_COUNT ? fields[field] : NULL;
}

void
hark_rejection_text(const struct hark_rejection *rejection, char *text)
{
	const char *reason;
	const char *field;

	if (text == NULL)
		return;
	text[0] = '\0';
	if (rejection == NULL)
		return;
	reason = hark_reject_reason_name(rejection->reason);
	field = hark_frame_field_name(rejection->field);
	if (reason == NULL || field == NULL)
		return;
	/* It fits: a test tries every pair. */
	(void)snprintf(text, HARK_REJECTION_TEXT_BYTES, "%s%s%s", reason,
		       field[0] != '\0' ? ":" : "", field);
}
