/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Directories by descriptors.  It decides nothing about what lies in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/must.h"
#include "os/file.h"
#include "os/folder.h"

static enum err
open_folder(int dirfd, const char *name, int flags, int *out)
{
	int fd;

	MUST(name != NULL && out != NULL);

	do
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return errno == ENOENT ? ERR_MISSING : ERR_SYSTEM;
	*out = fd;
	return ERR_OK;
}

enum err
folder_open(int dirfd, const char *name, int *out)
{
	return open_folder(dirfd, name, O_NOFOLLOW, out);
}

enum err
folder_open_path(const char *path, int *out)
{
	return open_folder(AT_FDCWD, path, 0, out);
}

enum err
folder_make(int dirfd, const char *name, mode_t mode, bool *made_out)
{
	cleanup(file_close) int fd = -1;
	enum err e;

	MUST(name != NULL && made_out != NULL);

	if (mkdirat(dirfd, name, mode & 0700) != 0) {
		if (errno == EEXIST) {
			*made_out = false;
			return ERR_OK;
		}
		return errno == ENOENT ? ERR_MISSING : ERR_SYSTEM;
	}
	/* The umask belongs to the process, and mkdir knows no set-group-id bit. */
	e = folder_open(dirfd, name, &fd);
	if (e == ERR_OK && fchmod(fd, mode) != 0)
		e = ERR_SYSTEM;
	if (e != ERR_OK)
		return ERR_SYSTEM;
	*made_out = true;
	return ERR_OK;
}

enum err
folder_sync_all(int fd)
{
	return syncfs(fd) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
folder_sync(int fd)
{
	return fsync(fd) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
folder_is_below(int fd, int other, bool *out)
{
	cleanup(file_close) int at = -1;
	struct file_info wanted, here, before;
	enum err e = file_stat(other, &wanted);

	if (e == ERR_OK)
		e = file_stat(fd, &here);
	while (e == ERR_OK && !file_same(&here, &wanted)) {
		int above = -1;

		before = here;
		e = open_folder(at >= 0 ? at : fd, "..", O_PATH, &above);
		if (e != ERR_OK)
			break;
		file_close(&at);
		at = above;
		e = file_stat(at, &here);
		/* The root is above itself. */
		if (e == ERR_OK && file_same(&here, &before)) {
			*out = false;
			return ERR_OK;
		}
	}
	if (e == ERR_OK)
		*out = true;
	return e == ERR_MISSING ? ERR_SYSTEM : e;
}

enum err
folder_list(int fd, folder_name_fn *fn, void *ctx)
{
	/* A descriptor of its own: closedir closes it, and its place in the list is its own too. */
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	enum err e = ERR_OK;
	DIR *list;
	int saved;

	MUST(fn != NULL);

	if (own < 0)
		return ERR_SYSTEM;
	list = fdopendir(own);
	if (list == NULL) {
		file_close(&own);
		return ERR_SYSTEM;
	}
	while (e == ERR_OK) {
		errno = 0;
		entry = readdir(list);
		if (entry == NULL) {
			e = errno == 0 ? ERR_OK : ERR_SYSTEM;
			break;
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			e = fn(ctx, entry->d_name);
	}
	saved = errno;
	(void)closedir(list); /* nothing was written */
	errno = saved;
	return e;
}

static enum err
found_one(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return ERR_EXISTS;
}

enum err
folder_is_empty(int fd, bool *out)
{
	enum err e = folder_list(fd, found_one, NULL);

	MUST(out != NULL);

	if (e != ERR_OK && e != ERR_EXISTS)
		return e;
	*out = e == ERR_OK;
	return ERR_OK;
}

enum err
folder_lock_open(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	return errno == EWOULDBLOCK ? ERR_AGAIN : ERR_SYSTEM;
}

enum err
folder_lock(int dirfd, const char *name, int *out)
{
	cleanup(file_close) int fd = -1;
	enum err e;

	MUST(name != NULL && out != NULL);

	fd = openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return ERR_SYSTEM;
	e = folder_lock_open(fd);
	if (e != ERR_OK)
		return e;
	*out = file_steal(&fd);
	return ERR_OK;
}

enum err
folder_set_owner(int fd, uid_t uid, gid_t gid)
{
	return fchown(fd, uid, gid) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
folder_set_owner_of(int fd, const char *name, uid_t uid, gid_t gid)
{
	MUST(name != NULL);

	return fchownat(fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
folder_enter(int fd)
{
	return fchdir(fd) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
folder_make_temporary(char *path)
{
	MUST(path != NULL);

	return mkdtemp(path) != NULL ? ERR_OK : ERR_SYSTEM;
}

enum err
folder_remove(const char *path)
{
	MUST(path != NULL);

	if (rmdir(path) == 0)
		return ERR_OK;
	return errno == ENOENT ? ERR_MISSING : ERR_SYSTEM;
}
