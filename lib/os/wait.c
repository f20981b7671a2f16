/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The monotonic clock, poll and random bytes. */
#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <time.h>

#include "base/must.h"
#include "os/clock.h"
#include "os/wait.h"

uint64_t
wait_now_ns(void)
{
	return clock_monotonic_ns();
}

enum err
wait_ready(struct wait_item *items, size_t count, uint64_t deadline_ns)
{
	struct pollfd fds[WAIT_ITEMS_MAX];
	struct timespec left;
	struct timespec *limit = NULL;
	size_t i;
	int n;

	MUST(items != NULL && count <= WAIT_ITEMS_MAX);

	for (i = 0; i < count; i++) {
		fds[i].fd = items[i].fd;
		fds[i].events = (short)((items[i].want_read ? POLLIN : 0) |
					(items[i].want_write ? POLLOUT : 0));
		fds[i].revents = 0;
	}
	if (deadline_ns != UINT64_MAX) {
		uint64_t now = wait_now_ns();
		uint64_t ns = deadline_ns > now ? deadline_ns - now : 0;

		left.tv_sec = (time_t)(ns / UINT64_C(1000000000));
		left.tv_nsec = (long)(ns % UINT64_C(1000000000));
		limit = &left;
	}
	n = ppoll(fds, (nfds_t)count, limit, NULL);
	if (n < 0 && errno != EINTR)
		return ERR_SYSTEM;
	for (i = 0; i < count; i++) {
		short got = n > 0 ? fds[i].revents : 0;

		items[i].ready_read = (got & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0;
		items[i].ready_write = (got & (POLLOUT | POLLHUP | POLLERR)) != 0;
	}
	return ERR_OK;
}

enum err
wait_random(void *out, size_t size)
{
	ssize_t n;

	MUST(out != NULL && size <= 256); /* up to here the kernel gives all or nothing */

	do
		n = getrandom(out, size, 0);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)size ? ERR_OK : ERR_SYSTEM;
}
