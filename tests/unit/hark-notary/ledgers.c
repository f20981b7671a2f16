/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ledgers that fail, fill, are pruned; answers. */
#include <errno.h>

#include "prog/exit.h"

#include "world.h"

#define SECOND_NS UINT64_C(1000000000)

static const struct bytes nothing = { NULL, 0 };

static struct bytes
bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void
open_world(struct world *w)
{
	memset(w, 0, sizeof(*w));
	world_create(w);
	world_cell(w, "c0", "r", 1);
	world_channel(w, 9, 100);
	world_slot(w, 0, 1);
	world_commit(w);
}

static void
say(struct world *w, uint32_t count)
{
	struct record r;

	memset(&r, 0, sizeof(r));
	r.connection = 1;
	if (w->next_record == 0) {
		r.type = RECORD_OPENED;
		world_add(w, &r);
	}
	r.type = RECORD_DECLARED;
	r.session.mode = HARK_WIRE_CELLOS;
	r.declaration.content_version = 1;
	r.declaration.probe_source = hark_text_of("process.spawned");
	r.declaration.guest_comm = hark_text_of("sh");
	while (count-- > 0)
		world_add(w, &r);
	world_send(w);
}

/* ---- failing ---- */

static void
stops_acknowledging_while_it_cannot_write(void **state)
{
	static const struct {
		int number;
		enum notary_ledger_state state;
	} rows[] = {
		{ EIO, NOTARY_LEDGER_FAILING },
		{ ENOSPC, NOTARY_LEDGER_FULL },
	};
	static struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t first;
		uint64_t told;

		open_world(&w);
		first = world_size(&w, PROTO_EVIDENCE);
		told = w.receipt_next;
		say(&w, 2);
		sim_fail(w.disks[PROTO_EVIDENCE], 0, 1000000, rows[i].number);
		world_wait(&w, 3 * SECOND_NS);
		assert_int_equal(w.states[PROTO_EVIDENCE], rows[i].state);
		assert_true(w.pages[PROTO_EVIDENCE].is_failing);
		assert_true(w.receipt_next == told);
		assert_true(world_size(&w, PROTO_EVIDENCE) == first);
		/* It goes on taking what there is room for, and forgets nothing of it. */
		say(&w, 1);
		world_wait(&w, SECOND_NS);
		sim_fail(w.disks[PROTO_EVIDENCE], 0, 0, 0);
		world_wait(&w, 6 * SECOND_NS);
		assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_OK);
		assert_false(w.pages[PROTO_EVIDENCE].is_failing);
		assert_true(w.receipt_next == 4);
		/* Each batch alone: the second was not durable with the first. */
		assert_true(w.receipt_before == 3);
		world_wait(&w, SECOND_NS);
		world_assert_leaves(
			&w, PROTO_EVIDENCE, first,
			rows[i].number == EIO
				? "process_spawned c0 epoch=1 probeSource=process.spawned\n"
				  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
				  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
				: "process_spawned c0 epoch=1 probeSource=process.spawned\n"
				  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
				  "ledger_full\n"
				  "process_spawned c0 epoch=1 probeSource=process.spawned\n");
		world_destroy(&w);
	}
}

/* Batches until the next segment cannot be reserved. */
static void
takes_no_records_while_space_is_low(void **state)
{
	static struct world w;
	unsigned int turns = 0;
	uint64_t size;

	(void)state;
	open_world(&w);
	sim_set_space(w.disks[PROTO_EVIDENCE], 0);
	while (w.states[PROTO_EVIDENCE] == NOTARY_LEDGER_OK) {
		assert_true(++turns < 200);
		say(&w, 100);
		world_commit(&w);
	}
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_FULL);
	assert_null(notary_buffer(w.core));
	world_commit(&w);
	size = world_size(&w, PROTO_EVIDENCE);
	world_assert_leaves(&w, PROTO_EVIDENCE, size - 1, "ledger_full\n");
	/* A tick still fits; nobody's silence is judged while nobody is heard. */
	world_wait(&w, 60 * SECOND_NS);
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_FULL);
	world_assert_leaves(&w, PROTO_EVIDENCE, size, "tick\n");
	sim_set_space(w.disks[PROTO_EVIDENCE], UINT64_MAX);
	world_wait(&w, 6 * SECOND_NS);
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_OK);
	assert_non_null(notary_buffer(w.core));
	size = world_size(&w, PROTO_EVIDENCE);
	say(&w, 1);
	world_commit(&w);
	assert_true(world_size(&w, PROTO_EVIDENCE) >= size + 1);
	world_destroy(&w);
}

/* ---- answers ---- */

