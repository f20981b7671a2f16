/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Envelopes: how one is made of an event, and how the members of one are read. */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/must.h"
#include "base/num.h"
#include "sign/sign_internal.h"

/* The names and quotes behind the event, with the longest algorithm and signature. */
#define ENVELOPE_TAIL_BYTES 256u
/* A byte of a key id as \u00xx. */
#define ESCAPE_BYTES_MAX 6u

void
hark_host_stamped_envelope_finish(struct hark_host_stamped_envelope *envelope)
{
	if (envelope == NULL)
		return;
	free(envelope->json);
	*envelope = (struct hark_host_stamped_envelope){ 0 };
}

enum hark_sign_error
sign_tree_read(struct hark_text json, size_t depth_more, struct json_tree **out,
	       enum hark_verify_reason *reason, struct json_failure *failure)
{
	enum err e;

	*failure = (struct json_failure){ .text = "over the limit of bytes" };
	*reason = HARK_VERIFY_TOO_LARGE;
	if (json.size > HARK_SIGN_JSON_BYTES_MAX)
		return HARK_SIGN_LIMIT;
	e = json_tree_read(json.data, json.size, HARK_SIGN_JSON_DEPTH_MAX - depth_more, out,
			   failure);
	switch (e) {
	case ERR_OK:
		*reason = HARK_VERIFY_NONE;
		return HARK_SIGN_OK;
	case ERR_MEMORY:
		return HARK_SIGN_MEMORY;
	case ERR_LIMIT:
		return HARK_SIGN_LIMIT;
	case ERR_DUPLICATE:
		*reason = HARK_VERIFY_DUPLICATE_KEY;
		return HARK_SIGN_FORMAT;
	default:
		*reason = HARK_VERIFY_NOT_JSON;
		return HARK_SIGN_FORMAT;
	}
}

/* ---- reading ------------------------------------------------------------------------------- */

enum hark_verify_reason
sign_envelope_read(const struct json_node *node, struct sign_envelope *out,
		   struct sign_detail *detail)
{
	enum { EVENT, KID, ALGORITHM, SIGNATURE, NOT_BEFORE, NOT_AFTER, COUNT };
	static const char *const names[COUNT] = { "event",     "signerKid", "algorithm",
						  "signature", "notBefore", "notAfter" };
	const struct json_node *found[COUNT] = { NULL };
	const struct json_node *member;
	size_t i;

	MUST(node != NULL && out != NULL && detail != NULL);

	if (node->type != JSON_OBJECT) {
		*detail = (struct sign_detail){ .name = "envelope", .size = 8 };
		return HARK_VERIFY_WRONG_TYPE;
	}
	for (member = node->child; member != NULL; member = member->next) {
		for (i = 0; i < COUNT; i++) {
			if (strlen(names[i]) == member->name_size &&
			    memcmp(names[i], member->name, member->name_size) == 0)
				break;
		}
		if (i == COUNT) {
			*detail = (struct sign_detail){ .name = member->name,
							.size = member->name_size };
			return HARK_VERIFY_UNKNOWN_MEMBER;
		}
		if (member->type != JSON_NULL || i < NOT_BEFORE)
			found[i] = member;
	}
	for (i = 0; i < COUNT; i++) {
		*detail = (struct sign_detail){ .name = names[i], .size = strlen(names[i]) };
		if (found[i] == NULL && i < NOT_BEFORE)
			return HARK_VERIFY_MISSING_MEMBER;
		if (found[i] != NULL && i != EVENT && found[i]->type != JSON_STRING)
			return HARK_VERIFY_WRONG_TYPE;
	}
	*out = (struct sign_envelope){ .kid = found[KID],
				       .algorithm = found[ALGORITHM],
				       .signature = found[SIGNATURE],
				       .not_before = found[NOT_BEFORE],
				       .not_after = found[NOT_AFTER] };
	return sign_event_read(found[EVENT], false, &out->event, detail);
}

/* ---- making -------------------------------------------------------------------------------- */

enum hark_sign_error
sign_check_size(char **json, size_t size, struct hark_failure *why)
{
	if (size <= HARK_SIGN_JSON_BYTES_MAX)
		return HARK_SIGN_OK;
	free(*json);
	*json = NULL;
	return sign_fail(HARK_SIGN_LIMIT, why, "what is signed would have %zu bytes, over %u", size,
			 HARK_SIGN_JSON_BYTES_MAX);
}

size_t
sign_envelope_more(const struct hark_signer *signer)
{
	return sizeof(SIGN_ENVELOPE_HEAD) + ENVELOPE_TAIL_BYTES +
	       ESCAPE_BYTES_MAX * signer->kid_size;
}

enum hark_sign_error
sign_envelope_finish(const struct hark_signer *signer, char *json, size_t event_size,
		     size_t capacity, struct hark_host_stamped_envelope *out,
		     struct hark_failure *why)
{
	const size_t head = sizeof(SIGN_ENVELOPE_HEAD) - 1;
	const char *algorithm = signature_algorithm_name(signer->algorithm);
	uint8_t signature[SIGNATURE_BYTES_MAX];
	char text[BASE64_URL_SIZE(SIGNATURE_BYTES_MAX)];
	size_t text_size = BASE64_URL_SIZE(signature_size(signer->algorithm));
	struct json_writer w;
	enum hark_sign_error e;
	size_t size;

