/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The Merkle tree of RFC 6962 section 2 (RFC 9162 section 2.1): leaf hashes, roots that grow leaf
 * by leaf in constant memory, inclusion and consistency proofs, and their verification.  Pure:
 * where nodes come from is the caller's business.
 */
#ifndef MERKLE_MERKLE_H
#define MERKLE_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define MERKLE_HASH_BYTES 32u
/* The most hashes of a proof: a consistency proof has one more than the levels of the tree. */
#define MERKLE_PROOF_MAX 65u

struct merkle_hash {
	uint8_t bytes[MERKLE_HASH_BYTES];
};

/* SHA-256(0x00 || data), SHA-256(0x01 || left || right), and the root of no leaves. */
void merkle_leaf(const void *data, size_t size, struct merkle_hash *out);
void merkle_node(const struct merkle_hash *left, const struct merkle_hash *right,
		 struct merkle_hash *out);
void merkle_empty(struct merkle_hash *out);
bool merkle_equal(const struct merkle_hash *a, const struct merkle_hash *b);

/*
 * A tree's right edge: nodes[i] is the root of the complete subtree of 2^i leaves where bit i of
 * size is set, and not initialised elsewhere.  Zeroed is the empty tree.
 */
struct merkle_frontier {
	uint64_t size;
	struct merkle_hash nodes[MERKLE_PROOF_MAX];
};

/*
 * Adds one leaf's hash.  `done` (may be NULL) is called for every complete subtree that this leaf
 * completes, from level 0 (the leaf itself) up: node `index` of `level` spans the leaves
 * index * 2^level to (index + 1) * 2^level - 1.
 */
typedef void merkle_done_fn(void *ctx, unsigned int level, uint64_t index,
			    const struct merkle_hash *hash);
void merkle_frontier_add(struct merkle_frontier *f, const struct merkle_hash *leaf,
			 merkle_done_fn *done, void *ctx);
void merkle_frontier_root(const struct merkle_frontier *f, struct merkle_hash *out);

/* Gives the root of the complete subtree `index` of 2^level leaves. */
typedef enum err merkle_node_fn(void *ctx, unsigned int level, uint64_t index,
				struct merkle_hash *out);

/* The root of the first `size` leaves.  Errors: node's. */
MUST_USE enum err merkle_root_at(merkle_node_fn *node, void *ctx, uint64_t size,
				 struct merkle_hash *out);
/* RFC 6962 2.1.1.  ERR_RANGE unless index < size; node's errors. */
MUST_USE enum err merkle_prove_inclusion(merkle_node_fn *node, void *ctx, uint64_t index,
					 uint64_t size, struct merkle_hash proof[MERKLE_PROOF_MAX],
					 size_t *count_out);
/* RFC 6962 2.1.2.  An old size of 0 or of `size` has an empty proof.  ERR_RANGE unless
 * old_size <= size; node's errors. */
MUST_USE enum err merkle_prove_consistency(merkle_node_fn *node, void *ctx, uint64_t old_size,
					   uint64_t size,
					   struct merkle_hash proof[MERKLE_PROOF_MAX],
					   size_t *count_out);

/* RFC 9162 2.1.3.2 and 2.1.4.2.  ERR_REFUSED where the proof does not show it. */
MUST_USE enum err merkle_verify_inclusion(const struct merkle_hash *leaf, uint64_t index,
					  uint64_t size, const struct merkle_hash *proof,
					  size_t count, const struct merkle_hash *root);
MUST_USE enum err merkle_verify_consistency(uint64_t old_size, const struct merkle_hash *old_root,
					    uint64_t size, const struct merkle_hash *root,
					    const struct merkle_hash *proof, size_t count);

#endif
