/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Verifier keys: the text of one, and signatures that are none. */
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/base64.h"
#include "keys/keys.h"
#include "keys/keys_internal.h"
#include "unit.h"

/* From tests/vectors/notes.jsonl, which Go's note package made. */
#define TAIL "+50252aee+AU0Ow6DQP+//k6m8zioktAbUb0Su/x93h9rtsTyq+kAs"
#define KEY  "h.example/evidence" TAIL

static void
reads_and_writes(void **state)
{
	static const uint8_t first[] = { 0x4d, 0x0e, 0xc3, 0xa0 };
	char text[KEYS_VERIFIER_TEXT_MAX + 1];
	struct keys_verifier key;

	(void)state;
	assert_int_equal(keys_verifier_read(KEY, strlen(KEY), &key), ERR_OK);
	assert_string_equal(key.name, "h.example/evidence");
	assert_int_equal(key.id, 0x50252aee);
	assert_memory_equal(key.public_key, first, sizeof(first));
	keys_verifier_write(&key, text);
	assert_string_equal(text, KEY);
}

static void
refuses(void **state)
{
	static const struct {
		const char *rule, *text;
	} rows[] = {
		{ "nothing", "" },
		{ "no name", TAIL },
		{ "a name alone", "h.example/evidence" },
		{ "another name", "i.example/evidence" TAIL },
		{ "blank before", " " KEY },
		{ "newline behind", KEY "\n" },
		{ "blank in the name", "h example" TAIL },
		{ "plus in the name", "h+example" TAIL },
		{ "no-break space in the name", "h\xc2\xa0m" TAIL },
		{ "not UTF-8", "h\xff" TAIL },
		{ "another id",
		  "h.example/evidence+50252aef+AU0Ow6DQP+//k6m8zioktAbUb0Su/x93h9rtsTyq+kAs" },
		{ "upper case id",
		  "h.example/evidence+50252AEE+AU0Ow6DQP+//k6m8zioktAbUb0Su/x93h9rtsTyq+kAs" },
		{ "id of seven digits",
		  "h.example/evidence+0252aee+AU0Ow6DQP+//k6m8zioktAbUb0Su/x93h9rtsTyq+kAs" },
		{ "id of nine digits",
		  "h.example/evidence+050252aee+AU0Ow6DQP+//k6m8zioktAbUb0Su/x93h9rtsTyq+kAs" },
		{ "alphabet of URLs",
		  "h.example/evidence+50252aee+AU0Ow6DQP-__k6m8zioktAbUb0Su_x93h9rtsTyq-kAs" },
		{ "a signer key",
		  "PRIVATE+KEY+h.example/"
		  "evidence+50252aee+AQAHDhUcIyoxOD9GTVRbYmlwd36FjJOaoaivtr3Ey9LZ" },
	};
	struct keys_verifier key = { .id = 77 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++)
		if (keys_verifier_read(rows[i].text, strlen(rows[i].text), &key) != ERR_FORMAT ||
		    key.id != 77)
			fail_msg("%s", rows[i].rule);
}

static void
every_cut_and_flipped_bit(void **state)
{
	static const char text[] = KEY;
	char copy[sizeof(KEY)];
	struct keys_verifier key;
	size_t from;
	size_t to;
	size_t bit;

	(void)state;
	for (from = 0; from < strlen(KEY); from++)
		for (to = from; to <= strlen(KEY); to++)
			assert_int_equal(keys_verifier_read(&text[from], to - from, &key),
					 from == 0 && to == strlen(KEY) ? ERR_OK : ERR_FORMAT);
	for (bit = 0; bit < strlen(KEY) * 8; bit++) {
		memcpy(copy, KEY, sizeof(copy));
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		assert_int_equal(keys_verifier_read(copy, strlen(KEY), &key), ERR_FORMAT);
	}
}

/* Makes the text of a key whose id is right, whatever its bytes are. */
static size_t
text_of(const uint8_t public_key[KEYS_PUBLIC_BYTES], uint8_t algorithm, char *text)
{
	uint8_t bytes[KEYS_ENCODED_BYTES] = { algorithm };

	memcpy(bytes + 1, public_key, KEYS_PUBLIC_BYTES);
	return keys_join("n", keys_id("n", 1, public_key), bytes, text);
}

