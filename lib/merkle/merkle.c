/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Hashes of leaves and nodes, the right edge of a growing tree, and equal comparison.  Proofs are
 * in proof.c.
 */
#include "merkle/merkle.h"

#include <string.h>

#include "base/must.h"
#include "crypto/sha256.h"

static const uint8_t leaf_prefix = 0x00;
static const uint8_t node_prefix = 0x01;

void
merkle_leaf(const void *data, size_t size, struct merkle_hash *out)
{
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, &leaf_prefix, sizeof(leaf_prefix));
	sha256_update(&h, data, size);
	sha256_final(&h, out->bytes);
}

void
merkle_node(const struct merkle_hash *left, const struct merkle_hash *right,
	    struct merkle_hash *out)
{
	uint8_t block[1 + 2 * MERKLE_HASH_BYTES];

	block[0] = node_prefix;
	memcpy(block + 1, left->bytes, MERKLE_HASH_BYTES);
	memcpy(block + 1 + MERKLE_HASH_BYTES, right->bytes, MERKLE_HASH_BYTES);
	sha256_of(block, sizeof(block), out->bytes);
}

void
merkle_empty(struct merkle_hash *out)
{
	sha256_of(NULL, 0, out->bytes);
}

bool
merkle_equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
	return memcmp(a->bytes, b->bytes, MERKLE_HASH_BYTES) == 0;
}

void
merkle_frontier_add(struct merkle_frontier *f, const struct merkle_hash *leaf, merkle_done_fn *done,
		    void *ctx)
{
	struct merkle_hash hash = *leaf;
	unsigned int level = 0;

	MUST(f->size < UINT64_MAX);

	for (;; level++) {
		if (done != NULL)
			done(ctx, level, f->size >> level, &hash);
		if (((f->size >> level) & 1u) == 0)
			break;
		merkle_node(&f->nodes[level], &hash, &hash);
	}
	f->nodes[level] = hash;
	f->size++;
}

void
merkle_frontier_root(const struct merkle_frontier *f, struct merkle_hash *out)
{
	struct merkle_hash root = { 0 };
	bool is_first = true;
	unsigned int level;

	if (f->size == 0) {
		merkle_empty(out);
		return;
	}
	for (level = 0; level < 64 && f->size >> level != 0; level++) {
		if (((f->size >> level) & 1u) == 0)
			continue;
		if (is_first)
			root = f->nodes[level];
		else
			merkle_node(&f->nodes[level], &root, &root);
		is_first = false;
	}
	*out = root;
}
