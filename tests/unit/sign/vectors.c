/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every row of the recorded cases for signing gives the recorded bytes or verdict, or the stricter
 * one of its hark_ fields.  A row that no check knows fails the test.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <hark/sign.h>

#include "unit.h"

#define ROWS 79u
/* Well after the only window in the rows, which ended in 1970. */
static const struct hark_time now = { .seconds = 1762348800 };

static json_t *rows[ROWS];
static struct hark_verify_keys *all_keys;

static const char *
text_of(const json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}

static bool
is_class(const json_t *row, const char *class)
{
	return strcmp(text_of(row, "class"), class) == 0;
}

/* True where Hark must say yes. */
static bool
must_accept(const json_t *row)
{
	const char *hark = text_of(row, "hark_verdict");
	const char *cellos = text_of(row, "cellos_verdict");

	if (hark != NULL)
		return strcmp(hark, "accept") == 0;
	assert_non_null(cellos);
	return strncmp(cellos, "accept", 6) == 0;
}

static struct hark_text
slice(const char *text)
{
	assert_non_null(text);
	return (struct hark_text){ .data = text, .size = strlen(text) };
}

static size_t
unhex(const char *hex, uint8_t *out)
{
	size_t size = strlen(hex) / 2;
	size_t i;

	for (i = 0; i < size; i++) {
		unsigned int v;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		out[i] = (uint8_t)v;
	}
	return size;
}

static enum hark_sign_algorithm
algorithm_of(const json_t *row)
{
	return strcmp(text_of(row, "algorithm"), "ed25519") == 0 ? HARK_SIGN_ALGORITHM_ED25519
								 : HARK_SIGN_ALGORITHM_HMAC_SHA256;
}

static struct hark_signer *
signer_of(const char *kid)
{
	struct hark_signer *signer = NULL;
	size_t i;

	for (i = 0; i < ROWS; i++) {
		uint8_t key[256];
		const char *hex;

		if (!is_class(rows[i], "key") || strcmp(text_of(rows[i], "kid"), kid) != 0)
			continue;
		hex = text_of(rows[i], "seed_hex");
		if (hex == NULL)
			hex = text_of(rows[i], "key_hex");
		assert_int_equal(hark_signer_create(algorithm_of(rows[i]), slice(kid), key,
						    unhex(hex, key), &signer, NULL),
				 HARK_SIGN_OK);
		return signer;
	}
	fail_msg("no key %s", kid);
	return NULL;
}

/* base64url by the test's own hand. */
static void
base64(const uint8_t *bytes, size_t size, char *out)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t bit;

	for (bit = 0; bit < size * 8; bit += 6) {
		unsigned int pair = (unsigned int)bytes[bit / 8] << 8 |
				    (bit / 8 + 1 < size ? bytes[bit / 8 + 1] : 0u);

		*out++ = letters[pair >> (10 - bit % 8) & 63];
	}
	*out = '\0';
}

static void
add_key(struct hark_verify_keys *keys, const json_t *row)
{
	char file[512];
	char text[256];
	uint8_t key[256];
	const char *public = text_of(row, "public_b64url");

	if (public == NULL) {
		base64(key, unhex(text_of(row, "key_hex"), key), text);
		public = text;
	}
	(void)snprintf(file, sizeof(file), "{\"%s\":\"%s\"}", text_of(row, "kid"), public);
	assert_int_equal(hark_verify_keys_add(keys, algorithm_of(row), slice(file), NULL),
			 HARK_SIGN_OK);
}

static enum hark_verify_reason
judge(const struct hark_verify_keys *keys, const char *json)
{
	struct hark_verify_result result;

	assert_int_equal(hark_verify_host_stamped_envelope(keys, slice(json), &now, &result),
			 HARK_SIGN_OK);
	return result.reason;
}

/* ---- a check for each class ---------------------------------------------------------------- */

