/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A reader beside the writer and after it: places, limits, trees, single files. */
#include <stdlib.h>

#include "book.h"

#define LEAF_BYTES 700u
#define A_COMMIT   10u

static void
write_leaves(struct ledger *l, uint64_t end)
{
	while (ledger_next_index(l) < end) {
		book_append(l, LEAF_BYTES);
		if (ledger_next_index(l) % A_COMMIT == 0 || ledger_next_index(l) == end)
			book_commit(l);
	}
}

static struct ledger_reader *
open_reader(struct sim_disk *d)
{
	struct ledger_failure why = { 0 };
	struct ledger_reader *r = NULL;

	if (ledger_reader_open(sim_as_disk(d), &r, &why) != ERR_OK)
		fail_msg("%s", why.text);
	return r;
}

static void
nothing_yet(void **state)
{
	struct sim_disk *d = sim_create();
	struct ledger_failure why = { 0 };
	struct ledger_reader *r = NULL;
	struct ledger_leaf leaf;
	struct merkle_hash root;
	uint64_t size = 9;
	struct ledger *l;

	(void)state;
	assert_int_equal(ledger_reader_open(sim_as_disk(d), &r, &why), ERR_MISSING);
	assert_null(r);
	l = book_open(d);
	r = open_reader(d);
	assert_string_equal(ledger_reader_origin(r), BOOK_ORIGIN);
	assert_int_equal(ledger_reader_size(r, &size, &why), ERR_OK);
	assert_int_equal(size, 0);
	assert_int_equal(ledger_reader_next(r, UINT64_MAX, &leaf, &why), ERR_AGAIN);
	assert_int_equal(ledger_reader_next(r, 0, &leaf, &why), ERR_AGAIN);
	assert_int_equal(ledger_reader_seek(r, 0, &why), ERR_OK);
	assert_int_equal(ledger_reader_seek(r, 1, &why), ERR_RANGE);
	assert_int_equal(ledger_reader_node(r, 0, 0, &root), ERR_RANGE);
	/* The same reader finds what comes. */
	write_leaves(l, 1);
	assert_int_equal(ledger_reader_next(r, 1, &leaf, &why), ERR_OK);
	assert_int_equal(leaf.index, 0);
	assert_int_equal(ledger_reader_node(r, 0, 0, &root), ERR_OK);
	ledger_reader_close(r);
	ledger_reader_close(NULL);
	ledger_close(l);
	sim_destroy(d);
}

static void
beside_the_writer(void **state)
{
	struct sim_disk *d = sim_create();
	struct ledger_failure why = { 0 };
	struct ledger *l = book_open(d);
	struct ledger_reader *r = open_reader(d);
	struct ledger_leaf leaf;
	uint64_t want = 0;
	uint64_t end;

	(void)state;
	for (end = 7; end < 900; end += 31) {
		uint64_t limit = end - 3; /* published before the last three */

		write_leaves(l, end);
		while (ledger_reader_next(r, limit, &leaf, &why) == ERR_OK) {
			assert_int_equal(leaf.index, want);
			assert_true(leaf.frame->first_index <= want);
			assert_true(leaf.frame->size_after > want);
			want++;
		}
		assert_int_equal(want, limit);
	}
	/* A limit beyond what is there is a leaf that must be there: damage. */
	assert_int_equal(ledger_reader_next(r, end + 50, &leaf, &why), ERR_OK);
	while (want++ < ledger_committed_size(l) - 1)
		assert_int_equal(ledger_reader_next(r, end + 50, &leaf, &why), ERR_OK);
	assert_int_equal(ledger_reader_next(r, end + 50, &leaf, &why), ERR_FORMAT);
	assert_non_null(strstr(why.text, "a frame was expected, and all is zero"));
	ledger_reader_close(r);
	ledger_close(l);
	sim_destroy(d);
}

static void
every_place_is_found(void **state)
{
	struct sim_disk *d = sim_create();
	struct ledger_failure why = { 0 };
	struct ledger *l = book_open(d);
	struct ledger_reader *r;
	struct ledger_leaf leaf;
	unsigned int pass;
	uint64_t i;

	(void)state;
	write_leaves(l, 1203);
	ledger_close(l);
	for (pass = 0; pass < 3; pass++) {
		/* Also where the positions are not there, and where they are wrong. */
		if (pass == 1)
			sim_put(d, "tree/offsets", "", 0);
		if (pass == 2) {
			static const uint8_t wrong[5 * 16] = { 1, [8] = 0, [9] = 2 };

			sim_put(d, "tree/offsets", wrong, sizeof(wrong));
		}
		r = open_reader(d);
		for (i = 0; i < 1203; i += 1 + i % 7) {
			assert_int_equal(ledger_reader_seek(r, 1202 - i, &why), ERR_OK);
			assert_int_equal(ledger_reader_next(r, UINT64_MAX, &leaf, &why), ERR_OK);
			assert_int_equal(leaf.index, 1202 - i);
		}
		assert_int_equal(ledger_reader_seek(r, 1203, &why), ERR_OK);
		assert_int_equal(ledger_reader_next(r, UINT64_MAX, &leaf, &why), ERR_AGAIN);
		assert_int_equal(ledger_reader_seek(r, 1204, &why), ERR_RANGE);
		assert_int_equal(ledger_reader_seek(r, UINT64_MAX, &why), ERR_RANGE);
		ledger_reader_close(r);
	}
	sim_destroy(d);
}

