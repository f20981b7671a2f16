/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every allocation of ours and every system call in reading a configuration fails once at each N:
 * the reading says so, and nothing leaks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "unit.h"
#include "whole.h"

/* 0: nothing fails.  N: the Nth wrapped call from now on fails, once. */
static unsigned int fail_at;
static unsigned int calls;
static bool failed;
static bool watching;
static long live; /* allocations of ours */

static bool
must_fail_now(int error)
{
	if (!watching || fail_at == 0 || ++calls != fail_at)
		return false;
	failed = true;
	errno = error;
	return true;
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void __real_free(void *p);
void __wrap_free(void *p);
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_openat64(int dirfd, const char *path, int flags, ...);
int __wrap_openat64(int dirfd, const char *path, int flags, ...);
ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);
DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
struct dirent *__real_readdir64(DIR *folder);
struct dirent *__wrap_readdir64(DIR *folder);

void *
__wrap_realloc(void *p, size_t size)
{
	void *q;

	if (must_fail_now(ENOMEM))
		return NULL;
	q = __real_realloc(p, size);
	live += watching && p == NULL && q != NULL;
	return q;
}

void *
__wrap_malloc(size_t size)
{
	void *p;

	if (must_fail_now(ENOMEM))
		return NULL;
	p = __real_malloc(size);
	live += watching && p != NULL;
	return p;
}

char *
__wrap_strdup(const char *text)
{
	char *copy;

	if (must_fail_now(ENOMEM))
		return NULL;
	copy = __real_strdup(text);
	live += watching && copy != NULL;
	return copy;
}

void
__wrap_free(void *p)
{
	live -= watching && p != NULL;
	__real_free(p);
}

int
__wrap_open64(const char *path, int flags, ...)
{
	return must_fail_now(EMFILE) ? -1 : __real_open64(path, flags, 0);
}

int
__wrap_openat64(int dirfd, const char *path, int flags, ...)
{
	return must_fail_now(EMFILE) ? -1 : __real_openat64(dirfd, path, flags, 0);
}

ssize_t
__wrap_read(int fd, void *data, size_t size)
{
	return must_fail_now(EIO) ? -1 : __real_read(fd, data, size);
}

DIR *
__wrap_fdopendir(int fd)
{
	if (must_fail_now(ENOMEM))
		return NULL;
	return __real_fdopendir(fd);
}

struct dirent *
__wrap_readdir64(DIR *folder)
{
	return must_fail_now(EIO) ? NULL : __real_readdir64(folder);
}

static void
put(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

static int
next_descriptor(void)
{
	int fd = dup(0);

	assert_int_equal(close(fd), 0);
	return fd;
}

static void
each_fails_once(void **state)
{
	char folder[] = "/tmp/hark-unit-XXXXXX";
	char path[64], below[64], drop[96];
	int descriptor = next_descriptor();
	struct config_failure why;
	struct config c;
	unsigned int n;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/h.yaml", folder);
	(void)snprintf(below, sizeof(below), "%s/h.yaml.d", folder);
	(void)snprintf(drop, sizeof(drop), "%s/1.yaml", below);
	put(path, whole);
	assert_int_equal(mkdir(below, 0700), 0);
	put(drop, "cells: [{name: z, uds_base: /z}]\n");
	for (n = 1;; n++) {
		enum err e;

		fail_at = n;
		calls = 0;
		failed = false;
		watching = true;
		e = config_read(path, &c, &why);
		if (e == ERR_OK)
			config_finish(&c);
		watching = false;
		if (live != 0)
			fail_msg("call %u: %ld allocations are left", n, live);
		assert_int_equal(next_descriptor(), descriptor);
		if (!failed)
			break;
		if (e != ERR_MEMORY && e != ERR_SYSTEM)
			fail_msg("call %u: %s", n, err_text(e));
		assert_true(why.text[0] != '\0');
	}
	assert_true(n > 20);
	assert_int_equal(unlink(drop), 0);
	assert_int_equal(rmdir(below), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fails_once),
	};

	return cmocka_run_group_tests_name("config/faults", tests, NULL, NULL);
}
