/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the operations' state has of observers: every entry that we did not write is refused, and no
 * failed allocation leaves half of something. */
#include "observer_world.h"
#include "reopen.h"

/* Two observers of one module, one of another that is quarantined. */
static void
fill(struct world *w)
{
	memset(w, 0, sizeof(*w));
	world_create(w);
	world_cell(w, "c0", "r", 1);
	world_commit(w);
	world_trap(w, "a", 1, 3, 0);
	world_trap(w, "b", 1, 3, 1);
	world_trap(w, "long-name-of-sixty-four-bytes-0123456789-0123456789-0123456789-a", 2, 1,
		   NO_EVENT);
	world_kill(w);
}

static enum err
try_with(struct world *w, const void *key, size_t key_size, const void *value, size_t size)
{
	return reopen_try_with(w, PROTO_OPERATIONS, key, key_size, value, size);
}

static void
read_entries(struct world *w, struct reopen_entries *e)
{
	reopen_read(w, PROTO_OPERATIONS, e);
	assert_int_equal(e->count, 5);
}

static void
finish(struct world *w)
{
	sim_destroy(w->disks[0]);
	sim_destroy(w->disks[1]);
}

static void
every_shortened_or_lengthened_entry_is_refused(void **state)
{
	static struct world w;
	static struct reopen_entries e;
	char kinds[16] = "";
	size_t i;
	size_t cut;

	(void)state;
	fill(&w);
	read_entries(&w, &e);
	for (i = 0; i < e.count; i++) {
		kinds[i] = (char)e.keys[i][0];
		for (cut = 0; cut < e.value_sizes[i]; cut++)
			assert_int_equal(try_with(&w, e.keys[i], e.key_sizes[i], e.values[i], cut),
					 ERR_FORMAT);
		e.values[i][e.value_sizes[i]] = 0;
		assert_int_equal(
			try_with(&w, e.keys[i], e.key_sizes[i], e.values[i], e.value_sizes[i] + 1),
			ERR_FORMAT);
		/* Another version. */
		e.values[i][0] ^= 3;
		assert_int_equal(
			try_with(&w, e.keys[i], e.key_sizes[i], e.values[i], e.value_sizes[i]),
			ERR_FORMAT);
	}
	assert_non_null(strchr(kinds, 'O'));
	assert_non_null(strchr(kinds, 'M'));
	finish(&w);
}

static void
nonsense_is_refused(void **state)
{
	static struct world w;
	static struct reopen_entries e;
	uint8_t key[66];
	size_t i;

	(void)state;
	fill(&w);
	read_entries(&w, &e);
	memset(key, 'x', sizeof(key));
	assert_int_equal(try_with(&w, key, 1, "\1", 1), ERR_FORMAT);
	for (i = 0; i < e.count; i++) {
		uint8_t *v = e.values[i];
		size_t size = e.value_sizes[i];

		key[0] = e.keys[i][0];
		if (key[0] == 'O') {
			assert_int_equal(try_with(&w, key, 1, v, size), ERR_FORMAT);
			assert_int_equal(try_with(&w, key, 65, v, size), ERR_OK);
			assert_int_equal(try_with(&w, key, 66, v, size), ERR_FORMAT);
			memset(v + 65, 0, 8); /* the serial */
			assert_int_equal(try_with(&w, key, 65, v, size), ERR_FORMAT);
			continue;
		}
		assert_int_equal(try_with(&w, key, 32, v, size), ERR_FORMAT);
		assert_int_equal(try_with(&w, key, 33, v, size), ERR_OK);
		assert_int_equal(try_with(&w, key, 34, v, size), ERR_FORMAT);
		v[1] ^= 2; /* a flag */
		assert_int_equal(try_with(&w, key, 33, v, size), ERR_FORMAT);
		v[1] ^= 2;
		if (v[6] > 0) {
			v[size - 2] = 4; /* the class of its last event */
			assert_int_equal(try_with(&w, key, 33, v, size), ERR_FORMAT);
			v[size - 2] = 0;
			v[size - 1] = 4; /* repeats */
			assert_int_equal(try_with(&w, key, 33, v, size), ERR_FORMAT);
			v[size - 1] = 3;
			assert_int_equal(try_with(&w, key, 33, v, size), ERR_OK);
			v[2] = 1; /* more events than strikes */
			assert_int_equal(try_with(&w, key, 33, v, size), ERR_FORMAT);
		}
		memset(v + 2, 0, 4);
		assert_int_equal(try_with(&w, key, 33, v, size), ERR_FORMAT);
	}
	finish(&w);
}

