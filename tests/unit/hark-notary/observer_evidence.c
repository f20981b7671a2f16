/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The next root does not depend on traps: a run of receivers, cells, clock steps and silence is
 * repeated while observers register, trap, lie, die and are released at every moment between, and
 * while their ledger fails; every byte of the evidence is the same.
 */
#include <errno.h>

#include "observer_world.h"

#define ROUNDS 60u
#define SEEDS  12u

static void
say(struct world *w, uint64_t *seed)
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
	r.declaration.guest_pid = (uint32_t)sim_random(seed);
	r.declaration.guest_comm = hark_text_of("sh");
	world_add(w, &r);
	world_send(w);
}

/* Whatever a set of observers and a harkd that speaks for them can do, by chance. */
static void
storm(struct world *w, uint64_t *chance)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	static const char *const reasons[] = { "", "died", "hung", "mute", "nonsense" };
	unsigned int acts = (unsigned int)(sim_random(chance) % 6);

	while (acts-- > 0) {
		const char *name = names[sim_random(chance) % COUNT_OF(names)];
		uint64_t size = world_size(w, PROTO_EVIDENCE);
		uint8_t junk[80];

		switch (sim_random(chance) % 6) {
		case 0:
		case 1:
			(void)!world_observer(w, name, (uint32_t)(sim_random(chance) % 3), 2, 0);
			break;
		case 2:
			if (notary_observer_is_read(w->core, bytes_of(name)))
				world_report(w, name, sim_random(chance) % (2 * size));
			break;
		case 3:
			memset(junk, (int)(sim_random(chance) & 255), sizeof(junk));
			if (notary_observer_is_read(w->core, bytes_of(name)))
				notary_observer_report(w->core, bytes_of(name), junk,
						       sim_random(chance) % sizeof(junk), &w->now);
			break;
		case 4:
			(void)!world_observer_gone(w, name,
						   reasons[sim_random(chance) % COUNT_OF(reasons)]);
			break;
		default:
			(void)!notary_observer_release(w->core, bytes_of(name), NULL, bytes_of("x"),
						       0, &w->now);
			(void)!notary_operation(w->core, bytes_of("observer_refused"),
						bytes_of("{\"reason\":\"import_wasi\"}"), 0,
						&w->now);
		}
	}
}

/* Time passes, and nobody looks. */
static void
pass(struct world *w)
{
	w->now.monotonic_ns += 1000000;
	w->now.real.nanoseconds += 1000000;
	if (w->now.real.nanoseconds >= 1000000000u) {
		w->now.real.nanoseconds -= 1000000000u;
		w->now.real.seconds++;
	}
}

struct outcome {
	struct merkle_hash root;
	uint64_t size;
	uint64_t operations;
};

/* One run; chance NULL: nobody observes. */
static struct outcome
run(uint64_t seed, uint64_t *chance)
{
	static struct world w;
	struct outcome out;
	unsigned int round;

	memset(&w, 0, sizeof(w));
	world_create(&w);
	world_cell(&w, "c0", "r", 1);
	world_channel(&w, 9, 100);
	world_slot(&w, 0, 1);
	world_commit(&w);
	for (round = 0; round < ROUNDS; round++) {
		uint64_t what = sim_random(&seed) % 10;

		if (chance != NULL)
			storm(&w, chance);
		if (what < 6)
			say(&w, &seed);
		else if (what == 6)
			world_wait(&w, 12 * SECOND_NS);
		else if (what == 7)
			w.now.real.seconds += 3600; /* who hears of it first writes it */
		else if (what == 8 && round % 3 == 0) {
			sim_fail(w.disks[PROTO_OPERATIONS], 0, 0, 0);
			world_kill(&w);
			w.restarts++;
			world_start(&w);
			world_cell(&w, "c0", "r", 10 + round);
			world_channel(&w, 10 + round, 100);
			world_slot(&w, 0, 10 + round);
		}
		pass(&w);
		if (chance != NULL) {
			storm(&w, chance);
			sim_fail(w.disks[PROTO_OPERATIONS], 0,
				 sim_random(chance) % 4 == 0 ? 1000000 : 0, ENOSPC);
		}
		pass(&w);
		world_wait(&w, sim_random(&seed) % 2000000000);
		w.answer_count = 0;
	}
	sim_fail(w.disks[PROTO_OPERATIONS], 0, 0, 0);
	world_wait(&w, 3 * SECOND_NS);
	out.root = w.pages[PROTO_EVIDENCE].committed_root;
	out.size = world_size(&w, PROTO_EVIDENCE);
	world_wait(&w, 10 * SECOND_NS);
	out.operations = world_size(&w, PROTO_OPERATIONS);
	world_destroy(&w);
	return out;
}

static void
the_root_does_not_depend_on_observers(void **state)
{
	uint64_t records = 0;
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= SEEDS; seed++) {
		struct outcome alone = run(seed, NULL);
		uint64_t chance;

		assert_true(alone.size > ROUNDS / 3);
		for (chance = 1; chance <= 3; chance++) {
			uint64_t choices = 1000 * seed + chance;
			struct outcome watched = run(seed, &choices);

			assert_int_equal(watched.size, alone.size);
			assert_true(merkle_equal(&watched.root, &alone.root));
			records += watched.operations - alone.operations;
		}
	}
	/* Something was there to be seen. */
	assert_true(records > SEEDS * ROUNDS);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_does_not_depend_on_observers),
	};

	return cmocka_run_group_tests_name("hark-notary/observer_evidence", tests, NULL, NULL);
}
