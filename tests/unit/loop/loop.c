/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The event loop: removal inside callbacks, numbers used again, timers on an owned clock, signals.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "unit.h"

static uint64_t own_now_ns;

static uint64_t
own_clock(void)
{
	return own_now_ns;
}

/* Two pipes that are readable, and what their callbacks do. */
struct pair {
	struct loop *loop;
	int reader[2];
	int writer[2];
	int called[2];
	bool remove_other;
	bool reuse_number;
};

static void
pair_open(struct pair *p)
{
	int i;

	*p = (struct pair){ 0 };
	own_now_ns = 1000;
	assert_int_equal(loop_create(own_clock, &p->loop), ERR_OK);
	for (i = 0; i < 2; i++) {
		int ends[2];

		assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
		p->reader[i] = ends[0];
		p->writer[i] = ends[1];
		assert_int_equal(write(ends[1], "x", 1), 1);
	}
}

static void
pair_close(struct pair *p)
{
	int i;

	loop_destroy(p->loop);
	for (i = 0; i < 2; i++) {
		assert_int_equal(close(p->reader[i]), 0);
		assert_int_equal(close(p->writer[i]), 0);
	}
}

static void
must_not_be_called(void *ctx, uint32_t ready)
{
	(void)ctx;
	fail_msg("called with %u", ready);
}

static void
on_ready(struct pair *p, int own)
{
	int other = 1 - own;

	p->called[own]++;
	if (p->remove_other || p->reuse_number)
		loop_fd_remove(p->loop, p->reader[other]);
	if (p->reuse_number) {
		int ends[2];

		/* The other's number now means another pipe, with nothing in it. */
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		assert_int_equal(dup2(ends[0], p->reader[other]), p->reader[other]);
		assert_int_equal(dup2(ends[1], p->writer[other]), p->writer[other]);
		assert_int_equal(close(ends[0]), 0);
		assert_int_equal(close(ends[1]), 0);
		assert_int_equal(
			loop_fd_add(p->loop, p->reader[other], EPOLLIN, must_not_be_called, NULL),
			ERR_OK);
	}
}

static void
on_first(void *ctx, uint32_t ready)
{
	assert_true((ready & EPOLLIN) != 0);
	on_ready(ctx, 0);
}

static void
on_second(void *ctx, uint32_t ready)
{
	assert_true((ready & EPOLLIN) != 0);
	on_ready(ctx, 1);
}

static void
pair_watch(struct pair *p)
{
	assert_int_equal(loop_fd_add(p->loop, p->reader[0], EPOLLIN, on_first, p), ERR_OK);
	assert_int_equal(loop_fd_add(p->loop, p->reader[1], EPOLLIN, on_second, p), ERR_OK);
}

static void
refuses_what_is_wrong(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	pair_watch(&p);
	assert_int_equal(loop_fd_add(p.loop, p.reader[0], EPOLLIN, on_first, &p), ERR_EXISTS);
	assert_int_equal(loop_fd_add(p.loop, LOOP_FD_MAX + 1, EPOLLIN, on_first, &p), ERR_LIMIT);
	assert_int_equal(loop_fd_modify(p.loop, p.writer[0], EPOLLOUT), ERR_MISSING);
	loop_fd_remove(p.loop, p.writer[0]);
	pair_close(&p);
	loop_destroy(NULL);
}

static void
calls_each_that_is_ready(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	pair_watch(&p);
	assert_int_equal(loop_turn(p.loop, true), ERR_OK);
	assert_int_equal(p.called[0], 1);
	assert_int_equal(p.called[1], 1);
	assert_int_equal(loop_fd_modify(p.loop, p.reader[1], 0), ERR_OK);
	assert_int_equal(loop_turn(p.loop, true), ERR_OK);
	assert_int_equal(p.called[0], 2);
	assert_int_equal(p.called[1], 1);
	pair_close(&p);
}

