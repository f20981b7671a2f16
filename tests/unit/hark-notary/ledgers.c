/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ledgers that fail, fill, are sealed, are pruned; answers; the end. */
#include <errno.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/note.h"
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

struct lines {
	char text[8192];
};

static void
collect(void *ctx, uint64_t index, const char *json, size_t size)
{
	struct lines *l = ctx;

	(void)index;
	world_brief(json, size, l->text, sizeof(l->text));
}

static void
assert_leaves(struct world *w, enum proto_ledger ledger, uint64_t from, const char *want)
{
	struct lines l = { "" };

	world_leaves(w, ledger, from, collect, &l);
	assert_string_equal(l.text, want);
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
		world_wait(&w, SECOND_NS);
		assert_leaves(&w, PROTO_EVIDENCE, first,
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
	assert_leaves(&w, PROTO_EVIDENCE, size - 1, "ledger_full\n");
	/* A tick still fits; nobody's silence is judged while nobody is heard. */
	world_wait(&w, 60 * SECOND_NS);
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_FULL);
	assert_leaves(&w, PROTO_EVIDENCE, size, "tick\n");
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
	assert_leaves(&w, PROTO_EVIDENCE, first,
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
	assert_leaves(&w, PROTO_OPERATIONS, 0, "started clean=true\n");
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
	assert_leaves(&w, PROTO_OPERATIONS, first, "config\n");
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
	assert_leaves(&w, PROTO_OPERATIONS, first,
		      "redacted reason=asked for\nredacted\n"
		      "redact_failed error=that leaf is redacted already\npruned\n");
	world_destroy(&w);
}

/* ---- sealing ---- */

static void
sign(struct world *w, enum proto_ledger ledger, const char *origin)
{
	struct buf note = { 0 };
	struct checkpoint c;
	char text[CHECKPOINT_TEXT_MAX];
	uint8_t signature[64] = { 0 };
	size_t size = 0;

	memset(&c, 0, sizeof(c));
	(void)snprintf(c.origin, sizeof(c.origin), "%s", origin);
	c.size = w->asked_size[ledger];
	c.root = w->asked_root[ledger];
	checkpoint_write(&c, text, &size);
	assert_int_equal(note_write_text(text, size, &note), ERR_OK);
	assert_int_equal(note_write_signature(origin, 1, signature, sizeof(signature), &note),
			 ERR_OK);
	notary_signed(w->core, ledger, c.size, &c.root, (struct bytes){ note.data, note.size },
		      &w->now);
	buf_finish(&note);
}

static void
seals_what_is_committed(void **state)
{
	static struct world w;
	struct merkle_hash empty;

	(void)state;
	merkle_empty(&empty);
	open_world(&w);
	assert_int_equal(w.asked[PROTO_EVIDENCE], 0);
	notary_signer_head(w.core, PROTO_EVIDENCE, 0, &empty, &w.now);
	world_tick(&w);
	assert_int_equal(w.asked[PROTO_EVIDENCE], 1);
	assert_true(w.asked_size[PROTO_EVIDENCE] == world_size(&w, PROTO_EVIDENCE));
	world_wait(&w, SECOND_NS);
	assert_int_equal(w.asked[PROTO_EVIDENCE], 1);
	/* A lost answer is asked for again. */
	world_wait(&w, 5 * SECOND_NS);
	assert_int_equal(w.asked[PROTO_EVIDENCE], 2);
	sign(&w, PROTO_EVIDENCE, "h/evidence");
	assert_true(w.pages[PROTO_EVIDENCE].sealed_size == world_size(&w, PROTO_EVIDENCE));
	/* Nothing grew: nothing is asked. */
	world_wait(&w, 3 * SECOND_NS);
	assert_int_equal(w.asked[PROTO_EVIDENCE], 2);
	say(&w, 1);
	world_wait(&w, 2 * SECOND_NS);
	assert_int_equal(w.asked[PROTO_EVIDENCE], 3);
	sign(&w, PROTO_EVIDENCE, "h/evidence");
	/* On demand: at once, when it is durable. */
	say(&w, 1);
	assert_int_equal(notary_seal(w.core, PROTO_EVIDENCE, 70, &w.now), ERR_OK);
	world_wait(&w, SECOND_NS / 100);
	assert_int_equal(w.asked[PROTO_EVIDENCE], 4);
	assert_int_equal(w.answer_count, 0);
	sign(&w, PROTO_EVIDENCE, "h/evidence");
	world_tick(&w);
	assert_int_equal(w.answer_count, 1);
	assert_true(w.answers[0] == 70 && w.codes[0] == EXIT_OK);
	/* And where there is nothing new: the same answer. */
	assert_int_equal(notary_seal(w.core, PROTO_EVIDENCE, 71, &w.now), ERR_OK);
	world_commit(&w);
	assert_true(w.answer_count == 2 && w.codes[1] == EXIT_OK);
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_OK);
	world_destroy(&w);
}

