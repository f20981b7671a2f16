/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Key files and envelopes that lie: every truncation, every bit, and a row for each reason. */
#include <stdio.h>
#include <stdlib.h>

#include "signing.h"

static struct hark_verify_keys *keys;
static struct hark_host_stamped_envelope good, transport;

static enum hark_verify_reason
judge_at(const char *json, size_t size, struct hark_time now, struct hark_verify_result *result)
{
	char *copy = malloc(size > 0 ? size : 1);

	assert_non_null(copy);
	memcpy(copy, json, size);
	assert_int_equal(hark_verify_host_stamped_envelope(keys, (struct hark_text){ copy, size },
							   &now, result),
			 HARK_SIGN_OK);
	free(copy);
	return result->reason;
}

/* The good envelope with `from` replaced by `to` once. */
static const char *
changed(const char *json, const char *from, const char *to)
{
	static char text[4096];
	const char *at = strstr(json, from);

	assert_non_null(at);
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - json), json, to,
		       at + strlen(from));
	return text;
}

static void
refuses(void **state)
{
	static const struct {
		const char *rule, *from, *to;
		enum hark_verify_reason want;
		const char *detail;
	} rows[] = {
		{ "nothing changed", "{", "{", HARK_VERIFY_NONE, "" },
		{ "data changed", "\"x\\n\"", "\"y\\n\"", HARK_VERIFY_BAD_SIGNATURE, "signature" },
		{ "null made text", "\"traceparent\":null", "\"traceparent\":\"\"",
		  HARK_VERIFY_BAD_SIGNATURE, "signature" },
		{ "integer made float", "[1,", "[1.0,", HARK_VERIFY_BAD_SIGNATURE, "signature" },
		{ "event renamed", "\"event\":", "\"evnt\":", HARK_VERIFY_UNKNOWN_MEMBER, "evnt" },
		{ "signature twice", "\"signature\":", "\"signature\":\"\",\"signature\":",
		  HARK_VERIFY_DUPLICATE_KEY, "an object has a name twice" },
		{ "subject in the event", "\"id\":", "\"subject\":\"x\",\"id\":",
		  HARK_VERIFY_UNKNOWN_ATTRIBUTE, "subject" },
		{ "id is a number", "\"id\":\"i\"", "\"id\":1", HARK_VERIFY_WRONG_TYPE, "id" },
		{ "no id", "\"id\":\"i\",", "", HARK_VERIFY_MISSING_MEMBER, "id" },
		{ "kid is a number", "\"signerKid\":\"k\"", "\"signerKid\":1",
		  HARK_VERIFY_WRONG_TYPE, "signerKid" },
		{ "kid null", "\"signerKid\":\"k\"", "\"signerKid\":null", HARK_VERIFY_WRONG_TYPE,
		  "signerKid" },
		{ "no kid", "\"signerKid\":\"k\",", "", HARK_VERIFY_MISSING_MEMBER, "signerKid" },
		{ "kid and a NUL", "\"signerKid\":\"k\"", "\"signerKid\":\"k\\u0000\"",
		  HARK_VERIFY_UNKNOWN_KID, "signerKid" },
		{ "algorithm and a blank", "\"ed25519\"", "\"ed25519 \"",
		  HARK_VERIFY_UNKNOWN_ALGORITHM, "algorithm" },
		{ "long signature", "\"signature\":\"", "\"signature\":\"AAAA",
		  HARK_VERIFY_BAD_LENGTH, "signature" },
		{ "window open", "\"signerKid\"",
		  "\"notBefore\":\"2025-11-05T13:20:00Z\",\"notAfter\":\"2025-11-05T13:20:00Z\","
		  "\"signerKid\"",
		  HARK_VERIFY_NONE, "" },
		{ "window null", "\"signerKid\"",
		  "\"notBefore\":null,\"notAfter\":null,\"signerKid\"", HARK_VERIFY_NONE, "" },
		{ "not yet", "\"signerKid\"",
		  "\"notBefore\":\"2025-11-05T13:20:00.000000001Z\",\"signerKid\"",
		  HARK_VERIFY_OUTSIDE_WINDOW, "notBefore" },
		{ "expired", "\"signerKid\"",
		  "\"notAfter\":\"2025-11-05T13:19:59.999999999Z\",\"signerKid\"",
		  HARK_VERIFY_OUTSIDE_WINDOW, "notAfter" },
		{ "window with an offset", "\"signerKid\"",
		  "\"notAfter\":\"2035-11-05T13:20:00+01:00\",\"signerKid\"",
		  HARK_VERIFY_WRONG_TYPE, "notAfter" },
		{ "window of numbers", "\"signerKid\"", "\"notBefore\":0,\"signerKid\"",
		  HARK_VERIFY_WRONG_TYPE, "notBefore" },
		{ "hostile member", "\"signerKid\"", "\"\\u001b\xf0\x9f\xa6\x80\":1,\"signerKid\"",
		  HARK_VERIFY_UNKNOWN_MEMBER, "\\u001b\\ud83e\\udd80" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_verify_result result;
		const char *json = changed(good.json, rows[i].from, rows[i].to);
		enum hark_verify_reason got = judge_at(json, strlen(json), NOW, &result);

		if (got != rows[i].want || strcmp(result.detail, rows[i].detail) != 0)
			fail_msg("%s: %s %s", rows[i].rule, hark_verify_reason_name(got),
				 result.detail);
	}
}

/* What surrounds an envelope is not signed, so it must be what the inner event says. */
static void
transport_is_compared(void **state)
{
	static const struct {
		const char *rule, *from, *to;
		enum hark_verify_reason want;
		const char *detail;
	} rows[] = {
		{ "nothing changed", "{", "{", HARK_VERIFY_NONE, "" },
		{ "id", "\"id\":\"i\"", "\"id\":\"j\"", HARK_VERIFY_TRANSPORT_MISMATCH, "id" },
		{ "source", "event-signing", "event", HARK_VERIFY_TRANSPORT_MISMATCH, "source" },
		{ "content type", "application/json", "text/plain", HARK_VERIFY_TRANSPORT_MISMATCH,
		  "datacontenttype" },
		{ "time", "00Z\",\"traceparent\":null}", "01Z\",\"traceparent\":null}",
		  HARK_VERIFY_TRANSPORT_MISMATCH, "time" },
		{ "traceparent", "00Z\",\"traceparent\":null}", "00Z\",\"traceparent\":\"x\"}",
		  HARK_VERIFY_TRANSPORT_MISMATCH, "traceparent" },
		{ "another type", "signed_envelope.v1", "signed_envelope.v2",
		  HARK_VERIFY_MISSING_MEMBER, "signature" },
		{ "extension", "\"specversion\"", "\"x\":1,\"specversion\"",
		  HARK_VERIFY_UNKNOWN_ATTRIBUTE, "x" },
		{ "inner data", "\"x\\n\"", "\"y\\n\"", HARK_VERIFY_BAD_SIGNATURE, "signature" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_verify_result result;
		const char *json = changed(transport.json, rows[i].from, rows[i].to);
		enum hark_verify_reason got = judge_at(json, strlen(json), NOW, &result);

		if (got != rows[i].want || strcmp(result.detail, rows[i].detail) != 0)
			fail_msg("%s: %s %s", rows[i].rule, hark_verify_reason_name(got),
				 result.detail);
		assert_string_equal(result.event_type,
				    rows[i].want == HARK_VERIFY_MISSING_MEMBER ? "" : "t");
	}
}

static void
no_truncation_passes(void **state)
{
	const struct hark_host_stamped_envelope *both[] = { &good, &transport };
	size_t which;
	size_t size;

	(void)state;
	for (which = 0; which < COUNT_OF(both); which++) {
		for (size = 0; size < both[which]->size; size++) {
			struct hark_verify_result result;

			if (judge_at(both[which]->json, size, NOW, &result) != HARK_VERIFY_NOT_JSON)
				fail_msg("cut to %zu bytes", size);
		}
	}
}

static void
no_bit_flip_passes(void **state)
{
	char *text = malloc(good.size);
	size_t bit;

	(void)state;
	assert_non_null(text);
	for (bit = 0; bit < good.size * 8; bit++) {
		struct hark_verify_result result;

		memcpy(text, good.json, good.size);
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		if (judge_at(text, good.size, NOW, &result) == HARK_VERIFY_NONE)
			fail_msg("bit %zu", bit);
		assert_true(hark_verify_reason_judgement(result.reason) != HARK_VERIFY_JUDGED_OK);
	}
	free(text);
}

static void
long_texts_are_cut_whole(void **state)
{
	char kid[3000] = "";
	struct hark_verify_result result;
	const char *json;
	size_t i;

	(void)state;
	for (i = 0; i < 200; i++)
		strcat(kid, "\\u0001");
	{
		char to[3100];

		(void)snprintf(to, sizeof(to), "\"signerKid\":\"%s\"", kid);
		json = changed(good.json, "\"signerKid\":\"k\"", to);
	}
	assert_int_equal(judge_at(json, strlen(json), NOW, &result), HARK_VERIFY_UNKNOWN_KID);
	assert_int_equal(strlen(result.kid), (sizeof(result.kid) - 1) / 6 * 6);
}

static void
key_files(void **state)
{
#define MAC HARK_SIGN_ALGORITHM_HMAC_SHA256
#define EDD HARK_SIGN_ALGORITHM_ED25519
	static const struct {
		const char *rule, *text;
		enum hark_sign_algorithm algorithm;
		enum hark_sign_error want;
		size_t count;
	} rows[] = {
		{ "empty", "{}", EDD, HARK_SIGN_OK, 0 },
		{ "one", KEY_FILE, EDD, HARK_SIGN_OK, 1 },
		{ "HMAC key of a byte", "{\"m\":\"AA\"}", MAC, HARK_SIGN_OK, 1 },
		{ "two", "{\"b\":\"AAAA\",\"a\":\"BBBB\"}", MAC, HARK_SIGN_OK, 2 },
		{ "no text", "", EDD, HARK_SIGN_CONFIG, 0 },
		{ "trailing comma", "{\"m\":\"AA\",}", MAC, HARK_SIGN_CONFIG, 0 },
		{ "kid twice", "{\"m\":\"AA\",\"\\u006d\":\"AAAA\"}", MAC, HARK_SIGN_CONFIG, 0 },
		{ "good, then bad", "{\"m\":\"AA\",\"n\":1}", MAC, HARK_SIGN_CONFIG, 0 },
		{ "nested", "{\"m\":{\"n\":\"AA\"}}", MAC, HARK_SIGN_CONFIG, 0 },
		{ "empty kid", "{\"\":\"AA\"}", MAC, HARK_SIGN_CONFIG, 0 },
		{ "blank kid", "{\" \":\"AA\"}", MAC, HARK_SIGN_CONFIG, 0 },
		{ "empty HMAC key", "{\"m\":\"\"}", MAC, HARK_SIGN_CONFIG, 0 },
		{ "31 bytes", "{\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", EDD,
		  HARK_SIGN_CONFIG, 0 },
		{ "the identity", "{\"k\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", EDD,
		  HARK_SIGN_CONFIG, 0 },
		{ "order eight", "{\"k\":\"JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU\"}", EDD,
		  HARK_SIGN_CONFIG, 0 },
		{ "not on the curve", "{\"k\":\"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
		  EDD, HARK_SIGN_CONFIG, 0 },
		{ "off", "{}", HARK_SIGN_ALGORITHM_OFF, HARK_SIGN_ARGUMENT, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_verify_keys *set = NULL;
		struct hark_failure why = { 0 };
		enum hark_sign_error e;

		assert_int_equal(hark_verify_keys_create(&set), HARK_SIGN_OK);
		e = hark_verify_keys_add(set, rows[i].algorithm, slice(rows[i].text), &why);
		if (e != rows[i].want || hark_verify_keys_count(set) != rows[i].count)
			fail_msg("%s: %d %s", rows[i].rule, e, why.text);
		/* A file once more: each of its key ids is there already. */
		if (e == HARK_SIGN_OK && rows[i].count > 0) {
			assert_int_equal(hark_verify_keys_add(set, rows[i].algorithm,
							      slice(rows[i].text), &why),
					 HARK_SIGN_CONFIG);
			assert_int_equal(hark_verify_keys_count(set), rows[i].count);
		}
		hark_verify_keys_destroy(set);
	}
	hark_verify_keys_destroy(NULL);
}

/* One kid may name a key of each algorithm: the envelope's decides. */
static void
algorithms_do_not_mix(void **state)
{
	struct hark_verify_keys *set = NULL;
	struct hark_verify_result result;
	struct hark_time now = NOW;

	(void)state;
	assert_int_equal(hark_verify_keys_create(&set), HARK_SIGN_OK);
	assert_int_equal(hark_verify_keys_add(set, MAC, slice(KEY_FILE), NULL), HARK_SIGN_OK);
	assert_int_equal(hark_verify_host_stamped_envelope(set, slice(good.json), &now, &result),
			 HARK_SIGN_OK);
	assert_int_equal(result.reason, HARK_VERIFY_UNKNOWN_KID);
	assert_int_equal(hark_verify_keys_add(set, EDD, slice(KEY_FILE), NULL), HARK_SIGN_OK);
	assert_int_equal(hark_verify_host_stamped_envelope(set, slice(good.json), &now, &result),
			 HARK_SIGN_OK);
	assert_int_equal(result.reason, HARK_VERIFY_NONE);
	assert_int_equal(hark_verify_host_stamped_envelope(NULL, slice(good.json), &now, &result),
			 HARK_SIGN_ARGUMENT);
	hark_verify_keys_destroy(set);
}

static int
set_up(void **state)
{
	struct hark_signer *signer = ed25519_signer();

	(void)state;
	assert_int_equal(hark_verify_keys_create(&keys), HARK_SIGN_OK);
	assert_int_equal(hark_verify_keys_add(keys, EDD, slice(KEY_FILE), NULL), HARK_SIGN_OK);
	assert_int_equal(hark_sign_host_stamped_envelope(signer, slice(EVENT), &good, NULL),
			 HARK_SIGN_OK);
	assert_int_equal(hark_sign_transport_event(slice(good.json), &transport, NULL),
			 HARK_SIGN_OK);
	hark_signer_destroy(signer);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	hark_verify_keys_destroy(keys);
	hark_host_stamped_envelope_finish(&good);
	hark_host_stamped_envelope_finish(&transport);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(transport_is_compared),
		cmocka_unit_test(no_truncation_passes),
		cmocka_unit_test(no_bit_flip_passes),
		cmocka_unit_test(long_texts_are_cut_whole),
		cmocka_unit_test(key_files),
		cmocka_unit_test(algorithms_do_not_mix),
	};

	return cmocka_run_group_tests_name("sign/verify", tests, set_up, tear_down);
}
