/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is taken when, what is held, and what a cursor says after each way to end. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

#define SECOND UINT64_C(1000000000)

static struct world w;

static int
begin_all(void **state)
{
	(void)state;
	world_init(&w, WORLD_ALL);
	world_begin(&w);
	assert_int_equal(project_connect(w.project, 0, &w.why), ERR_OK);
	return 0;
}

static int
end_all(void **state)
{
	(void)state;
	world_finish(&w);
	return 0;
}

static void
a_batch_is_one_transaction(void **state)
{
	(void)state;
	assert_int_equal(project_cursor(w.project), 0);
	assert_int_equal(world_effect(&w, 0, "{\"n\":1,\"word\":\"a\"}"), ERR_OK);
	assert_int_equal(world_effect(&w, 0, "{\"n\":2,\"word\":\"bad\"}"), ERR_OK);
	assert_int_equal(world_effect(&w, 1, "{\"name\":\"x\",\"type\":\"counter\",\"value\":2}"),
			 ERR_OK);
	assert_int_equal(world_effect(&w, 2, "{\"k\":1}"), ERR_OK);
	assert_int_equal(world_effect(&w, 3, "line"), ERR_OK);
	assert_false(project_holds(w.project));
	assert_int_equal(world_batch(&w, 7, 5), ERR_OK);
	assert_true(project_holds_effects(w.project));
	assert_string_equal(world_ask(&w, "SELECT count(*) FROM kept"), "0");
	assert_string_equal(w.said, "");
	world_commit(&w);
	assert_int_equal(project_cursor(w.project), 7);
	assert_int_equal(project_dead_letters(w.project), 1);
	assert_string_equal(world_ask(&w, "SELECT * FROM kept"), "1|a");
	assert_string_equal(world_ask(&w, "SELECT name, labels, type, value FROM hark_metrics"),
			    "t_x|{}|counter|2");
	assert_string_equal(world_ask(&w, "SELECT first_index, next_index, ordinal, token, error "
					  "FROM hark_dead_letters"),
			    "0|7|1|PgWrite|SQLite: CHECK constraint failed: word <> 'bad'");
	assert_string_equal(world_ask(&w, "SELECT * FROM hark_cursors"), "o|h/evidence|7|1|1|70");
	assert_string_equal(world_read(w.receipts),
			    "{\"number\":\"0\",\"observer\":\"o\",\"origin\":\"h/evidence\","
			    "\"receipt\":{\"k\":1}}\n");
	assert_string_equal(w.said, "observer o says: line\n");
}

static void
what_does_not_follow_is_refused(void **state)
{
	static const struct {
		const char *rule;
		uint64_t first, next, count;
	} rows[] = {
		{ "before", 0, 4, 0 },
		{ "a gap", 6, 7, 0 },
		{ "nowhere", 5, 5, 0 },
		{ "backwards", 5, 4, 0 },
		{ "too far", 5, 1ull << 63, 0 },
		{ "the end of numbers", 5, UINT64_MAX, 0 },
		{ "effects that did not come", 5, 6, 1 },
	};
	size_t i;

	(void)state;
	assert_int_equal(world_batch(&w, 5, 0), ERR_OK);
	world_commit(&w);
	for (i = 0; i < COUNT_OF(rows); i++) {
		if (project_take_batch(w.project, rows[i].first, rows[i].next, rows[i].count, 0) !=
		    ERR_FORMAT)
			fail_msg("%s", rows[i].rule);
		assert_false(project_holds(w.project));
	}
	assert_int_equal(project_take_batch(w.project, 5, 6, 0, 0), ERR_OK);
}

/* A cursor alone is committed with what follows, once a second; effects at once. */
static void
batches_without_effects_wait(void **state)
{
	(void)state;
	w.now_ns = 10 * SECOND;
	assert_int_equal(project_due_ns(w.project), UINT64_MAX);
	assert_int_equal(world_batch(&w, 5, 0), ERR_OK);
	/* There was no commit just now. */
	assert_int_equal(project_due_ns(w.project), w.now_ns);
	world_commit(&w);
	w.now_ns += SECOND / 4;
	assert_int_equal(project_take_batch(w.project, 5, 6, 0, w.now_ns), ERR_OK);
	assert_int_equal(project_due_ns(w.project), 11 * SECOND);
	assert_false(project_holds_effects(w.project));
	w.now_ns += SECOND / 4;
	assert_int_equal(project_take_batch(w.project, 6, 9, 0, w.now_ns), ERR_OK);
	assert_int_equal(project_due_ns(w.project), 11 * SECOND);
	/* Half a batch is there: the cursor is committed without it. */
	assert_int_equal(world_effect(&w, 0, "{\"n\":1}"), ERR_OK);
	world_commit(&w);
	assert_int_equal(project_cursor(w.project), 9);
	assert_string_equal(world_ask(&w, "SELECT count(*) FROM kept"), "0");
	assert_int_equal(project_take_batch(w.project, 9, 10, 1, w.now_ns), ERR_OK);
	assert_int_equal(project_due_ns(w.project), w.now_ns);
	world_commit(&w);
	assert_string_equal(world_ask(&w, "SELECT n FROM kept"), "1");
}

