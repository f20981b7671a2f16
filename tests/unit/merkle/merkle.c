/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Trees and proofs: the published tree, the vectors of tests/ref, and every bent proof refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tree.h"

static struct tree tree;

static void
hash_of_hex(const char *hex, struct merkle_hash *out)
{
	size_t i;

	assert_int_equal(strlen(hex), 2 * sizeof(out->bytes));
	for (i = 0; i < sizeof(out->bytes); i++) {
		unsigned int v = 0;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		out->bytes[i] = (uint8_t)v;
	}
}

static void
the_published_tree(void **state)
{
	static const struct {
		const char *leaf;
		size_t size;
		const char *root;
	} rows[] = {
		{ "", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
		{ "\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
		{ "\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
		{ "\x20\x21", 2,
		  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
		{ "\x30\x31", 2,
		  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
		{ "\x40\x41\x42\x43", 4,
		  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
		{ "\x50\x51\x52\x53\x54\x55\x56\x57", 8,
		  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c" },
		{ "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
		  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
	};
	struct merkle_frontier f = { 0 };
	struct merkle_hash root;
	struct merkle_hash want;
	size_t i;

	(void)state;
	merkle_empty(&want);
	merkle_frontier_root(&f, &root);
	assert_true(merkle_equal(&root, &want));
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct merkle_hash leaf;

		merkle_leaf(rows[i].leaf, rows[i].size, &leaf);
		merkle_frontier_add(&f, &leaf, NULL, NULL);
		merkle_frontier_root(&f, &root);
		hash_of_hex(rows[i].root, &want);
		assert_true(merkle_equal(&root, &want));
		assert_int_equal(f.size, i + 1);
	}
}

static void
check_row(const json_t *row)
{
	const char *kind = json_string_value(json_object_get(row, "kind"));
	uint64_t size = (uint64_t)json_integer_value(json_object_get(row, "size"));
	const json_t *want = json_object_get(row, "proof");
	struct merkle_hash proof[MERKLE_PROOF_MAX];
	struct merkle_hash one;
	size_t count = 0;
	size_t i;

	if (strcmp(kind, "root") == 0) {
		hash_of_hex(json_string_value(json_object_get(row, "root")), &one);
		assert_true(merkle_equal(&one, &tree.roots[size]));
		return;
	}
	if (strcmp(kind, "inclusion") == 0)
		assert_int_equal(merkle_prove_inclusion(tree_node, &tree,
							(uint64_t)json_integer_value(
								json_object_get(row, "index")),
							size, proof, &count),
				 ERR_OK);
	else
		assert_int_equal(merkle_prove_consistency(
					 tree_node, &tree,
					 (uint64_t)json_integer_value(json_object_get(row, "old")),
					 size, proof, &count),
				 ERR_OK);
	assert_int_equal(count, json_array_size(want));
	for (i = 0; i < count; i++) {
		hash_of_hex(json_string_value(json_array_get(want, i)), &one);
		assert_true(merkle_equal(&one, &proof[i]));
	}
}

static void
every_vector(void **state)
{
	FILE *file = fopen(TEST_VECTORS "/merkle.jsonl", "r");
	unsigned int rows = 0;
	char *line = NULL;
	size_t capacity = 0;

	(void)state;
	assert_non_null(file);
	while (getline(&line, &capacity, file) > 0) {
		json_t *row = json_loads(line, 0, NULL);

		assert_non_null(row);
		check_row(row);
		json_decref(row);
		rows++;
	}
	free(line);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rows, 358);
}

static void
roots_of_all_sizes(void **state)
{
	uint64_t size;

	(void)state;
	for (size = 0; size <= TREE_LEAVES; size++) {
		struct merkle_hash root;

		assert_int_equal(merkle_root_at(tree_node, &tree, size, &root), ERR_OK);
		assert_true(merkle_equal(&root, &tree.roots[size]));
	}
}

/* Where a proof of these hashes holds. */
struct claim {
	bool is_growth;
	uint64_t a; /* index, or the old size */
	uint64_t size;
	const struct merkle_hash *first; /* the leaf, or the old root */
	const struct merkle_hash *root;
};

static enum err
judge(const struct claim *c, const struct merkle_hash *proof, size_t count)
{
	return c->is_growth
		       ? merkle_verify_consistency(c->a, c->first, c->size, c->root, proof, count)
		       : merkle_verify_inclusion(c->first, c->a, c->size, proof, count, c->root);
}

static void
check_bent(const struct claim *c, struct merkle_hash *proof, size_t count)
{
	struct merkle_hash bent = *c->first;
	struct claim other = *c;
	size_t i;

	for (i = 0; i < count; i++) {
		proof[i].bytes[i % 32] ^= 1;
		assert_int_equal(judge(c, proof, count), ERR_REFUSED);
		proof[i].bytes[i % 32] ^= 1;
	}
	memset(&proof[count], 0, sizeof(proof[count]));
	assert_int_equal(judge(c, proof, count + 1), ERR_REFUSED);
	for (i = 0; i < count; i++)
		assert_int_equal(judge(c, proof, i), ERR_REFUSED);
	if (count > 0)
		assert_int_equal(judge(c, proof + 1, count - 1), ERR_REFUSED);
	bent.bytes[31] ^= 0x80;
	other.first = &bent;
	assert_int_equal(judge(&other, proof, count), ERR_REFUSED);
	bent = *c->root;
	bent.bytes[0] ^= 0x80;
	other = *c;
	other.root = &bent;
	/* From nothing everything grows, so no other root is wrong. */
	if (!c->is_growth || c->a != 0)
		assert_int_equal(judge(&other, proof, count), ERR_REFUSED);
}

static void
proofs_hold_and_bent_ones_do_not(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 255, 256, 257 };
	struct merkle_hash proof[MERKLE_PROOF_MAX + 1];
	size_t i;
	uint64_t m;

	(void)state;
	for (i = 0; i < COUNT_OF(sizes); i++) {
		for (m = 0; m <= sizes[i]; m++) {
			struct claim c = { false, m, sizes[i], &tree.nodes[0][m],
					   &tree.roots[sizes[i]] };
			size_t count = 99;

			if (m == sizes[i]) {
				assert_int_equal(merkle_prove_inclusion(tree_node, &tree, m,
									sizes[i], proof, &count),
						 ERR_RANGE);
				assert_int_equal(count, 99);
				assert_int_equal(judge(&c, proof, 0), ERR_REFUSED);
			} else {
				assert_int_equal(merkle_prove_inclusion(tree_node, &tree, m,
									sizes[i], proof, &count),
						 ERR_OK);
				assert_int_equal(judge(&c, proof, count), ERR_OK);
				check_bent(&c, proof, count);
			}
			c.is_growth = true;
			c.first = &tree.roots[m];
			assert_int_equal(merkle_prove_consistency(tree_node, &tree, m, sizes[i],
								  proof, &count),
					 ERR_OK);
			assert_int_equal(judge(&c, proof, count), ERR_OK);
			check_bent(&c, proof, count);
		}
	}
}

static void
a_shrunk_tree_is_no_growth(void **state)
{
	struct merkle_hash proof[MERKLE_PROOF_MAX];
	size_t count = 99;

	(void)state;
	assert_int_equal(merkle_prove_consistency(tree_node, &tree, 8, 7, proof, &count),
			 ERR_RANGE);
	assert_int_equal(count, 99);
	assert_int_equal(merkle_verify_consistency(8, &tree.roots[8], 7, &tree.roots[7], proof, 0),
			 ERR_REFUSED);
	assert_int_equal(merkle_verify_consistency(0, &tree.roots[1], 7, &tree.roots[7], proof, 0),
			 ERR_REFUSED);
}

static void
a_missing_node_is_said(void **state)
{
	struct merkle_hash proof[MERKLE_PROOF_MAX];
	struct merkle_hash root;
	unsigned int i;
	size_t count = 0;

	(void)state;
	for (i = 1;; i++) {
		tree.nodes_asked = 0;
		tree.fail_at = i;
		if (merkle_root_at(tree_node, &tree, 255, &root) == ERR_OK)
			break;
	}
	assert_int_equal(i, 9); /* 255 has eight subtrees */
	for (i = 1;; i++) {
		tree.nodes_asked = 0;
		tree.fail_at = i;
		if (merkle_prove_inclusion(tree_node, &tree, 3, 255, proof, &count) == ERR_OK)
			break;
		assert_int_equal(count, 0);
	}
	assert_true(i > 8);
	count = 0;
	for (i = 1;; i++) {
		tree.nodes_asked = 0;
		tree.fail_at = i;
		if (merkle_prove_consistency(tree_node, &tree, 77, 255, proof, &count) == ERR_OK)
			break;
		assert_int_equal(count, 0);
	}
	assert_true(i > 8);
	tree.fail_at = 0;
}

/* The same hash everywhere, so that trees of any size have a known root. */
static enum err
same_everywhere(void *ctx, unsigned int level, uint64_t index, struct merkle_hash *out)
{
	unsigned int i;

	(void)index;
	*out = *(const struct merkle_hash *)ctx;
	for (i = 0; i < level; i++)
		merkle_node(out, out, out);
	return ERR_OK;
}

static void
the_largest_trees(void **state)
{
	static const struct {
		uint64_t old, size;
		size_t growth;
	} rows[] = {
		{ INT64_MAX, UINT64_MAX, 65 }, /* the longest there is */
		{ UINT64_MAX - 1, UINT64_MAX, 64 },
		{ UINT64_C(1) << 63, UINT64_MAX, 1 },
		{ 1, UINT64_MAX, 64 },
	};
	struct merkle_hash leaf;
	size_t i;

	(void)state;
	merkle_leaf("x", 1, &leaf);
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct merkle_hash proof[MERKLE_PROOF_MAX];
		struct merkle_hash old;
		struct merkle_hash root;
		size_t count = 0;

		assert_int_equal(merkle_root_at(same_everywhere, &leaf, rows[i].old, &old), ERR_OK);
		assert_int_equal(merkle_root_at(same_everywhere, &leaf, rows[i].size, &root),
				 ERR_OK);
		assert_int_equal(merkle_prove_consistency(same_everywhere, &leaf, rows[i].old,
							  rows[i].size, proof, &count),
				 ERR_OK);
		assert_int_equal(count, rows[i].growth);
		assert_int_equal(merkle_verify_consistency(rows[i].old, &old, rows[i].size, &root,
							   proof, count),
				 ERR_OK);
		assert_int_equal(merkle_prove_inclusion(same_everywhere, &leaf, rows[i].old,
							rows[i].size, proof, &count),
				 ERR_OK);
		assert_int_equal(merkle_verify_inclusion(&leaf, rows[i].old, rows[i].size, proof,
							 count, &root),
				 ERR_OK);
	}
}

static int
grow(void **state)
{
	(void)state;
	tree_grow(&tree);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_tree),
		cmocka_unit_test(every_vector),
		cmocka_unit_test(roots_of_all_sizes),
		cmocka_unit_test(proofs_hold_and_bent_ones_do_not),
		cmocka_unit_test(a_shrunk_tree_is_no_growth),
		cmocka_unit_test(a_missing_node_is_said),
		cmocka_unit_test(the_largest_trees),
	};

	return cmocka_run_group_tests(tests, grow, NULL);
}
