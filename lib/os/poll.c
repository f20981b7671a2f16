/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* epoll and signalfd, thinly wrapped for lib/loop. */
#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/must.h"
#include "os/poll.h"

enum err
poll_open(int *out)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	MUST(out != NULL);

	if (fd < 0)
		return ERR_SYSTEM;
	*out = fd;
	return ERR_OK;
}

static enum err
control(int poll_fd, int operation, int fd, uint32_t events, uint64_t key)
{
	struct epoll_event event = { .events = events, .data = { .u64 = key } };

	if (epoll_ctl(poll_fd, operation, fd, &event) == 0)
		return ERR_OK;
	return errno == EEXIST ? ERR_EXISTS : ERR_SYSTEM;
}

enum err
poll_add(int poll_fd, int fd, uint32_t events, uint64_t key)
{
	return control(poll_fd, EPOLL_CTL_ADD, fd, events, key);
}

enum err
poll_modify(int poll_fd, int fd, uint32_t events, uint64_t key)
{
	return control(poll_fd, EPOLL_CTL_MOD, fd, events, key);
}

enum err
poll_remove(int poll_fd, int fd)
{
	return control(poll_fd, EPOLL_CTL_DEL, fd, 0, 0);
}

enum err
poll_wait(int poll_fd, struct epoll_event *ready, int ready_max, int timeout_ms, size_t *count_out)
{
	int n;

	MUST(ready != NULL && ready_max > 0 && count_out != NULL);

	n = epoll_wait(poll_fd, ready, ready_max, timeout_ms);
	if (n < 0 && errno != EINTR)
		return ERR_SYSTEM;
	*count_out = n < 0 ? 0 : (size_t)n;
	return ERR_OK;
}

enum err
poll_signals_block(const sigset_t *set, sigset_t *old_out)
{
	MUST(set != NULL && old_out != NULL);
	return sigprocmask(SIG_BLOCK, set, old_out) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
poll_signals_restore(const sigset_t *old)
{
	MUST(old != NULL);
	return sigprocmask(SIG_SETMASK, old, NULL) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
poll_signals_open(int *fd, const sigset_t *set)
{
	int r;

	MUST(fd != NULL && set != NULL);

	r = signalfd(*fd, set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (r < 0)
		return ERR_SYSTEM;
	*fd = r;
	return ERR_OK;
}

enum err
poll_signals_read(int fd, int *signal_out)
{
	struct signalfd_siginfo info;
	ssize_t n;

	MUST(signal_out != NULL);

	do
		n = read(fd, &info, sizeof(info));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? ERR_AGAIN : ERR_SYSTEM;
	MUST(n == (ssize_t)sizeof(info));
	*signal_out = (int)info.ssi_signo;
	return ERR_OK;
}
