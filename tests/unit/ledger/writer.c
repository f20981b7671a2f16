/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writing, closing, opening again: what was committed is there, and nothing else. */
#include "book.h"

static void
commits_survive_reopening(void **state)
{
	struct sim_disk *d = sim_create();
	struct merkle_hash before;
	struct merkle_hash after;
	struct ledger *l = book_open(d);
	unsigned int i;

	(void)state;
	assert_string_equal(ledger_origin(l), BOOK_ORIGIN);
	assert_int_equal(ledger_committed_size(l), 0);
	/* Rotates several times. */
	for (i = 0; i < 1500; i++) {
		book_append(l, 900);
		if (i % 16 == 15)
			book_commit(l);
	}
	book_commit(l);
	assert_int_equal(ledger_committed_size(l), 1500);
	ledger_committed_root(l, &before);
	book_append(l, 900); /* and is not committed */
	ledger_close(l);
	book_read(d, 0, 1500, 900);
	book_read(d, 777, 1500, 900);
	l = book_open(d);
	assert_int_equal(ledger_committed_size(l), 1500);
	ledger_committed_root(l, &after);
	assert_true(merkle_equal(&before, &after));
	book_append(l, 900);
	book_commit(l);
	ledger_close(l);
	book_read(d, 0, 1501, 900);
	assert_int_equal(sim_open_files(d), 0);
	sim_destroy(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commits_survive_reopening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
