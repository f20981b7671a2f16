/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A worker's life, in which a pipe holds a job until the test lets it go. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "os/worker.h"
#include "unit.h"

struct job {
	int gate[2];
	int result;
	pthread_t thread;
	bool has_signals;
};

static void
wait_at_gate(void *ctx)
{
	struct job *j = ctx;
	sigset_t blocked;
	char byte = 0;

	assert_int_equal(read(j->gate[0], &byte, 1), 1);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &blocked), 0);
	j->has_signals = sigismember(&blocked, SIGTERM) == 0;
	j->thread = pthread_self();
	j->result = (unsigned char)byte;
}

static bool
is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
a_job_is_told_once(void **state)
{
	struct worker *w = NULL;
	struct job j = { .result = -1 };

	(void)state;
	assert_int_equal(pipe2(j.gate, O_CLOEXEC), 0);
	assert_int_equal(worker_create(&w), ERR_OK);
	assert_false(worker_take(w));
	assert_false(is_readable(worker_fd(w)));

	worker_start(w, wait_at_gate, &j);
	assert_false(worker_take(w));
	assert_false(is_readable(worker_fd(w)));
	assert_int_equal(write(j.gate[1], "a", 1), 1);
	{
		struct pollfd p = { .fd = worker_fd(w), .events = POLLIN };

		assert_int_equal(poll(&p, 1, -1), 1);
	}
	assert_true(worker_take(w));
	assert_false(worker_take(w));
	assert_false(is_readable(worker_fd(w)));
	assert_int_equal(j.result, 'a');
	assert_false(pthread_equal(j.thread, pthread_self()));
	assert_false(j.has_signals);

	assert_int_equal(write(j.gate[1], "b", 1), 1);
	worker_start(w, wait_at_gate, &j);
	worker_wait(w);
	assert_int_equal(j.result, 'b');
	assert_false(worker_take(w));

	/* A job under way is waited for. */
	assert_int_equal(write(j.gate[1], "c", 1), 1);
	worker_start(w, wait_at_gate, &j);
	worker_destroy(w);
	assert_int_equal(j.result, 'c');
	worker_destroy(NULL);
	(void)close(j.gate[0]);
	(void)close(j.gate[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
