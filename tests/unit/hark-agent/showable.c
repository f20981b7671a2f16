/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names of any bytes become text, and nothing of them is lost. */
#include <string.h>

#include "base/text.h"
#include "hark-agent/showable.h"
#include "unit.h"

#define TEXT(literal) literal, sizeof(literal) - 1
#define BAD           "\xef\xbf\xbd"

static void
rows_of_names(void **state)
{
	static const struct {
		const char *rule, *raw;
		size_t size;
		const char *want, *hex;
		bool changed;
	} rows[] = {
		{ "lone byte", TEXT("\xff"), BAD, "ff", true },
		{ "cut at the end", TEXT("ab\xe2\x82"), "ab" BAD BAD, "6162e282", true },
		{ "surrogate", TEXT("\xed\xa0\x80"), BAD BAD BAD, "eda080", true },
		{ "overlong", TEXT("\xc0\x80x"), BAD BAD "x", "c08078", true },
		{ "the replacement itself is text", TEXT(BAD), BAD, "efbfbd", false },
		{ "plain", TEXT("sh"), "sh", "7368", false },
		{ "two bytes", TEXT("\xc3\xa9"), "\xc3\xa9", "c3a9", false },
		{ "a control stays", TEXT("a\nb"), "a\nb", "610a62", false },
		{ "empty", TEXT(""), "", "", false },
	};
	char out[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		bool changed;
		size_t size = showable_text(rows[i].raw, rows[i].size, out, &changed);

		if (size != strlen(rows[i].want) || memcmp(out, rows[i].want, size) != 0 ||
		    changed != rows[i].changed)
			fail_msg("%s", rows[i].rule);
		size = text_write_hex(rows[i].raw, rows[i].size, out);
		if (size != strlen(rows[i].hex) || memcmp(out, rows[i].hex, size) != 0)
			fail_msg("%s: hex", rows[i].rule);
	}
}

static void
every_pair_of_bytes_becomes_text(void **state)
{
	unsigned a;
	unsigned b;

	(void)state;
	for (a = 0; a < 256; a++) {
		for (b = 0; b < 256; b++) {
			char raw[2] = { (char)a, (char)b };
			char out[SHOWABLE_BYTES(2)];
			bool changed;
			size_t size = showable_text(raw, 2, out, &changed);

			assert_true(size <= sizeof(out));
			assert_true(text_is_utf8(out, size));
			assert_int_equal(changed, !text_is_utf8(raw, 2));
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_names),
		cmocka_unit_test(every_pair_of_bytes_becomes_text),
	};

	return cmocka_run_group_tests_name("hark-agent/showable", tests, NULL, NULL);
}
