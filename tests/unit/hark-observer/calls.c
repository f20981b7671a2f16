/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "calls.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "role/role.h"
#include "unit.h"

const char *const call_names[CALL_COUNT] = {
#define CALL_NAME(name, error) #name,
	CALLS(CALL_NAME)
#undef CALL_NAME
};
static const int call_errors[] = {
#define CALL_ERROR(name, error) error,
	CALLS(CALL_ERROR)
#undef CALL_ERROR
};

struct calls calls;

/* True where this call is to fail; it sets errno. */
static bool
fails(enum call call)
{
	if (!calls.armed || call != calls.failing || calls.fails_at-- > 0)
		return false;
	calls.armed = false;
	*calls.has_failed_out = true;
	errno = call_errors[call];
	return true;
}

#define WRAP(type, name, failure, parameters, arguments)                         \
	type __real_##name parameters;                                           \
	type __wrap_##name parameters;                                           \
	type __wrap_##name parameters                                            \
	{                                                                        \
		return fails(CALL_##name) ? (failure) : __real_##name arguments; \
	}

WRAP(void *, malloc, NULL, (size_t size), (size))
WRAP(void *, calloc, NULL, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, NULL, (void *at, size_t size), (at, size))
WRAP(int, openat64, -1, (int fd, const char *name, int flags, mode_t mode), (fd, name, flags, mode))
WRAP(DIR *, fdopendir, NULL, (int fd), (fd))
WRAP(int, fstat64, -1, (int fd, struct stat *out), (fd, out))
WRAP(ssize_t, read, -1, (int fd, void *data, size_t size), (fd, data, size))
WRAP(ssize_t, pread64, -1, (int fd, void *data, size_t size, off_t at), (fd, data, size, at))
WRAP(void *, mmap64, MAP_FAILED,
     (void *where, size_t size, int protection, int flags, int fd, off_t at),
     (where, size, protection, flags, fd, at))
WRAP(int, ppoll, -1,
     (struct pollfd * fds, nfds_t count, const struct timespec *limit, const sigset_t *mask),
     (fds, count, limit, mask))
WRAP(int, epoll_create1, -1, (int flags), (flags))
WRAP(int, epoll_ctl, -1, (int poll, int what, int fd, struct epoll_event *event),
     (poll, what, fd, event))
WRAP(int, epoll_wait, -1, (int poll, struct epoll_event *events, int most, int timeout),
     (poll, events, most, timeout))
WRAP(int, eventfd, -1, (unsigned int value, int flags), (value, flags))
WRAP(int, pthread_create, EAGAIN,
     (pthread_t * thread, const pthread_attr_t *how, void *(*run)(void *), void *ctx),
     (thread, how, run, ctx))
WRAP(ssize_t, sendmsg, -1, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP(ssize_t, recvmsg, -1, (int fd, struct msghdr *m, int flags), (fd, m, flags))

/* Of rights nothing is given up here: tests/confine does that. */

enum err __wrap_role_confine(enum role_name role, const int *dirfds, size_t count, bool require,
			     struct role_report *report);
enum err __wrap_confine_limit(int resource, uint64_t most);
enum err __wrap_confine_limit_memory(uint64_t writable, uint64_t mapped);
enum err __wrap_role_threads_end(void);

enum err
__wrap_role_confine(enum role_name role, const int *dirfds, size_t count, bool require,
		    struct role_report *report)
{
	(void)require;
	assert_true(role == ROLE_OBSERVER && count == 1 && dirfds[0] >= 0);
	*report = (struct role_report){ .missing = "" };
	return fails(CALL_role_confine) ? ERR_SYSTEM : ERR_OK;
}

enum err
__wrap_confine_limit(int resource, uint64_t most)
{
	(void)resource;
	(void)most;
	return fails(CALL_confine_limit) ? ERR_SYSTEM : ERR_OK;
}

enum err
__wrap_confine_limit_memory(uint64_t writable, uint64_t mapped)
{
	assert_true(writable > 0 && mapped > writable);
	return fails(CALL_confine_limit_memory) ? ERR_SYSTEM : ERR_OK;
}

enum err
__wrap_role_threads_end(void)
{
	return fails(CALL_role_threads_end) ? ERR_SYSTEM : ERR_OK;
}
