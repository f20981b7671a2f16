/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A strict reader of JSON (RFC 8259) into a tree that keeps number texts as they were written, and
 * the writer of such a tree.  For JSON that is signed over or taken whole; it refuses what two
 * readers could understand differently: duplicate names (after unescaping), invalid UTF-8, lone
 * surrogates, trailing text, depth over the caller's limit.
 */
#ifndef JSON_TREE_H
#define JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "json/writer.h"

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER, /* text: as it was written */
	JSON_STRING, /* text: unescaped UTF-8 */
	JSON_ARRAY,
	JSON_OBJECT,
};

/* The greatest depth_max that a caller may ask for: writing recurses once a level. */
#define JSON_TREE_DEPTH_LIMIT 512u

/*
 * A value.  Names and texts are slices of the tree's storage, are not terminated and may hold NUL;
 * children are in the order read.
 */
struct json_node {
	enum json_type type;
	const char *name; /* in an object: its unescaped name */
	size_t name_size;
	const char *text;
	size_t text_size;
	const struct json_node *child; /* first, of an array or object */
	const struct json_node *next;  /* sibling */
	size_t child_count;
	const struct json_node *const *sorted; /* an object's members by the bytes of their names */
};

struct json_tree;

/* Where and why reading stopped.  A name given twice is seen where its object ends. */
struct json_failure {
	size_t offset;     /* in bytes */
	const char *text;  /* static, for a person */
	bool is_duplicate; /* it was a name given twice */
};

/*
 * Reads all of `text`.  ERR_FORMAT, ERR_DUPLICATE or ERR_LIMIT (more than depth_max arrays and
 * objects inside one another), each with *why, or ERR_MEMORY.  It is one allocation of at most
 * 41 bytes for each byte of text and depth_max + 2 nodes (of 80 bytes), whatever the bytes are, and
 * time is n log n whatever the names are.  `text` is not kept.  `why` may be NULL.
 */
MUST_USE enum err json_tree_read(const char *text, size_t size, size_t depth_max,
				 struct json_tree **out, struct json_failure *why);
const struct json_node *json_tree_root(const struct json_tree *tree);
/* Wipes (texts may hold keys) and frees.  NULL is fine. */
void json_tree_destroy(struct json_tree *tree);
void json_tree_destroyp(struct json_tree **tree);

/* The member of that name, or NULL.  node may be of any type. */
const struct json_node *json_node_member(const struct json_node *node, const char *name);
/* True where a string (or a number's text) equals the literal. */
bool json_node_text_is(const struct json_node *node, const char *text);

enum json_order {
	JSON_ORDER_UTF16, /* RFC 8785: by UTF-16 code units */
	JSON_ORDER_UTF8,  /* CellOS: by bytes, which is by code point */
};

enum json_numbers {
	JSON_NUMBERS_AS_WRITTEN,
	/* integers within +-(2^53 - 1) in canonical form as numbers, all else as strings of their
	   text */
	JSON_NUMBERS_SAFE,
};

/* Writes the node with the members of every object sorted.  ERR_MEMORY; overflow as in writer.h. */
MUST_USE enum err json_node_write(const struct json_node *node, enum json_order order,
				  enum json_numbers numbers, struct json_writer *w);

#endif