/* Roots of all sizes and proofs, from the tree's files and from leaves where those are gone. */
static void
trees_from_files_and_from_leaves(void **state)
{
	static const char *const files[] = { "tree/0", "tree/1", "tree/offsets" };
	struct merkle_frontier f = { 0 };
	struct sim_disk *d = sim_create();
	struct ledger *l = book_open(d);
	struct merkle_hash roots[601];
	struct ledger_reader *r;
	unsigned int pass;
	uint64_t i;

	(void)state;
	write_leaves(l, 600);
	for (i = 0; i <= 600; i++) {
		char text[LEAF_BYTES];
		struct merkle_hash leaf;
		struct merkle_hash own;

		merkle_frontier_root(&f, &roots[i]);
		assert_int_equal(merkle_root_at(ledger_node, l, i, &own), ERR_OK);
		assert_true(merkle_equal(&own, &roots[i]));
		book_leaf(i, LEAF_BYTES, text);
		merkle_leaf(text, sizeof(text), &leaf);
		merkle_frontier_add(&f, &leaf, NULL, NULL);
	}
	assert_int_equal(ledger_node(l, 0, 600, &roots[0]), ERR_RANGE);
	assert_int_equal(ledger_node(l, 3, 75, &roots[0]), ERR_RANGE);
	assert_int_equal(ledger_node(l, 64, 0, &roots[0]), ERR_RANGE);
	ledger_close(l);
	merkle_empty(&roots[0]);
	for (pass = 0; pass < 4; pass++) {
		size_t size = 0;
		const uint8_t *data;

		/* Half of the hashes, then file after file is gone. */
		if (pass == 1) {
			data = sim_file(d, "tree/0", &size);
			assert_int_equal(size, 600 * 32);
			sim_put(d, "tree/0", data, 300 * 32);
		} else if (pass > 1) {
			sim_delete(d, files[pass - 2]);
		}
		r = open_reader(d);
		for (i = 0; i <= 600; i += pass == 0 ? 1 : 37) {
			struct merkle_hash root;

			assert_int_equal(merkle_root_at(ledger_reader_node, r, i, &root), ERR_OK);
			assert_true(merkle_equal(&root, &roots[i]));
		}
		assert_int_equal(ledger_reader_node(r, 0, 600, &roots[0]), ERR_RANGE);
		assert_int_equal(ledger_reader_node(r, 9, 1, &roots[0]), ERR_RANGE);
		assert_int_equal(ledger_reader_node(r, 63, 1, &roots[0]), ERR_RANGE);
		merkle_empty(&roots[0]);
		ledger_reader_close(r);
	}
	sim_destroy(d);
}

static void
frames_without_a_leaf(void **state)
{
	struct sim_disk *d = sim_create();
	struct ledger_failure why = { 0 };
	struct ledger *l = book_open(d);
	struct ledger_reader *r;
	struct ledger_frame frame;
	struct ledger_leaf leaf;
	unsigned int frames = 0;
	unsigned int leaves = 0;

	(void)state;
	assert_int_equal(ledger_state_set(l, "a", 1, "1", 1), ERR_OK);
	book_commit(l);
	assert_int_equal(ledger_committed_size(l), 0);
	write_leaves(l, 3);
	assert_int_equal(ledger_state_set(l, "a", 1, NULL, 0), ERR_OK);
	book_commit(l);
	book_commit(l); /* nothing: no frame */
	ledger_close(l);
	r = open_reader(d);
	while (ledger_reader_frame(r, UINT64_MAX, &frame, &why) == ERR_OK) {
		frames++;
		while (ledger_reader_leaf(r, &leaf) == ERR_OK)
			assert_int_equal(leaf.index, leaves++);
	}
	assert_int_equal(frames, 3);
	assert_int_equal(leaves, 3);
	/* Of frames too only those are seen that begin below the limit. */
	assert_int_equal(ledger_reader_seek(r, 0, &why), ERR_OK);
	assert_int_equal(ledger_reader_frame(r, 3, &frame, &why), ERR_AGAIN);
	assert_int_equal(ledger_reader_frame(r, 4, &frame, &why), ERR_OK);
	assert_int_equal(ledger_reader_seek(r, 1, &why), ERR_OK);
	assert_int_equal(ledger_reader_leaf(r, &leaf), ERR_OK);
	assert_int_equal(leaf.index, 1);
	ledger_reader_close(r);
	sim_destroy(d);
}

