/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Stories of deliver.h: what is called, sent and reported, in their order, as one text. */
#include <string.h>

#include "unit.h"
#include "world.h"

static struct world w;

static void
begin(uint64_t size)
{
	world_init(&w, size, 0);
	w.settings.limits.wall_ms = 100; /* of which the first batch may take many */
}

static void
start(void)
{
	assert_int_equal(deliver_init(&w.deliver, &w.settings, &w.ports), ERR_OK);
	deliver_begin(&w.deliver, w.at, w.at);
}

static void
expect(enum deliver_next next, const char *said)
{
	assert_int_equal(world_run(&w), next);
	assert_string_equal(world_said(&w), said);
}

static void
batches_follow_one_another(void **state)
{
	(void)state;
	begin(20);
	w.settings.batch = 8;
	start();
	expect(DELIVER_LEAF,
	       "call 0-7; batch 0 8 +8; call 8-15; batch 8 16 +8; call 16-19; commit 8; "
	       "batch 16 20 +4");
	assert_int_equal(w.deliver.shown, 20);
	assert_int_equal(w.deliver.wake_ns, 0); /* all of it is sent */
	w.size = 21;
	expect(DELIVER_LEAF, "call 20; commit 16; batch 20 21 +1");
	world_finish(&w);
}

static void
two_are_sent_before_a_commit(void **state)
{
	(void)state;
	begin(20);
	w.settings.batch = 4;
	w.keeps = true;
	start();
	/* The third has been run, and waits. */
	expect(DELIVER_COMMIT, "call 0-3; batch 0 4 +4; call 4-7; batch 4 8 +4; call 8-11");
	expect(DELIVER_COMMIT, "");
	assert_int_equal(deliver_committed(&w.deliver, 5), ERR_FORMAT);
	assert_int_equal(deliver_committed(&w.deliver, 12), ERR_FORMAT);
	assert_int_equal(deliver_committed(&w.deliver, 4), ERR_OK);
	assert_int_equal(deliver_committed(&w.deliver, 4), ERR_FORMAT);
	expect(DELIVER_COMMIT, "batch 8 12 +4; call 12-15");
	assert_int_equal(deliver_committed(&w.deliver, 12), ERR_OK); /* and with it 8 */
	assert_int_equal(deliver_committed(&w.deliver, 8), ERR_FORMAT);
	expect(DELIVER_LEAF, "batch 12 16 +4; call 16-19; batch 16 20 +4");
	world_finish(&w);
}

static void
a_full_projector_is_waited_for(void **state)
{
	(void)state;
	begin(3);
	w.is_full = true;
	start();
	expect(DELIVER_SPACE, "call 0-2");
	expect(DELIVER_SPACE, "");
	w.is_full = false;
	expect(DELIVER_LEAF, "batch 0 3 +3");
	world_finish(&w);
}

static void
a_cursor_alone_waits_a_second(void **state)
{
	(void)state;
	begin(3);
	w.effects = 0;
	start();
	expect(DELIVER_LEAF, "call 0-2");
	assert_int_equal(w.deliver.wake_ns, w.now_ns + DELIVER_CURSOR_NS);
	w.size = 5;
	w.now_ns += DELIVER_CURSOR_NS - 1;
	expect(DELIVER_LEAF, "call 3-4");
	w.now_ns += 1;
	expect(DELIVER_LEAF, "batch 0 5");
	assert_int_equal(w.deliver.wake_ns, 0);
	w.size = 6;
	expect(DELIVER_LEAF, "call 5");
	/* What has effects takes it along. */
	w.size = 7;
	w.effects = 1;
	expect(DELIVER_LEAF, "call 6; batch 5 7 +1");
	world_finish(&w);
}

static void
leaves_that_are_not_shown(void **state)
{
	struct bytes cell = { (const uint8_t *)"c1", 2 };

	(void)state;
	begin(6);
	w.redacted = 2;
	w.broken = 4;
	start();
	expect(DELIVER_LEAF, "call 0-5; batch 0 6 +4");
	assert_true(w.deliver.batch.passed_over == 1 && w.deliver.batch.passed_last == 4);
	world_finish(&w);
	begin(7);
	w.settings.cells = (struct settings_filter){ &cell, 1 };
	start();
	expect(DELIVER_LEAF, "call 1-5; batch 0 7 +3");
	w.size = 8;
	w.at = 7;
	cell.data = (const uint8_t *)"c9";
	expect(DELIVER_LEAF, "");
	w.now_ns += DELIVER_CURSOR_NS;
	expect(DELIVER_LEAF, "batch 7 8");
	world_finish(&w);
}

