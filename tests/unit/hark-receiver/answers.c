/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What guests are told is durable, and how the receiver ends: nothing is said before its receipt.
 */
#include "hark-receiver/connection.h"
#include "prog/exit.h"
#include "rig.h"

#define NOTHING UINT64_MAX

static int
setup(void **state)
{
	struct rig *rig = rig_open();

	rig_new_notary(rig);
	rig_listen(rig, 0, 0, 0);
	*state = rig;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *rig = *state;
	unsigned int slot;

	for (slot = 0; slot < 2; slot++) {
		struct sockaddr_un a = rig_address(rig, slot);

		(void)unlink(a.sun_path);
	}
	rig_close(rig);
	return 0;
}

static int
hello(struct rig *rig, uint64_t seq, bool ack)
{
	uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	int guest = rig_connect(rig, 0);

	rig_write(rig, guest, frame, rig_frame(frame, "agent.hello", 2, seq, ack));
	return guest;
}

/* Everything that came is durable. */
static void
confirm(struct rig *rig)
{
	rig_take(rig);
	rig_receipt(rig, rig->next, 0, 0);
}

static void
a_number_follows_its_receipt(void **state)
{
	/* After each frame: its receipt, and what the guest must then hear. */
	static const struct {
		const char *rule, *source;
		uint64_t seq, want;
	} rows[] = {
		{ "an event", "process.spawned", 5, 6 },
		{ "the next", "process.exec", 6, 7 },
		{ "a heartbeat says nothing new", "agent.heartbeat", 7, NOTHING },
		{ "a heartbeat's number was never sent", "agent.heartbeat", 4000, NOTHING },
		{ "one that was sent before", "process.exec", 5, NOTHING },
		{ "a jump: what lies between is lost", "process.exec", 100, 101 },
		{ "a goodbye wants to be heard of", "agent.goodbye", 101, 101 },
		{ "the largest number", "process.exec", UINT64_MAX, UINT64_MAX },
	};
	struct rig *rig = *state;
	int guest = hello(rig, 5, true);
	size_t count;
	size_t i;

	rig_take(rig);
	assert_true(rig_answer(guest, &count) == NOTHING && count == 0);
	confirm(rig);
	/* A hello is heard of: the guest knows that it will be told. */
	assert_true(rig_answer(guest, &count) == 5 && count == 1);
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t got;

		rig_declare(rig, guest, rows[i].source, 2, rows[i].seq);
		rig_take(rig);
		if (rig_answer(guest, &count) != NOTHING || count != 0)
			fail_msg("%s: told before its receipt", rows[i].rule);
		confirm(rig);
		got = rig_answer(guest, &count);
		if (got != rows[i].want || count > 1)
			fail_msg("%s: %llu", rows[i].rule, (unsigned long long)got);
	}
	(void)close(guest);
}

static void
the_highest_of_a_batch_counts(void **state)
{
	uint8_t frames[2 * (HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES)];
	struct rig *rig = *state;
	int guest = hello(rig, 0, true);
	size_t count;
	size_t size;

	size = rig_frame(frames, "process.exec", 2, 9, false);
	size += rig_frame(frames + size, "process.exec", 2, 3, false);
	rig_write(rig, guest, frames, size);
	confirm(rig);
	assert_true(rig_answer(guest, &count) == 10);
	(void)close(guest);
}

static void
a_place_taken_again_owes_nothing(void **state)
{
	struct rig *rig = *state;
	int old = hello(rig, 0, true);
	int guest;
	size_t count;

	rig_declare(rig, old, "process.exec", 2, 7);
	(void)close(old);
	rig_turns(rig);
	guest = hello(rig, 3, true);
	assert_ptr_equal(receiver_cell(rig->r, 0)->connections[1].stream, NULL);
	confirm(rig);
	assert_true(rig_answer(guest, &count) == 3 && count == 1);
	(void)close(guest);
}

static void
nobody_is_told_who_did_not_ask(void **state)
{
	struct rig *rig = *state;
	int silent = hello(rig, 0, false);
	int cellos = rig_connect(rig, 0);
	size_t count;

	rig_declare(rig, silent, "process.exec", 2, 0);
	rig_declare(rig, cellos, "agent.hello", 1, 0); /* a hello of wire 1 is no hello */
	rig_declare(rig, cellos, "process.exec", 1, 0);
	confirm(rig);
	assert_true(rig_answer(silent, &count) == NOTHING);
	assert_true(rig_answer(cellos, &count) == NOTHING);
	(void)close(silent);
	(void)close(cellos);
}

static void
each_connection_hears_of_its_own(void **state)
{
	struct rig *rig = *state;
	int one = hello(rig, 0, true);
	int two = hello(rig, 0, true);
	size_t count;

	rig_declare(rig, one, "process.exec", 2, 0);
	rig_declare(rig, one, "process.exec", 2, 1);
	confirm(rig);
	assert_true(rig_answer(one, &count) == 2);
	assert_true(rig_answer(two, &count) == 0);
	rig_declare(rig, two, "process.exec", 2, 0);
	confirm(rig);
	assert_true(rig_answer(one, &count) == NOTHING);
	assert_true(rig_answer(two, &count) == 1);
	(void)close(one);
	(void)close(two);
}