/* Its first table is in the caller's storage; for larger numbers there is another. */
static void
stands_in_its_place(void **state)
{
	static struct loop_place place;
	struct pair p;
	int far;

	(void)state;
	memset(&place, 0xff, sizeof(place));
	pair_open(&p);
	loop_destroy(p.loop);
	assert_int_equal(loop_create_in(&place, own_clock, &p.loop), ERR_OK);
	assert_ptr_equal(p.loop, &place);
	pair_watch(&p);
	far = fcntl(p.reader[1], F_DUPFD_CLOEXEC, 200);
	assert_true(far >= 200);
	loop_fd_remove(p.loop, p.reader[1]);
	assert_int_equal(loop_fd_add(p.loop, far, EPOLLIN, on_second, &p), ERR_OK);
	assert_int_equal(loop_turn(p.loop, true), ERR_OK);
	assert_int_equal(p.called[0], 1);
	assert_int_equal(p.called[1], 1);
	loop_fd_remove(p.loop, far);
	assert_int_equal(close(far), 0);
	pair_close(&p);
	assert_int_equal(loop_create_in(&place, own_clock, &p.loop), ERR_OK);
	loop_destroy(p.loop);
}

static void
removed_inside_is_not_called(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	p.remove_other = true;
	pair_watch(&p);
	assert_int_equal(loop_turn(p.loop, true), ERR_OK);
	assert_int_equal(p.called[0] + p.called[1], 1);
	pair_close(&p);
}

static void
number_used_again_is_another(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	p.reuse_number = true;
	pair_watch(&p);
	assert_int_equal(loop_turn(p.loop, true), ERR_OK);
	assert_int_equal(p.called[0] + p.called[1], 1);
	pair_close(&p);
}

struct alarm {
	struct loop_timer timer;
	struct loop *loop;
	int called;
	bool again; /* set for now from its own callback */
	struct alarm *other;
	int order;
};

static int alarms_called;

static void
on_alarm(void *ctx, uint64_t now_ns)
{
	struct alarm *a = ctx;

	a->called++;
	a->order = ++alarms_called;
	if (a->again)
		loop_timer_set(a->loop, &a->timer, now_ns);
	if (a->other != NULL)
		loop_timer_clear(a->loop, &a->other->timer);
}

static void
alarm_init(struct alarm *a, struct loop *loop)
{
	*a = (struct alarm){ .timer = { .fn = on_alarm, .ctx = a }, .loop = loop };
}

static void
timers_keep_their_time(void **state)
{
	struct loop *loop = NULL;
	struct alarm early;
	struct alarm late;

	(void)state;
	own_now_ns = 1000;
	alarms_called = 0;
	assert_int_equal(loop_create(own_clock, &loop), ERR_OK);
	alarm_init(&early, loop);
	alarm_init(&late, loop);
	loop_timer_set(loop, &early.timer, 2000);
	loop_timer_set(loop, &late.timer, 3000);
	own_now_ns = 1999;
	assert_int_equal(loop_turn(loop, false), ERR_OK);
	assert_int_equal(alarms_called, 0);
	own_now_ns = 5000;
	assert_int_equal(loop_turn(loop, true), ERR_OK);
	assert_int_equal(loop_now_ns(loop), 5000);
	assert_int_equal(early.order, 1);
	assert_int_equal(late.order, 2);
	assert_false(early.timer.armed);
	/* Moved, it keeps the later time; cleared twice, nothing happens. */
	loop_timer_set(loop, &early.timer, 6000);
	loop_timer_set(loop, &early.timer, 8000);
	own_now_ns = 7000;
	assert_int_equal(loop_turn(loop, false), ERR_OK);
	assert_int_equal(early.called, 1);
	loop_timer_clear(loop, &early.timer);
	loop_timer_clear(loop, &early.timer);
	own_now_ns = 9000;
	assert_int_equal(loop_turn(loop, false), ERR_OK);
	assert_int_equal(early.called, 1);
	loop_destroy(loop);
}

static void
timer_set_for_now_does_not_starve(void **state)
{
	struct pair p;
	struct alarm a;

	(void)state;
	pair_open(&p);
	pair_watch(&p);
	alarm_init(&a, p.loop);
	a.again = true;
	loop_timer_set(p.loop, &a.timer, 0);
	assert_int_equal(loop_turn(p.loop, true), ERR_OK);
	assert_int_equal(a.called, 1);
	assert_int_equal(p.called[0], 1);
	assert_int_equal(loop_turn(p.loop, true), ERR_OK);
	assert_int_equal(a.called, 2);
	assert_int_equal(p.called[1], 2);
	pair_close(&p);
	assert_false(a.timer.armed);
}