static void
it_begins_where_leaves_are(void **state)
{
	(void)state;
	world_init(&w, 12, 10);
	assert_int_equal(deliver_init(&w.deliver, &w.settings, &w.ports), ERR_OK);
	deliver_begin(&w.deliver, 3, 10);
	expect(DELIVER_LEAF, "call 10-11; batch 3 12 +2");
	world_finish(&w);
}

/* ---- traps --------------------------------------------------------------------------------- */

static const struct {
	const char *rule;
	uint64_t size, traps_at, traps_with;
	size_t traps_over;
	enum hark_observer_trap_class trap_class;
	size_t effects;
	bool stop;
	enum deliver_next next;
	const char *want;
} traps[] = {
	{ "an event in the middle", 4, 2, WORLD_NOBODY, 0, HARK_OBSERVER_TRAP_PANIC, 1, false,
	  DELIVER_END,
	  "call 0-3 traps; call 0; batch 0 1 +1; call 1; batch 1 2 +1; call 2 traps; "
	  "report Panic 0 4 at 2; recorded; commit 1; batch 2 3; commit 2; commit 3" },
	{ "and without effects", 4, 2, WORLD_NOBODY, 0, HARK_OBSERVER_TRAP_PANIC, 0, false,
	  DELIVER_END,
	  "call 0-3 traps; call 0; call 1; call 2 traps; report Panic 0 4 at 2; recorded; batch 0 "
	  "3; "
	  "commit 3" },
	{ "one that stops", 4, 2, WORLD_NOBODY, 0, HARK_OBSERVER_TRAP_OTHER, 1, true, DELIVER_END,
	  "call 0-3 traps; call 0; batch 0 1 +1; call 1; batch 1 2 +1; call 2 traps; "
	  "report Other 0 4 at 2; recorded; commit 1; commit 2" },
	{ "and without effects, which keeps what it passed", 4, 2, WORLD_NOBODY, 0,
	  HARK_OBSERVER_TRAP_PANIC, 0, true, DELIVER_END,
	  "call 0-3 traps; call 0; call 1; call 2 traps; report Panic 0 4 at 2; recorded; batch 0 "
	  "2; "
	  "commit 2" },
	{ "the first", 3, 0, WORLD_NOBODY, 0, HARK_OBSERVER_TRAP_BUDGET_EXCEEDED, 1, false,
	  DELIVER_END,
	  "call 0-2 traps; call 0 traps; report BudgetExceeded 0 3 at 0; recorded; batch 0 1; "
	  "commit 1" },
	{ "the first, that stops", 3, 0, WORLD_NOBODY, 0, HARK_OBSERVER_TRAP_PANIC, 1, true,
	  DELIVER_END, "call 0-2 traps; call 0 traps; report Panic 0 3 at 0; recorded" },
	{ "an event that was alone", 1, 0, WORLD_NOBODY, 0, HARK_OBSERVER_TRAP_CAPABILITY_DENIED, 1,
	  false, DELIVER_END,
	  "call 0 traps; report CapabilityDenied 0 1 at 0; recorded; batch 0 1; commit 1" },
	{ "two together", 3, 0, 2, 0, HARK_OBSERVER_TRAP_PANIC, 1, false, DELIVER_END,
	  "call 0-2 traps; call 0; batch 0 1 +1; call 1; batch 1 2 +1; call 2; commit 1; "
	  "batch 2 3 +1; report Panic 0 3; recorded; commit 2; commit 3" },
	{ "two together, without effects", 3, 0, 2, 0, HARK_OBSERVER_TRAP_PANIC, 0, true,
	  DELIVER_END,
	  "call 0-2 traps; call 0; call 1; call 2; report Panic 0 3; recorded; batch 0 3; commit "
	  "3" },
	{ "a budget for two", 4, WORLD_NOBODY, WORLD_NOBODY, 2, HARK_OBSERVER_TRAP_BUDGET_EXCEEDED,
	  0, false, DELIVER_LEAF, "call 0-3 traps; call 0; call 1; call 2; call 3" },
};