static void
many_receipts_are_one_answer(void **state)
{
	struct rig *rig = *state;
	int guest = hello(rig, 0, true);
	uint64_t first;
	size_t count;
	uint64_t i;

	confirm(rig);
	(void)rig_answer(guest, &count);
	first = rig->next;
	for (i = 0; i < 40; i++) {
		rig_declare(rig, guest, "process.exec", 2, i);
		rig_take(rig);
	}
	/* All of them wait in the channel when the receiver looks. */
	for (i = 1; i <= 40; i++) {
		struct record_receipt receipt = { .next = first + i };
		uint8_t data[32];
		size_t size = 0;

		assert_int_equal(record_receipt_write(&receipt, data, sizeof(data), &size), ERR_OK);
		assert_int_equal(send(rig->notary, data, size, 0), (ssize_t)size);
	}
	rig_turns(rig);
	assert_true(rig_answer(guest, &count) == 40 && count == 1);
	(void)close(guest);
}

static void
a_guest_that_does_not_listen_hears_the_latest(void **state)
{
	struct rig *rig = *state;
	int guest = hello(rig, 0, true);
	uint64_t told = 0;
	size_t count;
	uint64_t i;

	confirm(rig);
	/* Numbers of eight bytes fill its queue by their overhead. */
	for (i = 0; i < 3000; i++) {
		rig_declare(rig, guest, "process.exec", 2, i);
		confirm(rig);
	}
	told = rig_answer(guest, &count);
	assert_true(count < 3000 && told < 3000);
	rig_turns(rig); /* there is room: an edge tells it */
	assert_true(rig_answer(guest, &count) == 3000 && count == 1);
	(void)close(guest);
}

static void
a_new_notary_gets_all_again(void **state)
{
	struct rig *rig = *state;
	int guest = hello(rig, 0, true);
	uint64_t before;
	size_t count;
	size_t i;

	confirm(rig);
	(void)rig_answer(guest, &count);
	for (i = 0; i < 10; i++)
		rig_declare(rig, guest, "process.exec", 2, i);
	rig_take(rig);
	before = rig->next;
	rig->count = 0;
	rig_new_notary(rig);
	rig_take(rig);
	assert_true(rig->next == before);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), 10);
	for (i = 0; i < 10; i++)
		assert_int_equal(rig->records[rig->count - 10 + i].seq, i);
	/* Without any notary, reading goes on; the next one gets what came. */
	(void)close(rig->notary);
	rig->notary = -1;
	rig_turns(rig);
	for (i = 10; i < 20; i++)
		rig_declare(rig, guest, "process.exec", 2, i);
	rig->count = 0;
	rig_new_notary(rig);
	rig_take(rig);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), 20);
	assert_true(rig_answer(guest, &count) == NOTHING);
	confirm(rig);
	assert_true(rig_answer(guest, &count) == 20);
	(void)close(guest);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void
half_a_connection_hears_the_rest(void **state)
{
	struct rig *rig = *state;
	int guest = hello(rig, 0, true);
	size_t count;

	rig_declare(rig, guest, "process.exec", 2, 0);
	assert_int_equal(shutdown(guest, SHUT_WR), 0);
	rig_turns(rig);
	rig_take(rig);
	assert_int_equal(rig_last(rig, RECORD_CLOSED)->end, RECORD_END_CLEAN);
	assert_false(rig_has_ended(guest));
	confirm(rig);
	assert_true(rig_answer(guest, &count) == 1 && count == 1);
	assert_true(rig_has_ended(guest));
	(void)close(guest);
	/* Without a receipt it is let go after a while. */
	guest = hello(rig, 0, true);
	assert_int_equal(shutdown(guest, SHUT_WR), 0);
	rig_turns(rig);
	rig_pass(rig, RIG_SECOND * 29 / 10);
	assert_false(rig_has_ended(guest));
	rig_pass(rig, RIG_SECOND);
	assert_true(rig_has_ended(guest));
	(void)close(guest);
	/* Who has hung up is not waited for. */
	guest = hello(rig, 0, true);
	(void)close(guest);
	rig_turns(rig);
	assert_null(receiver_cell(rig->r, 0)->connections[0].stream);
}

static void
a_removed_cell_is_read_to_its_end(void **state)
{
	struct rig *rig = *state;
	int guest = hello(rig, 0, true);
	uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	size_t size = rig_frame(frame, "process.exec", 2, 0, false);
	size_t count;

	rig_take(rig);
	/* A frame and a half are there when harkd says it. */
	assert_int_equal(send(guest, frame, size, 0), (ssize_t)size);
	assert_int_equal(send(guest, frame, size / 2, 0), (ssize_t)(size / 2));
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
	rig_take(rig);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), 2);
	assert_int_equal(rig_last(rig, RECORD_CLOSED)->end, RECORD_END_UNLISTEN);
	assert_int_equal(rig_count(rig, RECORD_REJECTED), 0); /* we cut that frame */
	assert_true(send(guest, "x", 1, MSG_NOSIGNAL) < 0);
	confirm(rig);
	assert_true(rig_answer(guest, &count) == 1);
	assert_true(rig_has_ended(guest));
	assert_null(receiver_cell(rig->r, 0));
	(void)close(guest);
}