static void
cleared_inside_is_not_called(void **state)
{
	struct loop *loop = NULL;
	struct alarm a;
	struct alarm b;

	(void)state;
	own_now_ns = 10;
	assert_int_equal(loop_create(own_clock, &loop), ERR_OK);
	alarm_init(&a, loop);
	alarm_init(&b, loop);
	a.other = &b;
	loop_timer_set(loop, &b.timer, 9);
	loop_timer_set(loop, &a.timer, 8);
	assert_int_equal(loop_turn(loop, true), ERR_OK);
	assert_int_equal(a.called, 1);
	assert_int_equal(b.called, 0);
	loop_destroy(loop);
}

struct ending {
	struct loop *loop;
	int number;
	int count;
};

static void
on_signal(void *ctx, int signal_number)
{
	struct ending *e = ctx;

	e->number = signal_number;
	e->count++;
	loop_stop(e->loop);
}

static void
signals_are_calls(void **state)
{
	struct ending e = { 0 };
	sigset_t blocked;

	(void)state;
	assert_int_equal(loop_create(NULL, &e.loop), ERR_OK);
	assert_int_equal(loop_signal_set(e.loop, SIGUSR1, on_signal, &e), ERR_OK);
	assert_int_equal(loop_signal_set(e.loop, SIGUSR2, on_signal, &e), ERR_OK);
	assert_int_equal(loop_signal_set(e.loop, 65, on_signal, &e), ERR_ARGUMENT);
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(loop_run(e.loop), ERR_OK);
	assert_int_equal(e.number, SIGUSR2);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(loop_run(e.loop), ERR_OK);
	assert_int_equal(e.number, SIGUSR1);
	assert_int_equal(e.count, 2);
	assert_true(loop_now_ns(e.loop) > 0);
	loop_destroy(e.loop);
	assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &blocked), 0);
	assert_int_equal(sigismember(&blocked, SIGUSR1), 0);
	assert_int_equal(sigismember(&blocked, SIGUSR2), 0);
}

/* A peer that hangs up is reported by epoll whatever was asked for: it must not turn the loop of
 * one who is not listening. */
static void
paused_is_silent(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(loop_fd_add(p.loop, p.reader[0], EPOLLIN, must_not_be_called, &p), ERR_OK);
	assert_int_equal(loop_fd_modify(p.loop, p.reader[0], 0), ERR_OK);
	assert_int_equal(loop_fd_modify(p.loop, p.reader[0], 0), ERR_OK);
	assert_int_equal(loop_fd_add(p.loop, p.reader[1], 0, on_first, &p), ERR_OK);
	assert_int_equal(loop_fd_add(p.loop, p.reader[1], 0, on_first, &p), ERR_EXISTS);
	assert_int_equal(close(p.writer[0]), 0);
	assert_int_equal(close(p.writer[1]), 0);
	assert_int_equal(loop_turn(p.loop, false), ERR_OK);
	assert_int_equal(p.called[0] + p.called[1], 0);
	/* Asked for again it is told, and a paused one can be removed. */
	assert_int_equal(loop_fd_modify(p.loop, p.reader[1], EPOLLIN), ERR_OK);
	assert_int_equal(loop_turn(p.loop, false), ERR_OK);
	assert_int_equal(p.called[0], 1);
	loop_fd_remove(p.loop, p.reader[0]);
	assert_int_equal(loop_fd_modify(p.loop, p.reader[0], EPOLLIN), ERR_MISSING);
	p.writer[0] = dup(p.reader[0]);
	p.writer[1] = dup(p.reader[1]);
	pair_close(&p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_wrong),
		cmocka_unit_test(calls_each_that_is_ready),
		cmocka_unit_test(stands_in_its_place),
		cmocka_unit_test(removed_inside_is_not_called),
		cmocka_unit_test(number_used_again_is_another),
		cmocka_unit_test(timers_keep_their_time),
		cmocka_unit_test(timer_set_for_now_does_not_starve),
		cmocka_unit_test(cleared_inside_is_not_called),
		cmocka_unit_test(signals_are_calls),
		cmocka_unit_test(paused_is_silent),
	};

	return cmocka_run_group_tests_name("loop/loop", tests, NULL, NULL);
}
