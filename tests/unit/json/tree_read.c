/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the strict reader refuses and where it stops, what it keeps, and that no bytes break it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "json/tree.h"

#define DEPTH_MAX 8u
#define T(text)   (text), sizeof(text) - 1

static size_t allocated;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *
__wrap_calloc(size_t count, size_t size)
{
	allocated += count * size;
	return __real_calloc(count, size);
}

/* Reads a copy whose end is the end of an allocation, so that a sanitizer sees an overrun. */
static enum err
read_copy(const char *text, size_t size, struct json_tree **out, struct json_failure *why)
{
	char *copy = malloc(size > 0 ? size : 1);
	enum err e;

	assert_non_null(copy);
	memcpy(copy, text, size);
	e = json_tree_read(copy, size, DEPTH_MAX, out, why);
	free(copy);
	return e;
}

static void
refuses(void **state)
{
	static const struct {
		const char *rule, *text;
		size_t size;
		enum err want;
		size_t offset;
	} rows[] = {
		{ "nothing", T(""), ERR_FORMAT, 0 },
		{ "blanks alone", T(" \t\r\n"), ERR_FORMAT, 4 },
		{ "form feed is no blank", T("\f1"), ERR_FORMAT, 0 },
		{ "byte order mark", T("\xef\xbb\xbf{}"), ERR_FORMAT, 0 },
		{ "NUL", T("\0"), ERR_FORMAT, 0 },
		{ "NUL after the value", T("1\0"), ERR_FORMAT, 1 },
		{ "a word", T("nul"), ERR_FORMAT, 0 },
		{ "word in capitals", T("True"), ERR_FORMAT, 0 },
		{ "word and a half", T("truefalse"), ERR_FORMAT, 4 },
		{ "NaN", T("NaN"), ERR_FORMAT, 0 },
		{ "Infinity", T("-Infinity"), ERR_FORMAT, 1 },
		{ "plus", T("+1"), ERR_FORMAT, 0 },
		{ "minus alone", T("-"), ERR_FORMAT, 1 },
		{ "point first", T(".5"), ERR_FORMAT, 0 },
		{ "point last", T("1."), ERR_FORMAT, 2 },
		{ "point last in an array", T("[1.]"), ERR_FORMAT, 3 },
		{ "point before exponent", T("1.e1"), ERR_FORMAT, 2 },
		{ "exponent of nothing", T("1e"), ERR_FORMAT, 2 },
		{ "exponent of a sign", T("1e+"), ERR_FORMAT, 3 },
		{ "leading zero", T("01"), ERR_FORMAT, 1 },
		{ "two zeros", T("00"), ERR_FORMAT, 1 },
		{ "minus and leading zero", T("-01"), ERR_FORMAT, 2 },
		{ "hex", T("0x10"), ERR_FORMAT, 1 },
		{ "trailing text", T("{}x"), ERR_FORMAT, 2 },
		{ "two values", T("1 2"), ERR_FORMAT, 2 },
		{ "comment", T("/**/1"), ERR_FORMAT, 0 },
		{ "trailing comma, array", T("[1,]"), ERR_FORMAT, 3 },
		{ "trailing comma, object", T("{\"a\":1,}"), ERR_FORMAT, 7 },
		{ "leading comma", T("[,1]"), ERR_FORMAT, 1 },
		{ "two commas", T("[1,,2]"), ERR_FORMAT, 3 },
		{ "no comma", T("[1 2]"), ERR_FORMAT, 3 },
		{ "unclosed array", T("[1"), ERR_FORMAT, 2 },
		{ "unclosed object", T("{\"a\":1"), ERR_FORMAT, 6 },
		{ "closed by the other", T("[1}"), ERR_FORMAT, 2 },
		{ "object closed by the other", T("{\"a\":1]"), ERR_FORMAT, 6 },
		{ "closed twice", T("[]]"), ERR_FORMAT, 2 },
		{ "close alone", T("]"), ERR_FORMAT, 0 },
		{ "name without quotes", T("{a:1}"), ERR_FORMAT, 1 },
		{ "name in single quotes", T("{'a':1}"), ERR_FORMAT, 1 },
		{ "number as a name", T("{1:1}"), ERR_FORMAT, 1 },
		{ "name alone", T("{\"a\"}"), ERR_FORMAT, 4 },
		{ "no colon", T("{\"a\" 1}"), ERR_FORMAT, 5 },
		{ "no value", T("{\"a\":}"), ERR_FORMAT, 5 },
		{ "unclosed string", T("\"a"), ERR_FORMAT, 2 },
		{ "string that ends in a backslash", T("\"a\\"), ERR_FORMAT, 3 },
		{ "raw newline", T("\"a\nb\""), ERR_FORMAT, 2 },
		{ "raw NUL in a string", T("\"a\0b\""), ERR_FORMAT, 2 },
		{ "raw tab", T("\"\t\""), ERR_FORMAT, 1 },
		{ "unknown escape", T("\"\\a\""), ERR_FORMAT, 3 },
		{ "escaped NUL byte", T("\"\\\0\""), ERR_FORMAT, 3 },
		{ "hex escape of three", T("\"\\u00e\""), ERR_FORMAT, 6 },
		{ "hex escape of no hex", T("\"\\u00g0\""), ERR_FORMAT, 5 },
		{ "hex escape cut", T("\"\\u00"), ERR_FORMAT, 5 },
		{ "capital U", T("\"\\U0041\""), ERR_FORMAT, 3 },
		{ "high surrogate alone", T("\"\\ud800\""), ERR_FORMAT, 7 },
		{ "high surrogate, then text", T("\"\\ud800abcdef\""), ERR_FORMAT, 7 },
		{ "high surrogate twice", T("\"\\ud800\\ud800\""), ERR_FORMAT, 13 },
		{ "high surrogate, then a letter", T("\"\\ud800\\u0041\""), ERR_FORMAT, 13 },
		{ "high surrogate, then another escape", T("\"\\ud800\\n\""), ERR_FORMAT, 7 },
		{ "low surrogate alone", T("\"\\udc00\""), ERR_FORMAT, 7 },
		{ "surrogates in the wrong order", T("\"\\udc00\\ud800\""), ERR_FORMAT, 7 },
		{ "invalid UTF-8", T("\"\xff\""), ERR_FORMAT, 2 },
		{ "overlong UTF-8", T("\"\xc0\xaf\""), ERR_FORMAT, 3 },
		{ "surrogate in UTF-8", T("\"\xed\xa0\x80\""), ERR_FORMAT, 4 },
		{ "above U+10FFFF", T("\"\xf4\x90\x80\x80\""), ERR_FORMAT, 5 },
		{ "UTF-8 split by an escape", T("\"\xc3\\u00a9\""), ERR_FORMAT, 2 },
		{ "UTF-8 cut by the end", T("\"\xc3"), ERR_FORMAT, 2 },
		{ "invalid UTF-8 in a name", T("{\"\xff\":1}"), ERR_FORMAT, 3 },
		{ "UTF-16", T("[\0]\0"), ERR_FORMAT, 1 },
		{ "one too deep", T("[[[[[[[[[]]]]]]]]]"), ERR_LIMIT, 8 },
		{ "one too deep in objects", T("[[[[[[[[{}]]]]]]]]"), ERR_LIMIT, 8 },
		{ "duplicate", T("{\"a\":1,\"a\":1}"), ERR_DUPLICATE, 12 },
		{ "duplicate in another escape", T("{\"a\":1,\"\\u0061\":2}"), ERR_DUPLICATE, 17 },
		{ "duplicate far away", T("{\"a\":1,\"c\":2,\"b\":3,\"a\":4}"), ERR_DUPLICATE, 24 },
		{ "duplicate inside", T("[{\"x\":{\"a\":1,\"a\":2}}]"), ERR_DUPLICATE, 18 },
		{ "duplicate empty name", T("{\"\":1,\"\":2}"), ERR_DUPLICATE, 10 },
		{ "duplicate with NUL", T("{\"a\\u0000\":1,\"a\\u0000\":2}"), ERR_DUPLICATE, 24 },
		{ "duplicate surrogate pair", T("{\"\\ud83e\\udd80\":1,\"\xf0\x9f\xa6\x80\":2}"),
		  ERR_DUPLICATE, 26 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct json_tree *tree = NULL;
		struct json_failure why = { 0 };
		enum err e = read_copy(rows[i].text, rows[i].size, &tree, &why);

		if (e != rows[i].want)
			fail_msg("%s: %s", rows[i].rule, err_text(e));
		assert_null(tree);
		if (why.offset != rows[i].offset || why.text == NULL ||
		    why.is_duplicate != (e == ERR_DUPLICATE))
			fail_msg("%s: at %zu", rows[i].rule, why.offset);
	}
}

static void
accepts(void **state)
{
	static const struct {
		const char *rule, *text;
		size_t size;
		enum json_type type;
		const char *value;
		size_t value_size;
	} rows[] = {
		{ "null", T("null"), JSON_NULL, T("") },
		{ "true", T(" true "), JSON_TRUE, T("") },
		{ "false", T("\nfalse\t"), JSON_FALSE, T("") },
		{ "zero", T("0"), JSON_NUMBER, T("0") },
		{ "minus zero", T("-0"), JSON_NUMBER, T("-0") },
		{ "number as written", T("-10.50E+007"), JSON_NUMBER, T("-10.50E+007") },
		{ "zero with a fraction", T("0.0"), JSON_NUMBER, T("0.0") },
		{ "number beyond u64", T("184467440737095516160"), JSON_NUMBER,
		  T("184467440737095516160") },
		{ "empty string", T("\"\""), JSON_STRING, T("") },
		{ "all short escapes", T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), JSON_STRING,
		  T("\"\\/\b\f\n\r\t") },
		{ "hex escape, both cases", T("\"\\u00e9\\u00E9\""), JSON_STRING,
		  T("\xc3\xa9\xc3\xa9") },
		{ "escaped NUL", T("\"a\\u0000b\""), JSON_STRING, T("a\0b") },
		{ "three bytes", T("\"\\u20ac\xe2\x82\xac\""), JSON_STRING,
		  T("\xe2\x82\xac\xe2\x82\xac") },
		{ "surrogate pair", T("\"\\ud83e\\udd80\""), JSON_STRING, T("\xf0\x9f\xa6\x80") },
		{ "last code point", T("\"\\udbff\\udfff\""), JSON_STRING, T("\xf4\x8f\xbf\xbf") },
		{ "DEL and U+2028 raw", T("\"\x7f\xe2\x80\xa8\""), JSON_STRING,
		  T("\x7f\xe2\x80\xa8") },
		{ "noncharacter", T("\"\\uffff\""), JSON_STRING, T("\xef\xbf\xbf") },
		{ "empty array", T("[]"), JSON_ARRAY, T("") },
		{ "empty object", T("{ }"), JSON_OBJECT, T("") },
		{ "as deep as may be", T("[[[[[[[[]]]]]]]]"), JSON_ARRAY, T("") },
		{ "shallow but many", T("[[],[],[],[],[],[],[],[],[],[]]"), JSON_ARRAY, T("") },
		{ "same name in two objects", T("[{\"a\":1},{\"a\":1}]"), JSON_ARRAY, T("") },
		{ "same name one below the other", T("{\"a\":{\"a\":1}}"), JSON_OBJECT, T("") },
		{ "names that begin alike", T("{\"a\":1,\"a\\u0000\":1,\"\":1}"), JSON_OBJECT,
		  T("") },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct json_tree *tree = NULL;
		const struct json_node *root;

		if (read_copy(rows[i].text, rows[i].size, &tree, NULL) != ERR_OK)
			fail_msg("%s", rows[i].rule);
		root = json_tree_root(tree);
		if (root->type != rows[i].type || root->text_size != rows[i].value_size ||
		    (root->text_size > 0 &&
		     memcmp(root->text, rows[i].value, root->text_size) != 0))
			fail_msg("%s: another value", rows[i].rule);
		json_tree_destroy(tree);
	}
}

