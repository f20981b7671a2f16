/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The real disk: a directory's descriptor, and files below it.  A name's folder is opened by itself
 * and without following links, so that no part of a name leads out of the directory.  Calls that
 * were interrupted are made again.
 */
#include "os/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/must.h"
#include "os/file.h"

/* The owner writes; its group may read. */
#define FILE_MODE      0640
#define DIRECTORY_MODE 0750

/* How much is written at once where the file system cannot allocate. */
#define ZERO_STEP_BYTES 65536u

struct real {
	int dirfd;
};

/* A name cut at its slash: the folder's descriptor, which is owned unless it is the root's. */
struct place {
	int dirfd;
	int owned_fd;
	const char *base;
};

static void
place_finish(struct place *p)
{
	file_close(&p->owned_fd);
}

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

static int
open_retrying(int dirfd, const char *name, int flags)
{
	int fd;

	do
		fd = openat(dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, FILE_MODE);
	while (fd < 0 && errno == EINTR);
	return fd;
}

static enum err
place_init(const struct real *r, const char *name, struct place *out)
{
	const char *slash = strchr(name, '/');
	char folder[DISK_NAME_BYTES_MAX + 1];

	MUST(name[0] != '\0' && name[0] != '/' && name[0] != '.');
	*out = (struct place){ .dirfd = r->dirfd, .owned_fd = -1, .base = name };
	if (slash == NULL)
		return ERR_OK;
	MUST((size_t)(slash - name) < sizeof(folder));
	MUST(strchr(slash + 1, '/') == NULL && slash[1] != '\0' && slash[1] != '.');
	memcpy(folder, name, (size_t)(slash - name));
	folder[slash - name] = '\0';
	out->owned_fd = open_retrying(r->dirfd, folder, O_PATH | O_DIRECTORY);
	if (out->owned_fd < 0)
		return error_of_errno();
	out->dirfd = out->owned_fd;
	out->base = slash + 1;
	return ERR_OK;
}

static enum err
real_open(void *ctx, const char *name, enum disk_open how, int *file_out)
{
	static const int flags[] = {
		[DISK_READ] = O_RDONLY,
		[DISK_WRITE] = O_RDWR,
		[DISK_CREATE] = O_RDWR | O_CREAT,
		[DISK_NEW] = O_RDWR | O_CREAT | O_EXCL,
	};
	cleanup(place_finish) struct place p = { .owned_fd = -1 };
	struct stat st;
	enum err e;
	int fd;

	MUST((unsigned int)how <= DISK_NEW && file_out != NULL);
	e = place_init(ctx, name, &p);
	if (e != ERR_OK)
		return e;
	/* O_NONBLOCK: a FIFO in a file's place must not hold us before it can be seen. */
	fd = open_retrying(p.dirfd, p.base, flags[how] | O_NONBLOCK);
	if (fd < 0)
		return error_of_errno();
	e = fstat(fd, &st) != 0 ? ERR_SYSTEM : ERR_OK;
	if (e == ERR_OK && !S_ISREG(st.st_mode)) {
		errno = EINVAL;
		e = ERR_SYSTEM;
	}
	if (e != ERR_OK) {
		file_close(&fd); /* keeps errno */
		return e;
	}
	*file_out = fd;
	return ERR_OK;
}

static void
real_close(void *ctx, int file)
{
	(void)ctx;
	file_close(&file);
}

