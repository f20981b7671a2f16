/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Files and what stands in directories, by descriptors.  Every descriptor that is given is
 * close-on-exec.  ERR_SYSTEM means errno; where another code is named, errno is set as well.
 * Interrupted calls are made again.
 */
#ifndef OS_FILE_H
#define OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

enum file_kind {
	FILE_REGULAR,
	FILE_DIRECTORY,
	FILE_SYMLINK,
	FILE_SOCKET,
	FILE_FIFO,
	FILE_DEVICE,
	FILE_OTHER,
};

/* What an inode is.  device and inode together name it as long as somebody holds it open. */
struct file_info {
	enum file_kind kind;
	dev_t device;
	ino_t inode;
	mode_t mode; /* permission bits alone */
	uid_t uid;
	gid_t gid;
	uint64_t size;
};

/* Words for a person, such as "a directory". */
const char *file_kind_text(enum file_kind kind);

/* A directory to stand on (O_PATH): needs no right to read it.  ERR_MISSING where it is not there.
 */
MUST_USE enum err file_open_dir(const char *path, int *out);
/*
 * `name` itself below `dirfd`, whatever it is, never through a symlink, neither for reading nor for
 * writing (O_PATH).  ERR_MISSING.
 */
MUST_USE enum err file_open_path_at(int dirfd, const char *name, int *out);
/* What a path leads to, whatever it is, for its name alone (O_PATH).  ERR_MISSING. */
MUST_USE enum err file_open_path(const char *path, int *out);
/* For reading, never through a symlink in the last part; does not wait for a FIFO's writer.
 * dirfd may be AT_FDCWD.  ERR_MISSING. */
MUST_USE enum err file_open_read_at(int dirfd, const char *name, int *out);
/* For reading a path that a person gave: symlinks are followed.  ERR_MISSING. */
MUST_USE enum err file_open_read(const char *path, int *out);

/* The same for a regular file alone: nothing else holds its caller up.  ERR_REFUSED: it is another
 * kind; ERR_MISSING. */
MUST_USE enum err file_open_regular(const char *path, int *out);

/* Up to size bytes.  ERR_END at the end, ERR_AGAIN where nothing is there now. */
MUST_USE enum err file_read(int fd, void *data, size_t size, size_t *size_out);
/* The same, but waits where nothing is there now. */
MUST_USE enum err file_read_wait(int fd, void *data, size_t size, size_t *size_out);
/* Appends all until the end to *out.  ERR_LIMIT where *out would get over size_max, ERR_MEMORY. */
MUST_USE enum err file_read_all(int fd, size_t size_max, struct buf *out);
/* As much as can be taken now.  ERR_AGAIN where that is nothing. */
MUST_USE enum err file_write_some(int fd, const void *data, size_t size, size_t *size_out);
/* True where a write is taken without waiting: at most PIPE_BUF bytes of it, on a pipe. */
bool file_is_writable_now(int fd);
/* All of it; waits where a non-blocking descriptor is full. */
MUST_USE enum err file_write_all(int fd, const void *data, size_t size);

/* Works on O_PATH descriptors too. */
MUST_USE enum err file_stat(int fd, struct file_info *out);
/* True for a regular file: writing to it does not wait for a reader. */
bool file_is_regular(int fd);
/* True where a person may be looking. */
bool file_is_terminal(int fd);
/* Of the name itself, never of what a symlink points at.  ERR_MISSING. */
MUST_USE enum err file_stat_at(int dirfd, const char *name, struct file_info *out);
/* True where it belongs to the process's effective user or to root: nobody else can change it but
 * by its mode. */
bool file_is_ours(const struct file_info *info);
/* True where both are the same inode. */
bool file_same(const struct file_info *a, const struct file_info *b);

/* Not a directory.  ERR_MISSING. */
MUST_USE enum err file_unlink_at(int dirfd, const char *name);
/* On a descriptor that is open for use (also a socket that is not bound yet). */
MUST_USE enum err file_set_mode(int fd, mode_t mode);
/* On what an O_PATH descriptor stands for.  Needs /proc. */
MUST_USE enum err file_set_mode_path(int fd, mode_t mode);
MUST_USE enum err file_set_owner_path(int fd, uid_t uid, gid_t gid);

/* Another descriptor of the same open file.  ERR_SYSTEM. */
MUST_USE enum err file_duplicate(int fd, int *out);

/* Hands a descriptor over: gives it and leaves -1 behind. */
int file_steal(int *fd);
/* Closes where it is not -1, leaves -1, keeps errno. */
void file_close(int *fd);

#endif