static void
check_key(const json_t *row)
{
	struct hark_signer *signer = signer_of(text_of(row, "kid"));
	struct hark_host_stamped_envelope envelope = { 0 };
	struct hark_verify_keys *keys = NULL;
	uint8_t public[32];
	char text[64];

	assert_int_equal(
		hark_sign_host_stamped_envelope(signer,
						slice("{\"specversion\":\"1.0\",\"id\":\"i\","
						      "\"source\":\"s\",\"type\":\"t\"}"),
						&envelope, NULL),
		HARK_SIGN_OK);
	assert_int_equal(hark_verify_keys_create(&keys), HARK_SIGN_OK);
	assert_int_equal(judge(keys, envelope.json), HARK_VERIFY_UNKNOWN_KID);
	add_key(keys, row);
	assert_int_equal(judge(keys, envelope.json), HARK_VERIFY_NONE);
	if (text_of(row, "public_hex") != NULL) {
		base64(public, unhex(text_of(row, "public_hex"), public), text);
		assert_string_equal(text, text_of(row, "public_b64url"));
	}
	hark_verify_keys_destroy(keys);
	hark_host_stamped_envelope_finish(&envelope);
	hark_signer_destroy(signer);
}

static void
check_sign(const json_t *row)
{
	const char *bytes = text_of(row, "signed_bytes");
	const json_t *signatures = json_object_get(row, "signatures");
	size_t i;

	assert_int_equal(json_array_size(signatures), 7);
	for (i = 0; i < json_array_size(signatures); i++) {
		const json_t *one = json_array_get(signatures, i);
		struct hark_signer *signer = signer_of(text_of(one, "kid"));
		struct hark_host_stamped_envelope envelope = { 0 };
		char want[4096];

		assert_int_equal(
			hark_sign_host_stamped_envelope(signer, slice(bytes), &envelope, NULL),
			HARK_SIGN_OK);
		(void)snprintf(want, sizeof(want),
			       "{\"event\":%s,\"signerKid\":\"%s\",\"algorithm\":\"%s\","
			       "\"signature\":\"%s\"}",
			       bytes, text_of(one, "kid"), text_of(one, "algorithm"),
			       text_of(one, "signature"));
		assert_string_equal(envelope.json, want);
		assert_int_equal(envelope.size, strlen(want));
		assert_int_equal(envelope.signature.size, strlen(text_of(one, "signature")));
		assert_memory_equal(envelope.signature.data, text_of(one, "signature"),
				    envelope.signature.size);
		assert_int_equal(judge(all_keys, envelope.json), HARK_VERIFY_NONE);
		hark_host_stamped_envelope_finish(&envelope);
		hark_signer_destroy(signer);
	}
}

static enum hark_verify_reason
wanted_reason(const json_t *row)
{
	static const struct {
		const char *text; /* the row's name, or CellOS's verdict */
		enum hark_verify_reason reason;
	} map[] = {
		{ "verify-window-added-expired", HARK_VERIFY_OUTSIDE_WINDOW },
		{ "verify-extension-attribute-added", HARK_VERIFY_UNKNOWN_ATTRIBUTE },
		{ "verify-envelope-field-added", HARK_VERIFY_UNKNOWN_MEMBER },
		{ "verify-data-duplicate-key", HARK_VERIFY_DUPLICATE_KEY },
		{ "verify-snake-case-names", HARK_VERIFY_UNKNOWN_MEMBER },
		{ "accept", HARK_VERIFY_NONE },
		{ "bad_signature", HARK_VERIFY_BAD_SIGNATURE },
		{ "bad_length", HARK_VERIFY_BAD_LENGTH },
		{ "bad_base64", HARK_VERIFY_BAD_BASE64 },
		{ "unknown_kid", HARK_VERIFY_UNKNOWN_KID },
		{ "unknown_algorithm", HARK_VERIFY_UNKNOWN_ALGORITHM },
		{ "parse: missing field", HARK_VERIFY_MISSING_MEMBER },
		{ "parse: duplicate field", HARK_VERIFY_DUPLICATE_KEY },
		{ "parse: other", HARK_VERIFY_NOT_JSON },
	};
	size_t i;

	for (i = 0; i < COUNT_OF(map); i++) {
		if (strcmp(map[i].text, text_of(row, "name")) == 0 ||
		    strcmp(map[i].text, text_of(row, "cellos_verdict")) == 0)
			return map[i].reason;
	}
	fail_msg("%s: no reason is known for it", text_of(row, "name"));
	return HARK_VERIFY_NONE;
}