static void
answers_when_it_is_durable(void **state)
{
	static struct world w;
	struct notary_cell cell = { .number = 5,
				    .cell_id = hark_text_of("c5"),
				    .run_id = hark_text_of("r"),
				    .keepalive_ms = 1000,
				    .rearm = true };

	(void)state;
	open_world(&w);
	assert_int_equal(notary_cell_add(w.core, &cell, 41, &w.now), ERR_OK);
	world_tick(&w);
	assert_int_equal(w.answer_count, 0);
	world_commit(&w);
	assert_int_equal(w.answer_count, 1);
	assert_true(w.answers[0] == 41 && w.codes[0] == EXIT_OK);
	assert_int_equal(notary_cell_add(w.core, &cell, 42, &w.now), ERR_EXISTS);
	cell.number = 6;
	assert_int_equal(notary_cell_add(w.core, &cell, 42, &w.now), ERR_EXISTS);
	cell.cell_id = hark_text_of("no blank");
	assert_int_equal(notary_cell_add(w.core, &cell, 42, &w.now), ERR_ARGUMENT);
	cell.cell_id = hark_text_of("c6");
	cell.keepalive_ms = 0;
	assert_int_equal(notary_cell_add(w.core, &cell, 42, &w.now), ERR_ARGUMENT);
	assert_int_equal(notary_cell_remove(w.core, 77, nothing, 43, &w.now), ERR_MISSING);
	assert_int_equal(notary_cell_remove(w.core, 5, bytes_of("No!"), 43, &w.now), ERR_ARGUMENT);
	assert_int_equal(notary_cell_remove(w.core, 5, bytes_of("asked"), 43, &w.now), ERR_OK);
	world_commit(&w);
	assert_int_equal(w.answer_count, 2);
	assert_true(w.answers[1] == 43 && w.codes[1] == EXIT_OK);
	world_destroy(&w);
}

static void
counts_epochs_on_over_a_removal(void **state)
{
	static struct world w;
	uint64_t first;

	(void)state;
	open_world(&w);
	say(&w, 1);
	assert_int_equal(notary_cell_remove(w.core, 1, nothing, 0, &w.now), ERR_OK);
	world_wait(&w, 3 * SECOND_NS);
	world_kill(&w);
	w.restarts = 1;
	world_start(&w);
	world_cell(&w, "c0", "r", 2);
	world_channel(&w, 10, 101);
	world_slot(&w, 0, 2);
	world_commit(&w);
	first = world_size(&w, PROTO_EVIDENCE);
	say(&w, 1);
	world_commit(&w);
	world_assert_leaves(&w, PROTO_EVIDENCE, first,
			    "process_spawned c0 epoch=2 probeSource=process.spawned\n");
	world_destroy(&w);
}

/* ---- operations ---- */

static void
records_what_is_done_to_it(void **state)
{
	static struct world w;
	uint64_t first;

	(void)state;
	open_world(&w);
	say(&w, 3);
	world_commit(&w);
	world_assert_leaves(&w, PROTO_OPERATIONS, 0, "started clean=true\n");
	first = world_size(&w, PROTO_OPERATIONS);
	assert_int_equal(notary_operation(w.core, bytes_of("config"), bytes_of("{\"b\":1,\"a\":2}"),
					  50, &w.now),
			 ERR_OK);
	assert_int_equal(notary_operation(w.core, bytes_of("config"), bytes_of("[1]"), 51, &w.now),
			 ERR_FORMAT);
	assert_int_equal(notary_operation(w.core, bytes_of("config"), bytes_of("{"), 51, &w.now),
			 ERR_FORMAT);
	assert_int_equal(notary_operation(w.core, bytes_of("Config"), bytes_of("{}"), 51, &w.now),
			 ERR_FORMAT);
	world_commit(&w);
	world_assert_leaves(&w, PROTO_OPERATIONS, first, "config\n");
	assert_int_equal(w.answer_count, 1);
	assert_true(w.answers[0] == 50);

	first = world_size(&w, PROTO_OPERATIONS);
	assert_int_equal(
		notary_redact(w.core, PROTO_EVIDENCE, 2, bytes_of("asked for"), 60, &w.now),
		ERR_OK);
	assert_int_equal(w.answer_count, 1);
	world_commit(&w);
	assert_int_equal(w.answer_count, 2);
	assert_true(w.answers[1] == 60 && w.codes[1] == EXIT_OK && w.indexes[1] == 2);
	assert_int_equal(notary_redact(w.core, PROTO_EVIDENCE, 2, nothing, 61, &w.now), ERR_OK);
	world_commit(&w);
	assert_true(w.answers[2] == 61 && w.codes[2] == EXIT_DATA);
	assert_int_equal(notary_redact(w.core, PROTO_EVIDENCE, 1000, nothing, 62, &w.now),
			 ERR_RANGE);
	assert_int_equal(notary_redact(w.core, PROTO_EVIDENCE, 2, bytes_of("\xff"), 62, &w.now),
			 ERR_ARGUMENT);
	assert_int_equal(notary_prune(w.core, PROTO_EVIDENCE, 3, 63, &w.now), ERR_OK);
	world_commit(&w);
	assert_true(w.answers[3] == 63 && w.codes[3] == EXIT_OK && w.indexes[3] == 0);
	assert_int_equal(notary_prune(w.core, PROTO_EVIDENCE, 1000, 64, &w.now), ERR_RANGE);
	world_commit(&w);
	world_assert_leaves(&w, PROTO_OPERATIONS, first,
			    "redacted reason=asked for\nredacted\n"
			    "redact_failed error=that leaf is redacted already\npruned\n");
	world_destroy(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(stops_acknowledging_while_it_cannot_write),
		cmocka_unit_test(takes_no_records_while_space_is_low),
		cmocka_unit_test(answers_when_it_is_durable),
		cmocka_unit_test(counts_epochs_on_over_a_removal),
		cmocka_unit_test(records_what_is_done_to_it),
	};

	return cmocka_run_group_tests_name("hark-notary/ledgers", tests, NULL, NULL);
}
