/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Observers in the core: receipts, strikes, quarantine, bounds, and ledgers that fail meanwhile. */
#include <errno.h>

#include "observer_world.h"

/* A world with a few leaves of evidence, where the operations have one record. */
static void
open_world(struct world *w)
{
	memset(w, 0, sizeof(*w));
	world_create(w);
	world_cell(w, "c0", "r", 1);
	world_cell(w, "c1", "r", 2);
	world_commit(w);
}

static void
restart(struct world *w)
{
	world_kill(w);
	w->restarts++;
	world_start(w);
}

/* ---- strikes ---- */

static void
a_word_follows_its_record(void **state)
{
	static struct world w;

	(void)state;
	open_world(&w);
	assert_int_equal(world_observer(&w, "o", 1, 3, 7), ERR_OK);
	assert_int_equal(w.answer_count, 0);
	world_commit(&w);
	assert_true(w.answers[0] == 7 && w.codes[0] == EXIT_OK && w.counts[0] == 0);
	world_report(&w, "o", 1);
	world_tick(&w);
	assert_int_equal(w.trapped_count, 0);
	world_commit(&w);
	assert_int_equal(w.trapped_count, 1);
	assert_true(w.trapped.index == 2 && w.trapped.strikes == 1 && !w.trapped.is_quarantined);
	assert_int_equal(world_observer_gone(&w, "o", "died"), ERR_OK);
	world_commit(&w);
	assert_int_equal(w.trapped_count, 1);
	world_assert_leaves(&w, PROTO_OPERATIONS, 0,
			    "started clean=true\nobserver_registered\n"
			    "observer_quarantine cause=reported first=0\n");
	/* It is asked again, and the registration says nothing new. */
	assert_int_equal(world_observer(&w, "o", 1, 3, 8), ERR_OK);
	world_commit(&w);
	assert_true(w.answers[1] == 8 && w.codes[1] == EXIT_OK && w.counts[1] == 1);
	assert_int_equal(world_size(&w, PROTO_OPERATIONS), 3);
	world_destroy(&w);
}

static void
strikes_are_a_modules(void **state)
{
	static struct world w;

	(void)state;
	open_world(&w);
	world_trap(&w, "a", 1, 3, 0);
	world_trap(&w, "b", 1, 3, 0);
	assert_int_equal(w.trapped.strikes, 2);
	world_trap(&w, "a", 2, 3, 0); /* another module */
	assert_int_equal(w.trapped.strikes, 1);
	restart(&w);
	world_commit(&w);
	assert_int_equal(world_observer(&w, "c", 1, 9, 0), ERR_OK);
	world_trap(&w, "a", 1, 3, NO_EVENT);
	/* Who runs it too is told, and not read any more. */
	assert_int_equal(w.trapped_count, 5);
	assert_true(w.trapped.is_quarantined && w.trapped.trap_class == 3);
	assert_memory_equal(w.trapped.observer.data, "c", 1);
	/* Of the receipt, behind which stands that it was one too many. */
	assert_int_equal(w.trapped.index, world_size(&w, PROTO_OPERATIONS) - 2);
	assert_false(notary_observer_is_read(w.core, bytes_of("c")));
	assert_int_equal(world_observer_gone(&w, "c", "died"), ERR_OK);
	restart(&w);
	assert_int_equal(world_observer(&w, "d", 1, 100, 9), ERR_OK);
	world_commit(&w);
	assert_int_equal(world_last_code(&w), EXIT_NO_PERMISSION);
	assert_false(notary_observer_is_read(w.core, bytes_of("d")));
	/* Release is of the module, by a name that ran it. */
	assert_int_equal(notary_observer_release(w.core, bytes_of("c"), NULL, bytes_of("mended"),
						 10, &w.now),
			 ERR_OK);
	assert_int_equal(
		notary_observer_release(w.core, bytes_of("d"), NULL, bytes_of(""), 10, &w.now),
		ERR_MISSING);
	world_commit(&w);
	assert_int_equal(world_last_code(&w), EXIT_OK);
	world_trap(&w, "d", 1, 100, 0);
	assert_true(w.trapped.strikes == 1 && !w.trapped.is_quarantined);
	world_assert_leaves(&w, PROTO_OPERATIONS, 1,
			    "observer_registered\nobserver_quarantine cause=reported first=0\n"
			    "observer_registered\nobserver_quarantine cause=reported first=0\n"
			    "observer_registered\nobserver_quarantine cause=reported first=0\n"
			    "observer_registered\n"
			    "observer_registered\nobserver_quarantine cause=died\n"
			    "observer_quarantined\n"
			    "observer_released reason=mended\n"
			    "observer_registered\nobserver_quarantine cause=reported first=0\n");
	world_destroy(&w);
}

