/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Checkpoints, signers that refuse, and the end. */
#include "checkpoint/checkpoint.h"
#include "checkpoint/note.h"
#include "prog/exit.h"

#include "world.h"

#define SECOND_NS UINT64_C(1000000000)

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
	struct merkle_hash old_root;
	uint64_t old_size;
	uint64_t sealed_size;

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
	old_size = w.asked_size[PROTO_EVIDENCE];
	old_root = w.asked_root[PROTO_EVIDENCE];
	say(&w, 1);
	world_wait(&w, 2 * SECOND_NS);
	assert_int_equal(w.asked[PROTO_EVIDENCE], 3);
	sign(&w, PROTO_EVIDENCE, "h/evidence");
	sealed_size = w.pages[PROTO_EVIDENCE].sealed_size;
	assert_true(sealed_size > old_size);
	/* A rotation's note is said again on each link: what came after it stays. */
	w.asked_size[PROTO_EVIDENCE] = old_size;
	w.asked_root[PROTO_EVIDENCE] = old_root;
	sign(&w, PROTO_EVIDENCE, "h/evidence");
	assert_true(w.pages[PROTO_EVIDENCE].sealed_size == sealed_size);
	assert_int_equal(w.states[PROTO_EVIDENCE], NOTARY_LEDGER_OK);
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
	notary_signer_gone(w.core, PROTO_EVIDENCE, &w.now);
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
	world_assert_leaves(&w, PROTO_EVIDENCE, first,
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
		cmocka_unit_test(seals_what_is_committed),
		cmocka_unit_test(a_refusal_stops_sealing_and_is_said),
		cmocka_unit_test(believes_no_head_of_another_ledger),
		cmocka_unit_test(stops_in_order),
		cmocka_unit_test(stops_without_a_signer_too),
	};

	return cmocka_run_group_tests_name("hark-notary/seal", tests, NULL, NULL);
}
