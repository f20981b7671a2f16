/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What comes before host.started: the heads of the signers that are linked, or nothing at all. */
#include "prog/exit.h"

#include "world.h"

#define SECOND_NS UINT64_C(1000000000)

/* A world with this many leaves of one life of harkd, and a notary that harkd has not spoken to. */
static void
open_world(struct world *w, bool with_a_past)
{
	memset(w, 0, sizeof(*w));
	w->begins_later = !with_a_past;
	world_create(w);
	if (!with_a_past)
		return;
	world_cell(w, "c0", "r", 1);
	world_commit(w);
	assert_int_equal(notary_stop(w->core, 1, &w->now), ERR_OK);
	world_commit(w);
	world_kill(w);
	w->answer_count = 0;
	w->has_stopped = false;
	w->begins_later = true;
	world_start(w);
}

static void
head(struct world *w, enum proto_ledger ledger)
{
	struct merkle_hash empty;

	merkle_empty(&empty);
	notary_signer_head(w->core, ledger, 0, &empty, &w->now);
}

static void
wrong_head(struct world *w, enum proto_ledger ledger)
{
	struct merkle_hash other;

	memset(&other, 7, sizeof(other));
	notary_signer_head(w->core, ledger, 1, &other, &w->now);
}

static enum err
add_cell(struct world *w, const char *name, uint64_t number)
{
	const struct notary_cell cell = {
		.number = number,
		.cell_id = hark_text_of(name),
		.run_id = hark_text_of("r"),
		.keepalive_ms = 10000,
	};

	return notary_cell_add(w->core, &cell, 0, &w->now);
}

static void
begins_when_it_has_heard_both_heads(void **state)
{
	static struct world w;

	(void)state;
	open_world(&w, false);
	world_wait(&w, 100 * SECOND_NS);
	assert_true(world_size(&w, PROTO_EVIDENCE) == 0); /* harkd has not spoken */
	notary_signer_linked(w.core, PROTO_EVIDENCE);
	notary_signer_linked(w.core, PROTO_OPERATIONS);
	notary_begin(w.core, &w.now);
	assert_int_equal(add_cell(&w, "c0", 1), ERR_AGAIN);
	assert_null(notary_buffer(w.core));
	world_wait(&w, SECOND_NS);
	head(&w, PROTO_EVIDENCE);
	assert_int_equal(add_cell(&w, "c0", 1), ERR_AGAIN);
	world_wait(&w, SECOND_NS);
	assert_true(world_size(&w, PROTO_EVIDENCE) == 0);
	assert_int_equal(w.asked[PROTO_EVIDENCE], 0);
	head(&w, PROTO_OPERATIONS);
	assert_int_equal(add_cell(&w, "c0", 1), ERR_OK);
	assert_non_null(notary_buffer(w.core));
	world_commit(&w);
	world_assert_leaves(&w, PROTO_EVIDENCE, 0, "started clean=true\nregistered c0\n");
	world_assert_leaves(&w, PROTO_OPERATIONS, 0, "started clean=true\n");
	/* Once. */
	notary_begin(w.core, &w.now);
	head(&w, PROTO_EVIDENCE);
	world_commit(&w);
	assert_true(world_size(&w, PROTO_EVIDENCE) == 2);
	world_destroy(&w);
}

static void
waits_for_no_signer_without_end(void **state)
{
	static const struct {
		const char *rule;
		bool is_gone; /* else it says nothing */
	} rows[] = {
		{ "a signer that ends", true },
		{ "a signer that is slow", false },
	};
	static struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		open_world(&w, false);
		notary_signer_linked(w.core, PROTO_EVIDENCE);
		notary_signer_linked(w.core, PROTO_OPERATIONS);
		notary_begin(w.core, &w.now);
		head(&w, PROTO_EVIDENCE);
		if (rows[i].is_gone) {
			notary_signer_gone(w.core, PROTO_OPERATIONS, &w.now);
		} else {
			world_wait(&w, NOTARY_HEAD_LIMIT_NS - SECOND_NS / 100);
			assert_int_equal(add_cell(&w, "c0", 1), ERR_AGAIN);
			world_wait(&w, SECOND_NS / 100);
		}
		if (add_cell(&w, "c0", 1) != ERR_OK)
			fail_msg("%s", rows[i].rule);
		world_commit(&w);
		world_assert_leaves(&w, PROTO_EVIDENCE, 0, "started clean=true\nregistered c0\n");
		/* What it says later is judged as ever. */
		wrong_head(&w, PROTO_OPERATIONS);
		assert_int_equal(w.states[PROTO_OPERATIONS], NOTARY_LEDGER_REFUSED);
		assert_false(notary_is_barred(w.core));
		assert_int_equal(add_cell(&w, "c1", 2), ERR_OK);
		world_destroy(&w);
	}
}

