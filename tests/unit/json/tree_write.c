/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Members in both orders, numbers in both forms, escapes, and what happens without memory. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "unit.h"
#include "json/tree.h"

/* The allocation that fails, counted from 1; 0 is none. */
static unsigned int fail_at;
static unsigned int calls;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *
__wrap_malloc(size_t size)
{
	if (fail_at != 0 && ++calls == fail_at)
		return NULL;
	return __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	if (fail_at != 0 && ++calls == fail_at)
		return NULL;
	return __real_calloc(count, size);
}

static enum err
rewrite(const char *text, enum json_order order, enum json_numbers numbers, char *out,
	size_t capacity)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	struct json_writer w;
	size_t size;
	enum err e;

	e = json_tree_read(text, strlen(text), 16, &tree, NULL);
	if (e != ERR_OK)
		return e;
	json_writer_init(&w, out, capacity - 1);
	e = json_node_write(json_tree_root(tree), order, numbers, &w);
	if (e != ERR_OK)
		return e;
	e = json_writer_finish(&w, &size);
	if (e == ERR_OK)
		out[size] = '\0';
	return e;
}

static void
writes(void **state)
{
	static const struct {
		const char *rule, *text;
		enum json_order order;
		enum json_numbers numbers;
		const char *want;
	} rows[] = {
		{ "blanks go", " { \"a\" : [ 1 , 2 ] } ", JSON_ORDER_UTF16, JSON_NUMBERS_AS_WRITTEN,
		  "{\"a\":[1,2]}" },
		{ "words", "[null,true,false]", JSON_ORDER_UTF8, JSON_NUMBERS_SAFE,
		  "[null,true,false]" },
		{ "sorted at every depth", "{\"b\":{\"z\":1,\"y\":[{\"d\":1,\"c\":2}]},\"a\":{}}",
		  JSON_ORDER_UTF8, JSON_NUMBERS_AS_WRITTEN,
		  "{\"a\":{},\"b\":{\"y\":[{\"c\":2,\"d\":1}],\"z\":1}}" },
		{ "arrays keep their order", "[3,1,2,[]]", JSON_ORDER_UTF16,
		  JSON_NUMBERS_AS_WRITTEN, "[3,1,2,[]]" },
		{ "by bytes", "{\"\xf0\x9f\xa6\x80\":1,\"\xef\xbf\xbf\":2,\"\xed\x9f\xbf\":3}",
		  JSON_ORDER_UTF8, JSON_NUMBERS_AS_WRITTEN,
		  "{\"\xed\x9f\xbf\":3,\"\xef\xbf\xbf\":2,\"\xf0\x9f\xa6\x80\":1}" },
		{ "by UTF-16", "{\"\xf0\x9f\xa6\x80\":1,\"\xef\xbf\xbf\":2,\"\xed\x9f\xbf\":3}",
		  JSON_ORDER_UTF16, JSON_NUMBERS_AS_WRITTEN,
		  "{\"\xed\x9f\xbf\":3,\"\xf0\x9f\xa6\x80\":1,\"\xef\xbf\xbf\":2}" },
		{ "RFC 8785's own example of order",
		  "{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew\","
		  "\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji\",\"\\u0080\":\"Control\","
		  "\"\\u00f6\":\"Latin\"}",
		  JSON_ORDER_UTF16, JSON_NUMBERS_SAFE,
		  "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
		  "\"\xc3\xb6\":\"Latin\",\"\xe2\x82\xac\":\"Euro Sign\","
		  "\"\xf0\x9f\x98\x80\":\"Emoji\",\"\xef\xac\xb3\":\"Hebrew\"}" },
		{ "escapes",
		  "\"\\u0000\\u0007\\u0008\\u0009\\u000a\\u000b\\u000c\\u000d\\u001F\\u0022\\/"
		  "\\u005c"
		  "\\u007f\\u2028\"",
		  JSON_ORDER_UTF16, JSON_NUMBERS_SAFE,
		  "\"\\u0000\\u0007\\b\\t\\n\\u000b\\f\\r\\u001f\\\"/\\\\\x7f\xe2\x80\xa8\"" },
		{ "names are escaped", "{\"\\n\\\"\":1}", JSON_ORDER_UTF16, JSON_NUMBERS_SAFE,
		  "{\"\\n\\\"\":1}" },
		{ "numbers as written", "[1E5,1.0,-0,18446744073709551615,1e+21]", JSON_ORDER_UTF8,
		  JSON_NUMBERS_AS_WRITTEN, "[1E5,1.0,-0,18446744073709551615,1e+21]" },
		{ "safe integers stay", "[0,-1,9007199254740991,-9007199254740991]",
		  JSON_ORDER_UTF16, JSON_NUMBERS_SAFE,
		  "[0,-1,9007199254740991,-9007199254740991]" },
		{ "others become strings",
		  "[9007199254740992,-9007199254740992,18446744073709551616,-0,1.0,1e2,0.5]",
		  JSON_ORDER_UTF16, JSON_NUMBERS_SAFE,
		  "[\"9007199254740992\",\"-9007199254740992\",\"18446744073709551616\",\"-0\","
		  "\"1.0\",\"1e2\",\"0.5\"]" },
	};
	char out[1024];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		if (rewrite(rows[i].text, rows[i].order, rows[i].numbers, out, sizeof(out)) !=
		    ERR_OK)
			fail_msg("%s", rows[i].rule);
		if (strcmp(out, rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].rule, out);
		/* What was written reads back to the same bytes. */
		if (rewrite(rows[i].want, rows[i].order, rows[i].numbers, out, sizeof(out)) !=
			    ERR_OK ||
		    strcmp(out, rows[i].want) != 0)
			fail_msg("%s: again: %s", rows[i].rule, out);
	}
}

static void
a_small_buffer_is_an_overflow(void **state)
{
	static const char text[] = "{\"a\":[1,\"x\"]}";
	char out[sizeof(text)];
	size_t capacity;

	(void)state;
	for (capacity = 1; capacity < sizeof(text); capacity++)
		assert_int_equal(rewrite(text, JSON_ORDER_UTF16, JSON_NUMBERS_SAFE, out, capacity),
				 ERR_LIMIT);
	assert_int_equal(rewrite(text, JSON_ORDER_UTF16, JSON_NUMBERS_SAFE, out, sizeof(text)),
			 ERR_OK);
}

static void
every_allocation_may_fail(void **state)
{
	/* Two objects whose order differs: two lists beside the tree. */
	static const char text[] = "{\"\xf0\x90\x80\x80\":1,\"\xef\xbf\xbf\":{\"\xf0\x90\x80\x80\":"
				   "1,\"\xef\xbf\xbf\":2}}";
	char out[128];
	unsigned int failures = 0;
	enum err e;

	(void)state;
	do {
		calls = 0;
		fail_at = failures + 1;
		e = rewrite(text, JSON_ORDER_UTF16, JSON_NUMBERS_SAFE, out, sizeof(out));
		if (e != ERR_OK) {
			assert_int_equal(e, ERR_MEMORY);
			failures++;
		}
	} while (e != ERR_OK && failures < 10);
	fail_at = 0;
	assert_int_equal(failures, 3);
	assert_string_equal(out, "{\"\xf0\x90\x80\x80\":1,\"\xef\xbf\xbf\":"
				 "{\"\xf0\x90\x80\x80\":1,\"\xef\xbf\xbf\":2}}");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes),
		cmocka_unit_test(a_small_buffer_is_an_overflow),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("json/tree_write", tests, NULL, NULL);
}
