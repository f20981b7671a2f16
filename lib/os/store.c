/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Write beside, sync, rename, sync the directory: the one order in which a file changes whole. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/must.h"
#include "os/file.h"
#include "os/store.h"

#define BESIDE ".new"

static enum err
error_of_errno(void)
{
	switch (errno) {
	case ENOENT:
		return ERR_MISSING;
	case EEXIST:
		return ERR_EXISTS;
	default:
		return ERR_SYSTEM;
	}
}

static enum err
open_at(int dirfd, const char *name, int flags, mode_t mode, int *out)
{
	int fd;

	do
		fd = openat(dirfd, name, flags | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, mode);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return error_of_errno();
	*out = fd;
	return ERR_OK;
}

enum err
store_open(int dirfd, const char *name, int *out)
{
	MUST(name != NULL && out != NULL);
	/* A FIFO in its place must not hold us up. */
	return open_at(dirfd, name, O_RDWR | O_NONBLOCK, 0, out);
}

enum err
store_read_at(int fd, uint64_t offset, void *data, size_t size, size_t *size_out)
{
	uint8_t *bytes = data;
	size_t done = 0;

	MUST(data != NULL && size_out != NULL);

	while (done < size) {
		ssize_t n = pread(fd, bytes + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_SYSTEM;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*size_out = done;
	return ERR_OK;
}

enum err
store_write_at(int fd, uint64_t offset, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	size_t done = 0;

	MUST(data != NULL || size == 0);

	while (done < size) {
		ssize_t n = pwrite(fd, bytes + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_SYSTEM;
		done += (size_t)n;
	}
	return ERR_OK;
}

enum err
store_cut(int fd, uint64_t size)
{
	int result;

	do
		result = ftruncate(fd, (off_t)size);
	while (result != 0 && errno == EINTR);
	return result == 0 && fsync(fd) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
store_sync(int fd)
{
	return fdatasync(fd) == 0 ? ERR_OK : ERR_SYSTEM;
}

/* An O_PATH descriptor cannot be synced: the directory is opened for reading. */
static enum err
sync_directory(int dirfd)
{
	int fd = -1;
	enum err e;

	e = open_at(dirfd, ".", O_RDONLY | O_DIRECTORY, 0, &fd);
	if (e != ERR_OK)
		return ERR_SYSTEM;
	e = fsync(fd) == 0 ? ERR_OK : ERR_SYSTEM;
	file_close(&fd);
	return e;
}

static enum err
fill(int fd, mode_t mode, const void *data, size_t size, bool durably)
{
	enum err e;

	/* The mode first: what is secret is never in a file that others may open. */
	e = file_set_mode(fd, mode);
	if (e == ERR_OK)
		e = file_write_all(fd, data, size);
	if (e == ERR_OK && durably && fsync(fd) != 0)
		e = ERR_SYSTEM;
	return e;
}

static void
remove_keeping_errno(int dirfd, const char *name)
{
	int kept = errno;

	/* One that stays is replaced the next time. */
	(void)unlinkat(dirfd, name, 0);
	errno = kept;
}

/* Writes it beside and renames it by renameat2's flags. */
static enum err
put(int dirfd, const char *name, mode_t mode, const void *data, size_t size, unsigned int flags,
    bool durably)
{
	char beside[STORE_NAME_BYTES_MAX + sizeof(BESIDE)];
	int fd = -1;
	enum err e;

	MUST(name != NULL && strlen(name) <= STORE_NAME_BYTES_MAX);
	MUST(data != NULL || size == 0);

	(void)snprintf(beside, sizeof(beside), "%s" BESIDE, name);
	if (unlinkat(dirfd, beside, 0) != 0 && errno != ENOENT)
		return ERR_SYSTEM;
	e = open_at(dirfd, beside, O_WRONLY | O_CREAT | O_EXCL, mode & 0600, &fd);
	if (e != ERR_OK)
		return ERR_SYSTEM;
	e = fill(fd, mode, data, size, durably);
	file_close(&fd);
	/* By its number, because musl has no function for it. */
	if (e == ERR_OK && syscall(SYS_renameat2, dirfd, beside, dirfd, name, flags) != 0)
		e = errno == EEXIST ? ERR_EXISTS : ERR_SYSTEM;
	if (e != ERR_OK) {
		remove_keeping_errno(dirfd, beside);
		return e;
	}
	return durably ? sync_directory(dirfd) : ERR_OK;
}

enum err
store_create(int dirfd, const char *name, mode_t mode, const void *data, size_t size)
{
	return put(dirfd, name, mode, data, size, RENAME_NOREPLACE, true);
}

enum err
store_replace(int dirfd, const char *name, mode_t mode, const void *data, size_t size)
{
	return put(dirfd, name, mode, data, size, 0, true);
}

enum err
store_put(int dirfd, const char *name, mode_t mode, const void *data, size_t size)
{
	return put(dirfd, name, mode, data, size, 0, false);
}

enum err
store_rename(int dirfd, const char *from, const char *to)
{
	MUST(from != NULL && to != NULL);

	if (renameat(dirfd, from, dirfd, to) != 0)
		return error_of_errno();
	return sync_directory(dirfd);
}

enum err
store_remove(int dirfd, const char *name)
{
	MUST(name != NULL);

	if (unlinkat(dirfd, name, 0) != 0)
		return error_of_errno();
	return sync_directory(dirfd);
}