static void
builds_the_tree_in_the_order_read(void **state)
{
	static const char text[] = "{\"b\":[1,{\"x\":null},[ ],true],\"a\":{},\"\\u0063\":\"v\"}";
	struct json_tree *tree = NULL;
	const struct json_node *root;
	const struct json_node *b;

	(void)state;
	assert_int_equal(read_copy(text, sizeof(text) - 1, &tree, NULL), ERR_OK);
	root = json_tree_root(tree);
	assert_int_equal(root->child_count, 3);
	assert_null(root->next);
	assert_null(root->name);
	b = root->child;
	assert_memory_equal(b->name, "b", 1);
	assert_int_equal(b->child_count, 4);
	assert_true(json_node_text_is(b->child, "1"));
	assert_null(b->child->name);
	assert_int_equal(json_node_member(b->child->next, "x")->type, JSON_NULL);
	assert_int_equal(b->child->next->next->type, JSON_ARRAY);
	assert_int_equal(b->child->next->next->child_count, 0);
	assert_int_equal(b->child->next->next->next->type, JSON_TRUE);
	assert_null(b->child->next->next->next->next);
	assert_memory_equal(b->next->name, "a", 1);
	assert_true(json_node_text_is(b->next->next, "v"));
	assert_ptr_equal(b->next->next, json_node_member(root, "c"));
	assert_null(b->next->next->next);
	assert_ptr_equal(root->sorted[0], b->next);
	assert_ptr_equal(root->sorted[1], b);
	assert_ptr_equal(root->sorted[2], b->next->next);
	json_tree_destroyp(&tree);
	assert_null(tree);
	json_tree_destroyp(&tree);
}

