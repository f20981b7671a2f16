/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Base64: one text for the same bytes, but for whole padding in the alphabet for URLs. */
#include <string.h>

#include "base/base64.h"
#include "unit.h"

typedef enum err read_fn(const char *text, size_t size, void *out, size_t capacity,
			 size_t *size_out);

struct refusal {
	const char *rule, *text;
};

struct vector {
	const char *text, *bytes;
	size_t size;
};

static void
refuse_all(read_fn *read, const struct refusal *rows, size_t count)
{
	uint8_t bytes[64];
	size_t i;

	for (i = 0; i < count; i++) {
		size_t size = 77;

		if (read(rows[i].text, strlen(rows[i].text), bytes, sizeof(bytes), &size) !=
			    ERR_FORMAT ||
		    size != 77)
			fail_msg("%s", rows[i].rule);
	}
	/* A byte of zero is no letter either. */
	assert_int_equal(read("AA\0A", 4, bytes, sizeof(bytes), &(size_t){ 0 }), ERR_FORMAT);
}

static void
refuses(void **state)
{
	static const struct refusal rows[] = {
		{ "one letter", "A" },
		{ "padding left out, one byte", "Zg" },
		{ "padding left out, two bytes", "Zm8" },
		{ "minus of the other alphabet", "a-b/" },
		{ "underscore of the other alphabet", "a_b+" },
		{ "newline", "AAA\n" },
		{ "blank inside", "AA A" },
		{ "half padding", "AA=" },
		{ "padding alone", "=" },
		{ "four of padding", "====" },
		{ "three of padding", "A===" },
		{ "padding too many", "AAA==" },
		{ "padding where none is due", "AAAA====" },
		{ "padding inside", "A=AA" },
		{ "letter after padding", "AA=A" },
		{ "bits left, two letters", "AB==" },
		{ "bits left, three letters", "AAB=" },
		{ "below A", "AA@A" },
		{ "above Z", "AA[A" },
		{ "below a", "AA`A" },
		{ "above z", "AA{A" },
		{ "above 9", "AA:A" },
		{ "below plus", "AA*A" },
		{ "comma", "AA,A" },
		{ "dot", "AA.A" },
		{ "not ASCII", "AA\xc3\xa9" },
		{ "last byte value", "AAA\xff" },
	};

	(void)state;
	refuse_all(base64_read, rows, COUNT_OF(rows));
}

static void
refuses_for_urls(void **state)
{
	static const struct refusal rows[] = {
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

	(void)state;
	refuse_all(base64_read_url, rows, COUNT_OF(rows));
}

static void
read_rows(read_fn *read, const struct vector *rows, size_t count)
{
	uint8_t bytes[64];
	size_t i;

	for (i = 0; i < count; i++) {
		size_t length = strlen(rows[i].text);
		size_t size = 77;

		assert_int_equal(read(rows[i].text, length, bytes, sizeof(bytes), &size), ERR_OK);
		assert_int_equal(size, rows[i].size);
		assert_memory_equal(bytes, rows[i].bytes, size);
		/* Just enough room, and one byte less. */
		assert_int_equal(read(rows[i].text, length, bytes, size, &size), ERR_OK);
		if (rows[i].size > 0)
			assert_int_equal(read(rows[i].text, length, bytes, rows[i].size - 1, &size),
					 ERR_LIMIT);
		assert_int_equal(size, rows[i].size);
	}
}

static void
reads(void **state)
{
	/* RFC 4648, section 10, and the two last letters. */
	static const struct vector rows[] = {
		{ "", "", 0 },
		{ "Zg==", "f", 1 },
		{ "Zm8=", "fo", 2 },
		{ "Zm9v", "foo", 3 },
		{ "Zm9vYg==", "foob", 4 },
		{ "Zm9vYmE=", "fooba", 5 },
		{ "Zm9vYmFy", "foobar", 6 },
		{ "+/+/", "\xfb\xff\xbf", 3 },
		{ "//8=", "\xff\xff", 2 },
	};

	(void)state;
	read_rows(base64_read, rows, COUNT_OF(rows));
}

static void
reads_for_urls(void **state)
{
	static const struct vector rows[] = {
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

	(void)state;
	read_rows(base64_read_url, rows, COUNT_OF(rows));
}

/* Every six bits have their letter. */
static void
writes_every_letter(void **state)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t bytes[48];
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < 16; i++) {
		uint32_t v = (uint32_t)(4 * i) << 18 | (uint32_t)(4 * i + 1) << 12 |
			     (uint32_t)(4 * i + 2) << 6 | (uint32_t)(4 * i + 3);

		bytes[3 * i] = (uint8_t)(v >> 16);
		bytes[3 * i + 1] = (uint8_t)(v >> 8);
		bytes[3 * i + 2] = (uint8_t)v;
	}
	base64_write(bytes, sizeof(bytes), text);
	assert_memory_equal(text, letters, 64);
	base64_write_url(bytes, sizeof(bytes), text);
	assert_memory_equal(text, letters, 62);
	assert_memory_equal(text + 62, "-_", 2);
}

static void
what_is_written_reads_back(void **state)
{
	uint8_t bytes[67];
	uint8_t back[sizeof(bytes)];
	char text[BASE64_SIZE(sizeof(bytes))];
	size_t size;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 97 + 13);
	for (size = 0; size <= sizeof(bytes); size++) {
		size_t back_size = 0;

		base64_write(bytes, size, text);
		assert_int_equal(
			base64_read(text, BASE64_SIZE(size), back, sizeof(back), &back_size),
			ERR_OK);
		assert_int_equal(back_size, size);
		assert_memory_equal(back, bytes, size);
		base64_write_url(bytes, size, text);
		assert_int_equal(base64_read_url(text, BASE64_URL_SIZE(size), back, sizeof(back),
						 &back_size),
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
		cmocka_unit_test(refuses_for_urls),
		cmocka_unit_test(reads),
		cmocka_unit_test(reads_for_urls),
		cmocka_unit_test(writes_every_letter),
		cmocka_unit_test(what_is_written_reads_back),
	};

	return cmocka_run_group_tests_name("base/base64", tests, NULL, NULL);
}
