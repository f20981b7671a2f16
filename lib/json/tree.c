/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A tree's life, questions to its nodes, and the order of names.  Reading: tree_read.c. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "json/tree.h"
#include "json/tree_internal.h"

const struct json_node *
json_tree_root(const struct json_tree *tree)
{
	MUST(tree != NULL);
	return tree->root;
}

void
json_tree_destroy(struct json_tree *tree)
{
	if (tree == NULL)
		return;
	/* Nodes only point: what may be a secret is in the texts alone. */
	explicit_bzero(tree->texts, tree->texts_size);
	free(tree);
}

void
json_tree_destroyp(struct json_tree **tree)
{
	json_tree_destroy(*tree);
	*tree = NULL;
}

const struct json_node *
json_node_member(const struct json_node *node, const char *name)
{
	const struct json_node *child;
	size_t size;

	MUST(name != NULL);

	if (node == NULL || node->type != JSON_OBJECT)
		return NULL;
	size = strlen(name);
	for (child = node->child; child != NULL; child = child->next) {
		if (child->name_size == size && memcmp(child->name, name, size) == 0)
			return child;
	}
	return NULL;
}

bool
json_node_text_is(const struct json_node *node, const char *text)
{
	size_t size;

	MUST(text != NULL);

	if (node == NULL || (node->type != JSON_STRING && node->type != JSON_NUMBER))
		return false;
	size = strlen(text);
	return node->text_size == size && memcmp(node->text, text, size) == 0;
}

int
json_compare_utf8(const struct json_node *a, const struct json_node *b)
{
	size_t size = a->name_size < b->name_size ? a->name_size : b->name_size;
	int order = size > 0 ? memcmp(a->name, b->name, size) : 0;

	if (order != 0)
		return order;
	return a->name_size < b->name_size ? -1 : a->name_size > b->name_size;
}

/*
 * A byte's rank under UTF-16.  Bytes of UTF-8 sort as code points do; UTF-16 puts what needs
 * surrogates (first byte f0 to f4) before U+E000 to U+FFFF (first byte ee or ef), and nothing else
 * differs.
 */
static int
utf16_rank(char c)
{
	uint8_t byte = (uint8_t)c;

	return byte == 0xee || byte == 0xef ? byte + 0x100 : byte;
}

int
json_compare_utf16(const struct json_node *a, const struct json_node *b)
{
	size_t size = a->name_size < b->name_size ? a->name_size : b->name_size;
	size_t i;

	for (i = 0; i < size; i++) {
		if (a->name[i] != b->name[i])
			return utf16_rank(a->name[i]) - utf16_rank(b->name[i]);
	}
	return a->name_size < b->name_size ? -1 : a->name_size > b->name_size;
}

/* Lets the node at `root` sink until no child of it in the heap of `count` is greater. */
static void
heap_sink(const struct json_node **list, size_t root, size_t count, json_compare_fn *compare)
{
	const struct json_node *node = list[root];

	for (;;) {
		size_t child = root * 2 + 1;

		if (child >= count)
			break;
		if (child + 1 < count && compare(list[child], list[child + 1]) < 0)
			child++;
		if (compare(node, list[child]) >= 0)
			break;
		list[root] = list[child];
		root = child;
	}
	list[root] = node;
}

void
json_sort(const struct json_node **list, size_t count, json_compare_fn *compare)
{
	size_t i;

	MUST(list != NULL || count == 0);

	for (i = 1; i < count; i++) {
		if (compare(list[i - 1], list[i]) > 0)
			break;
	}
	if (i >= count)
		return; /* most objects come sorted from their writers */
	for (i = count / 2; i-- > 0;)
		heap_sink(list, i, count, compare);
	for (i = count; i-- > 1;) {
		const struct json_node *greatest = list[0];

		list[0] = list[i];
		list[i] = greatest;
		heap_sink(list, 0, i, compare);
	}
}