static void
the_same_event_is_one_trap(void **state)
{
	static struct world w;
	uint64_t index;
	unsigned int i;

	(void)state;
	open_world(&w);
	world_trap(&w, "o", 1, 100, 1);
	index = w.trapped.index;
	/* Over restarts of the notary, too; told of the old receipt. */
	for (i = 0; i < 3; i++) {
		restart(&w);
		world_commit(&w);
		world_trap(&w, "o", 1, 100, 1);
		assert_true(w.trapped.index == index && w.trapped.strikes == 1);
		assert_int_equal(w.trapped_count, 2 + i);
	}
	/* Another observer of that module, or another event, is another trap. */
	world_trap(&w, "p", 1, 100, 1);
	assert_int_equal(w.trapped.strikes, 2);
	world_trap(&w, "o", 1, 100, 0);
	assert_int_equal(w.trapped.strikes, 3);
	/* Nobody hides behind an event for ever. */
	world_trap(&w, "o", 1, 100, 1);
	assert_int_equal(w.trapped.strikes, 4);
	assert_true(w.trapped.index > index);
	index = w.trapped.index;
	world_trap(&w, "o", 1, 100, 1);
	assert_true(w.trapped.index == index && w.trapped.strikes == 4);
	/* Without an event it is always another. */
	world_trap(&w, "o", 1, 100, NO_EVENT);
	world_trap(&w, "o", 1, 100, NO_EVENT);
	assert_int_equal(w.trapped.strikes, 6);
	/* A release forgets events. */
	assert_int_equal(
		notary_observer_release(w.core, bytes_of("o"), NULL, bytes_of(""), 0, &w.now),
		ERR_OK);
	world_trap(&w, "o", 1, 100, 1);
	assert_int_equal(w.trapped.strikes, 1);
	world_destroy(&w);
}

static void
remembers_the_last_events(void **state)
{
	static struct world w;
	uint64_t event;

	(void)state;
	open_world(&w);
	for (event = 0; world_size(&w, PROTO_EVIDENCE) < 20; event++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "x%u", (unsigned int)event);
		world_cell(&w, name, "r", 100 + event);
		world_commit(&w);
	}
	for (event = 0; event < 17; event++)
		world_trap(&w, "o", 1, 100, event);
	assert_int_equal(w.trapped.strikes, 17);
	restart(&w);
	for (event = 1; event < 17; event++)
		world_trap(&w, "o", 1, 100, event);
	assert_int_equal(w.trapped.strikes, 17);
	/* The oldest was forgotten. */
	world_trap(&w, "o", 1, 100, 0);
	assert_int_equal(w.trapped.strikes, 18);
	world_destroy(&w);
}

static void
what_is_beyond_the_ledger_is_no_place(void **state)
{
	static struct world w;
	uint64_t size;

	(void)state;
	open_world(&w);
	size = world_size(&w, PROTO_EVIDENCE);
	/* The same event beyond it is no event: each is a trap. */
	world_trap(&w, "o", 1, 100, size);
	world_trap(&w, "o", 1, 100, size);
	assert_int_equal(w.trapped.strikes, 2);
	world_trap(&w, "o", 1, 100, size - 1);
	world_trap(&w, "o", 1, 100, size - 1);
	assert_int_equal(w.trapped.strikes, 3);
	world_destroy(&w);
}