static void
a_slot_given_again_owes_nothing(void **state)
{
	struct rig *rig = *state;
	int old;
	int guest;
	size_t count;

	rig_simple(rig, MESSAGE_UNLISTEN, 0);
	rig_listen(rig, 0, 0, 1000000);
	old = hello(rig, 0, true);
	rig_declare(rig, old, "process.exec", 2, 7);
	(void)close(old);
	rig_turns(rig);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
	/* harkd may give the slot again when the old cell's records are durable, and not before. */
	assert_non_null(receiver_cell(rig->r, 0));
	confirm(rig);
	assert_int_equal(rig_done(rig), 1000);
	assert_int_equal(rig_done(rig), 1000);
	rig_listen(rig, 0, 0, 1000);
	guest = hello(rig, 3, true);
	confirm(rig);
	assert_true(rig_answer(guest, &count) == 3 && count == 1);
	(void)close(guest);
}

static void
after_stop_it_ends_when_all_is_durable(void **state)
{
	struct rig *rig = *state;
	int guest = hello(rig, 0, true);
	int cellos = rig_connect(rig, 0);
	size_t count;

	confirm(rig);
	(void)rig_answer(guest, &count);
	rig_declare(rig, cellos, "process.exec", 1, 0);
	(void)close(cellos);
	rig_declare(rig, guest, "process.exec", 2, 0);
	rig_simple(rig, MESSAGE_STOP, 0);
	rig_take(rig);
	assert_false(rig->r->done);
	assert_int_equal(rig_last(rig, RECORD_CLOSED)->end, RECORD_END_UNLISTEN);
	confirm(rig);
	assert_true(rig->r->done && rig->r->exit_code == EXIT_OK);
	assert_true(rig_answer(guest, &count) == 1);
	(void)close(guest);
}

static void
after_stop_it_waits_for_the_receipts_of_who_is_gone(void **state)
{
	struct rig *rig = *state;
	int cellos = rig_connect(rig, 0);

	rig_declare(rig, cellos, "process.exec", 1, 0);
	(void)close(cellos);
	rig_simple(rig, MESSAGE_STOP, 0);
	assert_false(rig->r->done);
	confirm(rig);
	assert_true(rig->r->done && rig->r->exit_code == EXIT_OK);
}

static void
after_stop_it_does_not_wait_for_ever(void **state)
{
	struct rig *rig = *state;
	int guest = hello(rig, 0, true);

	rig_simple(rig, MESSAGE_STOP, 0);
	rig_simple(rig, MESSAGE_STOP, 0); /* said twice it is the same */
	rig_pass(rig, RECEIVER_STOP_NS - 1);
	assert_false(rig->r->done);
	rig_pass(rig, 1);
	assert_true(rig->r->done && rig->r->exit_code == EXIT_TEMPORARY);
	(void)close(guest);
}

static void
one_flood_leaves_the_others_their_turn(void **state)
{
	struct rig *rig = *state;
	int flood = rig_connect(rig, 0);
	int calm;
	size_t turn;

	rig_listen(rig, 1, 0, 0);
	calm = rig_connect(rig, 1);
	rig_take(rig);
	for (turn = 0; turn < 30; turn++) {
		uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
		size_t size = rig_frame(frame, "process.exec", 1, 0, false);
		uint64_t before = rig->r->window.next;
		size_t i;

		(void)rig_flood(flood, 100000);
		assert_int_equal(send(calm, frame, size, MSG_NOSIGNAL), (ssize_t)size);
		/* One share of the flood a turn, and at the latest in the second its own. */
		for (i = 0; i < 2; i++)
			assert_int_equal(receiver_turn(rig->r, false), ERR_OK);
		assert_true(rig->r->window.next <= before + 2 * (CONNECTION_FRAMES_PER_TURN + 2));
		assert_int_equal(recv(calm, frame, 1, 0), -1);
		assert_true(rig->r->cells[1]->connections[0].frames == turn + 1);
		rig_turns(rig);
		rig_take(rig);
		confirm(rig);
		rig->count = 0;
	}
	(void)close(flood);
	(void)close(calm);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_number_follows_its_receipt, setup, teardown),
		cmocka_unit_test_setup_teardown(the_highest_of_a_batch_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_place_taken_again_owes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(after_stop_it_waits_for_the_receipts_of_who_is_gone,
						setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_is_told_who_did_not_ask, setup, teardown),
		cmocka_unit_test_setup_teardown(each_connection_hears_of_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(many_receipts_are_one_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_guest_that_does_not_listen_hears_the_latest,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_notary_gets_all_again, setup, teardown),
		cmocka_unit_test_setup_teardown(half_a_connection_hears_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(a_removed_cell_is_read_to_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(a_slot_given_again_owes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(after_stop_it_ends_when_all_is_durable, setup,
						teardown),
		cmocka_unit_test_setup_teardown(after_stop_it_does_not_wait_for_ever, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_flood_leaves_the_others_their_turn, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
