/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SHA-256 against the examples of FIPS 180-4 and its own pieces. */
#include <stdio.h>
#include <string.h>

#include "crypto/sha256.h"
#include "unit.h"

static void
check(const uint8_t hash[SHA256_BYTES], const char *want)
{
	char text[2 * SHA256_BYTES + 1];
	size_t i;

	for (i = 0; i < SHA256_BYTES; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", hash[i]);
	assert_string_equal(text, want);
}

static void
published_examples(void **state)
{
	static const struct {
		const char *text, *hash;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint8_t hash[SHA256_BYTES];

		sha256_of(rows[i].text, strlen(rows[i].text), hash);
		check(hash, rows[i].hash);
	}
}

static void
a_million_times_a(void **state)
{
	static uint8_t a[1000000];
	uint8_t hash[SHA256_BYTES];

	(void)state;
	memset(a, 'a', sizeof(a));
	sha256_of(a, sizeof(a), hash);
	check(hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void
pieces_and_copies_give_the_same(void **state)
{
	uint8_t data[200];
	uint8_t whole[SHA256_BYTES];
	uint8_t pieces[SHA256_BYTES];
	size_t cut;

	(void)state;
	for (cut = 0; cut < sizeof(data); cut++)
		data[cut] = (uint8_t)(cut * 7);
	sha256_of(data, sizeof(data), whole);
	for (cut = 0; cut <= sizeof(data); cut++) {
		struct sha256 h;
		struct sha256 copy;

		sha256_init(&h);
		sha256_update(&h, data, cut);
		copy = h;
		sha256_update(&h, "other", 5);
		sha256_update(&copy, NULL, 0);
		sha256_update(&copy, data + cut, sizeof(data) - cut);
		sha256_final(&copy, pieces);
		assert_memory_equal(pieces, whole, sizeof(whole));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_examples),
		cmocka_unit_test(a_million_times_a),
		cmocka_unit_test(pieces_and_copies_give_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