/* ---- ledgers that fail ---- */

static void
waits_while_the_operations_fail(void **state)
{
	static const int errors[] = { EIO, ENOSPC };
	static struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(errors); i++) {
		struct merkle_hash root;
		uint64_t first;

		open_world(&w);
		assert_int_equal(world_observer(&w, "o", 1, 1, 0), ERR_OK);
		assert_int_equal(world_observer(&w, "p", 2, 9, 0), ERR_OK);
		assert_int_equal(world_observer(&w, "q", 3, 9, 0), ERR_OK);
		world_commit(&w);
		root = w.pages[PROTO_EVIDENCE].committed_root;
		first = world_size(&w, PROTO_OPERATIONS);
		sim_fail(w.disks[PROTO_OPERATIONS], 0, 1000000, errors[i]);
		world_report(&w, "q", 1); /* it finds the disk so */
		world_wait(&w, SECOND_NS);
		assert_int_not_equal(w.states[PROTO_OPERATIONS], NOTARY_LEDGER_OK);
		world_report(&w, "o", 1);
		assert_int_equal(world_observer_gone(&w, "o", "died"), ERR_OK);
		assert_int_equal(world_observer_gone(&w, "p", "hung"), ERR_OK);
		world_wait(&w, 3 * SECOND_NS);
		assert_int_equal(w.trapped_count, 0);
		/* harkd is answered at once: nothing of it holds up a cell. */
		assert_int_equal(world_observer(&w, "o", 1, 1, 5), ERR_OK);
		assert_int_equal(world_last_code(&w), EXIT_TEMPORARY);
		assert_int_equal(world_observer(&w, "r", 4, 1, 6), ERR_OK);
		assert_int_equal(world_last_code(&w), EXIT_TEMPORARY);
		assert_int_equal(notary_observer_release(w.core, bytes_of("o"), NULL, bytes_of(""),
							 6, &w.now),
				 ERR_OK);
		assert_int_equal(world_last_code(&w), EXIT_TEMPORARY);
		assert_true(merkle_equal(&root, &w.pages[PROTO_EVIDENCE].committed_root));
		sim_fail(w.disks[PROTO_OPERATIONS], 0, 0, 0);
		world_wait(&w, 4 * SECOND_NS);
		assert_int_equal(w.states[PROTO_OPERATIONS], NOTARY_LEDGER_OK);
		assert_int_equal(w.trapped_count, 3);
		assert_true(merkle_equal(&root, &w.pages[PROTO_EVIDENCE].committed_root));
		world_assert_leaves(&w, PROTO_OPERATIONS, first,
				    errors[i] == EIO
					    ? "observer_quarantine cause=reported first=0\n"
					      "observer_quarantine cause=reported first=0\n"
					      "observer_quarantined\n"
					      "observer_quarantine cause=hung\n"
					    : "observer_quarantine cause=reported first=0\n"
					      "ledger_full\n"
					      "observer_quarantine cause=reported first=0\n"
					      "observer_quarantined\n"
					      "observer_quarantine cause=hung\n");
		assert_int_equal(world_observer(&w, "o", 1, 1, 7), ERR_OK);
		world_commit(&w);
		assert_int_equal(world_last_code(&w), EXIT_NO_PERMISSION);
		world_destroy(&w);
	}
}