static const char sample[] =
	" {\"a\\u00e9\\ud83e\\udd80\":[1,-2.5e+3,\"x\\\\\\n\xc3\xa9\",{\"b\":null,\"c\":[]}],"
	"\"\":{\"d\":true,\"e\":false}} ";

static void
every_truncation_is_refused(void **state)
{
	size_t size;

	(void)state;
	/* The last byte is a blank: without it the text is still whole. */
	for (size = 0; size < sizeof(sample) - 2; size++) {
		struct json_tree *tree = NULL;

		if (read_copy(sample, size, &tree, NULL) != ERR_FORMAT)
			fail_msg("cut to %zu bytes", size);
	}
}

static void
no_bit_flip_breaks_it(void **state)
{
	char text[sizeof(sample) - 1];
	size_t refused = 0;
	size_t bit;

	(void)state;
	for (bit = 0; bit < sizeof(text) * 8; bit++) {
		struct json_tree *tree = NULL;
		struct json_failure why = { 0 };
		enum err e;

		memcpy(text, sample, sizeof(text));
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		e = read_copy(text, sizeof(text), &tree, &why);
		if (e != ERR_OK) {
			refused++;
			assert_true(why.offset <= sizeof(text) && why.text != NULL);
		}
		json_tree_destroy(tree);
	}
	assert_true(refused > sizeof(text)); /* structure is most of the sample */
}

