/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* base64url: one text for the same bytes but for whole padding. */
#include <string.h>

#include "sign/base64.h"
#include "unit.h"

static void
refuses(void **state)
{
	static const struct {
		const char *rule, *text;
	} rows[] = {
		{ "one letter", "A" },
		{ "five letters", "AAAAA" },
		{ "standard plus", "a+b_" },
		{ "standard slash", "a/b-" },
		{ "newline", "AAAA\n" },
		{ "blank inside", "AA AA" },
		{ "half padding", "AA=" },
		{ "padding alone", "=" },
		{ "four of padding", "====" },
		{ "three of padding", "A===" },
		{ "padding too many", "AAA==" },
		{ "padding where none is due", "AAAA=" },
		{ "padding inside", "A=AA" },
		{ "letter after padding", "AA=A" },
		{ "bits left, two letters", "AB" },
		{ "bits left, three letters", "AAB" },
		{ "bits left, padded", "AB==" },
		{ "below A", "AA@A" },
		{ "above Z", "AA[A" },
		{ "below a", "AA`A" },
		{ "above z", "AA{A" },
		{ "above 9", "AA:A" },
		{ "comma", "AA,A" },
		{ "not ASCII", "AA\xc3\xa9" },
		{ "last byte value", "AAA\xff" },
		{ "DEL", "AAA\x7f" },
	};
	uint8_t bytes[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		size_t size = 77;

		if (base64_read(rows[i].text, strlen(rows[i].text), bytes, &size) != ERR_FORMAT ||
		    size != 77)
			fail_msg("%s", rows[i].rule);
	}
	/* A byte of zero is no letter either. */
	assert_int_equal(base64_read("AA\0A", 4, bytes, &(size_t){ 0 }), ERR_FORMAT);
}

static void
reads(void **state)
{
	static const struct {
		const char *text, *bytes;
		size_t size;
	} rows[] = {
		{ "", "", 0 },
		{ "Zg", "f", 1 },
		{ "Zg==", "f", 1 },
		{ "Zm8", "fo", 2 },
		{ "Zm8=", "fo", 2 },
		{ "Zm9v", "foo", 3 },
		{ "Zm9vYg", "foob", 4 },
		{ "Zm9vYmFy", "foobar", 6 },
		{ "-_-_", "\xfb\xff\xbf", 3 },
		{ "__8", "\xff\xff", 2 },
	};
	uint8_t bytes[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		size_t size = 77;

		assert_int_equal(base64_read(rows[i].text, strlen(rows[i].text), bytes, &size),
				 ERR_OK);
		assert_int_equal(size, rows[i].size);
		assert_memory_equal(bytes, rows[i].bytes, size);
	}
}

static void
what_is_written_reads_back(void **state)
{
	uint8_t bytes[67];
	uint8_t back[BASE64_BYTES_MAX(BASE64_TEXT_SIZE(sizeof(bytes)))];
	char text[BASE64_TEXT_SIZE(sizeof(bytes))];
	size_t size;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 97 + 13);
	for (size = 0; size <= sizeof(bytes); size++) {
		size_t back_size = 0;

		base64_write(bytes, size, text);
		for (i = 0; i < BASE64_TEXT_SIZE(size); i++)
			assert_non_null(
				strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789-_",
				       text[i]));
		assert_int_equal(base64_read(text, BASE64_TEXT_SIZE(size), back, &back_size),
				 ERR_OK);
		assert_int_equal(back_size, size);
		assert_memory_equal(back, bytes, size);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(reads),
		cmocka_unit_test(what_is_written_reads_back),
	};

	return cmocka_run_group_tests_name("sign/base64", tests, NULL, NULL);
}
