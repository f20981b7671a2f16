/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A tree whose complete subtrees are all kept, grown by the frontier; the leaves of the vectors. */
#ifndef TESTS_UNIT_MERKLE_TREE_H
#define TESTS_UNIT_MERKLE_TREE_H

#include <stdio.h>
#include <string.h>

#include "merkle/merkle.h"
#include "unit.h"

#define TREE_LEAVES 300u
#define TREE_LEVELS 10u

struct tree {
	struct merkle_frontier frontier;
	struct merkle_hash nodes[TREE_LEVELS][TREE_LEAVES];
	size_t known[TREE_LEVELS];
	struct merkle_hash roots[TREE_LEAVES + 1];
	unsigned int nodes_asked; /* of tree_node */
	unsigned int fail_at;     /* the Nth question fails; 0: none */
};

static inline void
tree_leaf(unsigned int i, struct merkle_hash *out)
{
	char one[32];
	char data[1024] = "";
	unsigned int n;

	(void)snprintf(one, sizeof(one), "leaf %u.", i);
	for (n = 0; n < i % 19 + 1; n++)
		(void)strncat(data, one, sizeof(data) - strlen(data) - 1);
	merkle_leaf(data, strlen(data), out);
}

/* Each is told once, in order. */
static inline void
tree_done(void *ctx, unsigned int level, uint64_t index, const struct merkle_hash *hash)
{
	struct tree *t = ctx;

	assert_true(level < TREE_LEVELS);
	assert_int_equal(index, t->known[level]);
	t->nodes[level][t->known[level]++] = *hash;
}

static inline enum err
tree_node(void *ctx, unsigned int level, uint64_t index, struct merkle_hash *out)
{
	struct tree *t = ctx;

	if (++t->nodes_asked == t->fail_at)
		return ERR_FORMAT;
	assert_true(level < TREE_LEVELS);
	assert_true(index < t->known[level]);
	*out = t->nodes[level][index];
	return ERR_OK;
}

static inline void
tree_grow(struct tree *t)
{
	unsigned int i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < TREE_LEAVES; i++) {
		struct merkle_hash leaf;

		merkle_frontier_root(&t->frontier, &t->roots[i]);
		tree_leaf(i, &leaf);
		merkle_frontier_add(&t->frontier, &leaf, tree_done, t);
	}
	merkle_frontier_root(&t->frontier, &t->roots[TREE_LEAVES]);
}

#endif