/* One MiB of names in the order that is worst for a sort which trusts its input. */
static void
many_names_take_no_square_of_time(void **state)
{
	enum { NAMES = 80000, NAME_BYTES = 13 };
	char *text = malloc(NAMES * NAME_BYTES + 2);
	struct json_tree *tree = NULL;
	size_t at = 0;
	size_t i;

	(void)state;
	assert_non_null(text);
	text[at++] = '{';
	for (i = 0; i < NAMES; i++) {
		size_t v = i % 2 == 0 ? i : NAMES - i;

		at += (size_t)sprintf(text + at, "\"%07zu%c\":1,", v, i % 2 == 0 ? 'a' : 'b');
	}
	text[at - 1] = '}';
	assert_int_equal(json_tree_read(text, at, 1, &tree, NULL), ERR_OK);
	assert_int_equal(json_tree_root(tree)->child_count, NAMES);
	for (i = 1; i < NAMES; i++) {
		const struct json_node *const *list = json_tree_root(tree)->sorted;

		assert_true(memcmp(list[i - 1]->name, list[i]->name, 8) < 0);
	}
	json_tree_destroy(tree);
	free(text);
}

/* The header's bound holds for any bytes, whatever structure they pretend to have. */
static void
storage_is_bounded(void **state)
{
	static const struct {
		const char *rule, *unit;
		enum err want;
	} rows[] = {
		{ "commas", ",", ERR_FORMAT },
		{ "opening brackets", "[", ERR_LIMIT },
		{ "opening braces", "{", ERR_FORMAT },
		{ "a string that does not end", "\"", ERR_FORMAT },
		{ "commas in an array", "[,", ERR_FORMAT },
	};
	enum { BYTES = 100000 };
	char *text = malloc(BYTES);
	size_t i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct json_tree *tree = NULL;
		enum err e;
		size_t at;

		for (at = 0; at < BYTES; at++)
			text[at] = rows[i].unit[at % strlen(rows[i].unit)];
		allocated = 0;
		e = json_tree_read(text, BYTES, DEPTH_MAX, &tree, NULL);
		if (e != rows[i].want || allocated > 41 * BYTES + 80 * (DEPTH_MAX + 2))
			fail_msg("%s: %d, %zu bytes", rows[i].rule, e, allocated);
	}
	free(text);
}

/* A text that ends while as much as may be is open needs the most nodes for its bytes. */
static void
no_end_overruns_its_nodes(void **state)
{
	static const char *const openings[] = { "[", "{\"\":", "[1,", "[[],", "[\"\"," };
	size_t i;
	size_t depth;

	(void)state;
	for (i = 0; i < COUNT_OF(openings); i++) {
		for (depth = 0; depth <= DEPTH_MAX; depth++) {
			char text[128] = "";
			struct json_tree *tree = NULL;
			size_t at;

			for (at = 0; at < depth; at++)
				strcat(text, openings[i]);
			assert_true(read_copy(text, strlen(text), &tree, NULL) != ERR_OK);
			strcat(text, "1");
			assert_true(read_copy(text, strlen(text), &tree, NULL) == ERR_OK ||
				    depth > 0);
			json_tree_destroy(tree);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(accepts),
		cmocka_unit_test(builds_the_tree_in_the_order_read),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(no_bit_flip_breaks_it),
		cmocka_unit_test(many_names_take_no_square_of_time),
		cmocka_unit_test(storage_is_bounded),
		cmocka_unit_test(no_end_overruns_its_nodes),
	};

	return cmocka_run_group_tests_name("json/tree_read", tests, NULL, NULL);
}