/* The disk fills while only operations are written: the evidence has no leaf of that. */
static void
a_full_disk_of_operations_is_not_evidence(void **state)
{
	static struct world w;
	struct merkle_hash root;
	unsigned int turns = 0;
	char long_text[4096];
	char members[4200];

	(void)state;
	open_world(&w);
	root = w.pages[PROTO_EVIDENCE].committed_root;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	(void)snprintf(members, sizeof(members), "{\"text\":\"%s\"}", long_text);
	sim_set_space(w.disks[PROTO_OPERATIONS], 0);
	while (w.states[PROTO_OPERATIONS] == NOTARY_LEDGER_OK) {
		assert_true(++turns < 1000);
		assert_int_equal(
			notary_operation(w.core, bytes_of("config"), bytes_of(members), 0, &w.now),
			ERR_OK);
		world_wait(&w, 10000000);
	}
	assert_int_equal(w.states[PROTO_OPERATIONS], NOTARY_LEDGER_FULL);
	assert_true(w.pages[PROTO_EVIDENCE].committed_size == 3);
	assert_true(merkle_equal(&root, &w.pages[PROTO_EVIDENCE].committed_root));
	world_commit(&w);
	world_assert_leaves(&w, PROTO_OPERATIONS, world_size(&w, PROTO_OPERATIONS) - 1,
			    "ledger_full\n");
	sim_set_space(w.disks[PROTO_OPERATIONS], UINT64_MAX);
	world_wait(&w, 5 * SECOND_NS);
	assert_int_equal(w.states[PROTO_OPERATIONS], NOTARY_LEDGER_OK);
	assert_true(merkle_equal(&root, &w.pages[PROTO_EVIDENCE].committed_root));
	world_destroy(&w);
}

static void
waits_for_room_in_a_batch(void **state)
{
	static struct world w;
	uint64_t before;
	static char members[60000];

	(void)state;
	open_world(&w);
	assert_int_equal(world_observer(&w, "o", 1, 2, 0), ERR_OK);
	world_commit(&w);
	before = world_size(&w, PROTO_OPERATIONS);
	memset(members, 'x', sizeof(members) - 1);
	memcpy(members, "{\"a\":\"", 6);
	memcpy(members + sizeof(members) - 3, "\"}", 3);
	while (notary_operation(w.core, bytes_of("config"), bytes_of(members), 0, &w.now) == ERR_OK)
		before++;
	world_report(&w, "o", 1);
	assert_int_equal(w.trapped_count, 0);
	world_commit(&w);
	assert_int_equal(w.trapped_count, 1);
	assert_true(w.trapped.index == before);
	world_destroy(&w);
}

/* ---- bounds ---- */

static void
no_more_observers_than_there_is_room_for(void **state)
{
	static struct world w;
	char name[16];
	unsigned int i;

	(void)state;
	open_world(&w);
	for (i = 0; i < NOTARY_OBSERVERS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "o%u", i);
		assert_int_equal(world_observer(&w, name, i, 3, 0), ERR_OK);
		world_wait(&w, 10000000);
	}
	assert_int_equal(world_observer(&w, "more", 1, 3, 5), ERR_OK);
	assert_int_equal(world_last_code(&w), EXIT_UNAVAILABLE);
	assert_false(notary_observer_is_read(w.core, bytes_of("more")));
	/* Of those that do not run the one that was registered first is forgotten. */
	assert_int_equal(world_observer_gone(&w, "o9", ""), ERR_OK);
	assert_int_equal(world_observer_gone(&w, "o5", ""), ERR_OK);
	assert_int_equal(world_observer(&w, "more", 1, 3, 6), ERR_OK);
	world_commit(&w);
	assert_int_equal(world_last_code(&w), EXIT_OK);
	assert_int_equal(
		notary_observer_release(w.core, bytes_of("o5"), NULL, bytes_of(""), 0, &w.now),
		ERR_MISSING);
	assert_int_equal(
		notary_observer_release(w.core, bytes_of("o9"), NULL, bytes_of(""), 0, &w.now),
		ERR_OK);
	world_commit(&w);
	restart(&w);
	assert_int_equal(
		notary_observer_release(w.core, bytes_of("o5"), NULL, bytes_of(""), 0, &w.now),
		ERR_MISSING);
	world_destroy(&w);
}

