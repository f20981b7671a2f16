/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the reader and the writer of trees share: the storage, and the order of names. */
#ifndef JSON_TREE_INTERNAL_H
#define JSON_TREE_INTERNAL_H

#include "json/tree.h"

/*
 * The one allocation of a tree: this head, then its nodes, then the sorted lists of all objects,
 * then the bytes of all names and texts.
 */
struct json_tree {
	char *texts;       /* the bytes of names and texts, to be wiped */
	size_t texts_size; /* how many of them were written */
	const struct json_node *root;
	struct json_node nodes[];
};

/* Below 0, 0 or above 0, as memcmp has it. */
typedef int json_compare_fn(const struct json_node *a, const struct json_node *b);

int json_compare_utf8(const struct json_node *a, const struct json_node *b);
int json_compare_utf16(const struct json_node *a, const struct json_node *b);

/* Sorts in place, n log n at worst, without allocation: names are chosen by strangers. */
void json_sort(const struct json_node **list, size_t count, json_compare_fn *compare);

#endif
