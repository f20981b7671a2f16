/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A thread behind a lock and a condition.  The end of a job is told by an eventfd, so that the
 * owner's loop can wait for it among other things.
 */
#include "os/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/must.h"
#include "os/file.h"

enum worker_state {
	WORKER_IDLE,
	WORKER_BUSY,
	WORKER_DONE, /* and not taken */
};

struct worker {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	enum worker_state state;
	bool ends;
	worker_fn *fn;
	void *ctx;
	int event_fd;
};

/* Only a mistake of ours makes these fail: none is a recursive or shared lock. */
static void
lock(struct worker *w)
{
	int r = pthread_mutex_lock(&w->lock);

	MUST(r == 0);
}

static void
unlock(struct worker *w)
{
	int r = pthread_mutex_unlock(&w->lock);

	MUST(r == 0);
}

static void
tell_change(struct worker *w)
{
	int r = pthread_cond_broadcast(&w->changed);

	MUST(r == 0);
}

static void
sleep_until_change(struct worker *w)
{
	int r = pthread_cond_wait(&w->changed, &w->lock);

	MUST(r == 0);
}

static void
event_set(const struct worker *w)
{
	const uint64_t one = 1;
	ssize_t n;

	do
		n = write(w->event_fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
	MUST(n == (ssize_t)sizeof(one));
}

static void
event_clear(const struct worker *w)
{
	uint64_t count;
	ssize_t n;

	do
		n = read(w->event_fd, &count, sizeof(count));
	while (n < 0 && errno == EINTR);
	MUST(n == (ssize_t)sizeof(count) && count == 1);
}

static void *
run(void *ctx)
{
	struct worker *w = ctx;

	lock(w);
	for (;;) {
		while (w->state != WORKER_BUSY && !w->ends)
			sleep_until_change(w);
		if (w->state != WORKER_BUSY)
			break;
		unlock(w);
		w->fn(w->ctx);
		lock(w);
		w->state = WORKER_DONE;
		event_set(w);
		tell_change(w);
	}
	unlock(w);
	return NULL;
}

/* A thread begins with the signal mask of who makes it: all blocked, and ours as it was. */
static int
make_thread(struct worker *w)
{
	sigset_t all;
	sigset_t kept;
	int r;

	(void)sigfillset(&all);
	r = pthread_sigmask(SIG_SETMASK, &all, &kept);
	if (r != 0)
		return r;
	r = pthread_create(&w->thread, NULL, run, w);
	(void)pthread_sigmask(SIG_SETMASK, &kept, NULL); /* it was in force before */
	return r;
}

static void
free_unstarted(struct worker *w)
{
	(void)pthread_cond_destroy(&w->changed);
	(void)pthread_mutex_destroy(&w->lock);
	file_close(&w->event_fd);
	free(w);
}

enum err
worker_create(struct worker **out)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (w == NULL)
		return ERR_MEMORY;
	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->event_fd < 0) {
		free(w);
		return ERR_SYSTEM;
	}
	/* With default attributes neither of them allocates or fails on Linux. */
	r = pthread_mutex_init(&w->lock, NULL);
	MUST(r == 0);
	r = pthread_cond_init(&w->changed, NULL);
	MUST(r == 0);
	r = make_thread(w);
	if (r != 0) {
		free_unstarted(w);
		errno = r;
		return ERR_SYSTEM;
	}
	*out = w;
	return ERR_OK;
}

void
worker_destroy(struct worker *w)
{
	int r;

	if (w == NULL)
		return;
	lock(w);
	w->ends = true;
	tell_change(w);
	unlock(w);
	r = pthread_join(w->thread, NULL);
	MUST(r == 0);
	free_unstarted(w);
}

void
worker_start(struct worker *w, worker_fn *fn, void *ctx)
{
	MUST(fn != NULL);
	lock(w);
	MUST(w->state == WORKER_IDLE);
	w->fn = fn;
	w->ctx = ctx;
	w->state = WORKER_BUSY;
	tell_change(w);
	unlock(w);
}

int
worker_fd(const struct worker *w)
{
	return w->event_fd;
}

bool
worker_take(struct worker *w)
{
	bool is_done;

	lock(w);
	is_done = w->state == WORKER_DONE;
	if (is_done) {
		w->state = WORKER_IDLE;
		event_clear(w);
	}
	unlock(w);
	return is_done;
}

void
worker_wait(struct worker *w)
{
	lock(w);
	MUST(w->state != WORKER_IDLE);
	while (w->state != WORKER_DONE)
		sleep_until_change(w);
	unlock(w);
	{
		bool is_taken = worker_take(w);

		MUST(is_taken);
	}
}