static void
single_files(void **state)
{
	struct sim_disk *d = sim_create();
	struct ledger_failure why = { 0 };
	struct ledger *l = book_open(d);
	struct ledger_snapshot snapshot = { 0 };
	struct ledger_segment segment;
	struct merkle_hash hashes[2];
	struct merkle_hash root;
	struct ledger_reader *r;
	struct buf note = { 0 };
	uint64_t lowest = 9;
	uint64_t highest = 9;
	uint64_t count = 0;
	uint64_t offset = 0;
	bool any = false;

	(void)state;
	assert_int_equal(ledger_state_set(l, "a", 1, "1", 1), ERR_OK);
	write_leaves(l, 600);
	r = open_reader(d);
	assert_int_equal(ledger_reader_segments(r, &lowest, &highest, &any), ERR_OK);
	assert_true(any && lowest == 0 && highest >= 3);
	assert_int_equal(ledger_reader_segment(r, 1, &segment, &why), ERR_OK);
	assert_int_equal(segment.bytes, BOOK_SEGMENT_BYTES);
	assert_true(segment.first_index > 0 && segment.first_index < 600);
	assert_int_equal(ledger_reader_segment(r, highest, &segment, &why), ERR_MISSING);
	assert_int_equal(ledger_reader_segment(r, highest + 1, &segment, &why), ERR_MISSING);
	assert_int_equal(ledger_reader_segment(r, highest - 1, &segment, &why), ERR_OK);
	assert_int_equal(ledger_reader_state(r, highest - 1, &snapshot, &why), ERR_OK);
	assert_int_equal(snapshot.size, segment.first_index);
	assert_int_equal(snapshot.keys, 1);
	assert_int_equal(merkle_root_at(ledger_node, l, snapshot.size, &root), ERR_OK);
	assert_true(merkle_equal(&root, &snapshot.root));
	assert_int_equal(ledger_reader_state(r, highest + 7, &snapshot, &why), ERR_MISSING);
	assert_int_equal(ledger_reader_tree_entries(r, 0, &count), ERR_OK);
	assert_int_equal(count, 600);
	assert_int_equal(ledger_reader_tree_entries(r, 1, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(ledger_reader_tree_entries(r, 7, &count), ERR_OK);
	assert_int_equal(count, 0);
	assert_int_equal(ledger_reader_tree(r, 0, 598, 2, hashes), ERR_OK);
	assert_int_equal(ledger_node(l, 0, 599, &root), ERR_OK);
	assert_true(merkle_equal(&root, &hashes[1]));
	assert_int_equal(ledger_reader_tree(r, 0, 599, 2, hashes), ERR_RANGE);
	assert_int_equal(ledger_reader_tree(r, 0, 601, 0, hashes), ERR_RANGE);
	assert_int_equal(ledger_reader_tree(r, 7, 0, 0, hashes), ERR_OK);
	assert_int_equal(ledger_reader_offset(r, 0, &lowest, &offset), ERR_OK);
	assert_true(lowest == 0 && offset == 512);
	assert_int_equal(ledger_reader_offset(r, 3, &lowest, &offset), ERR_RANGE);
	assert_int_equal(ledger_reader_checkpoint(r, &note), ERR_MISSING);
	assert_int_equal(ledger_checkpoint_write(l, "note\n", 5, (struct hark_time){ 1, 2 }, true),
			 ERR_OK);
	assert_int_equal(
		ledger_checkpoint_write(l, "longer\n", 7, (struct hark_time){ 61, 2 }, true),
		ERR_OK);
	assert_int_equal(ledger_reader_checkpoint(r, &note), ERR_OK);
	assert_int_equal(note.size, 7);
	assert_memory_equal(note.data, "longer\n", 7);
	{
		size_t size = 0;
		const uint8_t *history = sim_file(d, "checkpoints", &size);

		assert_int_equal(size, 25);
		assert_memory_equal(history, "# 1 5\nnote\n# 61 7\nlonger\n", 25);
	}
	buf_finish(&note);
	ledger_reader_close(r);
	ledger_close(l);
	assert_int_equal(sim_open_files(d), 0);
	sim_destroy(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_yet),
		cmocka_unit_test(beside_the_writer),
		cmocka_unit_test(every_place_is_found),
		cmocka_unit_test(trees_from_files_and_from_leaves),
		cmocka_unit_test(frames_without_a_leaf),
		cmocka_unit_test(single_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
