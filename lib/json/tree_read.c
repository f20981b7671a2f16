/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The strict reader.  It does not recurse: while an array or object is open, its `next` leads to
 * the one around it, and becomes the sibling's place again when it is closed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "json/scan.h"
#include "json/stops.h"
#include "json/tree.h"
#include "json/tree_internal.h"

/* What may come next. */
enum expectation {
	EXPECT_VALUE,
	EXPECT_VALUE_OR_END, /* after [ */
	EXPECT_NAME,
	EXPECT_NAME_OR_END, /* after { */
	EXPECT_COMMA_OR_END,
	EXPECT_NOTHING, /* the root is whole */
};

struct reader {
	struct json_scan scan;
	const char *start;
	size_t depth;
	size_t depth_max;
	enum expectation expect;
	struct json_node *nodes;
	size_t node_count;
	size_t node_capacity;
	const struct json_node **sorted_at; /* free place for lists of members */
	struct json_node *open;             /* the innermost open array or object, or NULL */
	struct json_node *last;             /* its last child so far, or NULL */
	const char *name;                   /* the name that the next value has */
	size_t name_size;
};

/* Makes the next node, joined to what is open. */
static struct json_node *
add_node(struct reader *r, enum json_type type)
{
	struct json_node *node;

	/* count_nodes() has counted everything that can lead here. */
	MUST(r->node_count < r->node_capacity);

	node = &r->nodes[r->node_count++];
	*node = (struct json_node){ .type = type };
	if (r->open != NULL) {
		if (r->open->type == JSON_OBJECT) {
			node->name = r->name;
			node->name_size = r->name_size;
		}
		if (r->last != NULL)
			r->last->next = node;
		else
			r->open->child = node;
		r->open->child_count++;
	}
	r->last = node;
	r->expect = r->open != NULL ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
	return node;
}

static enum err
read_text(struct reader *r, enum json_type type)
{
	const char *text;
	size_t size;
	struct json_node *node;
	enum err e;

	e = type == JSON_STRING ? json_scan_string(&r->scan, &text, &size)
				: json_scan_number(&r->scan, &text, &size);
	if (e != ERR_OK)
		return e;
	node = add_node(r, type);
	node->text = text;
	node->text_size = size;
	return ERR_OK;
}

static enum err
read_word(struct reader *r)
{
	static const struct {
		const char *word;
		enum json_type type;
	} words[] = { { "null", JSON_NULL }, { "false", JSON_FALSE }, { "true", JSON_TRUE } };
	size_t left = (size_t)(r->scan.end - r->scan.at);
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t size = strlen(words[i].word);

		if (left >= size && memcmp(r->scan.at, words[i].word, size) == 0) {
			r->scan.at += size;
			(void)add_node(r, words[i].type);
			return ERR_OK;
		}
	}
	return json_scan_refuse(&r->scan, "expected a value");
}

static enum err
open_container(struct reader *r, enum json_type type)
{
	struct json_node *node;

	if (r->depth == r->depth_max) {
		r->scan.why = "too many arrays and objects inside one another";
		return ERR_LIMIT;
	}
	r->depth++;
	r->scan.at++;
	node = add_node(r, type);
	node->next = r->open;
	r->open = node;
	r->last = NULL;
	r->expect = type == JSON_OBJECT ? EXPECT_NAME_OR_END : EXPECT_VALUE_OR_END;
	return ERR_OK;
}

static enum err
read_value(struct reader *r)
{
	switch (*r->scan.at) {
	case '{':
		return open_container(r, JSON_OBJECT);
	case '[':
		return open_container(r, JSON_ARRAY);
	case '"':
		return read_text(r, JSON_STRING);
	default:
		if (*r->scan.at == '-' || (*r->scan.at >= '0' && *r->scan.at <= '9'))
			return read_text(r, JSON_NUMBER);
		return read_word(r);
	}
}

static enum err
read_name(struct reader *r)
{
	enum err e;

	if (*r->scan.at != '"')
		return json_scan_refuse(&r->scan, "expected a name in quotes");
	e = json_scan_string(&r->scan, &r->name, &r->name_size);
	if (e != ERR_OK)
		return e;
	json_scan_blanks(&r->scan);
	if (r->scan.at == r->scan.end || *r->scan.at != ':')
		return json_scan_refuse(&r->scan, "expected : after a name");
	r->scan.at++;
	r->expect = EXPECT_VALUE;
	return ERR_OK;
}

/* Lists the members by name; two that are equal then stand beside one another. */
static enum err
sort_members(struct reader *r, struct json_node *object)
{
	const struct json_node **list = r->sorted_at;
	const struct json_node *child;
	size_t count = 0;
	size_t i;

	for (child = object->child; child != NULL; child = child->next)
		list[count++] = child;
	MUST(count == object->child_count);
	json_sort(list, count, json_compare_utf8);
	for (i = 1; i < count; i++) {
		if (json_compare_utf8(list[i - 1], list[i]) == 0) {
			r->scan.why = "an object has a name twice";
			return ERR_DUPLICATE;
		}
	}
	object->sorted = list;
	r->sorted_at += count;
	return ERR_OK;
}