/* Keys by which anything could be made to verify. */
static void
points_that_are_no_keys(void **state)
{
	static const struct {
		const char *rule;
		uint8_t first, rest, last;
	} rows[] = {
		{ "zero", 0, 0, 0 },
		{ "the neutral point", 1, 0, 0 },
		{ "the neutral point, not in its shortest form", 0xee, 0xff, 0x7f },
		{ "order two", 0xec, 0xff, 0x7f },
		{ "zero with a sign", 0, 0, 0x80 },
		{ "not on the curve", 2, 0, 0 },
	};
	char text[KEYS_VERIFIER_TEXT_MAX + 1];
	uint8_t point[KEYS_PUBLIC_BYTES];
	struct keys_verifier key;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		memset(point, rows[i].rest, sizeof(point));
		point[0] = rows[i].first;
		point[31] = rows[i].last;
		if (keys_verifier_read(text, text_of(point, 1, text), &key) != ERR_FORMAT)
			fail_msg("%s", rows[i].rule);
	}
	assert_int_equal(keys_verifier_read(KEY, strlen(KEY), &key), ERR_OK);
	memcpy(point, key.public_key, sizeof(point));
	assert_int_equal(keys_verifier_read(text, text_of(point, 1, text), &key), ERR_OK);
	assert_int_equal(keys_verifier_read(text, text_of(point, 2, text), &key), ERR_FORMAT);
}

static void
signatures_that_are_none(void **state)
{
	/* The group's order, little-endian. */
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
					   0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
					   0,    0,    0,    0,    0,    0,    0,    0,
					   0,    0,    0,    0,    0,    0,    0,    0x10 };
	struct keys_verifier key;
	struct keys_verifier other;
	uint8_t signature[KEYS_SIGNATURE_BYTES];
	struct keys_signer *signer = NULL;
	unsigned int carry = 0;
	size_t i;

	(void)state;
	assert_int_equal(keys_signer_create("n", &signer), ERR_OK);
	keys_signer_verifier(signer, &key);
	assert_int_equal(keys_signer_sign(signer, "text", 4, signature), ERR_OK);
	assert_true(keys_verify(&key, "text", 4, signature));
	assert_false(keys_verify(&key, "texu", 4, signature));
	assert_false(keys_verify(&key, "text", 3, signature));
	for (i = 0; i < sizeof(signature) * 8; i++) {
		signature[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(keys_verify(&key, "text", 4, signature));
		signature[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(keys_verifier_read(KEY, strlen(KEY), &other), ERR_OK);
	assert_false(keys_verify(&other, "text", 4, signature));
	/* S + L is the same number to who does not look. */
	for (i = 0; i < 32; i++) {
		carry += (unsigned int)signature[32 + i] + order[i];
		signature[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_false(keys_verify(&key, "text", 4, signature));
	/* The key of zeroes has small order: with R neutral and S 0 anything would verify. */
	memset(signature, 0, sizeof(signature));
	signature[0] = 1;
	memset(other.public_key, 0, sizeof(other.public_key));
	other.public_key[0] = 1;
	assert_false(keys_verify(&other, "text", 4, signature));
	assert_false(keys_verify(&key, "text", 4, signature));
	keys_signer_destroy(signer);
}

static void
names(void **state)
{
	char name[KEYS_NAME_BYTES_MAX + 2];
	char text[KEYS_VERIFIER_TEXT_MAX + 1];
	struct keys_signer *signer = NULL;
	struct keys_verifier key;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(keys_signer_create(name, &signer), ERR_ARGUMENT);
	assert_int_equal(keys_signer_create("", &signer), ERR_ARGUMENT);
	assert_int_equal(keys_signer_create("a b", &signer), ERR_ARGUMENT);
	assert_int_equal(keys_signer_create("a+b", &signer), ERR_ARGUMENT);
	assert_int_equal(keys_signer_create("a\n", &signer), ERR_ARGUMENT);
	assert_null(signer);
	name[KEYS_NAME_BYTES_MAX] = '\0';
	assert_int_equal(keys_signer_create(name, &signer), ERR_OK);
	keys_signer_verifier(signer, &key);
	keys_verifier_write(&key, text);
	assert_int_equal(strlen(text), KEYS_VERIFIER_TEXT_MAX);
	assert_int_equal(keys_verifier_read(text, strlen(text), &key), ERR_OK);
	keys_signer_destroyp(&signer);
	assert_null(signer);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(every_cut_and_flipped_bit),
		cmocka_unit_test(points_that_are_no_keys),
		cmocka_unit_test(signatures_that_are_none),
		cmocka_unit_test(names),
	};

	if (keys_start() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("keys/verifier", tests, NULL, NULL);
}
