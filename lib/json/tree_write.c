/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes a tree with sorted members.  Escapes are writer.c's. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "json/tree.h"
#include "json/tree_internal.h"

/* True for what RFC 8785 and we write for an integer that every reader keeps exactly. */
static bool
is_safe_integer(const char *text, size_t size)
{
	uint64_t v;

	if (size > 0 && text[0] == '-') {
		text++;
		size--;
		if (size == 1 && text[0] == '0')
			return false; /* minus zero is written "0" there, which is not what was said
				       */
	}
	return num_read_u64(text, size, (uint64_t)NUM_JSON_INTEGER_MAX, &v) == ERR_OK;
}

static void
write_number(const struct json_node *node, enum json_numbers numbers, struct json_writer *w)
{
	if (numbers == JSON_NUMBERS_AS_WRITTEN || is_safe_integer(node->text, node->text_size))
		json_write_raw(w, node->text, node->text_size);
	else
		json_write_string(w, node->text, node->text_size);
}

static enum err
write_members(const struct json_node *const *list, size_t count, enum json_order order,
	      enum json_numbers numbers, struct json_writer *w)
{
	size_t i;

	for (i = 0; i < count; i++) {
		enum err e;

		if (i > 0)
			json_write_literal(w, ",");
		json_write_string(w, list[i]->name, list[i]->name_size);
		json_write_literal(w, ":");
		e = json_node_write(list[i], order, numbers, w);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* The reader's sorted list is in UTF-8's order; UTF-16's differs for rare names alone. */
static bool
is_in_utf16_order(const struct json_node *node)
{
	size_t i;

	for (i = 1; i < node->child_count; i++) {
		if (json_compare_utf16(node->sorted[i - 1], node->sorted[i]) > 0)
			return false;
	}
	return true;
}

static enum err
write_object(const struct json_node *node, enum json_order order, enum json_numbers numbers,
	     struct json_writer *w)
{
	const struct json_node **list = NULL;
	enum err e;

	json_write_literal(w, "{");
	if (order == JSON_ORDER_UTF8 || is_in_utf16_order(node)) {
		e = write_members(node->sorted, node->child_count, order, numbers, w);
	} else {
		list = calloc(node->child_count, sizeof(struct json_node *));
		if (list == NULL)
			return ERR_MEMORY;
		memcpy(list, node->sorted, node->child_count * sizeof(struct json_node *));
		json_sort(list, node->child_count, json_compare_utf16);
		e = write_members(list, node->child_count, order, numbers, w);
		free(list);
	}
	json_write_literal(w, "}");
	return e;
}

static enum err
write_array(const struct json_node *node, enum json_order order, enum json_numbers numbers,
	    struct json_writer *w)
{
	const struct json_node *child;

	json_write_literal(w, "[");
	for (child = node->child; child != NULL; child = child->next) {
		enum err e;

		if (child != node->child)
			json_write_literal(w, ",");
		e = json_node_write(child, order, numbers, w);
		if (e != ERR_OK)
			return e;
	}
	json_write_literal(w, "]");
	return ERR_OK;
}

enum err
json_node_write(const struct json_node *node, enum json_order order, enum json_numbers numbers,
		struct json_writer *w)
{
	MUST(node != NULL);
	MUST(w != NULL);

	switch (node->type) {
	case JSON_NULL:
		json_write_literal(w, "null");
		return ERR_OK;
	case JSON_FALSE:
		json_write_literal(w, "false");
		return ERR_OK;
	case JSON_TRUE:
		json_write_literal(w, "true");
		return ERR_OK;
	case JSON_NUMBER:
		write_number(node, numbers, w);
		return ERR_OK;
	case JSON_STRING:
		json_write_string(w, node->text, node->text_size);
		return ERR_OK;
	case JSON_ARRAY:
		return write_array(node, order, numbers, w);
	case JSON_OBJECT:
		return write_object(node, order, numbers, w);
	}
	MUST(false && "a node of no type");
	return ERR_FORMAT;
}
