/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The system calls by which files are kept, under a test's hand: the Nth fails, or the process is
 * as good as killed before the Nth: that one and all after it fail.  Link with store_fault_wraps.
 */
#ifndef TESTS_UNIT_OS_STORE_FAULTS_H
#define TESTS_UNIT_OS_STORE_FAULTS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static struct {
	unsigned int at; /* counted from 1; 0: none */
	unsigned int calls;
	bool killed; /* all from `at` on */
	bool hit;
	char trace[512]; /* the calls since fault_start, each with a blank behind */
} fault;

static inline void
fault_start(unsigned int at, bool killed)
{
	fault.at = at;
	fault.calls = 0;
	fault.killed = killed;
	fault.hit = false;
	fault.trace[0] = '\0';
}

/* True where the fault came. */
static inline bool
fault_stop(void)
{
	fault.at = 0;
	return fault.hit;
}

static inline bool
fault_now(const char *name, int error)
{
	if (fault.at == 0)
		return false;
	if (strlen(fault.trace) + strlen(name) + 2 < sizeof(fault.trace)) {
		strcat(fault.trace, name);
		strcat(fault.trace, " ");
	}
	fault.calls++;
	if (fault.calls == fault.at || (fault.killed && fault.calls > fault.at)) {
		fault.hit = true;
		errno = error;
		return true;
	}
	return false;
}

#define FAULT_SYNC(name)                               \
	int __wrap_##name(int fd);                     \
	int __wrap_##name(int fd)                      \
	{                                              \
		(void)fd;                              \
		return fault_now(#name, EIO) ? -1 : 0; \
	}

#define FAULT_CALL(type, name, error, failure, parameters, arguments)                 \
	type __real_##name parameters;                                                \
	type __wrap_##name parameters;                                                \
	type __wrap_##name parameters                                                 \
	{                                                                             \
		return fault_now(#name, error) ? (failure) : __real_##name arguments; \
	}

FAULT_CALL(int, openat64, EMFILE, -1, (int fd, const char *name, int flags, mode_t mode),
	   (fd, name, flags, mode))
/* What fortified builds call instead. */
FAULT_CALL(int, __openat64_2, EMFILE, -1, (int fd, const char *name, int flags), (fd, name, flags))
FAULT_CALL(ssize_t, write, ENOSPC, -1, (int fd, const void *data, size_t size), (fd, data, size))
FAULT_CALL(ssize_t, read, EIO, -1, (int fd, void *data, size_t size), (fd, data, size))
FAULT_CALL(ssize_t, pread64, EIO, -1, (int fd, void *data, size_t size, off_t at),
	   (fd, data, size, at))
FAULT_CALL(ssize_t, pwrite64, EIO, -1, (int fd, const void *data, size_t size, off_t at),
	   (fd, data, size, at))
/* Nothing is synced in truth: what a kernel forgets no test here can see, and disks are slow. */
FAULT_SYNC(fsync)
FAULT_SYNC(fdatasync)
FAULT_CALL(int, fchmod, EPERM, -1, (int fd, mode_t mode), (fd, mode))
FAULT_CALL(int, fstat64, EIO, -1, (int fd, struct stat *st), (fd, st))
FAULT_CALL(int, fstatat64, EIO, -1, (int fd, const char *name, struct stat *st, int flags),
	   (fd, name, st, flags))
FAULT_CALL(int, renameat, EIO, -1, (int a, const char *from, int b, const char *to),
	   (a, from, b, to))
/* renameat2, which musl has no function for. */
FAULT_CALL(long, syscall, EIO, -1, (long number, long a, long b, long c, long d, long e),
	   (number, a, b, c, d, e))
FAULT_CALL(int, unlinkat, EACCES, -1, (int fd, const char *name, int flags), (fd, name, flags))
FAULT_CALL(ssize_t, getrandom, EIO, -1, (void *data, size_t size, unsigned int flags),
	   (data, size, flags))
FAULT_CALL(void *, realloc, ENOMEM, NULL, (void *memory, size_t size), (memory, size))

/* The lowest free descriptor: the same before and after what leaks none. */
static inline int
fault_next_descriptor(void)
{
	int fd = dup(0);

	(void)close(fd);
	return fd;
}

#endif