static enum err
create_with_many(struct world *w, char kind, unsigned int count, const struct reopen_entries *e)
{
	struct ledger *ledgers[PROTO_LEDGERS] = { NULL, NULL };
	uint8_t key[33] = { (uint8_t)kind, 'x' };
	unsigned int i;
	size_t k;

	for (k = 0; e->keys[k][0] != (uint8_t)kind; k++)
		assert_true(k < e->count);
	reopen_ledgers(w, ledgers);
	for (i = 0; i < count; i++) {
		memcpy(key + 2, &i, sizeof(i));
		if (ledger_state_room(ledgers[PROTO_OPERATIONS]) < 1024) {
			const struct hark_time now = { 1762348800, 0 };

			assert_int_equal(ledger_commit_begin(ledgers[PROTO_OPERATIONS], now, 1),
					 ERR_OK);
			assert_int_equal(ledger_commit_end(ledgers[PROTO_OPERATIONS]), ERR_OK);
		}
		assert_int_equal(ledger_state_set(ledgers[PROTO_OPERATIONS], key, sizeof(key),
						  e->values[k], e->value_sizes[k]),
				 ERR_OK);
	}
	return reopen_try(ledgers);
}

static void
more_than_there_is_room_for_is_refused(void **state)
{
	static struct world w;
	static struct reopen_entries e;

	(void)state;
	fill(&w);
	read_entries(&w, &e);
	assert_int_equal(create_with_many(&w, 'O', 256 - 3, &e), ERR_OK);
	assert_int_equal(create_with_many(&w, 'O', 256 - 2, &e), ERR_FORMAT);
	finish(&w);
	fill(&w);
	assert_int_equal(create_with_many(&w, 'M', 1024 - 2, &e), ERR_OK);
	assert_int_equal(create_with_many(&w, 'M', 1024 - 1, &e), ERR_FORMAT);
	finish(&w);
}

/* A registration either is, or is not, or the notary ends for want of memory. */
static void
every_allocation_may_fail(void **state)
{
	static struct world w;
	unsigned int refused = 0;
	unsigned int at;

	(void)state;
	for (at = 1; reopen_fail_at == 0; at++) {
		enum err e;

		assert_true(at < 100);
		memset(&w, 0, sizeof(w));
		world_create(&w);
		world_cell(&w, "c0", "r", 1);
		world_commit(&w);
		reopen_fail_at = at;
		e = world_observer(&w, "o", 1, 1, 5);
		if (e == ERR_OK && notary_failure(w.core) == ERR_OK)
			world_report(&w, "o", 0);
		if (reopen_fail_at > 0) {
			reopen_fail_at = 0;
			world_destroy(&w);
			break;
		}
		if (e == ERR_OK) {
			assert_int_equal(notary_failure(w.core), ERR_MEMORY);
		} else {
			assert_int_equal(e, ERR_MEMORY);
			refused++;
			assert_int_equal(world_observer(&w, "o", 1, 1, 5), ERR_OK);
			world_commit(&w);
			assert_int_equal(world_last_code(&w), EXIT_OK);
		}
		world_destroy(&w);
	}
	assert_true(at > 5 && refused > 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shortened_or_lengthened_entry_is_refused),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(more_than_there_is_room_for_is_refused),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("hark-notary/observer_state", tests, NULL, NULL);
}
