/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lateness, overload, clocks; and what is forgotten for want of room. */
#include <errno.h>

#include "world.h"

#define SECOND_NS UINT64_C(1000000000)

static void
open_world(struct world *w, bool rearm)
{
	const struct notary_cell cell = {
		.number = 1,
		.cell_id = hark_text_of("c0"),
		.run_id = hark_text_of("r"),
		.keepalive_ms = 10000,
		.rearm = rearm,
	};

	memset(w, 0, sizeof(*w));
	world_create(w);
	assert_int_equal(notary_cell_add(w->core, &cell, 0, &w->now), ERR_OK);
	world_channel(w, 9, 100);
	world_slot(w, 0, 1);
	world_commit(w);
}

static void
speak(struct world *w, uint32_t connection)
{
	struct record r;

	memset(&r, 0, sizeof(r));
	r.connection = connection;
	r.type = RECORD_OPENED;
	world_add(w, &r);
	r.type = RECORD_DECLARED;
	r.session.mode = HARK_WIRE_CELLOS;
	r.declaration.content_version = 1;
	world_add(w, &r);
	r.type = RECORD_CLOSED;
	r.frames = 1;
	world_add(w, &r);
	world_send(w);
}

static void
jump(struct world *w, uint64_t seconds)
{
	w->now.monotonic_ns += seconds * SECOND_NS;
	w->now.real.seconds += (int64_t)seconds;
}

/* Of one turn's readings an earlier one may be used after a later one. */
static void
takes_an_older_reading_for_the_later(void **state)
{
	static struct world w;
	uint64_t before;

	(void)state;
	open_world(&w, true);
	jump(&w, 1);
	speak(&w, 1);
	before = w.now.monotonic_ns;
	w.now.monotonic_ns -= 1000;
	speak(&w, 2);
	w.now.monotonic_ns = before;
	world_commit(&w);
	world_destroy(&w);
}

static void
says_that_it_looked_late(void **state)
{
	static struct world w;
	uint64_t first;

	(void)state;
	open_world(&w, true);
	first = world_size(&w, PROTO_EVIDENCE);
	jump(&w, 14);
	world_tick(&w);
	world_commit(&w);
	world_assert_leaves(&w, PROTO_EVIDENCE, first,
			    "agent_silenced c0 cause=watcher_late elapsedMs=14300\n");
	world_destroy(&w);
}

static void
blames_no_guest_for_its_own_waiting(void **state)
{
	static struct world w;
	static char comm[4000];
	struct record r;
	unsigned int i;
	uint64_t size;

	(void)state;
	open_world(&w, true);
	memset(comm, 1, sizeof(comm) - 1);
	memset(&r, 0, sizeof(r));
	r.type = RECORD_OPENED;
	r.connection = 1;
	world_add(&w, &r);
	r.type = RECORD_DECLARED;
	r.session.mode = HARK_WIRE_CELLOS;
	r.declaration.content_version = 1;
	r.declaration.guest_comm = hark_text_of(comm);
	for (i = 0; i < 4; i++)
		world_add(&w, &r);
	world_send(&w);
	world_tick(&w);
	sim_fail(w.disks[PROTO_EVIDENCE], 0, 1000000, EIO);
	/* The open batch fills, and then nothing is read any more. */
	while (notary_buffer(w.core) != NULL) {
		world_add(&w, &r);
		world_send(&w);
		world_tick(&w);
	}
	world_wait(&w, 30 * SECOND_NS);
	sim_fail(w.disks[PROTO_EVIDENCE], 0, 0, 0);
	world_wait(&w, 7 * SECOND_NS);
	size = world_size(&w, PROTO_EVIDENCE);
	assert_true(size > 2);
	assert_non_null(notary_buffer(w.core));
	world_assert_leaves(&w, PROTO_EVIDENCE, size - 1,
			    "agent_silenced c0 cause=host_overloaded elapsedMs=31350\n");
	world_destroy(&w);
}

static void
reports_once_a_run_without_rearm(void **state)
{
	static struct world w;
	uint64_t first;

	(void)state;
	open_world(&w, false);
	first = world_size(&w, PROTO_EVIDENCE);
	world_wait(&w, 11 * SECOND_NS);
	speak(&w, 1);
	world_wait(&w, 11 * SECOND_NS);
	speak(&w, 2);
	world_commit(&w);
	world_assert_leaves(
		&w, PROTO_EVIDENCE, first,
		"agent_silenced c0 cause=never_connected elapsedMs=10000\n"
		"other c0 epoch=1 probeSource=\nclosed c0 epoch=1 goodbye=false frames=1\n"
		"other c0 epoch=2 probeSource=\nclosed c0 epoch=2 goodbye=false frames=1\n");
	world_destroy(&w);
}

static void
sees_the_clock_step_both_ways(void **state)
{
	static struct world w;
	uint64_t first;

	(void)state;
	open_world(&w, true);
	first = world_size(&w, PROTO_EVIDENCE);
	w.now.real.seconds -= 3;
	world_commit(&w);
	assert_true(w.now.real.nanoseconds < 900000000);
	w.now.real.nanoseconds += 99000000; /* slewing goes so far, unseen */
	world_commit(&w);
	w.now.real.seconds += INT64_C(100000000000);
	world_commit(&w);
	world_assert_leaves(&w, PROTO_EVIDENCE, first,
			    "clock_stepped direction=backward\nclock_stepped direction=forward\n");
	world_destroy(&w);
}

