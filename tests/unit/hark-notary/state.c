/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The state that survives: every entry that we did not write is refused, and no memory is lost. */
#include <stdlib.h>

#include "world.h"

/* The Nth allocation from now fails; 0: none does. */
static unsigned int fail_at;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *
__wrap_calloc(size_t count, size_t size)
{
	if (fail_at > 0 && --fail_at == 0)
		return NULL;
	return __real_calloc(count, size);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *
__wrap_malloc(size_t size)
{
	if (fail_at > 0 && --fail_at == 0)
		return NULL;
	return __real_malloc(size);
}

static void
no_answer(void *ctx, const struct notary_answer *answer)
{
	(void)ctx;
	(void)answer;
}

static void
no_page(void *ctx, enum proto_ledger ledger, const struct page_state *state)
{
	(void)ctx;
	(void)ledger;
	(void)state;
}

static const struct notary_ops ops = { .answer = no_answer, .publish = no_page };
static const struct notary_options options = {
	.restarts = 1,
	.commit_us = WORLD_COMMIT_US,
	.batch_bytes = WORLD_BATCH_BYTES,
	.tick_ms = WORLD_TICK_MS,
	.checkpoint_ms = WORLD_CHECKPOINT_MS,
};
static const struct event_clock now = { .real = { 1762348800, 0 }, .monotonic_ns = 1 };

static void
open_ledgers(struct world *w, struct ledger *ledgers[PROTO_LEDGERS])
{
	static const char *const origins[] = { "h/evidence", "h/operations" };
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		const struct ledger_options o = {
			.origin = origins[i],
			.segment_bytes = 512 + 2 * WORLD_BATCH_BYTES,
			.batch_bytes = WORLD_BATCH_BYTES,
			.is_synchronous = true,
		};
		struct ledger_failure why;

		assert_int_equal(ledger_open(sim_as_disk(w->disks[i]), &o, &ledgers[i], &why),
				 ERR_OK);
	}
}

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

/* Entries as they were written. */
struct entries {
	uint8_t keys[32][256];
	uint8_t values[32][1024];
	size_t key_sizes[32];
	size_t value_sizes[32];
	size_t count;
};

static enum err
keep(void *ctx, struct bytes key, struct bytes value)
{
	struct entries *e = ctx;

	assert_true(e->count < COUNT_OF(e->keys));
	memcpy(e->keys[e->count], key.data, key.size);
	memcpy(e->values[e->count], value.data, value.size);
	e->key_sizes[e->count] = key.size;
	e->value_sizes[e->count++] = value.size;
	return ERR_OK;
}

static enum err
try_to_create(struct ledger *ledgers[PROTO_LEDGERS])
{
	struct notary *n = NULL;
	enum err e = notary_create(ledgers, &options, &ops, NULL, &now, &n);

	if (e == ERR_OK) {
		assert_true(notary_check(n));
		notary_destroy(n);
	} else {
		ledger_close(ledgers[PROTO_EVIDENCE]);
		ledger_close(ledgers[PROTO_OPERATIONS]);
	}
	return e;
}

/* Tries with entry i changed in memory; the ledger itself keeps what it has. */
static enum err
try_with(struct world *w, const struct entries *e, size_t i, const void *value, size_t size)
{
	struct ledger *ledgers[PROTO_LEDGERS] = { NULL, NULL };

	open_ledgers(w, ledgers);
	assert_int_equal(ledger_state_set(ledgers[0], e->keys[i], e->key_sizes[i], value, size),
			 ERR_OK);
	return try_to_create(ledgers);
}

static void
every_shortened_or_lengthened_entry_is_refused(void **state)
{
	static struct world w;
	static struct entries e;
	struct ledger *ledgers[PROTO_LEDGERS] = { NULL, NULL };
	char kinds[32] = "";
	size_t i;
	size_t cut;

	(void)state;
	fill(&w);
	memset(&e, 0, sizeof(e));
	open_ledgers(&w, ledgers);
	assert_int_equal(ledger_state_each(ledgers[0], keep, &e), ERR_OK);
	assert_int_equal(try_to_create(ledgers), ERR_OK);
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
	static struct entries e;
	struct ledger *ledgers[PROTO_LEDGERS] = { NULL, NULL };
	unsigned int refused = 0;
	size_t i;

	(void)state;
	fill(&w);
	memset(&e, 0, sizeof(e));
	open_ledgers(&w, ledgers);
	assert_int_equal(ledger_state_each(ledgers[0], keep, &e), ERR_OK);
	assert_int_equal(try_to_create(ledgers), ERR_OK);
	for (i = 0; i < e.count; i++) {
		enum err got;

		/* Without its cell, its channel, its stream. */
		open_ledgers(&w, ledgers);
		assert_int_equal(ledger_state_set(ledgers[0], e.keys[i], e.key_sizes[i], NULL, 0),
				 ERR_OK);
		got = try_to_create(ledgers);
		refused += got == ERR_FORMAT;
		assert_true(got == ERR_FORMAT || strchr("DNR", e.keys[i][0]) != NULL);
	}
	assert_true(refused >= 3);
	open_ledgers(&w, ledgers);
	assert_int_equal(ledger_state_set(ledgers[0], "X", 1, "x", 1), ERR_OK);
	assert_int_equal(try_to_create(ledgers), ERR_FORMAT);
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
		open_ledgers(&w, ledgers);
		fail_at = at;
		e = try_to_create(ledgers);
		fail_at = 0;
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
