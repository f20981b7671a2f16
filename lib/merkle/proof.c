/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Roots of any size, and inclusion and consistency proofs, from a table of complete subtrees; and
 * their verification, which needs none.  The recursions of RFC 6962 are walked from the top down
 * and the hashes turned round at the end, because a proof begins at the leaf.
 */
#include <string.h>

#include "base/must.h"
#include "merkle/merkle.h"

/* The largest power of two below n, which is at least 2: where RFC 6962 cuts a tree. */
static uint64_t
cut_of(uint64_t n)
{
	MUST(n >= 2);
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* The root of `size` leaves from `start`, which is a multiple of every power of two <= size. */
static enum err
range_root(merkle_node_fn *node, void *ctx, uint64_t start, uint64_t size, struct merkle_hash *out)
{
	struct merkle_hash root = { 0 };
	bool is_first = true;
	unsigned int level;

	for (level = 0; level < 64 && size >> level != 0; level++) {
		struct merkle_hash left;
		enum err e;

		if (((size >> level) & 1u) == 0)
			continue;
		e = node(ctx, level, (start >> level) + (size >> level) - 1, &left);
		if (e != ERR_OK)
			return e;
		if (is_first)
			root = left;
		else
			merkle_node(&left, &root, &root);
		is_first = false;
	}
	*out = root;
	return ERR_OK;
}

enum err
merkle_root_at(merkle_node_fn *node, void *ctx, uint64_t size, struct merkle_hash *out)
{
	if (size == 0) {
		merkle_empty(out);
		return ERR_OK;
	}
	return range_root(node, ctx, 0, size, out);
}

/* Copies a proof in its own order: what was found last comes first. */
static void
hand_over(const struct merkle_hash *found, size_t count, struct merkle_hash *proof,
	  size_t *count_out)
{
	size_t i;

	for (i = 0; i < count; i++)
		proof[i] = found[count - 1 - i];
	*count_out = count;
}

enum err
merkle_prove_inclusion(merkle_node_fn *node, void *ctx, uint64_t index, uint64_t size,
		       struct merkle_hash proof[MERKLE_PROOF_MAX], size_t *count_out)
{
	struct merkle_hash found[MERKLE_PROOF_MAX];
	uint64_t start = 0;
	size_t count = 0;

	if (index >= size)
		return ERR_RANGE;
	while (size > 1) {
		uint64_t cut = cut_of(size);
		bool is_left = index < cut;
		enum err e;

		MUST(count < MERKLE_PROOF_MAX);
		e = is_left ? range_root(node, ctx, start + cut, size - cut, &found[count])
			    : range_root(node, ctx, start, cut, &found[count]);
		if (e != ERR_OK)
			return e;
		count++;
		start += is_left ? 0 : cut;
		index -= is_left ? 0 : cut;
		size = is_left ? cut : size - cut;
	}
	hand_over(found, count, proof, count_out);
	return ERR_OK;
}

enum err
merkle_prove_consistency(merkle_node_fn *node, void *ctx, uint64_t old_size, uint64_t size,
			 struct merkle_hash proof[MERKLE_PROOF_MAX], size_t *count_out)
{
	struct merkle_hash found[MERKLE_PROOF_MAX];
	uint64_t start = 0;
	size_t count = 0;

	if (old_size > size)
		return ERR_RANGE;
	while (old_size != 0 && old_size != size) {
		uint64_t cut = cut_of(size);
		bool is_left = old_size <= cut;
		enum err e;

		MUST(count < MERKLE_PROOF_MAX);
		e = is_left ? range_root(node, ctx, start + cut, size - cut, &found[count])
			    : range_root(node, ctx, start, cut, &found[count]);
		if (e != ERR_OK)
			return e;
		count++;
		start += is_left ? 0 : cut;
		old_size -= is_left ? 0 : cut;
		size = is_left ? cut : size - cut;
	}
	/* A subtree that does not begin the old tree: its root is not known from the old root. */
	if (start > 0) {
		enum err e;

		MUST(count < MERKLE_PROOF_MAX);
		e = range_root(node, ctx, start, size, &found[count]);
		if (e != ERR_OK)
			return e;
		count++;
	}
	hand_over(found, count, proof, count_out);
	return ERR_OK;
}

enum err
merkle_verify_inclusion(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
			const struct merkle_hash *proof, size_t count,
			const struct merkle_hash *root)
{
	struct merkle_hash r = *leaf;
	uint64_t at = index;
	uint64_t last;
	size_t i;

	if (index >= size)
		return ERR_REFUSED;
	last = size - 1;
	for (i = 0; i < count; i++) {
		if (last == 0)
			return ERR_REFUSED;
		if ((at & 1u) != 0 || at == last) {
			merkle_node(&proof[i], &r, &r);
			while ((at & 1u) == 0 && at != 0) {
				at >>= 1;
				last >>= 1;
			}
		} else {
			merkle_node(&r, &proof[i], &r);
		}
		at >>= 1;
		last >>= 1;
	}
	return last == 0 && merkle_equal(&r, root) ? ERR_OK : ERR_REFUSED;
}

/* A growth from nothing, or none: there is nothing to be shown by hashes. */
static enum err
verify_trivial(uint64_t old_size, const struct merkle_hash *old_root, uint64_t size,
	       const struct merkle_hash *root, size_t count)
{
	struct merkle_hash empty;

	if (count != 0)
		return ERR_REFUSED;
	if (old_size == size && !merkle_equal(old_root, root))
		return ERR_REFUSED;
	if (old_size != 0)
		return ERR_OK;
	merkle_empty(&empty);
	return merkle_equal(old_root, &empty) ? ERR_OK : ERR_REFUSED;
}

enum err
merkle_verify_consistency(uint64_t old_size, const struct merkle_hash *old_root, uint64_t size,
			  const struct merkle_hash *root, const struct merkle_hash *proof,
			  size_t count)
{
	struct merkle_hash old;
	struct merkle_hash now;
	uint64_t at;
	uint64_t last;
	size_t i;

	if (old_size > size)
		return ERR_REFUSED;
	if (old_size == 0 || old_size == size)
		return verify_trivial(old_size, old_root, size, root, count);

	at = old_size - 1;
	last = size - 1;
	while ((at & 1u) != 0) {
		at >>= 1;
		last >>= 1;
	}
	/* An old tree that is one complete subtree begins the path itself. */
	i = at == 0 ? 0 : 1;
	if (count < i)
		return ERR_REFUSED;
	old = at == 0 ? *old_root : proof[0];
	now = old;
	for (; i < count; i++) {
		if (last == 0)
			return ERR_REFUSED;
		if ((at & 1u) != 0 || at == last) {
			merkle_node(&proof[i], &old, &old);
			merkle_node(&proof[i], &now, &now);
			while ((at & 1u) == 0 && at != 0) {
				at >>= 1;
				last >>= 1;
			}
		} else {
			merkle_node(&now, &proof[i], &now);
		}
		at >>= 1;
		last >>= 1;
	}
	return last == 0 && merkle_equal(&old, old_root) && merkle_equal(&now, root) ? ERR_OK
										     : ERR_REFUSED;
}
