/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The power fails before every step of a scripted ledger's life, and every step fails with EIO or
 * ENOSPC once: whatever was acknowledged is there afterwards, nothing is invented, nothing is there
 * twice, and opening again finds the same.  HARK_LONG asks for many more seeds.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "sim/model.h"
#include "unit.h"

#define ROUNDS     45u
#define SEEDS      2u
#define SEEDS_LONG 60u

static unsigned int
seeds(void)
{
	const char *text = getenv("HARK_LONG");

	return text != NULL && text[0] != '\0' ? SEEDS_LONG : SEEDS;
}

static struct model model;

/* How many steps the script has that nothing disturbs. */
static unsigned int
steps_of(uint64_t seed)
{
	struct sim_disk *d = sim_create();
	unsigned int steps;

	model_init(&model, seed, d);
	assert_true(model_open(&model));
	assert_true(model_run(&model, ROUNDS));
	model_drop(&model);
	steps = sim_steps(d);
	assert_int_equal(sim_open_files(d), 0);
	sim_destroy(d);
	return steps;
}

/* The power is back: opened twice, then written on. */
static void
come_back(struct sim_disk *d, uint64_t seed)
{
	uint64_t size;

	sim_restart(d, seed);
	assert_true(model_open(&model));
	model_check(&model);
	size = ledger_committed_size(model.ledger);
	model_drop(&model);
	assert_int_equal(sim_open_files(d), 0);
	/* And a crash right after: recovery itself lost nothing that it needs. */
	sim_restart(d, seed + 1);
	assert_true(model_open(&model));
	assert_int_equal(ledger_committed_size(model.ledger), size);
	model_check(&model);
	assert_true(model_run(&model, 6));
	model_drop(&model);
	sim_restart(d, seed + 2);
	assert_true(model_open(&model));
	assert_int_equal(ledger_committed_size(model.ledger),
			 model.commits[model.acknowledged].size);
	model_check(&model);
	model_drop(&model);
}

static void
a_crash_at_every_step(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= seeds(); seed++) {
		unsigned int steps = steps_of(seed);
		unsigned int at;

		assert_true(steps > 200);
		for (at = 0; at <= steps; at++) {
			struct sim_disk *d = sim_create();

			model_init(&model, seed, d);
			sim_crash_at(d, at);
			if (model_open(&model) && model_run(&model, ROUNDS))
				assert_true(at >= steps || sim_is_dead(d));
			model_drop(&model);
			come_back(d, seed * 100003 + at);
			sim_destroy(d);
		}
	}
}

/* A recovery that dies is recovered from. */
static void
a_crash_at_every_step_of_recovery(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= seeds(); seed++) {
		unsigned int steps = steps_of(seed);
		unsigned int at;

		for (at = 7; at < steps; at += 13) {
			unsigned int in_recovery;
			bool is_open = false;

			for (in_recovery = 0; !is_open; in_recovery++) {
				struct sim_disk *d = sim_create();

				model_init(&model, seed, d);
				sim_crash_at(d, at);
				if (model_open(&model) && model_run(&model, ROUNDS))
					assert_true(sim_is_dead(d));
				model_drop(&model);
				sim_restart(d, seed + at);
				sim_crash_at(d, in_recovery);
				is_open = model_open(&model);
				model_drop(&model);
				come_back(d, seed * 7 + in_recovery);
				sim_destroy(d);
			}
		}
	}
}

static void
fail_each_step(unsigned int count, int number)
{
	uint64_t seed;

	for (seed = 1; seed <= seeds(); seed++) {
		unsigned int steps = steps_of(seed);
		unsigned int at;

		for (at = 0; at < steps; at++) {
			struct sim_disk *d = sim_create();

			model_init(&model, seed, d);
			sim_fail(d, at, count, number);
			assert_true(model_open(&model));
			assert_true(model_run(&model, ROUNDS));
			model_drop(&model);
			come_back(d, seed * 100019 + at);
			sim_destroy(d);
		}
	}
}

static void
every_step_fails_once(void **state)
{
	(void)state;
	fail_each_step(1, EIO);
}

static void
every_step_fails_for_a_while(void **state)
{
	(void)state;
	fail_each_step(17, ENOSPC);
}

/* A failure, and later a crash: what was written again from memory counts. */
static void
a_failure_and_then_a_crash(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= seeds(); seed++) {
		unsigned int steps = steps_of(seed);
		unsigned int at;

		for (at = 0; at < steps; at += 3) {
			uint64_t luck = seed * 31 + at;
			struct sim_disk *d = sim_create();

			model_init(&model, seed, d);
			sim_fail(d, at, 1 + (unsigned int)(sim_random(&luck) % 5), EIO);
			sim_crash_at(d, at + 5 + (unsigned int)(sim_random(&luck) % 60));
			if (model_open(&model))
				(void)model_run(&model, ROUNDS);
			model_drop(&model);
			come_back(d, luck);
			sim_destroy(d);
		}
	}
}

/* Many segments go at once: whatever of it the disk has kept, no hole is left. */
static void
a_crash_while_pruning(void **state)
{
	unsigned int at;
	bool is_done = false;

	(void)state;
	for (at = 0; !is_done; at++) {
		uint64_t luck;

		is_done = true;
		for (luck = 1; luck <= 24; luck++) {
			struct sim_disk *d = sim_create();
			uint64_t first;

			model_init(&model, 77, d);
			assert_true(model_open(&model));
			while (model.frontier.size < 700)
				assert_true(model_grow(&model));
			model.pruned_below = 700;
			sim_crash_at(d, at);
			if (ledger_prune(model.ledger, 700, &first) != ERR_OK)
				is_done = false;
			else
				assert_true(first > 300);
			model_drop(&model);
			come_back(d, luck);
			sim_destroy(d);
		}
	}
	assert_true(at > 12); /* several segments, each with its steps */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_at_every_step),
		cmocka_unit_test(a_crash_at_every_step_of_recovery),
		cmocka_unit_test(every_step_fails_once),
		cmocka_unit_test(every_step_fails_for_a_while),
		cmocka_unit_test(a_failure_and_then_a_crash),
		cmocka_unit_test(a_crash_while_pruning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
