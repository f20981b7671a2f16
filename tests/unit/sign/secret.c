/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where keys are: never in ordinary memory that is given back, and all guarded memory is freed,
 * also where the Nth allocation fails.  The allocators of the library are the test's own here.
 */
#include <malloc.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>

#include "signing.h"

static unsigned int fail_at; /* the allocation that fails, counted from 1; 0 is none */
static unsigned int calls;
static unsigned int guarded; /* pieces of guarded memory that live */
static unsigned int leaks;   /* pieces of freed memory that held a key */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void __real_free(void *memory);
void *__real_sodium_malloc(size_t size);
void __real_sodium_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *memory);
void *__wrap_sodium_malloc(size_t size);
void __wrap_sodium_free(void *memory);

static bool
fails(void)
{
	return fail_at != 0 && ++calls == fail_at;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_sodium_malloc(size_t size)
{
	void *memory = fails() ? NULL : __real_sodium_malloc(size);

	guarded += memory != NULL;
	return memory;
}

void
__wrap_sodium_free(void *memory)
{
	guarded -= memory != NULL;
	__real_sodium_free(memory);
}

/* The key below as bytes or as text. */
static bool
holds_key(const void *memory, size_t size)
{
	uint8_t seed[16];

	memset(seed, 7, sizeof(seed));
	return memmem(memory, size, seed, sizeof(seed)) != NULL ||
	       memmem(memory, size, "BwcHBwcHBwcHBwcH", 16) != NULL;
}

void
__wrap_free(void *memory)
{
	if (memory != NULL && holds_key(memory, malloc_usable_size(memory)))
		leaks++;
	__real_free(memory);
}

static const char *
lookup(void *context, const char *name)
{
	const char *alg = context;

	if (strstr(name, "_ALG") != NULL)
		return alg;
	if (strstr(name, "_KID") != NULL)
		return "k";
	if (strcmp(alg, "hmac") == 0)
		return strstr(name, "_HMAC_KEY") != NULL ? SEED_TEXT : NULL;
	return strstr(name, "_ED25519_SK") != NULL ? SEED_TEXT : NULL;
}

/* Everything that touches a key, once. */
static enum hark_sign_error
whole_way(const char *alg)
{
	bool is_hmac = strcmp(alg, "hmac") == 0;
	struct hark_signer *signer = NULL;
	struct hark_verify_keys *keys = NULL;
	struct hark_host_stamped_envelope envelope = { 0 };
	struct hark_host_stamped_envelope transport = { 0 };
	struct hark_verify_result result = { .reason = HARK_VERIFY_NONE };
	struct hark_time now = NOW;
	enum hark_sign_error e;
	char context[16];

	strcpy(context, alg);
	e = hark_signer_from_environment(lookup, context, &signer, NULL);
	if (e == HARK_SIGN_OK)
		e = hark_sign_host_stamped_envelope(signer, slice(EVENT), &envelope, NULL);
	if (e == HARK_SIGN_OK)
		e = hark_sign_transport_event(slice(envelope.json), &transport, NULL);
	if (e == HARK_SIGN_OK)
		e = hark_verify_keys_create(&keys);
	if (e == HARK_SIGN_OK)
		e = hark_verify_keys_add(
			keys,
			is_hmac ? HARK_SIGN_ALGORITHM_HMAC_SHA256 : HARK_SIGN_ALGORITHM_ED25519,
			slice(is_hmac ? "{\"k\":\"" SEED_TEXT "\"}" : KEY_FILE), NULL);
	if (e == HARK_SIGN_OK)
		e = hark_verify_host_stamped_envelope(keys, slice(transport.json), &now, &result);
	if (e == HARK_SIGN_OK)
		assert_int_equal(result.reason, HARK_VERIFY_NONE);
	hark_host_stamped_envelope_finish(&envelope);
	hark_host_stamped_envelope_finish(&transport);
	hark_verify_keys_destroy(keys);
	hark_signer_destroy(signer);
	return e;
}

static void
keys_leave_nothing_behind(void **state)
{
	static const char *const algorithms[] = { "hmac", "ed25519" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(algorithms); i++) {
		assert_int_equal(whole_way(algorithms[i]), HARK_SIGN_OK);
		assert_int_equal(guarded, 0);
		assert_int_equal(leaks, 0);
	}
}

static void
every_allocation_may_fail(void **state)
{
	static const char *const algorithms[] = { "hmac", "ed25519" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(algorithms); i++) {
		unsigned int failures = 0;
		enum hark_sign_error e;

		do {
			calls = 0;
			fail_at = ++failures;
			e = whole_way(algorithms[i]);
			assert_true(e == HARK_SIGN_OK || e == HARK_SIGN_MEMORY);
			assert_int_equal(guarded, 0);
			assert_int_equal(leaks, 0);
		} while (e != HARK_SIGN_OK && failures < 100);
		fail_at = 0;
		assert_int_equal(e, HARK_SIGN_OK);
		assert_in_range(failures, 12, 40);
	}
}

/* The test's own eye: memory with the key in it is seen. */
static void
a_key_left_behind_would_be_seen(void **state)
{
	uint8_t *memory = __real_malloc(64);

	(void)state;
	assert_non_null(memory);
	memset(memory, 7, 64);
	assert_true(holds_key(memory, 64));
	__wrap_free(memory);
	assert_int_equal(leaks, 1);
	leaks = 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_left_behind_would_be_seen),
		cmocka_unit_test(keys_leave_nothing_behind),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("sign/secret", tests, NULL, NULL);
}