static void
a_trap_has_a_name(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(traps); i++) {
		enum deliver_next next;

		begin(traps[i].size);
		w.traps_at = traps[i].traps_at;
		w.traps_with = traps[i].traps_with;
		w.traps_over = traps[i].traps_over;
		w.trap_class = traps[i].trap_class;
		w.effects = traps[i].effects;
		w.settings.stop_on_trap = traps[i].stop;
		start();
		next = world_run(&w);
		if (next != traps[i].next || strcmp(world_said(&w), traps[i].want) != 0)
			fail_msg("%s: %d, %s", traps[i].rule, (int)next, w.said);
		world_finish(&w);
	}
}

/* What a killed notary has not recorded is not passed over: the next process meets it again. */
static void
a_trap_is_passed_over_when_it_is_on_record(void **state)
{
	(void)state;
	begin(4);
	w.traps_at = 2;
	w.keeps_record = true;
	start();
	expect(DELIVER_RECORD,
	       "call 0-3 traps; call 0; batch 0 1 +1; call 1; batch 1 2 +1; call 2 traps; "
	       "report Panic 0 4 at 2");
	assert_false(deliver_recorded(&w.deliver, 3));
	expect(DELIVER_RECORD, "");
	assert_true(deliver_recorded(&w.deliver, 4));
	assert_false(deliver_recorded(&w.deliver, 4));
	expect(DELIVER_END, "commit 1; batch 2 3; commit 2; commit 3");
	world_finish(&w);
}

/* Filtered leaves before the event belong to what is passed; the report names the event itself. */
static void
a_trap_among_what_is_held_back(void **state)
{
	struct bytes cell = { (const uint8_t *)"c1", 2 };

	(void)state;
	begin(8);
	w.settings.cells = (struct settings_filter){ &cell, 1 };
	w.traps_at = 5;
	start();
	expect(DELIVER_END,
	       "call 1-7 traps; call 1; batch 0 2 +1; call 3; batch 2 4 +1; call 5 traps; "
	       "report Panic 0 8 at 5; recorded; commit 2; batch 4 6; commit 4; commit 6");
	world_finish(&w);
}

/* ---- the size of a batch ------------------------------------------------------------------- */

static void
quick_batches_grow(void **state)
{
	(void)state;
	begin(1000);
	w.settings.batch = 100;
	w.effects = 0;
	start();
	assert_int_equal(w.deliver.limit, DELIVER_FIRST_EVENTS);
	w.size = 16;
	expect(DELIVER_LEAF, "call 0-15");
	w.size = 500;
	expect(DELIVER_LEAF, "call 16-47; call 48-111; call 112-211; call 212-311; call 312-411; "
			     "call 412-499");
	assert_int_equal(w.deliver.limit, 100);
	world_finish(&w);
}

/* However long each event takes, harkd hears of the process in time. */
static void
the_first_batch_is_within_harkds_patience(void **state)
{
	static const struct {
		uint64_t wall_ms;
		size_t want;
	} rows[] = { { 1, 16 },   { 300, 16 }, { 333, 16 }, { 500, 11 },
		     { 1000, 6 }, { 5000, 2 }, { 5001, 1 }, { 3600000, 1 } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		begin(1);
		w.settings.limits.wall_ms = rows[i].wall_ms;
		start();
		assert_int_equal(w.deliver.limit, rows[i].want);
		assert_true(w.deliver.limit * rows[i].wall_ms <=
			    rows[i].wall_ms + DELIVER_PATIENCE_MS);
		world_finish(&w);
	}
}

