/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Small reads below a /proc. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/must.h"
#include "os/guestfs.h"

/* A process may go between any two looks: all the ways to say so are one. */
static enum err
gone_or_system(void)
{
	return errno == ENOENT || errno == ESRCH ? ERR_MISSING : ERR_SYSTEM;
}

static void
close_keeping_errno(int fd)
{
	int saved = errno;

	(void)close(fd); /* it was only read */
	errno = saved;
}

enum err
guestfs_open(const char *path, int *fd_out)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return gone_or_system();
	*fd_out = fd;
	return ERR_OK;
}

enum err
guestfs_read(int dirfd, const char *path, void *out, size_t capacity, size_t *size_out)
{
	ssize_t n;
	int fd;

	MUST(path != NULL && out != NULL && size_out != NULL);

	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return gone_or_system();
	do
		n = read(fd, out, capacity);
	while (n < 0 && errno == EINTR);
	close_keeping_errno(fd);
	if (n < 0)
		return gone_or_system();
	*size_out = (size_t)n;
	return ERR_OK;
}

enum err
guestfs_link(int dirfd, const char *path, char *out, size_t capacity, size_t *size_out)
{
	ssize_t n;

	MUST(path != NULL && out != NULL && size_out != NULL);

	n = readlinkat(dirfd, path, out, capacity);
	if (n < 0)
		return gone_or_system();
	*size_out = (size_t)n;
	return ERR_OK;
}

enum err
guestfs_identity(int dirfd, const char *path, uint64_t *device_out, uint64_t *inode_out)
{
	struct stat st;

	MUST(path != NULL && device_out != NULL && inode_out != NULL);

	if (fstatat(dirfd, path, &st, 0) != 0)
		return gone_or_system();
	*device_out = (uint64_t)st.st_dev;
	*inode_out = (uint64_t)st.st_ino;
	return ERR_OK;
}

/* A name of digits alone is a process; gives 0 for all others. */
static pid_t
pid_of_name(const char *name)
{
	uint64_t v = 0;

	if (*name == '\0')
		return 0;
	for (; *name != '\0'; name++) {
		if (*name < '0' || *name > '9' || v > INT32_MAX / 10u - 1)
			return 0;
		v = v * 10 + (uint64_t)(*name - '0');
	}
	return (pid_t)v;
}

enum err
guestfs_pids(int dirfd, pid_t *out, size_t capacity, size_t *count_out)
{
	struct dirent *entry;
	enum err e = ERR_OK;
	size_t count = 0;
	DIR *dir;
	int fd;

	MUST(out != NULL && count_out != NULL);

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return gone_or_system();
	dir = fdopendir(fd);
	if (dir == NULL) {
		close_keeping_errno(fd);
		return ERR_SYSTEM;
	}
	while ((entry = readdir(dir)) != NULL) {
		pid_t pid = pid_of_name(entry->d_name);

		if (pid == 0)
			continue;
		if (count == capacity) {
			e = ERR_LIMIT;
			break;
		}
		out[count++] = pid;
	}
	(void)closedir(dir); /* it was only read */
	*count_out = count;
	return e;
}
