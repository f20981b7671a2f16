/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writing, closing, opening again: what was committed is there, and nothing else. */
#include <errno.h>
#include <limits.h>

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

static void
options_out_of_bounds(void **state)
{
	static const struct {
		const char *rule;
		uint64_t segment_bytes;
		size_t batch_bytes;
		const char *words;
	} rows[] = {
		{ "a small batch", 0, LEDGER_BATCH_BYTES_MIN - 1, "a batch of 98303 bytes" },
		{ "a large batch", 0, LEDGER_BATCH_BYTES_MAX + 1, "a batch of 2097153 bytes" },
		{ "a small segment", BOOK_SEGMENT_BYTES - 1, LEDGER_BATCH_BYTES_MIN,
		  "at least 197120 bytes" },
		{ "a segment beyond all", UINT64_MAX, 0, "at least" },
	};
	struct sim_disk *d = sim_create();
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct ledger_options o = book_options;
		struct ledger_failure why = { 0 };
		struct ledger *l = NULL;

		o.segment_bytes = rows[i].segment_bytes;
		o.batch_bytes = rows[i].batch_bytes;
		if (ledger_open(sim_as_disk(d), &o, &l, &why) != ERR_LIMIT ||
		    strstr(why.text, rows[i].words) == NULL)
			fail_msg("%s: %s", rows[i].rule, why.text);
		assert_null(l);
	}
	assert_int_equal(sim_steps(d), 0);
	sim_destroy(d);
}

static void
only_an_origin_makes_one(void **state)
{
	static const char *const bad[] = { "", "a b", "a+b", "a\n" };
	struct sim_disk *d = sim_create();
	struct ledger_options o = book_options;
	struct ledger_failure why = { 0 };
	struct ledger *l = NULL;
	size_t i;

	(void)state;
	o.origin = NULL;
	assert_int_equal(ledger_open(sim_as_disk(d), &o, &l, &why), ERR_MISSING);
	for (i = 0; i < COUNT_OF(bad); i++) {
		o.origin = bad[i];
		assert_int_equal(ledger_open(sim_as_disk(d), &o, &l, &why), ERR_FORMAT);
	}
	assert_int_equal(sim_steps(d), 0); /* nothing was touched */
	ledger_close(book_open(d));
	o.origin = NULL;
	assert_int_equal(ledger_open(sim_as_disk(d), &o, &l, &why), ERR_OK);
	assert_string_equal(ledger_origin(l), BOOK_ORIGIN);
	ledger_close(l);
	ledger_close(NULL);
	sim_destroy(d);
}

/* However full a batch is, what was promised behind a leaf is there. */
static void
a_batch_keeps_its_promises(void **state)
{
	static const char value[LEDGER_STATE_VALUE_MAX];
	struct sim_disk *d = sim_create();
	struct ledger *l = book_open(d);
	unsigned int round;

	(void)state;
	for (round = 0; round < 40; round++) {
		unsigned int key = 0;
		size_t changes = 0;

		/* Small ones up to somewhere, then the largest there is. */
		while (ledger_reserve(l) != NULL)
			book_append(l, ledger_batch_bytes(l) < round * 1000u
					       ? 40
					       : LEDGER_LEAF_BYTES_MAX);
		while (changes + 3 + 4 + sizeof(value) <= LEDGER_STATE_ROOM_BYTES) {
			assert_int_equal(
				ledger_state_set(l, &key, sizeof(key), value, sizeof(value)),
				ERR_OK);
			changes += 3 + 4 + sizeof(value);
			key++;
		}
		while (ledger_state_set(l, &key, sizeof(key), value, sizeof(value)) == ERR_OK)
			key++;
		assert_true(ledger_batch_bytes(l) <= LEDGER_BATCH_BYTES_MIN);
		book_commit(l);
	}
	ledger_close(l);
	l = book_open(d);
	assert_true(ledger_committed_size(l) > 100);
	ledger_close(l);
	sim_destroy(d);
}

static void
many_small_leaves(void **state)
{
	struct sim_disk *d = sim_create();
	struct ledger_options o = book_options;
	struct ledger_failure why = { 0 };
	struct ledger *l = NULL;
	unsigned int count = 0;

	(void)state;
	o.segment_bytes = 0;
	o.batch_bytes = 0;
	assert_int_equal(ledger_open(sim_as_disk(d), &o, &l, &why), ERR_OK);
	while (ledger_reserve(l) != NULL) {
		ledger_append(l, 0); /* an empty leaf is one */
		count++;
	}
	assert_int_equal(count, 16384);
	book_commit(l);
	assert_int_equal(ledger_committed_size(l), count);
	assert_non_null(ledger_reserve(l));
	ledger_close(l);
	sim_destroy(d);
}

