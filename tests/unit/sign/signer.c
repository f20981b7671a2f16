/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Mistakes in settings: each is refused, names its variable, and shows no key. */
#include <stdlib.h>

#include "signing.h"

#define ALG  "CELLOS_HOST_TELEMETRY_SIGN_ALG"
#define KID  "CELLOS_HOST_TELEMETRY_SIGN_KID"
#define HMAC "CELLOS_HOST_TELEMETRY_SIGN_HMAC_KEY"
#define ED   "CELLOS_HOST_TELEMETRY_SIGN_ED25519_SK"

struct environment {
	const char *alg, *kid, *hmac, *ed25519;
};

static const char *
lookup(void *context, const char *name)
{
	const struct environment *env = context;

	if (strcmp(name, ALG) == 0)
		return env->alg;
	if (strcmp(name, KID) == 0)
		return env->kid;
	if (strcmp(name, HMAC) == 0)
		return env->hmac;
	assert_string_equal(name, ED);
	return env->ed25519;
}

static void
refuses(void **state)
{
	static const struct {
		const char *rule;
		struct environment env;
		const char *names;
	} rows[] = {
		{ "unknown algorithm", { "rsa", "k", NULL, NULL }, ALG },
		{ "two words", { "hmac hmac", "k", "AAAA", NULL }, ALG },
		{ "on is no algorithm", { "on", "k", "AAAA", NULL }, ALG },
		{ "HMAC key while off", { "off", NULL, "U2VjcmV0", NULL }, HMAC },
		{ "HMAC key while unset", { NULL, NULL, "U2VjcmV0", NULL }, HMAC },
		{ "seed while off", { "off", NULL, NULL, SEED_TEXT }, ED },
		{ "seed while unset", { NULL, NULL, NULL, SEED_TEXT }, ED },
		{ "both, HMAC", { "hmac", "k", "U2VjcmV0", SEED_TEXT }, ED },
		{ "both, Ed25519", { "ed25519", "k", "U2VjcmV0", SEED_TEXT }, HMAC },
		{ "the other's key alone", { "ed25519", "k", "U2VjcmV0", NULL }, HMAC },
		{ "no key", { "ed25519", "k", NULL, NULL }, ED },
		{ "empty seed", { "ed25519", "k", NULL, "" }, ED },
		{ "seed of 31 bytes",
		  { "ed25519", "k", NULL, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw" },
		  ED },
		{ "seed of 33 bytes",
		  { "ed25519", "k", NULL, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH" },
		  ED },
		{ "seed with a newline", { "ed25519", "k", NULL, SEED_TEXT "\n" }, ED },
		{ "empty HMAC key", { "hmac", "k", "", NULL }, HMAC },
		{ "HMAC key in the other alphabet", { "hmac", "k", "U2Vj+mV0", NULL }, HMAC },
		{ "no kid", { "hmac", NULL, "U2VjcmV0", NULL }, KID },
		{ "empty kid", { "hmac", "", "U2VjcmV0", NULL }, KID },
		{ "blank kid", { "hmac", " \t\xe3\x80\x80", "U2VjcmV0", NULL }, KID },
		{ "kid not UTF-8", { "hmac", "k\xff", "U2VjcmV0", NULL }, KID },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct environment env = rows[i].env;
		struct hark_signer *signer = NULL;
		struct hark_failure why = { 0 };

		if (hark_signer_from_environment(lookup, &env, &signer, &why) != HARK_SIGN_CONFIG ||
		    signer != NULL)
			fail_msg("%s", rows[i].rule);
		if (strncmp(why.text, rows[i].names, strlen(rows[i].names)) != 0)
			fail_msg("%s: %s", rows[i].rule, why.text);
		if (strstr(why.text, "U2Vj") != NULL || strstr(why.text, "BwcH") != NULL)
			fail_msg("%s: shows the key: %s", rows[i].rule, why.text);
	}
}

static void
bounds_are_exact(void **state)
{
	char kid[HARK_SIGN_KID_BYTES_MAX + 2];
	struct hark_signer *signer = NULL;
	size_t size;

	(void)state;
	memset(kid, 'k', sizeof(kid));
	kid[HARK_SIGN_KID_BYTES_MAX + 1] = '\0';
	assert_int_equal(hark_signer_create(HARK_SIGN_ALGORITHM_HMAC_SHA256, slice(kid), "x", 1,
					    &signer, NULL),
			 HARK_SIGN_CONFIG);
	kid[HARK_SIGN_KID_BYTES_MAX] = '\0';
	assert_int_equal(hark_signer_create(HARK_SIGN_ALGORITHM_HMAC_SHA256, slice(kid), "x", 1,
					    &signer, NULL),
			 HARK_SIGN_OK);
	assert_int_equal(hark_signer_kid(signer).size, HARK_SIGN_KID_BYTES_MAX);
	hark_signer_destroy(signer);
	signer = NULL;
	for (size = 0; size < 70; size++) {
		if (size == 32)
			continue;
		assert_int_equal(hark_signer_create(HARK_SIGN_ALGORITHM_ED25519, slice("k"), kid,
						    size, &signer, NULL),
				 HARK_SIGN_CONFIG);
	}
	assert_null(signer);
}

static void
a_callers_mistake_is_told(void **state)
{
	struct hark_signer *signer = NULL;
	struct hark_failure why = { 0 };

	(void)state;
	assert_int_equal(hark_signer_create(HARK_SIGN_ALGORITHM_ED25519, slice("k"), NULL, 32,
					    &signer, &why),
			 HARK_SIGN_ARGUMENT);
	assert_int_equal(
		hark_signer_create((enum hark_sign_algorithm)9, slice("k"), "x", 1, &signer, NULL),
		HARK_SIGN_ARGUMENT);
	assert_int_equal(
		hark_signer_create(HARK_SIGN_ALGORITHM_ED25519, slice("k"), "x", 1, NULL, NULL),
		HARK_SIGN_ARGUMENT);
	assert_int_equal(hark_signer_from_environment(NULL, NULL, NULL, NULL), HARK_SIGN_ARGUMENT);
	assert_int_equal(hark_signer_algorithm(NULL), HARK_SIGN_ALGORITHM_OFF);
	assert_int_equal(hark_signer_kid(NULL).size, 0);
	hark_signer_destroy(NULL);
}

static void
the_real_environment_is_the_default(void **state)
{
	struct hark_signer *signer = NULL;

	(void)state;
	assert_int_equal(setenv(ALG, " Ed25519\t", 1), 0);
	assert_int_equal(setenv(KID, " k ", 1), 0);
	assert_int_equal(setenv(ED, SEED_TEXT "=", 1), 0);
	assert_int_equal(unsetenv(HMAC), 0);
	assert_int_equal(hark_signer_from_environment(NULL, NULL, &signer, NULL), HARK_SIGN_OK);
	assert_int_equal(hark_signer_algorithm(signer), HARK_SIGN_ALGORITHM_ED25519);
	assert_int_equal(hark_signer_kid(signer).size, 3);
	hark_signer_destroy(signer);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(bounds_are_exact),
		cmocka_unit_test(a_callers_mistake_is_told),
		cmocka_unit_test(the_real_environment_is_the_default),
	};

	return cmocka_run_group_tests_name("sign/signer", tests, NULL, NULL);
}