static void
a_tick_that_was_missed_is_missing(void **state)
{
	static struct world w;
	uint64_t first;

	(void)state;
	open_world(&w, true);
	world_wait(&w, 20 * SECOND_NS);
	first = world_size(&w, PROTO_EVIDENCE);
	jump(&w, 200);
	world_tick(&w);
	world_commit(&w);
	world_wait(&w, 59 * SECOND_NS);
	world_assert_leaves(&w, PROTO_EVIDENCE, first, "tick\n");
	world_wait(&w, 2 * SECOND_NS);
	world_assert_leaves(&w, PROTO_EVIDENCE, first, "tick\ntick\n");
	world_destroy(&w);
}

static void
hello(struct world *w, uint32_t connection, uint64_t stream, uint64_t seq)
{
	struct record r;

	memset(&r, 0, sizeof(r));
	r.connection = connection;
	r.type = RECORD_OPENED;
	world_add(w, &r);
	r.type = RECORD_DECLARED;
	r.session = (struct hark_wire_session){ HARK_WIRE_HARK, stream };
	r.declaration.content_version = 2;
	r.declaration.probe_source = hark_text_of("agent.hello");
	r.declaration.has_seq = true;
	r.declaration.seq = seq;
	world_add(w, &r);
	r.type = RECORD_CLOSED;
	r.frames = 1;
	world_add(w, &r);
	world_send(w);
}

/* Seventeen streams: the longest unused is forgotten, and is a new one where it comes back. */
static void
forgets_the_stream_that_is_longest_unused(void **state)
{
	static struct world w;
	uint64_t first;
	uint32_t i;

	(void)state;
	open_world(&w, true);
	for (i = 1; i <= 16; i++)
		hello(&w, i, i, 0);
	hello(&w, 17, 1, 0); /* 1 is used again, so 2 goes */
	hello(&w, 18, 17, 0);
	world_commit(&w);
	first = world_size(&w, PROTO_EVIDENCE);
	hello(&w, 19, 1, 0);
	hello(&w, 20, 2, 3);
	world_commit(&w);
	world_assert_leaves(&w, PROTO_EVIDENCE, first,
			    "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
			    "closed c0 epoch=1 goodbye=false frames=1\n"
			    "gap c0 epoch=18 cause=sequence_jump first=0 last=2\n"
			    "agent_hello c0 epoch=18 probeSource=agent.hello seq=3\n"
			    "closed c0 epoch=18 goodbye=false frames=1\n");
	world_destroy(&w);
}

/* More runs were removed than are remembered: none of them ever counts from 1 again. */
static void
no_epoch_comes_twice_however_many_runs_there_were(void **state)
{
	static struct world w;
	char run[16];
	uint64_t number = 10;
	uint64_t first;
	unsigned int i;

	(void)state;
	open_world(&w, true);
	for (i = 0; i < 4100; i++) {
		(void)snprintf(run, sizeof(run), "r%u", i);
		world_cell(&w, "x", run, ++number);
		world_slot(&w, 1, number);
		{
			struct record r;

			memset(&r, 0, sizeof(r));
			r.slot = 1;
			r.connection = i + 1;
			r.type = RECORD_OPENED;
			world_add(&w, &r);
			r.type = RECORD_DECLARED;
			r.session.mode = HARK_WIRE_CELLOS;
			r.declaration.content_version = 1;
			world_add(&w, &r);
			r.type = RECORD_CLOSED;
			r.frames = 1;
			world_add(&w, &r);
			world_send(&w);
		}
		assert_int_equal(
			notary_cell_remove(w.core, number, (struct bytes){ NULL, 0 }, 0, &w.now),
			ERR_OK);
		world_wait(&w, SECOND_NS / 100);
	}
	world_commit(&w);
	world_kill(&w);
	w.restarts = 1;
	world_start(&w);
	world_cell(&w, "x", "r0", 1);
	world_channel(&w, 10, 101);
	world_slot(&w, 0, 1);
	world_commit(&w);
	first = world_size(&w, PROTO_EVIDENCE);
	speak(&w, 1);
	world_commit(&w);
	world_assert_leaves(
		&w, PROTO_EVIDENCE, first,
		"other x epoch=2 probeSource=\nclosed x epoch=2 goodbye=false frames=1\n");
	world_destroy(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_an_older_reading_for_the_later),
		cmocka_unit_test(says_that_it_looked_late),
		cmocka_unit_test(blames_no_guest_for_its_own_waiting),
		cmocka_unit_test(reports_once_a_run_without_rearm),
		cmocka_unit_test(sees_the_clock_step_both_ways),
		cmocka_unit_test(a_tick_that_was_missed_is_missing),
		cmocka_unit_test(forgets_the_stream_that_is_longest_unused),
		cmocka_unit_test(no_epoch_comes_twice_however_many_runs_there_were),
	};

	return cmocka_run_group_tests_name("hark-notary/time", tests, NULL, NULL);
}