static enum err
real_read(void *ctx, int file, uint64_t offset, void *data, size_t size, size_t *size_out)
{
	size_t done = 0;

	(void)ctx;
	while (done < size) {
		ssize_t n =
			pread(file, (uint8_t *)data + done, size - done, (off_t)(offset + done));

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

static enum err
real_write(void *ctx, int file, uint64_t offset, const void *data, size_t size)
{
	size_t done = 0;

	(void)ctx;
	while (done < size) {
		ssize_t n = pwrite(file, (const uint8_t *)data + done, size - done,
				   (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* A file system that takes nothing and says nothing is full. */
			errno = n == 0 ? ENOSPC : errno;
			return ERR_SYSTEM;
		}
		done += (size_t)n;
	}
	return ERR_OK;
}

/* Where the file system cannot allocate, only writing makes sure that there is room. */
static enum err
write_zeroes(int file, uint64_t from, uint64_t to)
{
	static const uint8_t zeroes[ZERO_STEP_BYTES];

	while (from < to) {
		size_t step = to - from < sizeof(zeroes) ? (size_t)(to - from) : sizeof(zeroes);
		enum err e = real_write(NULL, file, from, zeroes, step);

		if (e != ERR_OK)
			return e;
		from += step;
	}
	return ERR_OK;
}

static enum err
real_allocate(void *ctx, int file, uint64_t size)
{
	struct stat st;
	int r;

	(void)ctx;
	MUST(size > 0);
	do
		r = fallocate(file, 0, 0, (off_t)size);
	while (r != 0 && errno == EINTR);
	if (r == 0)
		return ERR_OK;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return ERR_SYSTEM;
	if (fstat(file, &st) != 0)
		return ERR_SYSTEM;
	return write_zeroes(file, (uint64_t)st.st_size, size);
}

static enum err
real_truncate(void *ctx, int file, uint64_t size)
{
	int r;

	(void)ctx;
	do
		r = ftruncate(file, (off_t)size);
	while (r != 0 && errno == EINTR);
	return r == 0 ? ERR_OK : ERR_SYSTEM;
}

static enum err
real_size(void *ctx, int file, uint64_t *size_out)
{
	struct stat st;

	(void)ctx;
	if (fstat(file, &st) != 0)
		return ERR_SYSTEM;
	*size_out = (uint64_t)st.st_size;
	return ERR_OK;
}

static enum err
real_sync(void *ctx, int file)
{
	int r;

	(void)ctx;
	do
		r = fdatasync(file);
	while (r != 0 && errno == EINTR);
	return r == 0 ? ERR_OK : ERR_SYSTEM;
}

static enum err
real_rename(void *ctx, const char *from, const char *to)
{
	cleanup(place_finish) struct place a = { .owned_fd = -1 };
	cleanup(place_finish) struct place b = { .owned_fd = -1 };
	enum err e;

	e = place_init(ctx, from, &a);
	if (e == ERR_OK)
		e = place_init(ctx, to, &b);
	if (e != ERR_OK)
		return e;
	return renameat(a.dirfd, a.base, b.dirfd, b.base) == 0 ? ERR_OK : error_of_errno();
}

static enum err
real_remove(void *ctx, const char *name)
{
	cleanup(place_finish) struct place p = { .owned_fd = -1 };
	enum err e;

	e = place_init(ctx, name, &p);
	if (e != ERR_OK)
		return e;
	return unlinkat(p.dirfd, p.base, 0) == 0 ? ERR_OK : error_of_errno();
}

static enum err
real_make_directory(void *ctx, const char *name)
{
	cleanup(place_finish) struct place p = { .owned_fd = -1 };
	enum err e;

	e = place_init(ctx, name, &p);
	if (e != ERR_OK)
		return e;
	return mkdirat(p.dirfd, p.base, DIRECTORY_MODE) == 0 ? ERR_OK : error_of_errno();
}

/* A directory of this disk for reading: "" is the disk's own. */
static enum err
open_directory(const struct real *r, const char *name, int *out)
{
	cleanup(place_finish) struct place p = { .owned_fd = -1 };
	enum err e = ERR_OK;
	int fd;

	if (name[0] == '\0')
		p = (struct place){ .dirfd = r->dirfd, .owned_fd = -1, .base = "." };
	else
		e = place_init(r, name, &p);
	if (e != ERR_OK)
		return e;
	fd = open_retrying(p.dirfd, p.base, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return error_of_errno();
	*out = fd;
	return ERR_OK;
}

static enum err
real_sync_directory(void *ctx, const char *name)
{
	cleanup(file_close) int fd = -1;
	enum err e;
	int r;

	e = open_directory(ctx, name, &fd);
	if (e != ERR_OK)
		return e;
	do
		r = fsync(fd);
	while (r != 0 && errno == EINTR);
	return r == 0 ? ERR_OK : ERR_SYSTEM;
}

static enum err
real_list(void *ctx, const char *name, disk_name_fn *fn, void *fn_ctx)
{
	cleanup(file_close) int fd = -1;
	enum err e;
	DIR *dir;

	e = open_directory(ctx, name, &fd);
	if (e != ERR_OK)
		return e;
	dir = fdopendir(fd);
	if (dir == NULL)
		return errno == ENOMEM ? ERR_MEMORY : ERR_SYSTEM;
	fd = -1; /* the stream's now */
	while (e == ERR_OK) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(dir); /* NOLINT(concurrency-mt-unsafe): the stream is ours alone */
		if (entry == NULL) {
			e = errno == 0 ? ERR_OK : ERR_SYSTEM;
			break;
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			e = fn(fn_ctx, entry->d_name);
	}
	{
		int kept = errno;

		(void)closedir(dir); /* was only read */
		errno = kept;
	}
	return e;
}

static const struct disk_ops real_ops = {
	.open = real_open,
	.close = real_close,
	.read = real_read,
	.write = real_write,
	.allocate = real_allocate,
	.truncate = real_truncate,
	.size = real_size,
	.sync = real_sync,
	.rename = real_rename,
	.remove = real_remove,
	.make_directory = real_make_directory,
	.sync_directory = real_sync_directory,
	.list = real_list,
};

enum err
disk_open_real(int dirfd, struct disk *out)
{
	struct real *r;
	int fd;

	MUST(dirfd >= 0 && out != NULL);

	fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return ERR_SYSTEM;
	r = malloc(sizeof(*r));
	if (r == NULL) {
		file_close(&fd);
		return ERR_MEMORY;
	}
	r->dirfd = fd;
	*out = (struct disk){ .ops = &real_ops, .ctx = r };
	return ERR_OK;
}

void
disk_close_real(struct disk *disk)
{
	struct real *r = disk->ctx;

	if (r == NULL)
		return;
	MUST(disk->ops == &real_ops);
	file_close(&r->dirfd);
	free(r);
	*disk = (struct disk){ 0 };
}