static enum err
close_container(struct reader *r)
{
	struct json_node *node = r->open;
	size_t outer;

	if (node->type == JSON_OBJECT) {
		enum err e = sort_members(r, node);

		if (e != ERR_OK)
			return e;
	}
	r->scan.at++;
	r->depth--;
	outer = node->next != NULL ? (size_t)(node->next - r->nodes) : SIZE_MAX;
	node->next = NULL;
	r->open = outer != SIZE_MAX ? &r->nodes[outer] : NULL;
	r->last = node;
	r->expect = r->open != NULL ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
	return ERR_OK;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool
at_close(const struct reader *r)
{
	return r->open != NULL && *r->scan.at == (r->open->type == JSON_OBJECT ? '}' : ']');
}

/* One step; r->scan.at is at something that is not blank. */
static enum err
read_step(struct reader *r)
{
	switch (r->expect) {
	case EXPECT_VALUE_OR_END:
		return at_close(r) ? close_container(r) : read_value(r);
	case EXPECT_VALUE:
		return read_value(r);
	case EXPECT_NAME_OR_END:
		return at_close(r) ? close_container(r) : read_name(r);
	case EXPECT_NAME:
		return read_name(r);
	case EXPECT_COMMA_OR_END:
		if (at_close(r))
			return close_container(r);
		if (*r->scan.at != ',')
			return json_scan_refuse(
				&r->scan, "expected a comma or the end of an array or object");
		r->scan.at++;
		r->expect = r->open->type == JSON_OBJECT ? EXPECT_NAME : EXPECT_VALUE;
		return ERR_OK;
	case EXPECT_NOTHING:
		break;
	}
	return json_scan_refuse(&r->scan, "text after the end of the value");
}

static enum err
read_all(struct reader *r)
{
	for (;;) {
		enum err e;

		json_scan_blanks(&r->scan);
		if (r->scan.at == r->scan.end)
			return r->expect == EXPECT_NOTHING
				       ? ERR_OK
				       : json_scan_refuse(&r->scan,
							  "the text ends before its value does");
		e = read_step(r);
		if (e != ERR_OK)
			return e;
	}
}

/* From behind the opening quote of a string to behind its closing one, or to the end. */
static const char *
skip_string(const char *at, const char *end)
{
	while (at < end) {
		uint64_t word;
		uint64_t stops = 0;

		if (end - at >= 8) {
			memcpy(&word, at, sizeof(word));
			stops = json_stops(word);
			if (stops == 0) {
				at += 8;
				continue;
			}
			at += json_stops_first(stops);
		}
		if (*at == '"')
			return at + 1;
		at += *at == '\\' && end - at > 1 ? 2 : 1;
	}
	return end;
}

/*
 * An upper bound: a value stands at the start, behind an opening bracket, or behind a comma.  And a
 * value takes two bytes, itself and what parts it from the next, but for what is still open: so
 * foreign bytes that only look like structure get no more storage than real ones.
 */
static size_t
count_nodes(const char *text, size_t size, size_t depth_max)
{
	const size_t count_max = size / 2 + depth_max + 1;
	const char *end = text + size;
	size_t count = 1;

	while (text < end) {
		char c = *text++;

		if (c == '"')
			text = skip_string(text, end);
		else if (c == ',' || c == '[' || c == '{')
			count++;
	}
	return count < count_max ? count : count_max;
}

static enum err
create_storage(const char *text, size_t size, struct json_tree **out, struct reader *r)
{
	const size_t node_size = sizeof(struct json_node) + sizeof(struct json_node *);
	size_t count = count_nodes(text, size, r->depth_max);
	size_t storage;
	struct json_tree *tree;

	if (!num_mul(count, node_size, &storage) ||
	    !num_add(storage, sizeof(struct json_tree), &storage) ||
	    !num_add(storage, size, &storage))
		return ERR_MEMORY;
	/* Not zeroed: add_node() sets each node, and far fewer are used than bytes are there. */
	tree = malloc(storage);
	if (tree == NULL)
		return ERR_MEMORY;
	r->nodes = tree->nodes;
	r->node_capacity = count;
	r->sorted_at = (const struct json_node **)(void *)(tree->nodes + count);
	r->scan.bytes_at = (char *)(r->sorted_at + count);
	tree->texts = r->scan.bytes_at;
	*out = tree;
	return ERR_OK;
}

enum err
json_tree_read(const char *text, size_t size, size_t depth_max, struct json_tree **out,
	       struct json_failure *why)
{
	struct reader r = { .scan = { .at = text, .end = text + size },
			    .start = text,
			    .depth_max = depth_max,
			    .expect = EXPECT_VALUE };
	struct json_tree *tree = NULL;
	size_t used;
	enum err e;

	MUST(text != NULL || size == 0);
	MUST(depth_max <= JSON_TREE_DEPTH_LIMIT);
	MUST(out != NULL);

	e = create_storage(text, size, &tree, &r);
	if (e != ERR_OK)
		return e;
	e = read_all(&r);
	/* json_scan may have written eight bytes beyond those that count. */
	used = (size_t)(r.scan.bytes_at - tree->texts);
	tree->texts_size = size - used > 8 ? used + 8 : size;
	if (e != ERR_OK) {
		if (why != NULL)
			*why = (struct json_failure){ .offset = (size_t)(r.scan.at - r.start),
						      .text = r.scan.why,
						      .is_duplicate = e == ERR_DUPLICATE };
		json_tree_destroy(tree);
		return e;
	}
	tree->root = tree->nodes;
	*out = tree;
	return ERR_OK;
}
