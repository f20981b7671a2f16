/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stamped declarations as events.  What the guest said is written by write_declared alone, below
 * data.declared; every other member comes from the stamp, the origin or a table of ours.  The
 * events that the host says of itself are in event_host.c.
 */
#include <assert.h>
#include <string.h>

#include <hark/event.h>

#include "base/num.h"
#include "base/text.h"
#include "event/builder.h"
#include "event/types.h"
#include "wire/detail_key.h"

/*
 * Any declaration that came out of hark_decode_frame fits, whatever is in it, so no guest can make
 * itself unrecordable: the sum of the worst cases, each larger than what can really be.
 */
#define ESCAPED_BYTES_MAX 6u /* \u00xx for one byte */
/* Every text and key of a declaration has its bytes in the frame's body. */
#define GUEST_TEXT_BYTES_WORST (HARK_MAX_FRAME_BYTES * ESCAPED_BYTES_MAX)
/* A detail's quotes, colon and comma, and a number: "":-9007199254740991, */
#define DETAIL_BYTES_WORST (HARK_DETAIL_COUNT_MAX * (6u + NUM_I64_DIGITS_MAX))
/* cell_id twice and run_id; source and id_prefix. */
#define HOST_TEXT_BYTES_WORST \
	((3u * HARK_ID_BYTES_MAX + 2u * HARK_ORIGIN_BYTES_MAX) * ESCAPED_BYTES_MAX)
/* Names, punctuation, the authority, the spec's hash, seven numbers, the time and the type: an
 * event of empty texts has less than 1,024 bytes of them. */
#define FRAMEWORK_BYTES_WORST 2048u
static_assert(GUEST_TEXT_BYTES_WORST + DETAIL_BYTES_WORST + HOST_TEXT_BYTES_WORST +
			      FRAMEWORK_BYTES_WORST <=
		      HARK_EVENT_BYTES_MAX,
	      "a decodable declaration always fits into an event");

static bool
text_is_good(struct hark_text text)
{
	return text.size == 0 || (text.data != NULL && text_is_utf8(text.data, text.size));
}

static bool
value_is_good(const struct hark_detail *detail)
{
	switch (detail->type) {
	case HARK_DETAIL_TEXT:
		return text_is_good(detail->value.text);
	case HARK_DETAIL_BOOL:
		return true;
	case HARK_DETAIL_INTEGER:
		return detail->value.integer >= -NUM_JSON_INTEGER_MAX &&
		       detail->value.integer <= NUM_JSON_INTEGER_MAX;
	default:
		return false;
	}
}

/* hark_decode_frame gives nothing else; a caller that fills a declaration by itself might. */
static bool
declaration_is_good(const struct hark_guest_declaration *guest)
{
	uint32_t i;

	if (!text_is_good(guest->probe_source) || !text_is_good(guest->guest_comm) ||
	    guest->detail_count > HARK_DETAIL_COUNT_MAX)
		return false;
	for (i = 0; i < guest->detail_count; i++) {
		const struct hark_detail *detail = &guest->detail[i];

		if (detail->key.data == NULL || !detail_key_is_good(detail->key) ||
		    !value_is_good(detail))
			return false;
		if (i > 0 && detail_key_compare(detail->key, guest->detail[i - 1].key) <= 0)
			return false;
	}
	return true;
}

static bool
text_is(const char *text, const char *want)
{
	return text == want || (text != NULL && strcmp(text, want) == 0);
}

/* The authority is by rule: a guest's statement has no other. */
static bool
authority_is_declared(const struct hark_authority_output *authority)
{
	return authority->tier == EVENT_TIER_DECLARED &&
	       authority->confidence == EVENT_CONFIDENCE_DECLARED &&
	       text_is(authority->epistemic_status, EVENT_EPISTEMIC_DECLARED) &&
	       text_is(authority->binding_status, EVENT_BINDING_NOT_APPLICABLE);
}

static void
write_text_value(struct json_writer *w, struct hark_text text)
{
	json_write_literal(w, "\"");
	json_write_string_part(w, text.data, text.size);
	json_write_literal(w, "\"");
}

static void
write_detail(struct json_writer *w, const struct hark_guest_declaration *guest)
{
	uint32_t i;

	for (i = 0; i < guest->detail_count; i++) {
		const struct hark_detail *detail = &guest->detail[i];

		if (i == 0)
			json_write_literal(w, "\"detail\":{\"");
		else
			json_write_literal(w, ",\"");
		json_write_raw(w, detail->key.data, detail->key.size);
		json_write_literal(w, "\":");
		if (detail->type == HARK_DETAIL_TEXT)
			write_text_value(w, detail->value.text);
		else if (detail->type == HARK_DETAIL_BOOL)
			json_write_bool(w, detail->value.boolean);
		else
			json_write_integer(w, detail->value.integer);
	}
	if (guest->detail_count > 0)
		json_write_literal(w, "},");
}

/* `,"declared":{...}`: the only place where a guest's bytes go. */
static void
write_declared(struct json_writer *w, const struct hark_guest_declaration *guest)
{
	json_write_literal(w, ",\"declared\":{");
	write_detail(w, guest);
	if (guest->has_dropped) {
		json_write_literal(w, "\"dropped\":\"");
		json_write_u64_digits(w, guest->dropped);
		json_write_literal(w, "\",");
	}
	json_write_literal(w, "\"guestComm\":\"");
	json_write_string_part(w, guest->guest_comm.data, guest->guest_comm.size);
	json_write_literal(w, "\",\"guestMonotonicNs\":\"");
	json_write_u64_digits(w, guest->guest_monotonic_ns);
	json_write_literal(w, "\",\"guestPid\":");
	json_write_u64_digits(w, guest->guest_pid);
	json_write_literal(w, ",\"probeSource\":\"");
	json_write_string_part(w, guest->probe_source.data, guest->probe_source.size);
	json_write_literal(w, "\"");
	if (guest->has_seq) {
		json_write_literal(w, ",\"seq\":\"");
		json_write_u64_digits(w, guest->seq);
		json_write_literal(w, "\"");
	}
	json_write_literal(w, "}");
}

enum hark_telemetry_error
hark_event_from_stamped(const struct hark_stamped_declaration *stamped,
			const struct hark_event_origin *origin, char *json, size_t capacity,
			size_t *size_out)
{
	const struct event_guest_type *type;
	struct event event;
	enum err e;

	if (stamped == NULL || stamped->guest == NULL || size_out == NULL ||
	    !authority_is_declared(&stamped->authority) || !declaration_is_good(stamped->guest))
		return HARK_TELEMETRY_ARGUMENT;
	e = event_begin(&event, stamped->host, origin, json, capacity);
	if (e != ERR_OK)
		return event_error(e);

	type = event_guest_type_of(stamped->guest->probe_source, stamped->guest->content_version);
	json_write_literal(&event.json,
			   "\"authority\":{\"output\":{\"binding_status\":"
			   "\"" EVENT_BINDING_NOT_APPLICABLE "\",\"confidence\":1,"
			   "\"epistemic_status\":\"" EVENT_EPISTEMIC_DECLARED "\",\"tier\":1}");
	if (type->rule.size > 0) {
		json_write_literal(&event.json, ",\"rule\":\"");
		json_write_raw(&event.json, type->rule.data, type->rule.size);
		json_write_literal(&event.json, "\"");
	}
	json_write_literal(&event.json, "},");
	event_write_cell(&event);
	write_declared(&event.json, stamped->guest);
	event_write_epoch(&event);
	event_write_run(&event);
	event_write_spec_hash(&event);
	return event_error(event_end(&event, type->type.data, type->type.size, size_out));
}