static void
a_refusal_stops_sealing_and_is_said(void **state)
{
	static struct world w;
	struct merkle_hash empty;
	unsigned int asked;

	(void)state;
	merkle_empty(&empty);
	open_world(&w);
	notary_signer_head(w.core, PROTO_EVIDENCE, 0, &empty, &w.now);
	world_tick(&w);
	assert_int_equal(notary_seal(w.core, PROTO_EVIDENCE, 80, &w.now), ERR_OK);
	world_commit(&w);
	notary_refused(w.core, PROTO_EVIDENCE, true, "it is smaller", &w.now);
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_REFUSED);
	assert_true(w.answer_count == 1 && w.codes[0] == EXIT_TAMPERED);
	assert_int_equal(notary_seal(w.core, PROTO_EVIDENCE, 81, &w.now), ERR_OK);
	assert_true(w.answer_count == 2 && w.codes[1] == EXIT_TAMPERED);
	asked = w.asked[PROTO_EVIDENCE];
	say(&w, 1);
	world_wait(&w, 10 * SECOND_NS);
	assert_int_equal(w.asked[PROTO_EVIDENCE], asked);
	assert_true(w.receipt_next == 2); /* it grows all the same */
	/* Another signer whose head is of this ledger. */
	notary_signer_gone(w.core, PROTO_EVIDENCE);
	notary_signer_head(w.core, PROTO_EVIDENCE, 0, &empty, &w.now);
	world_wait(&w, 2 * SECOND_NS);
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_OK);
	assert_int_equal(w.asked[PROTO_EVIDENCE], asked + 1);
	/* It could not just now: asked again, and no refusal. */
	notary_refused(w.core, PROTO_EVIDENCE, false, "no space", &w.now);
	world_wait(&w, 6 * SECOND_NS);
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_OK);
	assert_int_equal(w.asked[PROTO_EVIDENCE], asked + 2);
	/* A note of another ledger. */
	sign(&w, PROTO_EVIDENCE, "h/operations");
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_REFUSED);
	world_destroy(&w);
}

static void
believes_no_head_of_another_ledger(void **state)
{
	static struct world w;
	struct merkle_hash other;

	(void)state;
	memset(&other, 7, sizeof(other));
	open_world(&w);
	notary_signer_head(w.core, PROTO_EVIDENCE, 1, &other, &w.now);
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_REFUSED);
	notary_signer_head(w.core, PROTO_OPERATIONS, 1000, &other, &w.now);
	assert_int_equal(w.states[PROTO_OPERATIONS], NOTARY_LEDGER_REFUSED);
	world_wait(&w, 5 * SECOND_NS);
	assert_int_equal(w.asked[PROTO_EVIDENCE] + w.asked[PROTO_OPERATIONS], 0);
	world_destroy(&w);
}

/* ---- the end ---- */

static void
stops_in_order(void **state)
{
	static struct world w;
	struct merkle_hash empty;
	uint64_t first;

	(void)state;
	merkle_empty(&empty);
	open_world(&w);
	first = world_size(&w, PROTO_EVIDENCE);
	notary_signer_head(w.core, PROTO_EVIDENCE, 0, &empty, &w.now);
	notary_signer_head(w.core, PROTO_OPERATIONS, 0, &empty, &w.now);
	world_tick(&w);
	sign(&w, PROTO_EVIDENCE, "h/evidence");
	sign(&w, PROTO_OPERATIONS, "h/operations");
	say(&w, 1);
	assert_int_equal(notary_stop(w.core, 90, &w.now), ERR_OK);
	world_tick(&w);
	world_tick(&w);
	assert_null(notary_buffer(w.core));
	assert_false(w.has_stopped);
	sign(&w, PROTO_EVIDENCE, "h/evidence");
	world_tick(&w);
	assert_false(w.has_stopped);
	sign(&w, PROTO_OPERATIONS, "h/operations");
	world_tick(&w);
	assert_true(w.has_stopped);
	assert_true(w.answer_count == 1 && w.answers[0] == 90 && w.codes[0] == EXIT_OK);
	assert_leaves(&w, PROTO_EVIDENCE, first,
		      "process_spawned c0 epoch=1 probeSource=process.spawned\nstopped\n");
	world_destroy(&w);
}

static void
stops_without_a_signer_too(void **state)
{
	static struct world w;
	struct merkle_hash empty;

	(void)state;
	merkle_empty(&empty);
	open_world(&w);
	assert_int_equal(notary_stop(w.core, 90, &w.now), ERR_OK);
	world_tick(&w);
	assert_true(w.has_stopped);
	world_destroy(&w);
	/* One that does not answer is not waited for without end. */
	open_world(&w);
	notary_signer_head(w.core, PROTO_EVIDENCE, 0, &empty, &w.now);
	assert_int_equal(notary_stop(w.core, 90, &w.now), ERR_OK);
	world_wait(&w, SECOND_NS);
	assert_false(w.has_stopped);
	world_wait(&w, 5 * SECOND_NS);
	assert_true(w.has_stopped);
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
		cmocka_unit_test(seals_what_is_committed),
		cmocka_unit_test(a_refusal_stops_sealing_and_is_said),
		cmocka_unit_test(believes_no_head_of_another_ledger),
		cmocka_unit_test(stops_in_order),
		cmocka_unit_test(stops_without_a_signer_too),
	};

	return cmocka_run_group_tests_name("hark-notary/ledgers", tests, NULL, NULL);
}
