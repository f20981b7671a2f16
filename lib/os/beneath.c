/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Directories as descriptors, and reading below them.  A name that someone else may change is
 * resolved once, and a file is judged by its open descriptor and never by its path.
 */
#include "os/beneath.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/must.h"

static_assert(BENEATH_CWD == AT_FDCWD, /* NOLINT(misc-redundant-expression) */
	      "the header repeats the kernel's constant");

static enum err
open_retrying(int dirfd, const char *path, int flags, int *out)
{
	int fd;

	do
		fd = openat(dirfd, path, flags | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return ERR_SYSTEM;
	*out = fd;
	return ERR_OK;
}

void
beneath_close(int *fd)
{
	int e = errno;

	if (*fd >= 0)
		(void)close(*fd); /* nothing was written, so nothing can be lost */
	*fd = -1;
	errno = e;
}

enum err
beneath_open_dir(int dirfd, const char *path, enum beneath_links links, int *out)
{
	return open_retrying(dirfd, path,
			     O_PATH | O_DIRECTORY | (links == BENEATH_NO_LINK ? O_NOFOLLOW : 0),
			     out);
}

enum err
beneath_read(int dirfd, const char *name, char *text, size_t capacity, size_t *size_out)
{
	cleanup(beneath_close) int fd = -1;
	struct stat st;
	size_t size = 0;
	enum err e;

	/* O_NONBLOCK: a FIFO in a file's place must not hold us before it can be seen. */
	e = open_retrying(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, &fd);
	if (e != ERR_OK)
		return e;
	if (fstat(fd, &st) != 0)
		return ERR_SYSTEM;
	if (!S_ISREG(st.st_mode))
		return ERR_REFUSED;
	for (;;) {
		char more;
		ssize_t n = size < capacity ? read(fd, text + size, capacity - size)
					    : read(fd, &more, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_SYSTEM;
		if (n == 0)
			break;
		if (size == capacity)
			return ERR_LIMIT;
		size += (size_t)n;
	}
	*size_out = size;
	return ERR_OK;
}

enum err
beneath_path(int fd, char *path, size_t capacity)
{
	char name[64];
	ssize_t n;

	MUST(capacity > 1);
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, path, capacity);
	if (n < 0)
		return ERR_SYSTEM;
	if ((size_t)n >= capacity)
		return ERR_LIMIT;
	path[n] = '\0';
	return ERR_OK;
}

enum err
beneath_is_cgroup1(int fd, bool *out)
{
	struct statfs st;

	if (fstatfs(fd, &st) != 0)
		return ERR_SYSTEM;
	*out = (unsigned long)st.f_type == CGROUP_SUPER_MAGIC;
	return ERR_OK;
}

static enum err
identity_from(const struct stat *st, struct beneath_identity *out)
{
	if (!S_ISREG(st->st_mode) && !S_ISFIFO(st->st_mode))
		return ERR_REFUSED;
	*out = (struct beneath_identity){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.is_fifo = S_ISFIFO(st->st_mode),
	};
	return ERR_OK;
}

enum err
beneath_identity_of(int fd, struct beneath_identity *out)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return ERR_SYSTEM;
	return identity_from(&st, out);
}

enum err
beneath_identity_at(int dirfd, const char *name, struct beneath_identity *out)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return ERR_SYSTEM;
	return identity_from(&st, out);
}

enum err
beneath_open_input(int dirfd, const char *name, int *out)
{
	cleanup(beneath_close) int fd = -1;
	struct beneath_identity identity;
	enum err e;

	/* Looked at before it is opened, because opening a device can have effects. */
	e = beneath_identity_at(dirfd, name, &identity);
	if (e != ERR_OK)
		return e;
	e = open_retrying(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, &fd);
	if (e != ERR_OK)
		return e;
	e = beneath_identity_of(fd, &identity);
	if (e != ERR_OK)
		return e;
	*out = fd;
	fd = -1;
	return ERR_OK;
}

enum err
beneath_read_some(int fd, bool is_fifo, uint64_t offset, void *data, size_t capacity,
		  size_t *size_out)
{
	ssize_t n;

	do
		n = is_fifo ? read(fd, data, capacity) : pread(fd, data, capacity, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN)
		return ERR_SYSTEM;
	*size_out = n < 0 ? 0 : (size_t)n;
	return ERR_OK;
}
