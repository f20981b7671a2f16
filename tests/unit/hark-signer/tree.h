/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A tree with known leaves, its roots and its proofs, for requests to a signer. */
#ifndef TESTS_UNIT_HARK_SIGNER_TREE_H
#define TESTS_UNIT_HARK_SIGNER_TREE_H

#include <string.h>

#include "hark-signer/signer.h"
#include "merkle/merkle.h"
#include "unit.h"

#define TREE_LEAVES 64u

/* The hash of a complete subtree, by its definition.  ctx is a salt: another one is another tree.
 */
static inline enum err
tree_node(void *ctx, unsigned int level, uint64_t index, struct merkle_hash *out)
{
	struct merkle_hash left;
	struct merkle_hash right;
	uint8_t leaf[2] = { *(const uint8_t *)ctx, (uint8_t)index };

	if (level == 0) {
		merkle_leaf(leaf, sizeof(leaf), out);
		return ERR_OK;
	}
	(void)tree_node(ctx, level - 1, 2 * index, &left);
	(void)tree_node(ctx, level - 1, 2 * index + 1, &right);
	merkle_node(&left, &right, out);
	return ERR_OK;
}

/* The request to sign `size` leaves where `old_size` were signed last. */
static inline struct signer_request
tree_request(uint8_t salt, uint64_t old_size, uint64_t size)
{
	struct signer_request r = { .size = size };

	assert_int_equal(merkle_root_at(tree_node, &salt, size, &r.root), ERR_OK);
	if (old_size <= size)
		assert_int_equal(merkle_prove_consistency(tree_node, &salt, old_size, size, r.proof,
							  &r.proof_count),
				 ERR_OK);
	return r;
}

#endif
