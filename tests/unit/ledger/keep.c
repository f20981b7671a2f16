/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is kept and what goes: pruning, redacting, retiring. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "book.h"
#include "ledger/format.h"

#define LEAF_BYTES 900u
#define A_COMMIT   16u
#define LEAVES     480u

static struct sim_disk *
make_disk(void)
{
	struct sim_disk *d = sim_create();
	struct ledger *l = book_open(d);

	while (ledger_next_index(l) < LEAVES) {
		book_append(l, LEAF_BYTES);
		if (ledger_next_index(l) % A_COMMIT == 0)
			book_commit(l);
	}
	ledger_close(l);
	return d;
}

/* Segments begin at leaves 0, 112, 224, 336, 448. */
static void
prune_drops_whole_segments(void **state)
{
	static const struct {
		const char *rule;
		uint64_t index;
		enum err want;
		uint64_t first;
	} rows[] = {
		{ "not even one", 111, ERR_OK, 0 },
		{ "exactly one", 112, ERR_OK, 112 },
		{ "again", 112, ERR_OK, 112 },
		{ "less than before", 5, ERR_OK, 112 },
		{ "two more", 400, ERR_OK, 336 },
		{ "all but the last", LEAVES, ERR_OK, 448 },
		{ "more than there is", LEAVES + 1, ERR_RANGE, 0 },
	};
	struct sim_disk *d = make_disk();
	struct ledger *l = book_open(d);
	struct merkle_hash before;
	struct merkle_hash after;
	struct ledger_failure why = { 0 };
	struct ledger_reader *r = NULL;
	size_t i;

	(void)state;
	assert_int_equal(ledger_node(l, 0, 3, &before), ERR_OK);
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t first = UINT64_MAX;
		enum err e = ledger_prune(l, rows[i].index, &first);

		if (e != rows[i].want || (e == ERR_OK && first != rows[i].first))
			fail_msg("%s: %d, %llu", rows[i].rule, e, (unsigned long long)first);
	}
	ledger_close(l);
	assert_int_equal(ledger_reader_open(sim_as_disk(d), &r, &why), ERR_OK);
	assert_int_equal(ledger_reader_first(r), 448);
	assert_int_equal(ledger_reader_seek(r, 447, &why), ERR_MISSING);
	assert_non_null(strstr(why.text, "leaf 447: it was pruned"));
	assert_int_equal(ledger_reader_node(r, 0, 3, &after), ERR_OK);
	assert_true(merkle_equal(&before, &after));
	ledger_reader_close(r);
	/* It opens again and goes on. */
	l = book_open(d);
	book_append(l, LEAF_BYTES);
	book_commit(l);
	assert_int_equal(ledger_redact(l, 3), ERR_MISSING);
	ledger_close(l);
	book_read(d, 448, LEAVES + 1, LEAF_BYTES);
	sim_destroy(d);
}

static void
prune_of_nothing(void **state)
{
	struct sim_disk *d = sim_create();
	struct ledger *l = book_open(d);
	uint64_t first = 7;

	(void)state;
	assert_int_equal(ledger_prune(l, 0, &first), ERR_MISSING);
	assert_int_equal(first, 7);
	book_append(l, LEAF_BYTES);
	book_commit(l);
	assert_int_equal(ledger_prune(l, 1, &first), ERR_OK);
	assert_int_equal(first, 0);
	ledger_close(l);
	book_read(d, 0, 1, LEAF_BYTES);
	sim_destroy(d);
}

static bool
holds(struct sim_disk *d, const char *words)
{
	char name[64];
	unsigned int i;

	for (i = 0; i < 8; i++) {
		size_t size = 0;
		const uint8_t *data;

		(void)snprintf(name, sizeof(name), "segments/%016x.seg", i);
		data = sim_file(d, name, &size);
		if (data != NULL && memmem(data, size, words, strlen(words)) != NULL)
			return true;
	}
	return false;
}

static void
redact_blanks_one_leaf(void **state)
{
	struct sim_disk *d = make_disk();
	struct ledger *l = book_open(d);
	struct merkle_hash before;
	struct merkle_hash after;
	struct ledger_failure why = { 0 };
	struct ledger_reader *r = NULL;
	struct ledger_leaf leaf;
	unsigned int redacted = 0;

	(void)state;
	ledger_committed_root(l, &before);
	assert_true(holds(d, "{\"leaf\":300}"));
	assert_int_equal(ledger_redact(l, LEAVES), ERR_RANGE);
	assert_int_equal(ledger_redact(l, 300), ERR_OK);
	assert_int_equal(ledger_redact(l, 300), ERR_EXISTS);
	assert_false(holds(d, "{\"leaf\":300}"));
	assert_int_equal(ledger_redact(l, LEAVES - 1), ERR_OK); /* in the segment of the writer */
	book_append(l, LEAF_BYTES);
	book_commit(l);
	ledger_close(l);
	l = book_open(d);
	assert_int_equal(merkle_root_at(ledger_node, l, LEAVES, &after), ERR_OK);
	assert_true(merkle_equal(&before, &after));
	ledger_close(l);
	assert_int_equal(ledger_reader_open(sim_as_disk(d), &r, &why), ERR_OK);
	while (ledger_reader_next(r, UINT64_MAX, &leaf, &why) == ERR_OK) {
		assert_int_equal(leaf.bytes, LEAF_BYTES);
		assert_int_equal(leaf.redacted, leaf.index == 300 || leaf.index == LEAVES - 1);
		if (!leaf.redacted)
			continue;
		redacted++;
		assert_int_equal(leaf.data.size, 0);
		assert_int_equal(ledger_reader_node(r, 0, leaf.index, &after), ERR_OK);
		assert_true(merkle_equal(&leaf.redacted_hash, &after));
	}
	assert_int_equal(leaf.index, LEAVES);
	assert_int_equal(redacted, 2);
	ledger_reader_close(r);
	assert_null(sim_file(d, "redacting", &(size_t){ 0 }));
	sim_destroy(d);
}

