/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* UTF-8, ids and escaping. */
#include <string.h>

#include "base/text.h"
#include "unit.h"

#define TEXT(literal) literal, sizeof(literal) - 1

static void
utf8_is_strict(void **state)
{
	static const struct {
		const char *rule, *text;
		size_t size;
		bool want;
	} rows[] = {
		{ "lone continuation", TEXT("\x80"), false },
		{ "overlong NUL", TEXT("\xc0\x80"), false },
		{ "overlong slash in 3", TEXT("\xe0\x80\xaf"), false },
		{ "overlong in 4", TEXT("\xf0\x80\x80\xaf"), false },
		{ "surrogate", TEXT("\xed\xa0\x80"), false },
		{ "above U+10FFFF", TEXT("\xf4\x90\x80\x80"), false },
		{ "five bytes", TEXT("\xf8\x88\x80\x80\x80"), false },
		{ "cut", TEXT("abc\xe2\x82"), false },
		{ "bad after eight", TEXT("abcdefgh\xff"), false },
		{ "bad within eight",
		  TEXT("abcd\xff"
		       "efg"),
		  false },
		{ "no continuation", TEXT("\xc3("), false },
		{ "empty", TEXT(""), true },
		{ "NUL", TEXT("\0"), true },
		{ "two, three, four", TEXT("\xc3\xa9\xe5\xb7\xa5\xf0\x9f\xa6\x80"), true },
		{ "largest", TEXT("\xf4\x8f\xbf\xbf"), true },
		{ "noncharacter", TEXT("\xef\xbf\xbf"), true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		if (text_is_utf8(rows[i].text, rows[i].size) != rows[i].want)
			fail_msg("%s", rows[i].rule);
	}
}

static void
cuts_are_between_characters(void **state)
{
	/* 1, 2, 3 and 4 bytes: the ends of characters are 1, 3, 6 and 10. */
	static const char text[] = "a\xc3\xa9\xe5\xb7\xa5\xf0\x9f\xa6\x80";
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10 };
	size_t most;

	(void)state;
	for (most = 0; most < COUNT_OF(want); most++)
		assert_int_equal(text_cut(text, 10, most), want[most]);
	assert_int_equal(text_cut(text, 3, 10), 3);
	assert_int_equal(text_cut(NULL, 0, 5), 0);
	assert_int_equal(text_cut(text, 10, SIZE_MAX), 10);
}

static void
words_go_with_their_number(void **state)
{
	(void)state;
	assert_string_equal(text_counted(0, "leaf is", "leaves are"), "leaves are");
	assert_string_equal(text_counted(1, "leaf is", "leaves are"), "leaf is");
	assert_string_equal(text_counted(2, "leaf is", "leaves are"), "leaves are");
	assert_string_equal(text_counted(UINT64_C(1) << 32 | 1, "leaf is", "leaves are"),
			    "leaves are");
}

static void
ids_have_no_blanks(void **state)
{
	(void)state;
	assert_false(text_is_id(TEXT(""), 8));
	assert_false(text_is_id(TEXT("a b"), 8));
	assert_false(text_is_id(TEXT("a\n"), 8));
	assert_false(text_is_id(TEXT("a\xc2\xa0"), 8));
	assert_false(text_is_id(TEXT("\xe2\x80\x83"), 8));
	assert_false(text_is_id(TEXT("\x7f"), 8));
	assert_false(text_is_id(TEXT("123456789"), 8));
	assert_false(text_is_id(TEXT("\xff"), 8));
	assert_true(text_is_id(TEXT("cell-a"), 8));
	assert_true(text_is_id(TEXT("zelle\xc3\xbc"), 8));
	assert_false(text_is_hex(TEXT("0aF"), 3));
	assert_false(text_is_hex(TEXT("0a"), 3));
	assert_true(text_is_hex(TEXT("0af"), 3));
}

static void
bytes_are_written_in_hex(void **state)
{
	char out[] = "--------";

	(void)state;
	assert_int_equal(text_write_hex("\x00\x9f\xf0", 3, out), 6);
	assert_string_equal(out, "009ff0--");
	assert_int_equal(text_write_hex(NULL, 0, NULL), 0);
}

static void
escapes_for_people(void **state)
{
	char out[32];

	(void)state;
	assert_int_equal(text_escape(TEXT("a\\b"), out, sizeof(out)), 4);
	assert_string_equal(out, "a\\\\b");
	assert_int_equal(text_escape(TEXT("\x1b[2J\xff"), out, sizeof(out)), 11);
	assert_string_equal(out, "\\x1b[2J\\xff");
	assert_int_equal(text_escape(TEXT("1234567"), out, 8), 7);
	assert_string_equal(out, "1234567");
	assert_int_equal(text_escape(TEXT("12345678"), out, 8), 7);
	assert_string_equal(out, "1234...");
	assert_int_equal(text_escape(TEXT("12\n\n"), out, 8), 5);
	assert_string_equal(out, "12...");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_is_strict),
		cmocka_unit_test(cuts_are_between_characters),
		cmocka_unit_test(words_go_with_their_number),
		cmocka_unit_test(ids_have_no_blanks),
		cmocka_unit_test(bytes_are_written_in_hex),
		cmocka_unit_test(escapes_for_people),
	};

	return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
