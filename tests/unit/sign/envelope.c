/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which events can be carried, in what form, and which are refused with which words. */
#include <stdio.h>
#include <stdlib.h>

#include "signing.h"

#define HEAD "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\""

static void
refuses(void **state)
{
	static const struct {
		const char *rule, *event;
		enum hark_sign_error want;
		const char *words;
	} rows[] = {
		{ "nothing", "", HARK_SIGN_FORMAT, "at byte 0" },
		{ "no object", "[]", HARK_SIGN_FORMAT, "a JSON object" },
		{ "trailing text", HEAD "}x", HARK_SIGN_FORMAT, "at byte" },
		{ "duplicate attribute", HEAD ",\"id\":\"j\"}", HARK_SIGN_FORMAT, "twice" },
		{ "duplicate in data", HEAD ",\"data\":{\"a\":1,\"\\u0061\":1}}", HARK_SIGN_FORMAT,
		  "twice" },
		{ "no specversion", "{\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}",
		  HARK_SIGN_FORMAT, "specversion" },
		{ "other specversion",
		  "{\"specversion\":\"0.3\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}",
		  HARK_SIGN_FORMAT, "specversion \"1.0\"" },
		{ "specversion as a number",
		  "{\"specversion\":1.0,\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}",
		  HARK_SIGN_FORMAT, "specversion" },
		{ "no id", "{\"specversion\":\"1.0\",\"source\":\"s\",\"type\":\"t\"}",
		  HARK_SIGN_FORMAT, "attribute id" },
		{ "empty id",
		  "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"s\",\"type\":\"t\"}",
		  HARK_SIGN_FORMAT, "attribute id" },
		{ "null id",
		  "{\"specversion\":\"1.0\",\"id\":null,\"source\":\"s\",\"type\":\"t\"}",
		  HARK_SIGN_FORMAT, "attribute id" },
		{ "no source", "{\"specversion\":\"1.0\",\"id\":\"i\",\"type\":\"t\"}",
		  HARK_SIGN_FORMAT, "attribute source" },
		{ "no type", "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\"}",
		  HARK_SIGN_FORMAT, "attribute type" },
		{ "extension", HEAD ",\"epoch\":1}", HARK_SIGN_FORMAT, "attribute epoch" },
		{ "name in capitals", HEAD ",\"Data\":1}", HARK_SIGN_FORMAT, "attribute Data" },
		{ "hostile name", HEAD ",\"a\\u001b\\n\":1}", HARK_SIGN_FORMAT,
		  "attribute a\\x1b\\x0a" },
		{ "data_base64", HEAD ",\"data_base64\":\"AA\"}", HARK_SIGN_FORMAT, "data_base64" },
		{ "subject as a number", HEAD ",\"subject\":1}", HARK_SIGN_FORMAT, "subject" },
		{ "time as a number", HEAD ",\"time\":1}", HARK_SIGN_FORMAT, "attribute time" },
		{ "time in words", HEAD ",\"time\":\"yesterday\"}", HARK_SIGN_FORMAT, "RFC 3339" },
		{ "integer beyond u64", HEAD ",\"data\":[18446744073709551616]}", HARK_SIGN_FORMAT,
		  "18446744073709551616" },
		{ "minus zero", HEAD ",\"data\":{\"a\":-0}}", HARK_SIGN_FORMAT, "-0" },
		{ "too deep", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
		  HARK_SIGN_LIMIT, "inside one another" },
	};
	struct hark_signer *signer = ed25519_signer();
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_host_stamped_envelope envelope = { 0 };
		struct hark_failure why = { 0 };
		enum hark_sign_error e = hark_sign_host_stamped_envelope(
			signer, slice(rows[i].event), &envelope, &why);

		if (e != rows[i].want || envelope.json != NULL ||
		    strstr(why.text, rows[i].words) == NULL)
			fail_msg("%s: %d %s", rows[i].rule, e, why.text);
	}
	hark_signer_destroy(signer);
}

