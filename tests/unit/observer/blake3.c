/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* BLAKE3 as the library has it, which is the engine's where it is built, and ours: the same of any
 * bytes. */
#include <stdlib.h>

#include <hark/observer_host.h>

#include "crypto/blake3.h"
#include "unit.h"

static void
both_say_the_same(void **state)
{
	const size_t most = 70000; /* 68 chunks and some: trees of every shape up to seven levels */
	uint8_t *data = malloc(most);
	size_t size, i;

	(void)state;
	assert_non_null(data);
	for (i = 0; i < most; i++)
		data[i] = (uint8_t)(i * i >> 7 ^ i);
	/* Each size of the first three chunks; then strides that meet no edge twice alike. */
	for (size = 0; size <= most; size += size < 3200 ? 1 : 101) {
		uint8_t ours[BLAKE3_BYTES], its[BLAKE3_BYTES];

		blake3_of(data + most - size, size, ours);
		assert_int_equal(hark_observer_blake3(data + most - size, size, its),
				 HARK_OBSERVER_OK);
		assert_memory_equal(ours, its, sizeof(ours));
	}
	free(data);
}

static void
nothing_needs_no_bytes(void **state)
{
	uint8_t a[BLAKE3_BYTES], b[BLAKE3_BYTES];

	(void)state;
	assert_int_equal(hark_observer_blake3(NULL, 0, a), HARK_OBSERVER_OK);
	blake3_of("", 0, b);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(hark_observer_blake3(NULL, 1, a), HARK_OBSERVER_ARGUMENT);
	assert_int_equal(hark_observer_blake3("", 0, NULL), HARK_OBSERVER_ARGUMENT);
}

/* As a manifest says it, and so that it holds. */
static void
a_digest_is_written_as_it_is_read(void **state)
{
	static const char *const likes[] = { NULL, "", "blake3:", "sha256:", "sha512:00" };
	char out[HARK_OBSERVER_DIGEST_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(likes) / sizeof(likes[0]); i++) {
		const char *name = i == 3 ? "sha256:" : "blake3:";

		assert_int_equal(hark_observer_digest_write(hark_text_of(likes[i]), "abc", 3, out),
				 HARK_OBSERVER_OK);
		assert_memory_equal(out, name, 7);
		assert_int_equal(strlen(out), 71);
		assert_int_equal(hark_observer_digest_check(hark_text_of(out), "abc", 3),
				 HARK_OBSERVER_OK);
		assert_int_equal(hark_observer_digest_check(hark_text_of(out), "abd", 3),
				 HARK_OBSERVER_DIGEST);
	}
	assert_int_equal(hark_observer_digest_write(hark_text_of(NULL), NULL, 1, out),
			 HARK_OBSERVER_ARGUMENT);
	assert_int_equal(hark_observer_digest_write(hark_text_of(NULL), "", 0, NULL),
			 HARK_OBSERVER_ARGUMENT);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_say_the_same), cmocka_unit_test(nothing_needs_no_bytes),
		cmocka_unit_test(a_digest_is_written_as_it_is_read)
	};

	return cmocka_run_group_tests_name("observer/blake3", tests, NULL, NULL);
}
