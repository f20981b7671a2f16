/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The text of a tree head: three lines, strictly, and others' extension lines. */
#include <string.h>

#include "checkpoint/checkpoint.h"
#include "unit.h"

/* The root of no leaves, by RFC 6962. */
#define EMPTY "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static struct bytes
text_bytes(const char *text)
{
	return (struct bytes){ .data = (const uint8_t *)text, .size = strlen(text) };
}

static void
refuses(void **state)
{
	static const struct {
		const char *rule, *text;
		enum err want;
	} rows[] = {
		{ "nothing", "", ERR_FORMAT },
		{ "one line", "a\n", ERR_FORMAT },
		{ "two lines", "a\n0\n", ERR_FORMAT },
		{ "last newline missing", "a\n0\n" EMPTY, ERR_FORMAT },
		{ "no origin", "\n0\n" EMPTY "\n", ERR_FORMAT },
		{ "blank in the origin", "a b\n0\n" EMPTY "\n", ERR_FORMAT },
		{ "plus in the origin", "a+b\n0\n" EMPTY "\n", ERR_FORMAT },
		{ "control in the origin", "a\tb\n0\n" EMPTY "\n", ERR_FORMAT },
		{ "no-break space in the origin", "a\xc2\xa0\n0\n" EMPTY "\n", ERR_FORMAT },
		{ "not UTF-8", "a\xff\n0\n" EMPTY "\n", ERR_FORMAT },
		{ "no size", "a\n\n" EMPTY "\n", ERR_FORMAT },
		{ "leading zero", "a\n00\n" EMPTY "\n", ERR_FORMAT },
		{ "sign", "a\n+1\n" EMPTY "\n", ERR_FORMAT },
		{ "minus", "a\n-1\n" EMPTY "\n", ERR_FORMAT },
		{ "hex", "a\n0x1\n" EMPTY "\n", ERR_FORMAT },
		{ "blank before the size", "a\n 1\n" EMPTY "\n", ERR_FORMAT },
		{ "carriage return", "a\r\n1\r\n" EMPTY "\r\n", ERR_FORMAT },
		{ "size of 2^64", "a\n18446744073709551616\n" EMPTY "\n", ERR_LIMIT },
		{ "size of 30 digits", "a\n184467440737095516160000000000\n" EMPTY "\n",
		  ERR_LIMIT },
		{ "no root", "a\n0\n\n", ERR_FORMAT },
		{ "root of 31 bytes", "a\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n",
		  ERR_FORMAT },
		{ "root of 33 bytes", "a\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		  ERR_FORMAT },
		{ "root without padding", "a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n",
		  ERR_FORMAT },
		{ "root with bits left", "a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n",
		  ERR_FORMAT },
		{ "root in the other alphabet",
		  "a\n0\n47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=\n", ERR_FORMAT },
		{ "root in hex",
		  "a\n0\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
		  ERR_FORMAT },
		{ "empty extension line", "a\n0\n" EMPTY "\n\nx\n", ERR_FORMAT },
		{ "empty line at the end", "a\n0\n" EMPTY "\n\n", ERR_FORMAT },
		{ "extension without newline", "a\n0\n" EMPTY "\nx", ERR_FORMAT },
	};
	struct checkpoint c = { .size = 77 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++)
		if (checkpoint_read(text_bytes(rows[i].text), &c) != rows[i].want || c.size != 77)
			fail_msg("%s", rows[i].rule);
}

static void
reads(void **state)
{
	static const uint8_t empty[] = { 0xe3, 0xb0, 0xc4, 0x42 };
	/* The example of the C2SP document. */
	static const char sofa[] = "example.com/behind-the-sofa\n20852163\n"
				   "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
	struct checkpoint c;

	(void)state;
	assert_int_equal(checkpoint_read(text_bytes("a\n0\n" EMPTY "\n"), &c), ERR_OK);
	assert_string_equal(c.origin, "a");
	assert_int_equal(c.size, 0);
	assert_memory_equal(c.root.bytes, empty, sizeof(empty));
	assert_int_equal(checkpoint_read(text_bytes(sofa), &c), ERR_OK);
	assert_string_equal(c.origin, "example.com/behind-the-sofa");
	assert_int_equal(c.size, 20852163);
	assert_int_equal(
		checkpoint_read(text_bytes("a\n18446744073709551615\n" EMPTY "\nx y\nz\n"), &c),
		ERR_OK);
	assert_true(c.size == UINT64_MAX);
}

static void
origins_at_their_limit(void **state)
{
	struct checkpoint c = { .size = UINT64_MAX };
	char text[CHECKPOINT_TEXT_MAX];
	struct checkpoint back;
	char longer[400];
	size_t size;

	(void)state;
	memset(c.origin, 'o', CHECKPOINT_ORIGIN_BYTES_MAX);
	memset(c.root.bytes, 0xfb, sizeof(c.root.bytes));
	checkpoint_write(&c, text, &size);
	assert_int_equal(size, CHECKPOINT_TEXT_MAX);
	assert_int_equal(
		checkpoint_read((struct bytes){ .data = (uint8_t *)text, .size = size }, &back),
		ERR_OK);
	assert_memory_equal(&back, &c, sizeof(c));
	longer[0] = 'o';
	memcpy(longer + 1, text, size);
	assert_int_equal(
		checkpoint_read((struct bytes){ .data = (uint8_t *)longer, .size = size + 1 },
				&back),
		ERR_FORMAT);
}

static void
every_truncation_and_flipped_bit(void **state)
{
	static const char text[] = "example.com/behind-the-sofa\n20852163\n"
				   "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
	struct checkpoint whole;
	struct checkpoint c;
	char copy[sizeof(text)];
	size_t i;

	(void)state;
	assert_int_equal(checkpoint_read(text_bytes(text), &whole), ERR_OK);
	for (i = 0; i < sizeof(text) - 1; i++)
		assert_int_equal(
			checkpoint_read((struct bytes){ .data = (const uint8_t *)text, .size = i },
					&c),
			ERR_FORMAT);
	for (i = 0; i < (sizeof(text) - 1) * 8; i++) {
		memcpy(copy, text, sizeof(text));
		copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
		if (checkpoint_read(
			    (struct bytes){ .data = (uint8_t *)copy, .size = sizeof(text) - 1 },
			    &c) == ERR_OK)
			assert_memory_not_equal(&c, &whole, sizeof(c));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(reads),
		cmocka_unit_test(origins_at_their_limit),
		cmocka_unit_test(every_truncation_and_flipped_bit),
	};

	return cmocka_run_group_tests_name("checkpoint/checkpoint", tests, NULL, NULL);
}