/* What a redaction left half-done names a segment that pruning then drops: there is nothing left to
 * blank, and the ledger opens. */
static void
redact_that_failed_opens_without_its_segment(void **state)
{
	unsigned int at;
	bool is_done = false;

	(void)state;
	for (at = 0; !is_done; at++) {
		struct sim_disk *d = make_disk();
		struct ledger *l = book_open(d);
		uint64_t first = 0;

		sim_fail(d, at, 1, EIO);
		is_done = ledger_redact(l, 3) == ERR_OK;
		sim_fail(d, 0, 0, 0);
		assert_int_equal(ledger_prune(l, 112, &first), ERR_OK);
		assert_int_equal(first, 112);
		ledger_close(l);
		sim_restart(d, at);
		ledger_close(book_open(d));
		assert_null(sim_file(d, "redacting", &(size_t){ 0 }));
		book_read(d, 112, LEAVES, LEAF_BYTES);
		sim_destroy(d);
	}
	assert_true(at > 6); /* the note, the segment, the note's removal: each with its steps */
}

static void
too_short_for_a_hash(void **state)
{
	struct sim_disk *d = sim_create();
	struct ledger *l = book_open(d);

	(void)state;
	memset(ledger_reserve(l), 'x', 31);
	ledger_append(l, 31);
	memset(ledger_reserve(l), 'x', 32);
	ledger_append(l, 32);
	book_commit(l);
	assert_int_equal(ledger_redact(l, 0), ERR_UNSUPPORTED);
	assert_int_equal(ledger_redact(l, 1), ERR_OK);
	ledger_close(l);
	ledger_close(book_open(d));
	sim_destroy(d);
}

/* Directories are renamed, so this one is on a real disk. */
static void
retire_moves_all_aside(void **state)
{
	char home[] = "/tmp/hark-unit-XXXXXX";
	struct ledger_failure why = { 0 };
	struct ledger_retired old;
	struct ledger *l = NULL;
	struct disk data;
	struct disk own;
	char line[64];
	int number;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(home));
	fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(disk_open_real(fd, &data), ERR_OK);
	assert_int_equal(ledger_retire(data, "evidence", &old, &why), ERR_MISSING);
	assert_int_equal(data.ops->make_directory(data.ctx, "evidence"), ERR_OK);
	for (number = 1; number <= 2; number++) {
		int below = openat(fd, "evidence", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_int_equal(disk_open_real(below, &own), ERR_OK);
		assert_int_equal(ledger_open(own, &book_options, &l, &why), ERR_OK);
		book_append(l, 100);
		book_commit(l);
		if (number == 1) {
			static const char note[] =
				BOOK_ORIGIN "\n1\n"
					    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
					    "\xe2\x80\x94 " BOOK_ORIGIN " AAAAAQID\n";

			assert_int_equal(ledger_checkpoint_write(l, note, sizeof(note) - 1,
								 (struct hark_time){ 1, 0 }, false),
					 ERR_OK);
		}
		ledger_close(l);
		disk_close_real(&own);
		assert_int_equal(close(below), 0);
		assert_int_equal(ledger_retire(data, "evidence", &old, &why), ERR_OK);
		(void)snprintf(line, sizeof(line), "retired/evidence-%04d", number);
		assert_string_equal(old.moved_to, line);
		assert_string_equal(old.origin, BOOK_ORIGIN);
		assert_int_equal(old.has_head, number == 1);
		assert_int_equal(old.size, number == 1);
		(void)snprintf(line, sizeof(line), "retired/evidence-%04d/ledger", number);
		assert_int_equal(faccessat(fd, line, R_OK, 0), 0);
		assert_int_equal(faccessat(fd, "evidence", R_OK, 0), 0);
		assert_int_not_equal(faccessat(fd, "evidence/ledger", R_OK, 0), 0);
	}
	/* What nothing says is not made up. */
	assert_int_equal(ledger_retire(data, "evidence", &old, &why), ERR_OK);
	assert_string_equal(old.origin, "");
	assert_false(old.has_head);
	disk_close_real(&data);
	assert_int_equal(close(fd), 0);
	(void)snprintf(line, sizeof(line), "rm -r %s", home);
	assert_int_equal(system(line), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prune_drops_whole_segments),
		cmocka_unit_test(prune_of_nothing),
		cmocka_unit_test(redact_blanks_one_leaf),
		cmocka_unit_test(redact_that_failed_opens_without_its_segment),
		cmocka_unit_test(too_short_for_a_hash),
		cmocka_unit_test(retire_moves_all_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
