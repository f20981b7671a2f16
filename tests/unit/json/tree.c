/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Questions to nodes, the order of names, and that the sort sorts. */
#include <string.h>

#include "unit.h"
#include "json/tree.h"
#include "json/tree_internal.h"

static struct json_node
named(const char *name, size_t size)
{
	struct json_node node = { .type = JSON_NULL, .name = name, .name_size = size };

	return node;
}

static int
sign_of(int v)
{
	return v < 0 ? -1 : v > 0;
}

static void
names_compare(void **state)
{
	static const struct {
		const char *rule, *a, *b;
		int utf8, utf16;
	} rows[] = {
		{ "equal", "abc", "abc", 0, 0 },
		{ "both empty", "", "", 0, 0 },
		{ "empty first", "", "a", -1, -1 },
		{ "shorter first", "ab", "abc", -1, -1 },
		{ "by byte", "b", "a", 1, 1 },
		{ "capital first", "Z", "a", -1, -1 },
		{ "ASCII before the rest", "z", "\xc3\xa9", -1, -1 },
		{ "U+FFFF and U+10000", "\xef\xbf\xbf", "\xf0\x90\x80\x80", -1, 1 },
		{ "U+E000 and U+1F980", "\xee\x80\x80", "\xf0\x9f\xa6\x80", -1, 1 },
		{ "U+D7FF and U+10000", "\xed\x9f\xbf", "\xf0\x90\x80\x80", -1, -1 },
		{ "U+D7FF and U+E000", "\xed\x9f\xbf", "\xee\x80\x80", -1, -1 },
		{ "U+E000 and U+FFFF", "\xee\x80\x80", "\xef\xbf\xbf", -1, -1 },
		{ "U+10000 and U+10FFFF", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", -1, -1 },
		{ "after the same start", "a\xef\xbf\xbf", "a\xf0\x90\x80\x80", -1, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct json_node a = named(rows[i].a, strlen(rows[i].a));
		struct json_node b = named(rows[i].b, strlen(rows[i].b));

		if (sign_of(json_compare_utf8(&a, &b)) != rows[i].utf8 ||
		    sign_of(json_compare_utf8(&b, &a)) != -rows[i].utf8)
			fail_msg("%s: by bytes", rows[i].rule);
		if (sign_of(json_compare_utf16(&a, &b)) != rows[i].utf16 ||
		    sign_of(json_compare_utf16(&b, &a)) != -rows[i].utf16)
			fail_msg("%s: by UTF-16", rows[i].rule);
	}
}

/* Every arrangement of up to seven names, two of them equal. */
static void
sorts_every_arrangement(void **state)
{
	static const char letters[] = "abcddef";
	struct json_node nodes[7];
	const struct json_node *list[7];
	size_t count;
	size_t code;
	size_t i;

	(void)state;
	for (i = 0; i < 7; i++)
		nodes[i] = named(&letters[i], 1);
	for (count = 0; count <= 7; count++) {
		size_t codes = 1;

		for (i = 0; i < count; i++)
			codes *= count;
		for (code = 0; code < codes; code++) {
			size_t left = code;

			for (i = 0; i < count; i++, left /= count)
				list[i] = &nodes[left % count];
			json_sort(list, count, json_compare_utf8);
			for (i = 1; i < count; i++)
				assert_true(list[i - 1]->name[0] <= list[i]->name[0]);
		}
	}
}

static void
members_are_found_by_their_whole_name(void **state)
{
	static const char text[] = "{\"ab\":\"1\",\"a\":2,\"a\\u0000\":3,\"\":[4]}";
	struct json_tree *tree = NULL;
	const struct json_node *root;

	(void)state;
	assert_int_equal(json_tree_read(text, sizeof(text) - 1, 2, &tree, NULL), ERR_OK);
	root = json_tree_root(tree);
	assert_true(json_node_text_is(json_node_member(root, "a"), "2"));
	assert_true(json_node_text_is(json_node_member(root, "ab"), "1"));
	assert_false(json_node_text_is(json_node_member(root, "ab"), "12"));
	assert_false(json_node_text_is(json_node_member(root, "ab"), ""));
	assert_int_equal(json_node_member(root, "")->type, JSON_ARRAY);
	assert_false(json_node_text_is(json_node_member(root, ""), ""));
	assert_null(json_node_member(root, "b"));
	assert_null(json_node_member(json_node_member(root, ""), "a"));
	assert_null(json_node_member(NULL, "a"));
	assert_false(json_node_text_is(NULL, "a"));
	json_tree_destroy(tree);
	json_tree_destroy(NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_compare),
		cmocka_unit_test(sorts_every_arrangement),
		cmocka_unit_test(members_are_found_by_their_whole_name),
	};

	return cmocka_run_group_tests_name("json/tree", tests, NULL, NULL);
}
