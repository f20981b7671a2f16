/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files by descriptors: thin wrappers that retry what was interrupted and name what is usual. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"
#include "os/file.h"

/* The step in which a file of unknown size is read. */
#define READ_STEP_BYTES 16384u

/* "/proc/self/fd/" and the digits of any int, terminated. */
#define PROC_FD_BYTES 32u

static enum err
error_of_errno(void)
{
	switch (errno) {
	case ENOENT:
		return ERR_MISSING;
	case EAGAIN:
		return ERR_AGAIN;
	default:
		return ERR_SYSTEM;
	}
}

static enum err
open_at(int dirfd, const char *name, int flags, int *out)
{
	int fd;

	MUST(name != NULL && out != NULL);

	do
		fd = openat(dirfd, name, flags | O_CLOEXEC | O_NOCTTY);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return error_of_errno();
	*out = fd;
	return ERR_OK;
}

enum err
file_open_dir(const char *path, int *out)
{
	return open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY, out);
}

enum err
file_open_path(const char *path, int *out)
{
	return open_at(AT_FDCWD, path, O_PATH, out);
}

enum err
file_open_path_at(int dirfd, const char *name, int *out)
{
	return open_at(dirfd, name, O_PATH | O_NOFOLLOW, out);
}

enum err
file_open_read_at(int dirfd, const char *name, int *out)
{
	return open_at(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, out);
}

enum err
file_open_read(const char *path, int *out)
{
	return open_at(AT_FDCWD, path, O_RDONLY, out);
}

enum err
file_open_regular(const char *path, int *out)
{
	int fd = -1;
	enum err e = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd);

	if (e != ERR_OK)
		return e;
	if (!file_is_regular(fd)) {
		file_close(&fd);
		errno = EINVAL;
		return ERR_REFUSED;
	}
	*out = fd;
	return ERR_OK;
}

enum err
file_read(int fd, void *data, size_t size, size_t *size_out)
{
	ssize_t n;

	MUST(data != NULL && size > 0 && size_out != NULL);

	do
		n = read(fd, data, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_of_errno();
	if (n == 0)
		return ERR_END;
	*size_out = (size_t)n;
	return ERR_OK;
}

enum err
file_read_wait(int fd, void *data, size_t size, size_t *size_out)
{
	for (;;) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		enum err e = file_read(fd, data, size, size_out);

		if (e != ERR_AGAIN)
			return e;
		if (poll(&wait, 1, -1) < 0 && errno != EINTR)
			return ERR_SYSTEM;
	}
}

enum err
file_read_all(int fd, size_t size_max, struct buf *out)
{
	MUST(out != NULL && out->size <= size_max);

	for (;;) {
		uint8_t step[READ_STEP_BYTES];
		size_t size = 0;
		enum err e = file_read(fd, step, sizeof(step), &size);

		if (e == ERR_END)
			return ERR_OK;
		if (e == ERR_OK)
			e = buf_append(out, step, size, size_max);
		if (e != ERR_OK)
			return e;
	}
}

enum err
file_write_some(int fd, const void *data, size_t size, size_t *size_out)
{
	ssize_t n;

	MUST(data != NULL && size_out != NULL);

	do
		n = write(fd, data, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_of_errno();
	*size_out = (size_t)n;
	return ERR_OK;
}

bool
file_is_writable_now(int fd)
{
	struct pollfd now = { .fd = fd, .events = POLLOUT };

	/* An error or a hang-up counts as well: the write will say which. */
	return poll(&now, 1, 0) > 0;
}

enum err
file_write_all(int fd, const void *data, size_t size)
{
	const uint8_t *at = data;

	MUST(data != NULL || size == 0);

	while (size > 0) {
		size_t n = 0;
		enum err e = file_write_some(fd, at, size, &n);

		if (e == ERR_AGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			if (poll(&wait, 1, -1) < 0 && errno != EINTR)
				return ERR_SYSTEM;
			continue;
		}
		if (e != ERR_OK)
			return e;
		at += n;
		size -= n;
	}
	return ERR_OK;
}

static enum file_kind
kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return FILE_REGULAR;
	case S_IFDIR:
		return FILE_DIRECTORY;
	case S_IFLNK:
		return FILE_SYMLINK;
	case S_IFSOCK:
		return FILE_SOCKET;
	case S_IFIFO:
		return FILE_FIFO;
	case S_IFBLK:
	case S_IFCHR:
		return FILE_DEVICE;
	default:
		return FILE_OTHER;
	}
}

const char *
file_kind_text(enum file_kind kind)
{
	static const char *const texts[] = {
		[FILE_REGULAR] = "a file",    [FILE_DIRECTORY] = "a directory",
		[FILE_SYMLINK] = "a symlink", [FILE_SOCKET] = "a socket",
		[FILE_FIFO] = "a FIFO",       [FILE_DEVICE] = "a device",
		[FILE_OTHER] = "something",
	};

	if ((unsigned int)kind > FILE_OTHER)
		kind = FILE_OTHER;
	return texts[kind];
}

static void
info_of(const struct stat *st, struct file_info *out)
{
	*out = (struct file_info){
		.kind = kind_of(st->st_mode),
		.device = st->st_dev,
		.inode = st->st_ino,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.size = st->st_size > 0 ? (uint64_t)st->st_size : 0,
	};
}

enum err
file_stat(int fd, struct file_info *out)
{
	struct stat st;

	MUST(out != NULL);

	if (fstat(fd, &st) != 0)
		return ERR_SYSTEM;
	info_of(&st, out);
	return ERR_OK;
}

bool
file_is_regular(int fd)
{
	struct file_info info;

	return file_stat(fd, &info) == ERR_OK && info.kind == FILE_REGULAR;
}

bool
file_is_terminal(int fd)
{
	return isatty(fd) == 1;
}

enum err
file_stat_at(int dirfd, const char *name, struct file_info *out)
{
	struct stat st;

	MUST(name != NULL && out != NULL);

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return error_of_errno();
	info_of(&st, out);
	return ERR_OK;
}

bool
file_is_ours(const struct file_info *info)
{
	MUST(info != NULL);
	return info->uid == 0 || info->uid == geteuid();
}

bool
file_same(const struct file_info *a, const struct file_info *b)
{
	MUST(a != NULL && b != NULL);
	return a->device == b->device && a->inode == b->inode;
}

enum err
file_unlink_at(int dirfd, const char *name)
{
	MUST(name != NULL);
	return unlinkat(dirfd, name, 0) == 0 ? ERR_OK : error_of_errno();
}

enum err
file_set_mode(int fd, mode_t mode)
{
	return fchmod(fd, mode) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
file_set_mode_path(int fd, mode_t mode)
{
	char path[PROC_FD_BYTES];

	/* fchmod refuses O_PATH descriptors; the link in /proc leads to the inode, not to a name.
	 */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, mode) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
file_set_owner_path(int fd, uid_t uid, gid_t gid)
{
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
file_duplicate(int fd, int *out)
{
	int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	MUST(out != NULL);

	if (again < 0)
		return ERR_SYSTEM;
	*out = again;
	return ERR_OK;
}

int
file_steal(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

void
file_close(int *fd)
{
	int kept = errno;

	MUST(fd != NULL);

	/* The descriptor is gone even where close reports an error, and nothing was buffered in it.
	 */
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = kept;
}
