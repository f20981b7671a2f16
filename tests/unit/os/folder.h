/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A directory of its own for a test, and what is in it. */
#ifndef TESTS_UNIT_OS_FOLDER_H
#define TESTS_UNIT_OS_FOLDER_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "unit.h"

struct folder {
	char path[32];
	int fd; /* O_PATH, as harkd gives it */
};

static inline void
folder_make(struct folder *f)
{
	memcpy(f->path, "/tmp/hark-unit-XXXXXX", sizeof("/tmp/hark-unit-XXXXXX"));
	assert_non_null(mkdtemp(f->path));
	assert_int_equal(file_open_dir(f->path, &f->fd), ERR_OK);
}

static inline void
folder_remove(struct folder *f)
{
	DIR *all = opendir(f->path);
	const struct dirent *one;

	assert_non_null(all);
	while ((one = readdir(all)) != NULL)
		if (one->d_name[0] != '.')
			assert_int_equal(unlinkat(f->fd, one->d_name, 0), 0);
	(void)closedir(all);
	file_close(&f->fd);
	assert_int_equal(rmdir(f->path), 0);
}

/* How many names are in it. */
static inline size_t
folder_count(const struct folder *f)
{
	DIR *all = opendir(f->path);
	const struct dirent *one;
	size_t count = 0;

	assert_non_null(all);
	while ((one = readdir(all)) != NULL)
		count += one->d_name[0] != '.';
	(void)closedir(all);
	return count;
}

static inline bool
folder_has(const struct folder *f, const char *name)
{
	struct stat st;

	return fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void
folder_write(const struct folder *f, const char *name, const void *data, size_t size, mode_t mode)
{
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

/* Gives the size; terminates. */
static inline size_t
folder_read(const struct folder *f, const char *name, void *data, size_t capacity)
{
	int fd = openat(f->fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, data, capacity - 1);
	assert_true(n >= 0);
	((char *)data)[n] = '\0';
	(void)close(fd);
	return (size_t)n;
}

static inline unsigned int
folder_mode(const struct folder *f, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

#endif