static void
writes_nothing_where_a_head_is_another_ledgers(void **state)
{
	static struct world w;
	unsigned int which;

	(void)state;
	for (which = 0; which < PROTO_LEDGERS; which++) {
		uint64_t evidence;
		uint64_t operations;

		open_world(&w, true);
		evidence = world_size(&w, PROTO_EVIDENCE);
		operations = world_size(&w, PROTO_OPERATIONS);
		notary_signer_linked(w.core, PROTO_EVIDENCE);
		notary_signer_linked(w.core, PROTO_OPERATIONS);
		notary_begin(w.core, &w.now);
		assert_false(notary_is_barred(w.core));
		wrong_head(&w, (enum proto_ledger)which);
		assert_int_equal(w.states[which], NOTARY_LEDGER_REFUSED);
		assert_true(notary_is_barred(w.core));
		head(&w, (enum proto_ledger)(1 - which));
		world_wait(&w, 100 * SECOND_NS);
		assert_int_equal(add_cell(&w, "c0", 1), ERR_AGAIN);
		assert_int_equal(notary_stop(w.core, 90, &w.now), ERR_OK);
		assert_true(w.has_stopped && w.answer_count == 1);
		assert_true(w.answers[0] == 90 && w.codes[0] == EXIT_TEMPORARY);
		assert_int_equal(notary_stop(w.core, 91, &w.now), ERR_EXISTS);
		world_wait(&w, 100 * SECOND_NS);
		assert_true(world_size(&w, PROTO_EVIDENCE) == evidence);
		assert_true(world_size(&w, PROTO_OPERATIONS) == operations);
		assert_int_equal(w.asked[PROTO_EVIDENCE] + w.asked[PROTO_OPERATIONS], 0);
		world_destroy(&w);
	}
}

/* Another signer may have the head after all: with it the start goes on. */
static void
goes_on_where_another_head_is_of_it(void **state)
{
	static struct world w;

	(void)state;
	open_world(&w, false);
	notary_signer_linked(w.core, PROTO_EVIDENCE);
	notary_begin(w.core, &w.now);
	wrong_head(&w, PROTO_EVIDENCE);
	world_wait(&w, 10 * SECOND_NS);
	notary_signer_gone(w.core, PROTO_EVIDENCE, &w.now);
	assert_true(notary_is_barred(w.core));
	notary_signer_linked(w.core, PROTO_EVIDENCE);
	head(&w, PROTO_EVIDENCE);
	assert_false(notary_is_barred(w.core));
	world_commit(&w);
	world_assert_leaves(&w, PROTO_EVIDENCE, 0, "started clean=true\n");
	world_destroy(&w);
}

/* A harkd that lives with a ledger that its signer refuses lives on with it. */
static void
another_notary_of_one_harkd_begins_all_the_same(void **state)
{
	static struct world w;
	uint64_t first;

	(void)state;
	open_world(&w, true);
	world_kill(&w);
	first = world_size(&w, PROTO_EVIDENCE);
	w.restarts = 1;
	world_start(&w);
	notary_signer_linked(w.core, PROTO_EVIDENCE);
	notary_begin(w.core, &w.now);
	wrong_head(&w, PROTO_EVIDENCE);
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_REFUSED);
	assert_false(notary_is_barred(w.core));
	world_commit(&w);
	world_assert_leaves(&w, PROTO_EVIDENCE, first, "notary_restarted restarts=1\n");
	world_destroy(&w);
}

static void
ends_without_having_begun(void **state)
{
	static struct world w;

	(void)state;
	open_world(&w, false);
	assert_int_equal(notary_stop(w.core, 90, &w.now), ERR_OK);
	assert_true(w.has_stopped && w.codes[0] == EXIT_TEMPORARY);
	notary_begin(w.core, &w.now);
	world_wait(&w, 10 * SECOND_NS);
	assert_true(world_size(&w, PROTO_EVIDENCE) == 0);
	world_destroy(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_when_it_has_heard_both_heads),
		cmocka_unit_test(waits_for_no_signer_without_end),
		cmocka_unit_test(writes_nothing_where_a_head_is_another_ledgers),
		cmocka_unit_test(goes_on_where_another_head_is_of_it),
		cmocka_unit_test(another_notary_of_one_harkd_begins_all_the_same),
		cmocka_unit_test(ends_without_having_begun),
	};

	return cmocka_run_group_tests_name("hark-notary/begin", tests, NULL, NULL);
}