static void
check_verify(const json_t *row)
{
	enum hark_verify_reason got = judge(all_keys, text_of(row, "envelope"));

	if ((got == HARK_VERIFY_NONE) != must_accept(row) || got != wanted_reason(row))
		fail_msg("%s: %s", text_of(row, "name"), hark_verify_reason_name(got));
}

static void
check_keyfile(const json_t *row)
{
	struct hark_verify_keys *keys = NULL;
	struct hark_failure why = { 0 };
	enum hark_sign_error e;

	assert_int_equal(hark_verify_keys_create(&keys), HARK_SIGN_OK);
	e = hark_verify_keys_add(keys, HARK_SIGN_ALGORITHM_ED25519, slice(text_of(row, "text")),
				 &why);
	if (e != (must_accept(row) ? HARK_SIGN_OK : HARK_SIGN_CONFIG))
		fail_msg("%s: %d %s", text_of(row, "name"), e, why.text);
	assert_int_equal(hark_verify_keys_count(keys), must_accept(row) ? 1 : 0);
	hark_verify_keys_destroy(keys);
}

static const char *
lookup(void *context, const char *name)
{
	return json_string_value(json_object_get(context, name));
}

static void
check_config(const json_t *row)
{
	const json_t *result = json_object_get(row, "result");
	struct hark_signer *signer = NULL;
	struct hark_failure why = { 0 };
	enum hark_sign_error e =
		hark_signer_from_environment(lookup, json_object_get(row, "env"), &signer, &why);

	if (json_is_string(result) && strcmp(json_string_value(result), "InvalidConfig") == 0) {
		if (e != HARK_SIGN_CONFIG || why.text[0] == '\0')
			fail_msg("%s: %d %s", text_of(row, "name"), e, why.text);
		return;
	}
	if (e != HARK_SIGN_OK)
		fail_msg("%s: %s", text_of(row, "name"), why.text);
	if (json_is_string(result)) {
		assert_string_equal(json_string_value(result), "off");
		assert_int_equal(hark_signer_algorithm(signer), HARK_SIGN_ALGORITHM_OFF);
	} else {
		struct hark_text kid = hark_signer_kid(signer);

		assert_int_equal(hark_signer_algorithm(signer),
				 strcmp(text_of(result, "mode"), "Hmac") == 0
					 ? HARK_SIGN_ALGORITHM_HMAC_SHA256
					 : HARK_SIGN_ALGORITHM_ED25519);
		assert_int_equal(kid.size, strlen(text_of(result, "kid")));
		assert_memory_equal(kid.data, text_of(result, "kid"), kid.size);
	}
	hark_signer_destroy(signer);
}

/* The supervisor's mistakes, made with the names that Hark reads: none gives a signer that is off.
 */
static void
check_transport_config(const json_t *row)
{
	static const struct {
		const char *name;
		const char *alg, *kid, *key;
	} mistakes[] = {
		{ "transport-config-bad-alg", "rot13", "k",
		  "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc" },
		{ "transport-config-no-kid", "ed25519", NULL,
		  "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc" },
		{ "transport-config-no-key", "ed25519", "k", NULL },
		{ "transport-config-bad-base64", "ed25519", "k", "!!" },
		{ "transport-config-short-seed", "ed25519", "k", "AAAA" },
	};
	size_t i;

	for (i = 0; i < COUNT_OF(mistakes); i++) {
		struct hark_signer *signer = NULL;
		json_t *env;

		if (strcmp(mistakes[i].name, text_of(row, "name")) != 0)
			continue;
		env = json_pack("{s:s*, s:s*, s:s*}", "CELLOS_HOST_TELEMETRY_SIGN_ALG",
				mistakes[i].alg, "CELLOS_HOST_TELEMETRY_SIGN_KID", mistakes[i].kid,
				"CELLOS_HOST_TELEMETRY_SIGN_ED25519_SK", mistakes[i].key);
		assert_non_null(env);
		assert_false(must_accept(row));
		assert_int_equal(hark_signer_from_environment(lookup, env, &signer, NULL),
				 HARK_SIGN_CONFIG);
		assert_null(signer);
		json_decref(env);
		return;
	}
	fail_msg("%s: unknown mistake", text_of(row, "name"));
}

