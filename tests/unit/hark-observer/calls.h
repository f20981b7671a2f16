/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Allocations, system calls and the steps of confinement of one process, of which one fails once,
 * in the thread that armed it.  They are linked by --wrap.
 */
#ifndef TESTS_HARK_OBSERVER_CALLS_H
#define TESTS_HARK_OBSERVER_CALLS_H

#include <stdbool.h>
#include <stddef.h>

/* The calls that fail, each with the error that the kernel gives first of all. */
#define CALLS(X)                       \
	X(malloc, ENOMEM)              \
	X(calloc, ENOMEM)              \
	X(realloc, ENOMEM)             \
	X(openat64, EMFILE)            \
	X(fdopendir, ENOMEM)           \
	X(fstat64, EIO)                \
	X(read, EIO)                   \
	X(pread64, EIO)                \
	X(mmap64, ENOMEM)              \
	X(ppoll, ENOMEM)               \
	X(epoll_create1, EMFILE)       \
	X(epoll_ctl, ENOMEM)           \
	X(epoll_wait, EBADF)           \
	X(eventfd, EMFILE)             \
	X(pthread_create, EAGAIN)      \
	X(sendmsg, ENOBUFS)            \
	X(recvmsg, ENOBUFS)            \
	X(role_confine, EPERM)         \
	X(confine_limit, EPERM)        \
	X(confine_limit_memory, EPERM) \
	X(role_threads_end, EPERM)

enum call {
#define CALL_ENUM(name, error) CALL_##name,
	CALLS(CALL_ENUM)
#undef CALL_ENUM
		CALL_COUNT
};

extern const char *const call_names[CALL_COUNT];

extern struct calls {
	enum call failing;
	size_t fails_at;      /* counts down; 0: now */
	bool armed;           /* off for what is the test's own */
	bool *has_failed_out; /* may be shared with a parent */
} calls;

#endif
