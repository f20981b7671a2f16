/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The ticker's thread by a clock of the test's own: a wait with a limit stands in here, and ends
 * when the test says that its time has come.  What is waited for is a fact: that the thread has
 * begun such a wait.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "os/ticker.h"
#include "unit.h"

#define PERIOD_MS 10u

static struct {
	struct timespec now;
	sem_t waits;          /* posted at the begin of each wait with a limit */
	sem_t sleeps;         /* and of each without one */
	pthread_cond_t *cond; /* of that wait */
	pthread_mutex_t *lock;
	struct timespec until;
	bool is_due;
} owned;

static size_t ticks;
static bool create_fails, memory_fails;

int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
				  const struct timespec *until);
int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);
int __real_pthread_create(pthread_t *out, const pthread_attr_t *how, void *(*fn)(void *),
			  void *argument);
int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *how, void *(*fn)(void *),
			  void *argument);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
	if (clock != CLOCK_MONOTONIC)
		return __real_clock_gettime(clock, out);
	*out = owned.now;
	return 0;
}

int
__wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
			      const struct timespec *until)
{
	owned.cond = cond;
	owned.lock = lock;
	owned.until = *until;
	owned.is_due = false;
	(void)sem_post(&owned.waits);
	(void)__real_pthread_cond_wait(cond, lock);
	return owned.is_due ? ETIMEDOUT : 0;
}

int
__wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	(void)sem_post(&owned.sleeps);
	return __real_pthread_cond_wait(cond, lock);
}

int
__wrap_pthread_create(pthread_t *out, const pthread_attr_t *how, void *(*fn)(void *),
		      void *argument)
{
	return create_fails ? EAGAIN : __real_pthread_create(out, how, fn, argument);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return memory_fails ? NULL : __real_calloc(count, size);
}

static void
tick(void *ctx)
{
	assert_ptr_equal(ctx, &ticks);
	ticks++;
}

static void
await(sem_t *fact)
{
	while (sem_wait(fact) != 0)
		continue;
}

/* Until the thread waits for a period's end. */
static void
await_wait(void)
{
	await(&owned.waits);
}

/* The period's end. */
static void
let_pass(void)
{
	assert_int_equal(pthread_mutex_lock(owned.lock), 0);
	owned.now = owned.until;
	owned.is_due = true;
	assert_int_equal(pthread_cond_signal(owned.cond), 0);
	assert_int_equal(pthread_mutex_unlock(owned.lock), 0);
}

static size_t
count_ticks(void)
{
	size_t count;

	assert_int_equal(pthread_mutex_lock(owned.lock), 0);
	count = ticks;
	assert_int_equal(pthread_mutex_unlock(owned.lock), 0);
	return count;
}

static struct ticker *
begin(long nanoseconds)
{
	struct ticker *t = NULL;

	owned.now = (struct timespec){ .tv_sec = 5, .tv_nsec = nanoseconds };
	assert_int_equal(sem_init(&owned.waits, 0, 0), 0);
	assert_int_equal(sem_init(&owned.sleeps, 0, 0), 0);
	ticks = 0;
	assert_int_equal(ticker_create(PERIOD_MS, tick, &ticks, &t), ERR_OK);
	await(&owned.sleeps);
	return t;
}

static void
it_ticks_once_a_period_of_work(void **state)
{
	struct ticker *t = begin(0);
	size_t i;

	(void)state;
	ticker_work(t);
	for (i = 1; i <= 3; i++) {
		await_wait();
		assert_int_equal(count_ticks(), i - 1);
		assert_int_equal(owned.until.tv_sec, 5);
		assert_int_equal(owned.until.tv_nsec, (long)i * 10000000);
		let_pass();
	}
	await_wait();
	assert_int_equal(count_ticks(), 3);
	ticker_destroy(t);
}

static void
it_rests_without_a_tick(void **state)
{
	struct ticker *t = begin(0);

	(void)state;
	ticker_work(t);
	await_wait();
	ticker_rest(t);
	let_pass();
	await(&owned.sleeps);
	assert_int_equal(count_ticks(), 0);
	ticker_work(t);
	await_wait();
	let_pass();
	await_wait();
	assert_int_equal(count_ticks(), 1);
	ticker_destroy(t);
}

/* A short job does not wake it for each turn: it finds the work of the next one. */
static void
it_stays_awake_from_job_to_job(void **state)
{
	struct ticker *t = begin(0);

	(void)state;
	ticker_work(t);
	await_wait();
	ticker_rest(t);
	ticker_work(t);
	let_pass();
	await_wait();
	assert_int_equal(count_ticks(), 1);
	ticker_destroy(t);
}

static void
seconds_carry(void **state)
{
	struct ticker *t = begin(995000000);

	(void)state;
	ticker_work(t);
	await_wait();
	assert_int_equal(owned.until.tv_sec, 6);
	assert_int_equal(owned.until.tv_nsec, 5000000);
	ticker_destroy(t);
	assert_int_equal(ticks, 0);
}

static void
it_ends_asleep_and_unused(void **state)
{
	(void)state;
	ticker_destroy(begin(0));
	assert_int_equal(ticks, 0);
	ticker_destroy(NULL);
}

/* What ticks is in its own thread, which no signal reaches. */
static sigset_t mask;
static pthread_t ticker_thread;

static void
look(void *ctx)
{
	(void)ctx;
	ticker_thread = pthread_self();
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
}

static void
no_signal_reaches_it(void **state)
{
	struct ticker *t = NULL;
	sigset_t ours;

	(void)state;
	assert_int_equal(sem_init(&owned.waits, 0, 0), 0);
	assert_int_equal(sem_init(&owned.sleeps, 0, 0), 0);
	assert_int_equal(ticker_create(PERIOD_MS, look, NULL, &t), ERR_OK);
	ticker_work(t);
	await_wait();
	let_pass();
	await_wait();
	ticker_destroy(t);
	assert_false(pthread_equal(ticker_thread, pthread_self()));
	assert_int_equal(sigismember(&mask, SIGTERM), 1);
	assert_int_equal(sigismember(&mask, SIGALRM), 1);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &ours), 0);
	assert_int_equal(sigismember(&ours, SIGTERM), 0);
}

static void
what_it_needs_may_be_missing(void **state)
{
	struct ticker *t = NULL;

	(void)state;
	create_fails = true;
	errno = 0;
	assert_int_equal(ticker_create(PERIOD_MS, tick, NULL, &t), ERR_SYSTEM);
	assert_int_equal(errno, EAGAIN);
	create_fails = false;
	memory_fails = true;
	assert_int_equal(ticker_create(PERIOD_MS, tick, NULL, &t), ERR_MEMORY);
	memory_fails = false;
	assert_null(t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_ticks_once_a_period_of_work),
		cmocka_unit_test(it_rests_without_a_tick),
		cmocka_unit_test(it_stays_awake_from_job_to_job),
		cmocka_unit_test(seconds_carry),
		cmocka_unit_test(it_ends_asleep_and_unused),
		cmocka_unit_test(no_signal_reaches_it),
		cmocka_unit_test(what_it_needs_may_be_missing),
	};

	return cmocka_run_group_tests_name("os/ticker", tests, NULL, NULL);
}