static void
the_next_process_goes_on(void **state)
{
	(void)state;
	assert_int_equal(world_effect(&w, 0, "{\"n\":1}"), ERR_OK);
	assert_int_equal(world_batch(&w, 3, 1), ERR_OK);
	world_commit(&w);
	/* Taken, and not committed. */
	assert_int_equal(world_effect(&w, 0, "{\"n\":2}"), ERR_OK);
	assert_int_equal(world_batch(&w, 3, 1), ERR_OK);
	world_die(&w);
	world_begin(&w);
	assert_int_equal(project_connect(w.project, 0, &w.why), ERR_OK);
	assert_int_equal(project_cursor(w.project), 3);
	assert_string_equal(world_ask(&w, "SELECT n FROM kept"), "1");
}

static void
another_ledger_is_refused(void **state)
{
	(void)state;
	world_die(&w);
	w.config.origin[0] = 'x';
	world_begin(&w);
	assert_int_equal(project_connect(w.project, 0, &w.why), ERR_REFUSED);
	assert_non_null(strstr(w.why.text, "\"h/evidence\", and this is \"x/evidence\""));
	assert_false(project_is_connected(w.project));
}

static void
who_moves_the_cursor_beside_us_is_seen(void **state)
{
	(void)state;
	assert_int_equal(world_effect(&w, 0, "{\"n\":1}"), ERR_OK);
	assert_int_equal(world_batch(&w, 3, 1), ERR_OK);
	(void)world_ask(&w, "UPDATE hark_cursors SET next_index = 2");
	assert_int_equal(project_commit(w.project, 0, &w.why), ERR_EXISTS);
	assert_false(project_is_connected(w.project));
	assert_int_equal(project_connect(w.project, 0, &w.why), ERR_EXISTS);
	assert_string_equal(world_ask(&w, "SELECT count(*) FROM kept"), "0");
}

/* The word got lost: what is held is where the cursor is. */
static void
what_was_committed_is_not_committed_again(void **state)
{
	(void)state;
	assert_int_equal(world_effect(&w, 0, "{\"n\":1}"), ERR_OK);
	assert_int_equal(world_batch(&w, 3, 1), ERR_OK);
	(void)world_ask(&w, "UPDATE hark_cursors SET next_index = 3, dead_letters = 4");
	assert_int_equal(project_connect(w.project, 0, &w.why), ERR_OK);
	assert_false(project_holds(w.project));
	assert_int_equal(project_cursor(w.project), 3);
	assert_int_equal(project_dead_letters(w.project), 4);
	assert_string_equal(world_ask(&w, "SELECT count(*) FROM kept"), "0");
}

static void
a_dropped_table_is_made_again(void **state)
{
	(void)state;
	(void)world_ask(&w, "DROP TABLE kept");
	assert_int_equal(world_effect(&w, 0, "{\"n\":1}"), ERR_OK);
	assert_int_equal(world_batch(&w, 3, 1), ERR_OK);
	assert_int_equal(project_commit(w.project, 0, &w.why), ERR_AGAIN);
	world_commit(&w);
	assert_string_equal(world_ask(&w, "SELECT n FROM kept"), "1");
}

/* As docs/format/projection.md says how it is done: then all of it is as at first. */
static void
dropped_and_replayed_it_is_the_same(void **state)
{
	unsigned int life;

	(void)state;
	for (life = 0; life < 2; life++) {
		assert_int_equal(project_cursor(w.project), 0);
		assert_int_equal(world_effect(&w, 0, "{\"n\":1}"), ERR_OK);
		assert_int_equal(world_effect(&w, 0, "{\"x\":1}"), ERR_OK);
		assert_int_equal(
			world_effect(&w, 1, "{\"name\":\"x\",\"type\":\"gauge\",\"value\":2}"),
			ERR_OK);
		assert_int_equal(world_effect(&w, 2, "{}"), ERR_OK);
		assert_int_equal(world_batch(&w, 3, 4), ERR_OK);
		world_commit(&w);
		assert_string_equal(world_ask(&w, "SELECT * FROM kept"), "1|-");
		assert_string_equal(world_ask(&w, "SELECT count(*) FROM hark_dead_letters"), "1");
		assert_string_equal(world_ask(&w, "SELECT value FROM hark_metrics"), "2");
		assert_string_equal(world_ask(&w, "SELECT next_index, dead_letters, receipts "
						  "FROM hark_cursors"),
				    "3|1|1");
		world_die(&w);
		(void)world_ask(&w, "DROP TABLE kept");
		(void)world_ask(&w, "DELETE FROM hark_cursors");
		world_begin(&w);
		/* Receipts are kept by a person, who alone may put them away. */
		assert_int_equal(project_connect(w.project, 0, &w.why), ERR_REFUSED);
		assert_non_null(strstr(w.why.text, "move it away"));
		assert_int_equal(unlink(w.receipts), 0);
		assert_int_equal(project_connect(w.project, 0, &w.why), ERR_OK);
	}
}

int
main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin_all, end_all)
	static const struct CMUnitTest tests[] = {
		ROW(a_batch_is_one_transaction),
		ROW(what_does_not_follow_is_refused),
		ROW(batches_without_effects_wait),
		ROW(the_next_process_goes_on),
		ROW(another_ledger_is_refused),
		ROW(who_moves_the_cursor_beside_us_is_seen),
		ROW(what_was_committed_is_not_committed_again),
		ROW(a_dropped_table_is_made_again),
		ROW(dropped_and_replayed_it_is_the_same),
	};

	return cmocka_run_group_tests_name("project/project", tests, NULL, NULL);
}
