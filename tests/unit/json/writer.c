/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The canonical writer: escapes, numbers, and buffers of every size. */
#include <string.h>

#include "base/num.h"
#include "unit.h"
#include "json/writer.h"

#define TEXT(literal) literal, sizeof(literal) - 1

static void
escapes_are_the_shortest(void **state)
{
	static const struct {
		const char *rule, *text;
		size_t size;
		const char *want;
	} rows[] = {
		{ "quote", TEXT("\""), "\"\\\"\"" },
		{ "backslash", TEXT("\\"), "\"\\\\\"" },
		{ "two-letter forms", TEXT("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\"" },
		{ "NUL", TEXT("\0"), "\"\\u0000\"" },
		{ "others in lower case", TEXT("\x0b\x1f"), "\"\\u000b\\u001f\"" },
		{ "slash and DEL are bare", TEXT("/\x7f"), "\"/\x7f\"" },
		{ "line separator is bare", TEXT("\xe2\x80\xa8"), "\"\xe2\x80\xa8\"" },
		{ "above ASCII is bare", TEXT("\xf0\x9f\xa6\x80\xef\xbf\xbf"),
		  "\"\xf0\x9f\xa6\x80\xef\xbf\xbf\"" },
		{ "breakout", TEXT("\"},\"a\":{\""), "\"\\\"},\\\"a\\\":{\\\"\"" },
		{ "empty", TEXT(""), "\"\"" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		char out[64];
		struct json_writer w;
		size_t size = 0;

		json_writer_init(&w, out, sizeof(out));
		json_write_string(&w, rows[i].text, rows[i].size);
		if (json_writer_finish(&w, &size) != ERR_OK || size != strlen(rows[i].want) ||
		    memcmp(out, rows[i].want, size) != 0)
			fail_msg("%s: %.*s", rows[i].rule, (int)size, out);
	}
}

/* The words of eight are an optimisation: every byte at every place of every length must give what
 * a byte at a time gives. */
static void
each_byte_at_each_place(void **state)
{
	size_t length;
	size_t at;
	unsigned int c;

	(void)state;
	for (length = 1; length <= 25; length++) {
		for (at = 0; at < length; at++) {
			for (c = 0; c < 256; c++) {
				char text[25];
				char out[64];
				char want[64];
				struct json_writer w;
				size_t size = 0;
				bool plain = c >= 0x20 && c != '"' && c != '\\';
				bool letter = c == '"' || c == '\\' || c == '\b' || c == '\t' ||
					      c == '\n' || c == '\f' || c == '\r';
				size_t form = plain ? 1 : letter ? 2 : 6;

				memset(text, 'x', sizeof(text));
				text[at] = (char)c;
				json_writer_init(&w, out, sizeof(out));
				json_write_string_part(&w, text, length);
				assert_int_equal(json_writer_finish(&w, &size), ERR_OK);
				assert_int_equal(size, length - 1 + form);
				memset(want, 'x', sizeof(want));
				assert_memory_equal(out, want, at);
				assert_memory_equal(out + at + form, want, length - 1 - at);
				if (plain)
					assert_int_equal((uint8_t)out[at], c);
				else
					assert_int_equal(out[at], '\\');
			}
		}
	}
}

static void
numbers(void **state)
{
	char out[256];
	struct json_writer w;
	size_t size = 0;
	static const char want[] =
		"9007199254740991,-9007199254740991,0,\"18446744073709551615\",\"0\",4294967295,"
		"true,false";

	(void)state;
	json_writer_init(&w, out, sizeof(out));
	json_write_integer(&w, NUM_JSON_INTEGER_MAX);
	json_write_literal(&w, ",");
	json_write_integer(&w, -NUM_JSON_INTEGER_MAX);
	json_write_literal(&w, ",");
	json_write_integer(&w, 0);
	json_write_literal(&w, ",");
	json_write_u64_string(&w, UINT64_MAX);
	json_write_literal(&w, ",");
	json_write_u64_string(&w, 0);
	json_write_literal(&w, ",");
	json_write_u64_digits(&w, UINT32_MAX);
	json_write_literal(&w, ",");
	json_write_bool(&w, true);
	json_write_literal(&w, ",");
	json_write_bool(&w, false);
	assert_int_equal(json_writer_finish(&w, &size), ERR_OK);
	assert_int_equal(size, sizeof(want) - 1);
	assert_memory_equal(out, want, size);
}

static void
write_sample(struct json_writer *w)
{
	json_write_literal(w, "{\"a\":");
	json_write_string(w, TEXT("plain text of some length \x01 and more"));
	json_write_literal(w, ",\"b\":");
	json_write_u64_string(w, UINT64_MAX);
	json_write_literal(w, ",\"c\":");
	json_write_integer(w, -12345);
	json_write_literal(w, "}");
}

static void
no_byte_past_the_capacity(void **state)
{
	char whole[256];
	struct json_writer w;
	size_t size = 0;
	size_t capacity;

	(void)state;
	json_writer_init(&w, whole, sizeof(whole));
	write_sample(&w);
	assert_int_equal(json_writer_finish(&w, &size), ERR_OK);
	for (capacity = 0; capacity <= size; capacity++) {
		char out[256];
		size_t written = 12345;
		enum err e;
		size_t i;

		memset(out, '#', sizeof(out));
		json_writer_init(&w, out, capacity);
		write_sample(&w);
		e = json_writer_finish(&w, &written);
		for (i = capacity; i < sizeof(out); i++)
			assert_int_equal(out[i], '#');
		if (capacity < size) {
			assert_int_equal(e, ERR_LIMIT);
			assert_int_equal(written, 12345);
		} else {
			assert_int_equal(e, ERR_OK);
			assert_int_equal(written, size);
			assert_memory_equal(out, whole, size);
		}
	}
}

/* A later part that would fit must not hide an earlier one that did not. */
static void
overflow_is_remembered(void **state)
{
	char out[4];
	struct json_writer w;
	size_t size = 0;

	(void)state;
	json_writer_init(&w, out, sizeof(out));
	json_write_literal(&w, "12345");
	json_write_literal(&w, "1");
	json_write_u64_digits(&w, 7);
	json_write_string_part(&w, "a", 1);
	assert_int_equal(json_writer_finish(&w, &size), ERR_LIMIT);
	assert_ptr_equal(w.at, w.start);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_are_the_shortest),
		cmocka_unit_test(each_byte_at_each_place),
		cmocka_unit_test(numbers),
		cmocka_unit_test(no_byte_past_the_capacity),
		cmocka_unit_test(overflow_is_remembered),
	};

	return cmocka_run_group_tests_name("json/writer", tests, NULL, NULL);
}