static void
check_transport(const json_t *row)
{
	const char *json = text_of(row, "json");
	const char *event_in = text_of(row, "event_in");
	struct hark_host_stamped_envelope envelope = { 0 };
	struct hark_host_stamped_envelope transport = { 0 };
	struct hark_signer *signer;
	json_t *parsed;

	if (json == NULL) {
		check_transport_config(row);
		return;
	}
	if (event_in == NULL) {
		assert_false(must_accept(row));
		assert_int_equal(judge(all_keys, json), HARK_VERIFY_BAD_SIGNATURE);
		return;
	}
	assert_int_equal(judge(all_keys, json), HARK_VERIFY_NONE);
	parsed = json_loads(json, 0, NULL);
	assert_non_null(parsed);
	signer = signer_of(text_of(json_object_get(parsed, "data"), "signerKid"));
	assert_int_equal(hark_sign_host_stamped_envelope(signer, slice(event_in), &envelope, NULL),
			 HARK_SIGN_OK);
	assert_int_equal(hark_sign_transport_event(slice(envelope.json), &transport, NULL),
			 HARK_SIGN_OK);
	assert_string_equal(transport.json, json);
	assert_int_equal(transport.size, strlen(json));
	assert_int_equal(transport.signature.size, envelope.signature.size);
	assert_memory_equal(transport.signature.data, envelope.signature.data,
			    transport.signature.size);
	hark_host_stamped_envelope_finish(&envelope);
	hark_host_stamped_envelope_finish(&transport);
	hark_signer_destroy(signer);
	json_decref(parsed);
}

static void
every_row_gives_its_verdict(void **state)
{
	static const struct {
		const char *class;
		void (*check)(const json_t *row);
		size_t want;
	} classes[] = {
		{ "sign", check_sign, 4 },      { "key", check_key, 8 },
		{ "verify", check_verify, 35 }, { "keyfile", check_keyfile, 6 },
		{ "config", check_config, 18 }, { "transport", check_transport, 8 },
	};
	size_t seen[COUNT_OF(classes)] = { 0 };
	size_t i;
	size_t k;

	(void)state;
	for (i = 0; i < ROWS; i++) {
		for (k = 0; k < COUNT_OF(classes); k++) {
			if (is_class(rows[i], classes[k].class))
				break;
		}
		if (k == COUNT_OF(classes))
			fail_msg("%s: unknown class", text_of(rows[i], "name"));
		classes[k].check(rows[i]);
		seen[k]++;
	}
	for (k = 0; k < COUNT_OF(classes); k++)
		assert_int_equal(seen[k], classes[k].want);
}

static int
load(void **state)
{
	FILE *file = fopen(TEST_VECTORS "/cellos-signed.jsonl", "re");
	static char line[65536];
	size_t count = 0;
	size_t i;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		assert_true(count < ROWS);
		rows[count] = json_loads(line, 0, NULL);
		assert_non_null(rows[count]);
		count++;
	}
	(void)fclose(file);
	assert_int_equal(count, ROWS);
	assert_int_equal(hark_verify_keys_create(&all_keys), HARK_SIGN_OK);
	for (i = 0; i < ROWS; i++) {
		if (is_class(rows[i], "key"))
			add_key(all_keys, rows[i]);
	}
	assert_int_equal(hark_verify_keys_count(all_keys), 8);
	return 0;
}

static int
unload(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS; i++)
		json_decref(rows[i]);
	hark_verify_keys_destroy(all_keys);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(every_row_gives_its_verdict) };

	return cmocka_run_group_tests_name("sign/vectors", tests, load, unload);
}
