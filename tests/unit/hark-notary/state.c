/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The state that survives: every entry that we did not write is refused, and no memory is lost. */
#include "reopen.h"

/* A world with something of each kind in its state. */
static void
fill(struct world *w)
{
	struct record r;

	memset(w, 0, sizeof(*w));
	world_create(w);
	world_cell(w, "c0", "r", 1);
	world_cell(w, "c1", "r", 2);
	world_channel(w, 9, 100);
	world_slot(w, 0, 1);
	world_slot(w, 1, 2);
	memset(&r, 0, sizeof(r));
	r.type = RECORD_OPENED;
	r.connection = 1;
	world_add(w, &r);
	r.slot = 1;
	r.connection = 2;
	world_add(w, &r);
	r.type = RECORD_DECLARED;
	r.session.mode = HARK_WIRE_CELLOS;
	r.declaration.content_version = 1;
	world_add(w, &r);
	r.slot = 0;
	r.connection = 1;
	r.session = (struct hark_wire_session){ HARK_WIRE_HARK, 7 };
	r.declaration.content_version = 2;
	r.declaration.probe_source = hark_text_of("agent.hello");
	world_add(w, &r);
	world_send(w);
	assert_int_equal(notary_cell_remove(w->core, 2, (struct bytes){ NULL, 0 }, 0, &w->now),
			 ERR_OK);
	world_wait(w, UINT64_C(3000000000));
	world_kill(w);
}

static enum err
try_with(struct world *w, const struct reopen_entries *e, size_t i, const void *value, size_t size)
{
	return reopen_try_with(w, PROTO_EVIDENCE, e->keys[i], e->key_sizes[i], value, size);
}

static void
every_shortened_or_lengthened_entry_is_refused(void **state)
{
	static struct world w;
	static struct reopen_entries e;
	char kinds[32] = "";
	size_t i;
	size_t cut;

	(void)state;
	fill(&w);
	reopen_read(&w, PROTO_EVIDENCE, &e);
	for (i = 0; i < e.count; i++) {
		kinds[i] = (char)e.keys[i][0];
		for (cut = 0; cut < e.value_sizes[i]; cut++)
			assert_int_equal(try_with(&w, &e, i, e.values[i], cut), ERR_FORMAT);
		e.values[i][e.value_sizes[i]] = 0;
		assert_int_equal(try_with(&w, &e, i, e.values[i], e.value_sizes[i] + 1),
				 ERR_FORMAT);
		/* Another version. */
		e.values[i][0] ^= 3;
		assert_int_equal(try_with(&w, &e, i, e.values[i], e.value_sizes[i]), ERR_FORMAT);
		e.values[i][0] ^= 3;
	}
	for (i = 0; i < 6; i++)
		assert_non_null(strchr(kinds, "CDSINR"[i]));
	sim_destroy(w.disks[0]);
	sim_destroy(w.disks[1]);
}

static void
entries_that_belong_to_nothing_are_refused(void **state)
{
	static struct world w;
	static struct reopen_entries e;
	struct ledger *ledgers[PROTO_LEDGERS] = { NULL, NULL };
	unsigned int refused = 0;
	size_t i;

	(void)state;
	fill(&w);
	reopen_read(&w, PROTO_EVIDENCE, &e);
	for (i = 0; i < e.count; i++) {
		enum err got;

		/* Without its cell, its channel, its stream. */
		reopen_ledgers(&w, ledgers);
		assert_int_equal(ledger_state_set(ledgers[0], e.keys[i], e.key_sizes[i], NULL, 0),
				 ERR_OK);
		got = reopen_try(ledgers);
		refused += got == ERR_FORMAT;
		assert_true(got == ERR_FORMAT || strchr("DNR", e.keys[i][0]) != NULL);
	}
	assert_true(refused >= 3);
	reopen_ledgers(&w, ledgers);
	assert_int_equal(ledger_state_set(ledgers[0], "X", 1, "x", 1), ERR_OK);
	assert_int_equal(reopen_try(ledgers), ERR_FORMAT);
	sim_destroy(w.disks[0]);
	sim_destroy(w.disks[1]);
}

static void
every_allocation_may_fail(void **state)
{
	static struct world w;
	struct ledger *ledgers[PROTO_LEDGERS];
	unsigned int at;
	enum err e = ERR_MEMORY;

	(void)state;
	fill(&w);
	for (at = 1; e != ERR_OK; at++) {
		reopen_ledgers(&w, ledgers);
		reopen_fail_at = at;
		e = reopen_try(ledgers);
		reopen_fail_at = 0;
		assert_true(e == ERR_OK || e == ERR_MEMORY);
		assert_true(at < 200);
	}
	assert_true(at > 10);
	sim_destroy(w.disks[0]);
	sim_destroy(w.disks[1]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shortened_or_lengthened_entry_is_refused),
		cmocka_unit_test(entries_that_belong_to_nothing_are_refused),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("hark-notary/state", tests, NULL, NULL);
}
