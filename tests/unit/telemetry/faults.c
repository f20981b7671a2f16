/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every allocation and system call of the listener and its streams fails once at each N: the
 * operation says so, nothing leaks, and no file is left behind.
 */
#include <errno.h>

#include "cell.h"

CELL_STAND_IN_DECODER

/* 0: nothing fails.  N: the Nth wrapped call from now on fails, once. */
static unsigned int fail_at;
static unsigned int calls;
static bool failed;
static long live; /* allocations */

static bool
must_fail_now(int error)
{
	if (fail_at == 0 || ++calls != fail_at)
		return false;
	failed = true;
	errno = error;
	return true;
}

static void *
counted(void *p)
{
	live += p != NULL;
	return p;
}

#define WRAP_POINTER(name, arguments, values)                                        \
	void *__real_##name arguments;                                               \
	void *__wrap_##name arguments;                                               \
	void *__wrap_##name arguments                                                \
	{                                                                            \
		return must_fail_now(ENOMEM) ? NULL : counted(__real_##name values); \
	}

/* Some are called by the names that they have where offsets have 64 bits, as everywhere here. */
#define WRAP_CALL(type, name, error, arguments, values)                  \
	type __real_##name arguments;                                    \
	type __wrap_##name arguments;                                    \
	type __wrap_##name arguments                                     \
	{                                                                \
		return must_fail_now(error) ? -1 : __real_##name values; \
	}

WRAP_POINTER(malloc, (size_t size), (size))
WRAP_POINTER(calloc, (size_t count, size_t size), (count, size))
WRAP_POINTER(strdup, (const char *text), (text))
WRAP_POINTER(strndup, (const char *text, size_t size), (text, size))
WRAP_CALL(int, socket, ENFILE, (int a, int b, int c), (a, b, c))

/* The mode with which the socket at this path is born. */
static const char *watched;
static mode_t born_mode;

int __real_bind(int fd, const struct sockaddr *a, socklen_t n);
int __wrap_bind(int fd, const struct sockaddr *a, socklen_t n);

int
__wrap_bind(int fd, const struct sockaddr *a, socklen_t n)
{
	struct stat st;
	int r = must_fail_now(ENOSPC) ? -1 : __real_bind(fd, a, n);

	if (r == 0 && watched != NULL && lstat(watched, &st) == 0)
		born_mode = st.st_mode & 07777;
	return r;
}

WRAP_CALL(int, connect, EACCES, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP_CALL(int, listen, EINVAL, (int fd, int backlog), (fd, backlog))
WRAP_CALL(int, accept4, ENFILE, (int fd, struct sockaddr *a, socklen_t *n, int flags),
	  (fd, a, n, flags))
WRAP_CALL(int, getsockopt, EINVAL, (int fd, int a, int b, void *v, socklen_t *n), (fd, a, b, v, n))
WRAP_CALL(int, openat64, EMFILE, (int fd, const char *name, int flags), (fd, name, flags))
/* What fortified builds call instead. */
WRAP_CALL(int, __openat64_2, EMFILE, (int fd, const char *name, int flags), (fd, name, flags))
WRAP_CALL(int, fstat64, EIO, (int fd, struct stat *st), (fd, st))
WRAP_CALL(int, fstatat64, EIO, (int fd, const char *name, struct stat *st, int flags),
	  (fd, name, st, flags))
WRAP_CALL(int, fchmod, EPERM, (int fd, mode_t mode), (fd, mode))
WRAP_CALL(int, chmod, EPERM, (const char *name, mode_t mode), (name, mode))
WRAP_CALL(int, fchownat, EPERM, (int fd, const char *name, uid_t u, gid_t g, int flags),
	  (fd, name, u, g, flags))
WRAP_CALL(int, unlinkat, EACCES, (int fd, const char *name, int flags), (fd, name, flags))
WRAP_CALL(ssize_t, read, EIO, (int fd, void *data, size_t size), (fd, data, size))

void __real_free(void *p);
void __wrap_free(void *p);

void
__wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

static void
faults_start(unsigned int n)
{
	fail_at = n;
	calls = 0;
	failed = false;
}

static void
faults_stop(void)
{
	fail_at = 0;
}

static struct hark_listener_options
own_options(void)
{
	return (struct hark_listener_options){
		.mode = 0660, .set_owner = true, .owner = geteuid(), .group = getegid()
	};
}

/* Over a stale socket, which takes every step there is. */
static void
binding_fails_cleanly_at_each_step(void **state)
{
	const struct hark_listener_options o = own_options();
	struct cell c;
	unsigned int n;

	(void)state;
	cell_open(&c);
	for (n = 1;; n++) {
		size_t descriptors = cell_count_descriptors();
		long before = live;
		struct hark_listener *l = NULL;
		struct hark_failure why = { 0 };
		enum hark_telemetry_error e;
		ino_t stale;
		int pin;

		(void)close(cell_bind_other(c.socket, SOCK_STREAM, 1));
		/* Held, so that its number is not given to the next. */
		pin = open(c.socket, O_PATH | O_CLOEXEC);
		assert_true(pin >= 0);
		stale = cell_inode(c.socket);
		faults_start(n);
		e = hark_listener_bind_for_cell(c.base, &o, &l, &why);
		faults_stop();
		if (failed) {
			assert_true(e == HARK_TELEMETRY_BIND || e == HARK_TELEMETRY_MEMORY);
			assert_null(l);
			if (e == HARK_TELEMETRY_BIND &&
			    (why.text[0] == '\0' || why.system_error == 0))
				fail_msg("call %u: no reason", n);
			/* Either not begun, or nothing left of it. */
			if (cell_inode(c.socket) != 0 && cell_inode(c.socket) != stale)
				fail_msg("call %u: a socket is left behind (%s)", n, why.text);
		} else {
			assert_int_equal(e, HARK_TELEMETRY_OK);
			hark_listener_close(l);
			assert_int_equal(cell_inode(c.socket), 0);
		}
		(void)unlink(c.socket);
		(void)close(pin);
		if (cell_count_descriptors() != descriptors || live != before)
			fail_msg("call %u: a leak (%s)", n, why.text);
		if (!failed)
			break;
	}
	assert_true(n > 20);
	cell_close(&c);
}

static void
accepting_and_reading_fail_cleanly(void **state)
{
	struct cell c;
	struct hark_listener *l;
	unsigned int n;

	(void)state;
	cell_open(&c);
	l = cell_listen(&c);
	for (n = 1;; n++) {
		size_t descriptors = cell_count_descriptors();
		long before = live;
		struct hark_stream *s = NULL;
		struct hark_guest_declaration said;
		struct hark_rejection why;
		int guest = cell_connect(c.socket);
		enum hark_telemetry_error e;

		assert_int_equal(write(guest, "\1\0\0\0A", 5), 5);
		faults_start(n);
		e = hark_listener_accept(l, &s, &why);
		if (e == HARK_TELEMETRY_OK)
			e = hark_stream_next(s, 0, &said, &why);
		faults_stop();
		assert_true(failed ? e == HARK_TELEMETRY_SYSTEM || e == HARK_TELEMETRY_MEMORY
				   : e == HARK_TELEMETRY_OK);
		hark_stream_close(s);
		/* A connection that accept left waiting is there for the next call. */
		s = NULL;
		(void)!hark_listener_accept(l, &s, &why);
		hark_stream_close(s);
		(void)close(guest);
		if (cell_count_descriptors() != descriptors || live != before)
			fail_msg("call %u: a leak", n);
		if (!failed)
			break;
	}
	assert_true(n > 4);
	/* Failures take none of the 8 places. */
	for (n = 0; n < 20; n++) {
		struct hark_stream *s = NULL;

		(void)close(cell_pair(l, c.socket, &s));
		hark_stream_close(s);
	}
	hark_listener_close(l);
	cell_close(&c);
}

static void
closing_frees_all_even_if_the_file_stays(void **state)
{
	struct cell c;
	unsigned int n;

	(void)state;
	cell_open(&c);
	for (n = 1;; n++) {
		size_t descriptors = cell_count_descriptors();
		long before = live;
		struct hark_listener *l = cell_listen(&c); /* replaces what stayed */

		faults_start(n);
		errno = 77;
		hark_listener_close(l);
		assert_int_equal(errno, 77);
		faults_stop();
		if (cell_count_descriptors() != descriptors || live != before)
			fail_msg("call %u: a leak", n);
		if (!failed)
			break;
	}
	assert_int_equal(n, 3); /* fstatat, unlinkat */
	cell_close(&c);
}

static void
born_for_nobody_else(void **state)
{
	const struct hark_listener_options o = { .mode = 0666 };
	struct hark_listener *l = NULL;
	struct cell c;
	mode_t before = umask(0);

	(void)state;
	cell_open(&c);
	watched = c.socket;
	assert_int_equal(hark_listener_bind_for_cell(c.base, &o, &l, NULL), HARK_TELEMETRY_OK);
	watched = NULL;
	(void)umask(before);
	assert_int_equal(born_mode, 0600);
	hark_listener_close(l);
	cell_close(&c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(binding_fails_cleanly_at_each_step),
		cmocka_unit_test(accepting_and_reading_fail_cleanly),
		cmocka_unit_test(born_for_nobody_else),
		cmocka_unit_test(closing_frees_all_even_if_the_file_stays),
	};

	return cmocka_run_group_tests_name("telemetry/faults", tests, NULL, NULL);
}