	MUST(capacity >= head + event_size);

	memcpy(json, SIGN_ENVELOPE_HEAD, head);
	signature_make(signer->algorithm, &signer->key, json + head, event_size, signature);
	base64_write_url(signature, signature_size(signer->algorithm), text);
	json_writer_init(&w, json + head + event_size, capacity - head - event_size);
	json_write_literal(&w, ",\"signerKid\":");
	json_write_string(&w, signer->kid, signer->kid_size);
	json_write_literal(&w, ",\"algorithm\":");
	json_write_string(&w, algorithm, strlen(algorithm));
	json_write_literal(&w, ",\"signature\":");
	json_write_string(&w, text, text_size);
	json_write_raw(&w, "}", 2); /* with its terminator */
	MUST(json_writer_finish(&w, &size) == ERR_OK);
	size += head + event_size - 1;
	e = sign_check_size(&json, size, why);
	if (e != HARK_SIGN_OK)
		return e;
	*out = (struct hark_host_stamped_envelope){
		.json = json,
		.size = size,
		.signature = { .data = json + size - 2 - text_size, .size = text_size },
	};
	return HARK_SIGN_OK;
}

/* Words for why an event cannot be carried. */
static enum hark_sign_error
refuse_event(enum hark_verify_reason reason, const struct sign_detail *detail,
	     struct hark_failure *why)
{
	char shown[64];
	const char *name = sign_shown(detail->name, detail->size, shown);

	switch (reason) {
	case HARK_VERIFY_UNKNOWN_ATTRIBUTE:
		return sign_fail(HARK_SIGN_FORMAT, why,
				 "the attribute %s is none that a CellOS envelope can carry", name);
	case HARK_VERIFY_MISSING_MEMBER:
		return sign_fail(HARK_SIGN_FORMAT, why, "expected the attribute %s", name);
	default:
		if (strcmp(name, "specversion") == 0)
			return sign_fail(HARK_SIGN_FORMAT, why, "expected specversion \"1.0\"");
		if (strcmp(name, "event") == 0)
			return sign_fail(HARK_SIGN_FORMAT, why,
					 "expected a CloudEvent, a JSON object");
		return sign_fail(HARK_SIGN_FORMAT, why, "expected text in the attribute %s", name);
	}
}

/* What reading an envelope does not ask but a signer must not sign. */
static enum hark_sign_error
check_content(const struct sign_event *event, struct hark_failure *why)
{
	const struct json_node *time = event->attribute[SIGN_TIME];
	const struct json_node *data = event->attribute[SIGN_DATA];
	const struct json_node *number = data != NULL ? sign_number_changed(data) : NULL;
	char shown[64];

	if (time != NULL && !moment_is_rfc3339(time->text, time->text_size))
		return sign_fail(HARK_SIGN_FORMAT, why, "expected an RFC 3339 time, not %s",
				 sign_shown(time->text, time->text_size, shown));
	if (number != NULL)
		return sign_fail(HARK_SIGN_FORMAT, why,
				 "the number %s in data would be printed otherwise by CellOS",
				 sign_shown(number->text, number->text_size, shown));
	return HARK_SIGN_OK;
}

enum hark_sign_error
hark_sign_host_stamped_envelope(const struct hark_signer *signer, struct hark_text event_json,
				struct hark_host_stamped_envelope *out, struct hark_failure *why)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	struct json_failure failure;
	struct sign_detail detail;
	struct sign_event event;
	struct json_writer w;
	enum hark_verify_reason reason;
	enum hark_sign_error e;
	size_t capacity;
	size_t size;
	char *json;

	if (signer == NULL || out == NULL || (event_json.data == NULL && event_json.size > 0))
		return sign_fail(HARK_SIGN_ARGUMENT, why, "a pointer is missing");
	if (signer->algorithm == HARK_SIGN_ALGORITHM_OFF)
		return sign_fail(HARK_SIGN_OFF, why, "signing is off");
	e = sign_tree_read(event_json, SIGN_DEPTH_OF_ENVELOPE + SIGN_DEPTH_OF_TRANSPORT, &tree,
			   &reason, &failure);
	if (e != HARK_SIGN_OK)
		return sign_fail(e, why, "at byte %zu: %s", failure.offset, failure.text);
	reason = sign_event_read(json_tree_root(tree), true, &event, &detail);
	if (reason != HARK_VERIFY_NONE)
		return refuse_event(reason, &detail, why);
	e = check_content(&event, why);
	if (e != HARK_SIGN_OK)
		return e;
	capacity = event_json.size + SIGN_EVENT_MORE_BYTES + sign_envelope_more(signer);
	json = malloc(capacity);
	if (json == NULL)
		return sign_fail(HARK_SIGN_MEMORY, why, "out of memory");
	json_writer_init(&w, json + sizeof(SIGN_ENVELOPE_HEAD) - 1,
			 event_json.size + SIGN_EVENT_MORE_BYTES);
	sign_event_write(&event, &w);
	/* Escapes are never longer than what was read, so the form fits by construction. */
	MUST(json_writer_finish(&w, &size) == ERR_OK);
	return sign_envelope_finish(signer, json, size, capacity, out, why);
}
