/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CellOS's transport event: an envelope as the data of an event of its own. */
#include <stdlib.h>

#include "base/must.h"
#include "sign/sign_internal.h"

/* Names, structure and constants around an envelope. */
#define TRANSPORT_MORE_BYTES 512u

static void
write_text_or_null(const struct json_node *node, struct json_writer *w)
{
	if (node == NULL)
		json_write_literal(w, "null");
	else
		json_write_string(w, node->text, node->text_size);
}

/*
 * The envelope with its members in the order of their names, as all of `data` is.  *signature is
 * where its text stands now.
 */
static void
write_envelope(const struct sign_envelope *envelope, struct json_writer *w,
	       struct hark_text *signature)
{
	json_write_literal(w, "{\"algorithm\":");
	write_text_or_null(envelope->algorithm, w);
	json_write_literal(w, ",\"event\":");
	sign_event_write_sorted(&envelope->event, w);
	if (envelope->not_after != NULL) {
		json_write_literal(w, ",\"notAfter\":");
		write_text_or_null(envelope->not_after, w);
	}
	if (envelope->not_before != NULL) {
		json_write_literal(w, ",\"notBefore\":");
		write_text_or_null(envelope->not_before, w);
	}
	json_write_literal(w, ",\"signature\":");
	signature->data = w->at + 1;
	write_text_or_null(envelope->signature, w);
	signature->size = (size_t)(w->at - signature->data) - 1;
	json_write_literal(w, ",\"signerKid\":");
	write_text_or_null(envelope->kid, w);
	json_write_literal(w, "}");
}

static void
write_transport(const struct sign_envelope *envelope, struct json_writer *w,
		struct hark_text *signature)
{
	const struct sign_event *inner = &envelope->event;

	json_write_literal(w, "{\"specversion\":\"1.0\",\"id\":");
	write_text_or_null(inner->attribute[SIGN_ID], w);
	json_write_literal(w, ",\"source\":\"" HARK_SIGNED_ENVELOPE_SOURCE "\"");
	json_write_literal(w, ",\"type\":\"" HARK_SIGNED_ENVELOPE_TYPE "\"");
	json_write_literal(w, ",\"datacontenttype\":\"application/json\",\"data\":");
	write_envelope(envelope, w, signature);
	json_write_literal(w, ",\"time\":");
	write_text_or_null(inner->attribute[SIGN_TIME], w);
	json_write_literal(w, ",\"traceparent\":");
	write_text_or_null(inner->attribute[SIGN_TRACEPARENT], w);
	json_write_raw(w, "}", 2); /* with its terminator */
}

enum hark_sign_error
hark_sign_transport_event(struct hark_text envelope_json, struct hark_host_stamped_envelope *out,
			  struct hark_failure *why)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	struct sign_envelope envelope;
	struct hark_text signature = { 0 };
	struct json_failure failure;
	struct sign_detail detail;
	struct json_writer w;
	enum hark_verify_reason reason;
	enum hark_sign_error e;
	char shown[64];
	size_t capacity;
	size_t size;
	char *json;

	if (out == NULL || (envelope_json.data == NULL && envelope_json.size > 0))
		return sign_fail(HARK_SIGN_ARGUMENT, why, "a pointer is missing");
	e = sign_tree_read(envelope_json, SIGN_DEPTH_OF_TRANSPORT, &tree, &reason, &failure);
	if (e != HARK_SIGN_OK)
		return sign_fail(e, why, "at byte %zu: %s", failure.offset, failure.text);
	reason = sign_envelope_read(json_tree_root(tree), &envelope, &detail);
	if (reason != HARK_VERIFY_NONE)
		return sign_fail(HARK_SIGN_FORMAT, why, "not an envelope: %s: %s",
				 hark_verify_reason_name(reason),
				 sign_shown(detail.name, detail.size, shown));
	/* id, time and traceparent are there a second time: twice the text is always enough. */
	capacity = 2 * envelope_json.size + TRANSPORT_MORE_BYTES;
	json = malloc(capacity);
	if (json == NULL)
		return sign_fail(HARK_SIGN_MEMORY, why, "out of memory");
	json_writer_init(&w, json, capacity);
	write_transport(&envelope, &w, &signature);
	MUST(json_writer_finish(&w, &size) == ERR_OK);
	size--; /* the terminator */
	e = sign_check_size(&json, size, why);
	if (e != HARK_SIGN_OK)
		return e;
	*out = (struct hark_host_stamped_envelope){
		.json = json,
		.size = size,
		.signature = signature,
	};
	return HARK_SIGN_OK;
}