static void
a_failed_commit_waits(void **state)
{
	const struct hark_time now = { 1762348800, 0 };
	struct sim_disk *d = sim_create();
	struct ledger *l = book_open(d);

	(void)state;
	book_append(l, 900);
	sim_fail(d, 0, UINT_MAX, ENOSPC);
	assert_int_equal(ledger_commit_fd(l), -1);
	assert_int_equal(ledger_commit_begin(l, now, 1), ERR_OK);
	assert_int_equal(ledger_commit_end(l), ERR_SYSTEM);
	assert_int_equal(errno, ENOSPC);
	book_append(l, 900);
	assert_int_equal(ledger_commit_begin(l, now, 1), ERR_AGAIN);
	assert_int_equal(ledger_committed_size(l), 0);
	assert_int_equal(ledger_next_index(l), 2);
	errno = 0;
	assert_int_equal(ledger_commit_retry(l), ERR_OK);
	assert_int_equal(ledger_commit_end(l), ERR_SYSTEM);
	assert_int_equal(errno, ENOSPC);
	sim_fail(d, 0, 0, 0);
	assert_int_equal(ledger_commit_retry(l), ERR_OK);
	assert_int_equal(ledger_commit_end(l), ERR_OK);
	assert_int_equal(ledger_committed_size(l), 1);
	assert_int_equal(ledger_commit_retry(l), ERR_OK); /* there is nothing to do */
	book_commit(l);
	ledger_close(l);
	book_read(d, 0, 2, 900);
	sim_destroy(d);
}

/* The disk fills: it is said while there is still room to say it, and everything goes on after. */
static void
low_space_is_said_before_it_is_none(void **state)
{
	struct sim_disk *d = sim_create();
	struct ledger *l = book_open(d);
	uint64_t low_at;
	enum err e = ERR_OK;

	(void)state;
	sim_set_space(d, 40000);
	while (!ledger_space_is_low(l)) {
		book_append(l, 900);
		book_commit(l);
	}
	low_at = ledger_committed_size(l);
	assert_true(low_at < 400);
	/* Some more still fit, so that the end of space can be recorded. */
	book_append(l, 900);
	book_commit(l);
	while (e == ERR_OK) {
		static uint64_t now_ns = UINT64_C(1) << 40;

		now_ns += 1000;
		book_append(l, 900);
		assert_int_equal(
			ledger_commit_begin(l, (struct hark_time){ 1762348800, 0 }, now_ns),
			ERR_OK);
		e = ledger_commit_end(l);
	}
	assert_int_equal(e, ERR_SYSTEM);
	assert_int_equal(errno, ENOSPC);
	assert_true(ledger_committed_size(l) > low_at + 3);
	assert_true(ledger_space_is_low(l));
	sim_set_space(d, UINT64_MAX);
	assert_int_equal(ledger_commit_retry(l), ERR_OK);
	assert_int_equal(ledger_commit_end(l), ERR_OK);
	book_append(l, 900);
	book_commit(l);
	assert_false(ledger_space_is_low(l));
	low_at = ledger_committed_size(l);
	ledger_close(l);
	book_read(d, 0, low_at, 900);
	sim_destroy(d);
}

/* Sizes may change between two openings. */
static void
other_sizes_than_before(void **state)
{
	struct sim_disk *d = sim_create();
	struct ledger_options o = book_options;
	struct ledger_failure why = { 0 };
	struct ledger *l = book_open(d);
	unsigned int round;

	(void)state;
	for (round = 0; round < 6; round++) {
		unsigned int i;

		for (i = 0; i < 16; i++)
			book_append(l, 900);
		book_commit(l);
		ledger_close(l);
		o.batch_bytes =
			round % 2 == 0 ? LEDGER_BATCH_BYTES_MIN * 3 : LEDGER_BATCH_BYTES_MIN;
		o.segment_bytes = 512 + 2 * o.batch_bytes;
		assert_int_equal(ledger_open(sim_as_disk(d), &o, &l, &why), ERR_OK);
	}
	ledger_close(l);
	book_read(d, 0, 96, 900);
	sim_destroy(d);
}

/* An opening that makes the ledger fails at one step.  The next one finds names that are not
 * durable yet: whatever it acknowledges stands on them. */
static void
a_ledger_that_was_half_made_keeps_its_name(void **state)
{
	struct sim_disk *d = sim_create();
	unsigned int failures = 0;
	unsigned int steps;
	unsigned int at;
	uint64_t luck;

	(void)state;
	ledger_close(book_open(d));
	steps = sim_steps(d);
	sim_destroy(d);
	for (at = 0; at < steps; at++) {
		for (luck = 1; luck <= 16; luck++) {
			struct ledger_failure why = { 0 };
			struct ledger *l = NULL;

			d = sim_create();
			sim_fail(d, at, 1, EIO);
			if (ledger_open(sim_as_disk(d), &book_options, &l, &why) != ERR_OK) {
				failures++;
				l = book_open(d);
			}
			sim_fail(d, 0, 0, 0);
			book_append(l, 900);
			book_commit(l);
			ledger_close(l);
			sim_restart(d, luck);
			l = book_open(d);
			assert_int_equal(ledger_committed_size(l), 1);
			ledger_close(l);
			book_read(d, 0, 1, 900);
			sim_destroy(d);
		}
	}
	/* Three folders and the name at least, each time. */
	assert_true(failures >= 16 * 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commits_survive_reopening),
		cmocka_unit_test(options_out_of_bounds),
		cmocka_unit_test(only_an_origin_makes_one),
		cmocka_unit_test(a_batch_keeps_its_promises),
		cmocka_unit_test(many_small_leaves),
		cmocka_unit_test(a_failed_commit_waits),
		cmocka_unit_test(low_space_is_said_before_it_is_none),
		cmocka_unit_test(other_sizes_than_before),
		cmocka_unit_test(a_ledger_that_was_half_made_keeps_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
