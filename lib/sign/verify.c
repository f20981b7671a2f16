/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Judges one envelope.  First what needs no key and speaks of a change, then whether it can be
 * judged at all, then the signature, and the window last: an expired forgery is a forgery.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/must.h"
#include "base/text.h"
#include "sign/sign_internal.h"

/* The longest form of one code point: a surrogate pair of escapes. */
#define SHOWN_BYTES_MAX 12u

/*
 * Copies text as the inside of a JSON string, all but printable ASCII as escapes, so that it does
 * nothing to a terminal; cut between two characters where it does not fit.
 */
static void
copy_shown(const char *text, size_t size, char *out, size_t capacity)
{
	size_t used = 0;
	size_t at = 0;

	MUST(capacity > 0);
	while (at < size) {
		char form[SHOWN_BYTES_MAX + 1];
		uint32_t v = 0xfffd;
		size_t step = text_code_point(text + at, size - at, &v);
		int shown;

		if (v == '"' || v == '\\')
			shown = snprintf(form, sizeof(form), "\\%c", (char)v);
		else if (v >= 0x20 && v < 0x7f)
			shown = snprintf(form, sizeof(form), "%c", (char)v);
		else if (v < 0x10000)
			shown = snprintf(form, sizeof(form), "\\u%04x", v);
		else
			shown = snprintf(form, sizeof(form), "\\u%04x\\u%04x",
					 0xd800 + ((v - 0x10000) >> 10),
					 0xdc00 + ((v - 0x10000) & 0x3ff));
		MUST(shown > 0 && (size_t)shown < sizeof(form));
		if (used + (size_t)shown >= capacity)
			break;
		memcpy(out + used, form, (size_t)shown);
		used += (size_t)shown;
		at += step > 0 ? step : 1;
	}
	out[used] = '\0';
}

static void
copy_node(const struct json_node *node, char *out, size_t capacity)
{
	if (node != NULL && node->type == JSON_STRING)
		copy_shown(node->text, node->text_size, out, capacity);
}

static enum hark_verify_reason
refuse(enum hark_verify_reason reason, const char *detail, struct hark_verify_result *result)
{
	copy_shown(detail, strlen(detail), result->detail, sizeof(result->detail));
	return reason;
}

/* ---- the transport event ------------------------------------------------------------------- */

/* What a refused envelope says of itself, as far as it can be read at all. */
static void
describe(const struct json_node *envelope, struct hark_verify_result *result)
{
	const struct json_node *event = json_node_member(envelope, "event");

	copy_node(json_node_member(envelope, "signerKid"), result->kid, sizeof(result->kid));
	copy_node(json_node_member(event, "id"), result->event_id, sizeof(result->event_id));
	copy_node(json_node_member(event, "type"), result->event_type, sizeof(result->event_type));
}

/* What stands around the envelope, which nobody signed, must be what CellOS puts there. */
static enum hark_verify_reason
check_transport(const struct sign_event *outer, const struct sign_event *inner,
		struct hark_verify_result *result)
{
	const struct json_node *content = outer->attribute[SIGN_DATACONTENTTYPE];

	if (!json_node_text_is(outer->attribute[SIGN_SOURCE], HARK_SIGNED_ENVELOPE_SOURCE))
		return refuse(HARK_VERIFY_TRANSPORT_MISMATCH, "source", result);
	if (content != NULL && !json_node_text_is(content, "application/json"))
		return refuse(HARK_VERIFY_TRANSPORT_MISMATCH, "datacontenttype", result);
	if (!sign_same_text(outer->attribute[SIGN_ID], inner->attribute[SIGN_ID]))
		return refuse(HARK_VERIFY_TRANSPORT_MISMATCH, "id", result);
	if (!sign_same_text(outer->attribute[SIGN_TIME], inner->attribute[SIGN_TIME]))
		return refuse(HARK_VERIFY_TRANSPORT_MISMATCH, "time", result);
	if (!sign_same_text(outer->attribute[SIGN_TRACEPARENT], inner->attribute[SIGN_TRACEPARENT]))
		return refuse(HARK_VERIFY_TRANSPORT_MISMATCH, "traceparent", result);
	return HARK_VERIFY_NONE;
}

/* The envelope in `root`, which is one or a transport event around one. */
static enum hark_verify_reason
read_envelope(const struct json_node *root, struct sign_envelope *out,
	      struct hark_verify_result *result)
{
	bool is_event = json_node_member(root, "specversion") != NULL;
	const struct json_node *envelope = root;
	struct sign_detail detail = { 0 };
	struct sign_event outer;
	enum hark_verify_reason reason = HARK_VERIFY_NONE;

	if (is_event) {
		reason = sign_event_read(root, false, &outer, &detail);
		if (reason == HARK_VERIFY_NONE &&
		    (outer.attribute[SIGN_DATA] == NULL ||
		     !json_node_text_is(outer.attribute[SIGN_TYPE], HARK_SIGNED_ENVELOPE_TYPE)))
			return refuse(HARK_VERIFY_MISSING_MEMBER, "signature", result);
		envelope = json_node_member(root, "data");
	}
	describe(envelope, result);
	if (reason == HARK_VERIFY_NONE)
		reason = sign_envelope_read(envelope, out, &detail);
	if (reason != HARK_VERIFY_NONE) {
		copy_shown(detail.name, detail.size, result->detail, sizeof(result->detail));
		return reason;
	}
	return is_event ? check_transport(&outer, &out->event, result) : HARK_VERIFY_NONE;
}