static void
slow_batches_do_not(void **state)
{
	uint64_t quick_ns;

	(void)state;
	begin(64);
	w.effects = 0;
	w.settings.limits.wall_ms = 300;
	quick_ns = w.settings.limits.wall_ms * UINT64_C(1000000) / DELIVER_QUICK_PART;
	w.event_ns = quick_ns / 16 + 1;
	start();
	expect(DELIVER_LEAF, "call 0-15; call 16-31; call 32-47; call 48-63");
	/* One that takes longer than a call may is cut, down to one event. */
	w.event_ns = w.settings.limits.wall_ms * UINT64_C(4000000);
	w.size = 64 + 16 + 8;
	expect(DELIVER_LEAF, "call 64-79; batch 0 80; call 80-87; batch 80 88");
	assert_int_equal(w.deliver.limit, 4);
	w.size += 4 + 2 + 1 + 1;
	expect(DELIVER_LEAF, "call 88-91; commit 80; batch 88 92; call 92-93; commit 88; "
			     "batch 92 94; call 94; commit 92; batch 94 95; call 95; commit 94; "
			     "batch 95 96");
	assert_int_equal(w.deliver.limit, 1);
	world_finish(&w);
}

/* After a cut that was too large, so many batches come before a larger one is tried. */
static void
a_budget_is_found(void **state)
{
	size_t tries = 0;
	size_t i;

	(void)state;
	begin(0);
	w.settings.batch = 64;
	w.effects = 0;
	w.traps_over = 10;
	w.trap_class = HARK_OBSERVER_TRAP_BUDGET_EXCEEDED;
	start();
	for (i = 0; i < 1000; i++) {
		w.size += w.deliver.limit;
		assert_int_equal(world_run(&w), DELIVER_LEAF);
		tries += strstr(world_said(&w), "traps") != NULL;
		assert_true(w.deliver.limit <= 16);
	}
	/* 16, then after 17 of 8, after 33, 65, 129, 257 and 513 more; not yet after 1,025. */
	assert_int_equal(tries, 6);
	assert_int_equal(w.deliver.cursor, w.size);
	world_finish(&w);
}

/* ---- what ends it -------------------------------------------------------------------------- */

static void
what_fails_ends_it(void **state)
{
	static const struct {
		const char *rule;
		enum err leaf, send, report;
		enum hark_observer_error invoke;
		enum err want;
		const char *said;
	} rows[] = {
		{ "a ledger", ERR_FORMAT, 0, 0, 0, ERR_FORMAT, "call 0-2; batch 0 3 +3" },
		{ "a projector", 0, ERR_END, 0, 0, ERR_END, "call 0-2" },
		{ "an engine without memory", 0, 0, 0, HARK_OBSERVER_MEMORY, ERR_OK,
		  "call 0-2 fails" },
		{ "a stage without memory", 0, 0, 0, HARK_OBSERVER_CAPABILITY, ERR_OK,
		  "call 0-2 fails" },
		{ "a notary", 0, 0, ERR_END, HARK_OBSERVER_OK, ERR_END,
		  "call 0-2 traps; call 0 traps" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		begin(3);
		w.leaf_error = rows[i].leaf;
		w.send_error = rows[i].send;
		w.report_error = rows[i].report;
		w.error = rows[i].invoke;
		w.traps_at = rows[i].report != ERR_OK ? 0 : WORLD_NOBODY;
		start();
		if (world_run(&w) != DELIVER_FAIL || w.deliver.error != rows[i].want ||
		    w.deliver.failure != (rows[i].want == ERR_OK ? rows[i].invoke : 0) ||
		    strcmp(world_said(&w), rows[i].said) != 0)
			fail_msg("%s: %s", rows[i].rule, w.said);
		world_finish(&w);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_follow_one_another),
		cmocka_unit_test(two_are_sent_before_a_commit),
		cmocka_unit_test(a_full_projector_is_waited_for),
		cmocka_unit_test(a_cursor_alone_waits_a_second),
		cmocka_unit_test(leaves_that_are_not_shown),
		cmocka_unit_test(it_begins_where_leaves_are),
		cmocka_unit_test(a_trap_has_a_name),
		cmocka_unit_test(a_trap_is_passed_over_when_it_is_on_record),
		cmocka_unit_test(a_trap_among_what_is_held_back),
		cmocka_unit_test(quick_batches_grow),
		cmocka_unit_test(the_first_batch_is_within_harkds_patience),
		cmocka_unit_test(slow_batches_do_not),
		cmocka_unit_test(a_budget_is_found),
		cmocka_unit_test(what_fails_ends_it),
	};

	return cmocka_run_group_tests_name("hark-observer/deliver", tests, NULL, NULL);
}