static void
rebuilds(void **state)
{
#define TAIL(data, time, parent) \
	",\"datacontenttype\":null,\"data\":" data ",\"time\":" time ",\"traceparent\":" parent "}"
	static const struct {
		const char *rule, *event, *want;
	} rows[] = {
		{ "nulls for what is absent", HEAD "}", HEAD TAIL("null", "null", "null") },
		{ "subject is left out", HEAD ",\"subject\":\"x\"}",
		  HEAD TAIL("null", "null", "null") },
		{ "any order, blanks",
		  " {\"traceparent\":null, \"type\" :\"t\",\"source\":\"s\",\"id\":\"i\",\n"
		  "\"time\":\"2025-11-05T13:20:00+01:00\",\"specversion\":\"1.0\"}\r\n",
		  HEAD TAIL("null", "\"2025-11-05T13:20:00+01:00\"", "null") },
		{ "data sorted by bytes, escapes ours, numbers theirs",
		  HEAD
		  ",\"data\":{\"\\ud800\\udc00\":1.0,\"\\uffff\":\"\\u000A\\/\\u001F\\u007f\"}}",
		  HEAD TAIL("{\"\xef\xbf\xbf\":\"\\n/\\u001f\x7f\",\"\xf0\x90\x80\x80\":1.0}",
			    "null", "null") },
	};
	struct hark_signer *signer = ed25519_signer();
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_host_stamped_envelope envelope = { 0 };
		size_t size = strlen(rows[i].want);

		assert_int_equal(hark_sign_host_stamped_envelope(signer, slice(rows[i].event),
								 &envelope, NULL),
				 HARK_SIGN_OK);
		if (strncmp(envelope.json, "{\"event\":", 9) != 0 ||
		    strncmp(envelope.json + 9, rows[i].want, size) != 0 ||
		    envelope.json[9 + size] != ',')
			fail_msg("%s: %s", rows[i].rule, envelope.json);
		assert_int_equal(envelope.json[envelope.size], '\0');
		hark_host_stamped_envelope_finish(&envelope);
		hark_host_stamped_envelope_finish(&envelope);
	}
	hark_host_stamped_envelope_finish(NULL);
	hark_signer_destroy(signer);
}

/* The longest key id, each byte of which takes six, and the largest event. */
static void
the_largest_fits(void **state)
{
	char *event = malloc(HARK_SIGN_JSON_BYTES_MAX + 1);
	char kid[HARK_SIGN_KID_BYTES_MAX];
	struct hark_host_stamped_envelope envelope = { 0 };
	struct hark_signer *signer = NULL;
	struct hark_text text = { .data = event };
	size_t head = strlen(HEAD ",\"data\":\"");

	(void)state;
	assert_non_null(event);
	memset(kid, 1, sizeof(kid));
	kid[0] = 'k';
	assert_int_equal(hark_signer_create(HARK_SIGN_ALGORITHM_ED25519,
					    (struct hark_text){ kid, sizeof(kid) },
					    "0123456789abcdef0123456789abcdef", 32, &signer, NULL),
			 HARK_SIGN_OK);
	memset(event, 'x', HARK_SIGN_JSON_BYTES_MAX + 1);
	memcpy(event, HEAD ",\"data\":\"", head);
	memcpy(event + HARK_SIGN_JSON_BYTES_MAX - 2, "\"} ", 3);
	text.size = HARK_SIGN_JSON_BYTES_MAX + 1;
	assert_int_equal(hark_sign_host_stamped_envelope(signer, text, &envelope, NULL),
			 HARK_SIGN_LIMIT);
	/* The largest is the one whose envelope is as large as may be. */
	text.size = HARK_SIGN_JSON_BYTES_MAX;
	assert_int_equal(hark_sign_host_stamped_envelope(signer, text, &envelope, NULL),
			 HARK_SIGN_LIMIT);
	assert_null(envelope.json);
	assert_int_equal(hark_sign_host_stamped_envelope(signer, slice(HEAD ",\"data\":\"\"}"),
							 &envelope, NULL),
			 HARK_SIGN_OK);
	text.size = HARK_SIGN_JSON_BYTES_MAX - (envelope.size - head - 2);
	hark_host_stamped_envelope_finish(&envelope);
	memcpy(event + text.size - 2, "\"} ", 3);
	assert_int_equal(hark_sign_host_stamped_envelope(signer, text, &envelope, NULL),
			 HARK_SIGN_OK);
	assert_int_equal(envelope.size, HARK_SIGN_JSON_BYTES_MAX);
	hark_host_stamped_envelope_finish(&envelope);
	memcpy(event + text.size - 2, "x\"}", 3);
	text.size++;
	assert_int_equal(hark_sign_host_stamped_envelope(signer, text, &envelope, NULL),
			 HARK_SIGN_LIMIT);
	hark_signer_destroy(signer);
	free(event);
}

static void
off_signs_nothing(void **state)
{
	struct hark_host_stamped_envelope envelope = { 0 };
	struct hark_signer *signer = NULL;

	(void)state;
	assert_int_equal(hark_signer_create(HARK_SIGN_ALGORITHM_OFF, (struct hark_text){ 0 }, NULL,
					    0, &signer, NULL),
			 HARK_SIGN_OK);
	assert_int_equal(hark_sign_host_stamped_envelope(signer, slice(EVENT), &envelope, NULL),
			 HARK_SIGN_OFF);
	assert_null(envelope.json);
	hark_signer_destroy(signer);
	assert_int_equal(hark_sign_host_stamped_envelope(NULL, slice(EVENT), &envelope, NULL),
			 HARK_SIGN_ARGUMENT);
}