/* ---- the envelope -------------------------------------------------------------------------- */

static enum hark_verify_reason
check_window(const struct sign_envelope *envelope, const struct hark_time *now,
	     struct hark_verify_result *result)
{
	const struct json_node *from = envelope->not_before;
	const struct json_node *to = envelope->not_after;
	struct hark_time time;

	if (from != NULL && !moment_read(from->text, from->text_size, &time))
		return refuse(HARK_VERIFY_WRONG_TYPE, "notBefore", result);
	if (from != NULL && moment_compare(now, &time) < 0)
		return refuse(HARK_VERIFY_OUTSIDE_WINDOW, "notBefore", result);
	if (to != NULL && !moment_read(to->text, to->text_size, &time))
		return refuse(HARK_VERIFY_WRONG_TYPE, "notAfter", result);
	if (to != NULL && moment_compare(now, &time) > 0)
		return refuse(HARK_VERIFY_OUTSIDE_WINDOW, "notAfter", result);
	return HARK_VERIFY_NONE;
}

/* Into `bytes` of SIGNATURE_BYTES_MAX. */
static enum hark_verify_reason
read_signature(const struct json_node *text, enum hark_sign_algorithm algorithm, uint8_t *bytes)
{
	/* Whole padding and one group more, so that the length is judged after the letters. */
	uint8_t all[BASE64_BYTES_MAX(128)];
	size_t size;

	if (text->text_size > 128)
		return HARK_VERIFY_BAD_LENGTH;
	if (base64_read_url(text->text, text->text_size, all, sizeof(all), &size) != ERR_OK)
		return HARK_VERIFY_BAD_BASE64;
	if (size != signature_size(algorithm))
		return HARK_VERIFY_BAD_LENGTH;
	memcpy(bytes, all, size);
	return HARK_VERIFY_NONE;
}

static enum hark_verify_reason
check_signature(const struct hark_verify_keys *keys, const struct sign_envelope *envelope,
		struct json_writer *w, struct hark_verify_result *result)
{
	uint8_t signature[SIGNATURE_BYTES_MAX];
	const struct verify_key *key;
	enum hark_verify_reason reason;
	size_t size;

	if (json_node_text_is(envelope->algorithm, "ed25519"))
		result->algorithm = HARK_SIGN_ALGORITHM_ED25519;
	else if (json_node_text_is(envelope->algorithm, "hmac-sha256"))
		result->algorithm = HARK_SIGN_ALGORITHM_HMAC_SHA256;
	else
		return refuse(HARK_VERIFY_UNKNOWN_ALGORITHM, "algorithm", result);
	key = sign_keys_find(keys, result->algorithm, envelope->kid->text,
			     envelope->kid->text_size);
	if (key == NULL)
		return refuse(HARK_VERIFY_UNKNOWN_KID, "signerKid", result);
	reason = read_signature(envelope->signature, result->algorithm, signature);
	if (reason != HARK_VERIFY_NONE)
		return refuse(reason, "signature", result);
	sign_event_write(&envelope->event, w);
	/* Escapes are never longer than what was read, so the form fits by construction. */
	MUST(json_writer_finish(w, &size) == ERR_OK);
	if (!signature_holds(result->algorithm, key->bytes, key->size, w->start, size, signature))
		return refuse(HARK_VERIFY_BAD_SIGNATURE, "signature", result);
	return HARK_VERIFY_NONE;
}

enum hark_sign_error
hark_verify_host_stamped_envelope(const struct hark_verify_keys *keys, struct hark_text json,
				  const struct hark_time *now, struct hark_verify_result *result)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	struct hark_verify_result r = { .reason = HARK_VERIFY_NOT_JSON };
	struct sign_envelope envelope;
	struct json_failure failure;
	struct json_writer w;
	enum hark_sign_error e;
	char *form;

	if (keys == NULL || now == NULL || result == NULL || (json.data == NULL && json.size > 0))
		return HARK_SIGN_ARGUMENT;
	e = sign_tree_read(json, 0, &tree, &r.reason, &failure);
	if (e == HARK_SIGN_MEMORY)
		return e;
	if (e != HARK_SIGN_OK) {
		r.reason = refuse(r.reason, failure.text, &r);
		*result = r;
		return HARK_SIGN_OK;
	}
	r.reason = read_envelope(json_tree_root(tree), &envelope, &r);
	if (r.reason == HARK_VERIFY_NONE) {
		form = malloc(json.size + SIGN_EVENT_MORE_BYTES);
		if (form == NULL)
			return HARK_SIGN_MEMORY;
		json_writer_init(&w, form, json.size + SIGN_EVENT_MORE_BYTES);
		r.reason = check_signature(keys, &envelope, &w, &r);
		free(form);
		if (r.reason == HARK_VERIFY_NONE)
			r.reason = check_window(&envelope, now, &r);
	}
	*result = r;
	return HARK_SIGN_OK;
}
