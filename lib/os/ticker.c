/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A thread behind a lock and a condition by the monotonic clock.  To wake it costs more than a
 * short job, so it goes to sleep only where it finds nobody at work after a whole period.
 */
#include "os/ticker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "os/clock.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

struct ticker {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	uint32_t period_ms;
	bool works, sleeps, ends;
	ticker_fn *fn;
	void *ctx;
};

static void
must_be_done(int result)
{
	MUST(result == 0); /* only a mistake of ours makes a plain lock fail */
}

/* With the lock: sleeps until the next period has passed, or there is something to do. */
static void
await(struct ticker *t)
{
	struct timespec until;
	uint64_t until_ns;

	if (!t->works) {
		t->sleeps = true;
		must_be_done(pthread_cond_wait(&t->changed, &t->lock));
		t->sleeps = false;
		return;
	}
	until_ns = clock_monotonic_ns() + t->period_ms * NS_PER_MS;
	until = (struct timespec){ .tv_sec = (time_t)(until_ns / NS_PER_S),
				   .tv_nsec = (long)(until_ns % NS_PER_S) };
	while (!t->ends) {
		int r = pthread_cond_timedwait(&t->changed, &t->lock, &until);

		if (r == ETIMEDOUT)
			break;
		must_be_done(r);
	}
	if (t->works && !t->ends)
		t->fn(t->ctx);
}

static void *
run(void *ctx)
{
	struct ticker *t = ctx;

	must_be_done(pthread_mutex_lock(&t->lock));
	while (!t->ends)
		await(t);
	must_be_done(pthread_mutex_unlock(&t->lock));
	return NULL;
}

static int
start(struct ticker *t)
{
	pthread_condattr_t monotonic;
	sigset_t all, before;
	int r;

	must_be_done(pthread_condattr_init(&monotonic));
	must_be_done(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC));
	must_be_done(pthread_mutex_init(&t->lock, NULL));
	must_be_done(pthread_cond_init(&t->changed, &monotonic));
	must_be_done(pthread_condattr_destroy(&monotonic));
	(void)sigfillset(&all);
	must_be_done(pthread_sigmask(SIG_SETMASK, &all, &before)); /* a thread inherits it */
	r = pthread_create(&t->thread, NULL, run, t);
	must_be_done(pthread_sigmask(SIG_SETMASK, &before, NULL));
	if (r != 0) {
		(void)pthread_cond_destroy(&t->changed); /* nobody waits */
		(void)pthread_mutex_destroy(&t->lock);
	}
	return r;
}

enum err
ticker_create(uint32_t period_ms, ticker_fn *fn, void *ctx, struct ticker **out)
{
	struct ticker *t;
	int r;

	MUST(period_ms > 0);
	MUST(fn != NULL && out != NULL);

	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return ERR_MEMORY;
	t->period_ms = period_ms;
	t->fn = fn;
	t->ctx = ctx;
	r = start(t);
	if (r != 0) {
		free(t);
		errno = r;
		return ERR_SYSTEM;
	}
	*out = t;
	return ERR_OK;
}

void
ticker_destroy(struct ticker *t)
{
	if (t == NULL)
		return;
	must_be_done(pthread_mutex_lock(&t->lock));
	t->ends = true;
	must_be_done(pthread_cond_signal(&t->changed));
	must_be_done(pthread_mutex_unlock(&t->lock));
	must_be_done(pthread_join(t->thread, NULL));
	(void)pthread_cond_destroy(&t->changed);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

void
ticker_work(struct ticker *t)
{
	must_be_done(pthread_mutex_lock(&t->lock));
	t->works = true;
	if (t->sleeps)
		must_be_done(pthread_cond_signal(&t->changed));
	must_be_done(pthread_mutex_unlock(&t->lock));
}

void
ticker_rest(struct ticker *t)
{
	must_be_done(pthread_mutex_lock(&t->lock));
	t->works = false;
	must_be_done(pthread_mutex_unlock(&t->lock));
}
