/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The power fails before every step of a disk that holds the operations, while observers trap, are
 * quarantined and released: afterwards records, strikes and quarantine agree, and what harkd was
 * told is there.
 */
#include <limits.h>
#include <stdlib.h>

#include "observer_world.h"

#define SEEDS      2u
#define SEEDS_LONG 40u
#define MODULES    2u

static const char *const names[MODULES] = { "a", "b" };

/* What the records say of a module, by the name of who runs it. */
struct told {
	uint32_t strikes;
	bool is_quarantined;
	uint64_t receipts;
};

static void
collect(void *ctx, uint64_t index, const char *json, size_t size)
{
	struct told *told = ctx;
	unsigned int i;

	(void)index;
	for (i = 0; i < MODULES; i++) {
		char pattern[32];

		(void)snprintf(pattern, sizeof(pattern), "\"observer\":\"%s\"", names[i]);
		if (memmem(json, size, pattern, strlen(pattern)) == NULL)
			continue;
		if (memmem(json, size, "v1.observer_quarantine\"", 23) != NULL) {
			told[i].strikes++;
			told[i].receipts++;
		} else if (memmem(json, size, "v1.observer_quarantined\"", 24) != NULL) {
			told[i].is_quarantined = true;
		} else if (memmem(json, size, "v1.observer_released\"", 21) != NULL) {
			told[i].is_quarantined = false;
			told[i].strikes = 0;
		}
	}
}

/* One step of observers' lives; `turn` chooses.  What cannot be recorded is not done. */
static void
live(struct world *w, uint64_t turn)
{
	unsigned int i = (unsigned int)(turn % MODULES);

	if (turn % 7 == 6) {
		(void)!notary_observer_release(w->core, bytes_of(names[i]), NULL, bytes_of("why"),
					       0, &w->now);
		return;
	}
	if (world_observer(w, names[i], i + 1, 2, 0) != ERR_OK ||
	    !notary_observer_is_read(w->core, bytes_of(names[i])))
		return;
	if (turn % 3 != 0)
		world_report(w, names[i], turn % 2 == 0 ? turn / 4 % 2 : NO_EVENT);
	assert_int_equal(world_observer_gone(w, names[i], turn % 3 == 1 ? "" : "died"), ERR_OK);
}

/* Lives until the disk dies, or to the end; gives the steps of the disk. */
static unsigned int
run(struct world *w, uint64_t *seed, unsigned int turns, bool *is_dead)
{
	unsigned int before = sim_steps(w->disks[PROTO_OPERATIONS]);

	while (turns-- > 0) {
		live(w, sim_random(seed) >> 8);
		if (sim_random(seed) % 3 == 0)
			world_wait(w, 10000000);
		if (sim_is_dead(w->disks[PROTO_OPERATIONS])) {
			*is_dead = true;
			return 0;
		}
	}
	world_commit(w);
	*is_dead = sim_is_dead(w->disks[PROTO_OPERATIONS]);
	return sim_steps(w->disks[PROTO_OPERATIONS]) - before;
}

/* Asks the notary what it knows of each module, and compares that with the records. */
static void
check(struct world *w, uint64_t index_told)
{
	struct told told[MODULES] = { { 0 } };
	uint64_t codes[MODULES];
	uint64_t counts[MODULES];
	unsigned int i;

	world_commit(w);
	assert_true(world_size(w, PROTO_OPERATIONS) > index_told);
	world_leaves(w, PROTO_OPERATIONS, 0, collect, told);
	for (i = 0; i < MODULES; i++) {
		w->answer_count = 0;
		assert_int_equal(world_observer(w, names[i], i + 1, 2, 99), ERR_OK);
		world_commit(w);
		assert_int_equal(w->answer_count, 1);
		codes[i] = w->codes[0];
		counts[i] = w->counts[0];
		if (codes[i] == EXIT_OK)
			assert_int_equal(world_observer_gone(w, names[i], ""), ERR_OK);
	}
	for (i = 0; i < MODULES; i++) {
		assert_int_equal(counts[i], told[i].strikes);
		assert_int_equal(codes[i], told[i].is_quarantined ? EXIT_NO_PERMISSION : EXIT_OK);
	}
}

static void
open_world(struct world *w)
{
	memset(w, 0, sizeof(*w));
	world_create(w);
	world_cell(w, "c0", "r", 1);
	world_commit(w);
}

static void
one_crash(uint64_t seed, unsigned int turns, unsigned int step)
{
	static struct world w;
	uint64_t choices = seed;
	bool is_dead = false;
	unsigned int i;

	open_world(&w);
	sim_crash_at(w.disks[PROTO_OPERATIONS], step);
	(void)run(&w, &choices, turns, &is_dead);
	assert_true(is_dead);
	world_kill(&w);
	for (i = 0; i < PROTO_LEDGERS; i++)
		sim_restart(w.disks[i], seed + step);
	w.restarts = 1;
	w.pages[0].committed_size = w.pages[1].committed_size = 0;
	world_start(&w);
	check(&w, w.trapped_count > 0 ? w.trapped.index : 0);
	/* It goes on from there. */
	(void)run(&w, &choices, 6, &is_dead);
	check(&w, w.trapped.index);
	world_destroy(&w);
}

static void
records_and_strikes_agree_after_every_crash(void **state)
{
	static struct world w;
	const char *text = getenv("HARK_LONG");
	const unsigned int turns = 12;
	uint64_t seeds = text != NULL && text[0] != '\0' ? SEEDS_LONG : SEEDS;
	uint64_t crashes = 0;
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= seeds; seed++) {
		uint64_t choices = seed;
		bool is_dead;
		unsigned int steps;
		unsigned int step;

		open_world(&w);
		steps = run(&w, &choices, turns, &is_dead);
		check(&w, 0);
		world_destroy(&w);
		for (step = 0; step < steps; step++)
			one_crash(seed, turns, step);
		crashes += steps;
	}
	/* A seed may choose a quiet life; all of them together do not. */
	assert_true(crashes > 10 * seeds);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_and_strikes_agree_after_every_crash),
	};

	return cmocka_run_group_tests_name("hark-notary/observer_crash", tests, NULL, NULL);
}