static void
strikes_are_not_forgotten_for_want_of_room(void **state)
{
	static struct world w;
	const uint32_t modules_max = 1024;
	uint8_t digest[32] = { 5 };
	uint32_t i;

	(void)state;
	open_world(&w);
	for (i = 0; i < modules_max; i++) {
		assert_int_equal(world_observer(&w, "o", i, 3, 0), ERR_OK);
		world_report(&w, "o", 1);
		assert_int_equal(world_observer_gone(&w, "o", ""), ERR_OK);
		world_wait(&w, 20000000);
	}
	assert_int_equal(w.trapped_count, modules_max);
	restart(&w);
	assert_int_equal(world_observer(&w, "o", modules_max, 3, 5), ERR_OK);
	assert_int_equal(world_last_code(&w), EXIT_UNAVAILABLE);
	/* Those that have strikes run all the same. */
	assert_int_equal(world_observer(&w, "o", 7, 3, 5), ERR_OK);
	world_commit(&w);
	assert_true(world_last_code(&w) == EXIT_OK && w.counts[w.answer_count - 1] == 1);
	assert_int_equal(
		notary_observer_release(w.core, bytes_of("x"), digest, bytes_of(""), 0, &w.now),
		ERR_OK);
	assert_int_equal(world_observer(&w, "p", modules_max, 3, 5), ERR_OK);
	world_commit(&w);
	assert_int_equal(world_last_code(&w), EXIT_OK);
	world_destroy(&w);
}

static void
refuses_what_harkd_may_not_say(void **state)
{
	static struct world w;
	char name[66];

	(void)state;
	open_world(&w);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(world_observer(&w, name, 1, 3, 0), ERR_ARGUMENT);
	assert_int_equal(world_observer(&w, name + 1, 1, 3, 0), ERR_OK);
	assert_int_equal(world_observer(&w, name + 1, 1, 3, 0), ERR_EXISTS);
	assert_int_equal(world_observer(&w, "", 1, 3, 0), ERR_ARGUMENT);
	assert_int_equal(world_observer(&w, "a b", 1, 3, 0), ERR_ARGUMENT);
	assert_int_equal(world_observer(&w, "\xff", 1, 3, 0), ERR_ARGUMENT);
	assert_int_equal(world_observer(&w, "o", 1, 0, 0), ERR_ARGUMENT);
	assert_int_equal(world_observer(&w, "o", 1, UINT64_C(1) << 32, 0), ERR_ARGUMENT);
	assert_int_equal(world_observer(&w, "o", 1, UINT32_MAX, 0), ERR_OK);
	assert_int_equal(world_observer_gone(&w, "nobody", "died"), ERR_MISSING);
	assert_int_equal(world_observer_gone(&w, "o", "DIED"), ERR_ARGUMENT);
	assert_int_equal(world_observer_gone(&w, "o", "reported"), ERR_ARGUMENT);
	assert_int_equal(world_observer_gone(&w, "o", ""), ERR_OK);
	assert_int_equal(world_observer_gone(&w, "o", "died"), ERR_MISSING);
	assert_int_equal(
		notary_observer_release(w.core, bytes_of("o"), NULL, bytes_of("\xff"), 0, &w.now),
		ERR_ARGUMENT);
	assert_int_equal(
		notary_observer_release(w.core, bytes_of(""), NULL, bytes_of(""), 0, &w.now),
		ERR_ARGUMENT);
	world_commit(&w);
	assert_int_equal(w.trapped_count, 0);
	world_destroy(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_follows_its_record),
		cmocka_unit_test(strikes_are_a_modules),
		cmocka_unit_test(the_same_event_is_one_trap),
		cmocka_unit_test(remembers_the_last_events),
		cmocka_unit_test(what_is_beyond_the_ledger_is_no_place),
		cmocka_unit_test(waits_while_the_operations_fail),
		cmocka_unit_test(a_full_disk_of_operations_is_not_evidence),
		cmocka_unit_test(waits_for_room_in_a_batch),
		cmocka_unit_test(no_more_observers_than_there_is_room_for),
		cmocka_unit_test(strikes_are_not_forgotten_for_want_of_room),
		cmocka_unit_test(refuses_what_harkd_may_not_say),
	};

	return cmocka_run_group_tests_name("hark-notary/observers", tests, NULL, NULL);
}