static void
transport_takes_envelopes_alone(void **state)
{
	static const struct {
		const char *rule, *json, *words;
	} rows[] = {
		{ "an event", EVENT, "unknown_member" },
		{ "no signature", "{\"event\":" HEAD "},\"signerKid\":\"k\",\"algorithm\":\"a\"}",
		  "missing_member: signature" },
		{ "a number", "1", "wrong_type: envelope" },
		{ "no JSON", "{", "at byte 1" },
	};
	static const char odd[] = "{\"event\":" HEAD "},\"signerKid\":\"k\",\"algorithm\":\"a\","
				  "\"signature\":\"\\n\\\"\",\"notAfter\":\"n\"}";
	struct hark_host_stamped_envelope out = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_failure why = { 0 };

		if (hark_sign_transport_event(slice(rows[i].json), &out, &why) !=
			    HARK_SIGN_FORMAT ||
		    strstr(why.text, rows[i].words) == NULL)
			fail_msg("%s: %s", rows[i].rule, why.text);
	}
	assert_null(out.json);
	assert_int_equal(hark_sign_transport_event(slice(odd), &out, NULL), HARK_SIGN_OK);
	assert_int_equal(out.signature.size, 4);
	assert_memory_equal(out.signature.data, "\\n\\\"", 4);
	assert_non_null(strstr(out.json, "\"notAfter\":\"n\",\"signature\""));
	hark_host_stamped_envelope_finish(&out);
}

static enum hark_verify_reason
verified(const struct hark_host_stamped_envelope *envelope)
{
	struct hark_verify_keys *keys = NULL;
	struct hark_verify_result result;
	const struct hark_time now = NOW;

	assert_int_equal(hark_verify_keys_create(&keys), HARK_SIGN_OK);
	assert_int_equal(
		hark_verify_keys_add(keys, HARK_SIGN_ALGORITHM_ED25519, slice(KEY_FILE), NULL),
		HARK_SIGN_OK);
	assert_int_equal(
		hark_verify_host_stamped_envelope(
			keys, (struct hark_text){ envelope->json, envelope->size }, &now, &result),
		HARK_SIGN_OK);
	hark_verify_keys_destroy(keys);
	return result.reason;
}

/* Nothing is signed that the reader of envelopes would refuse for its size or depth, bare or in a
 * transport event. */
static void
what_is_signed_can_be_read(void **state)
{
	struct hark_signer *signer = ed25519_signer();
	char *event = malloc(HARK_SIGN_JSON_BYTES_MAX);
	size_t signed_count = 0;
	size_t depth;
	size_t cut;

	(void)state;
	assert_non_null(event);
	for (depth = 1; depth <= HARK_SIGN_JSON_DEPTH_MAX; depth++) {
		struct hark_host_stamped_envelope envelope = { 0 };
		struct hark_host_stamped_envelope outer = { 0 };
		size_t at = (size_t)sprintf(event, HEAD ",\"data\":");

		memset(event + at, '[', depth - 1);
		memset(event + at + depth - 1, ']', depth - 1);
		strcpy(event + at + 2 * (depth - 1), depth > 1 ? "}" : "1}");
		if (hark_sign_host_stamped_envelope(signer, slice(event), &envelope, NULL) !=
		    HARK_SIGN_OK)
			continue;
		signed_count++;
		if (verified(&envelope) != HARK_VERIFY_NONE)
			fail_msg("an event of depth %zu", depth);
		assert_int_equal(
			hark_sign_transport_event(
				(struct hark_text){ envelope.json, envelope.size }, &outer, NULL),
			HARK_SIGN_OK);
		assert_int_equal(verified(&outer), HARK_VERIFY_NONE);
		hark_host_stamped_envelope_finish(&envelope);
		hark_host_stamped_envelope_finish(&outer);
	}
	assert_int_equal(signed_count, HARK_SIGN_JSON_DEPTH_MAX - 2);
	for (signed_count = 0, cut = 0; cut < 1024; cut += 16) {
		struct hark_host_stamped_envelope envelope = { 0 };
		struct hark_host_stamped_envelope outer = { 0 };
		struct hark_text text = { event, HARK_SIGN_JSON_BYTES_MAX - cut };
		size_t at = (size_t)sprintf(event, HEAD ",\"data\":\"");
		enum hark_sign_error e;

		memset(event + at, 'x', text.size - at);
		memcpy(event + text.size - 2, "\"}", 2);
		if (hark_sign_host_stamped_envelope(signer, text, &envelope, NULL) != HARK_SIGN_OK)
			continue;
		signed_count++;
		assert_int_equal(verified(&envelope), HARK_VERIFY_NONE);
		e = hark_sign_transport_event((struct hark_text){ envelope.json, envelope.size },
					      &outer, NULL);
		if (e != HARK_SIGN_LIMIT)
			assert_int_equal(verified(&outer), HARK_VERIFY_NONE);
		hark_host_stamped_envelope_finish(&envelope);
		hark_host_stamped_envelope_finish(&outer);
	}
	assert_true(signed_count > 0 && signed_count < 64);
	free(event);
	hark_signer_destroy(signer);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(rebuilds),
		cmocka_unit_test(the_largest_fits),
		cmocka_unit_test(off_signs_nothing),
		cmocka_unit_test(transport_takes_envelopes_alone),
		cmocka_unit_test(what_is_signed_can_be_read),
	};

	return cmocka_run_group_tests_name("sign/envelope", tests, NULL, NULL);
}
