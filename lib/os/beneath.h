/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Opens directories, and reads small files and streams of lines below them, never through a symlink
 * in the last component unless the caller asks.  Nothing here writes.
 */
#ifndef OS_BENEATH_H
#define OS_BENEATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Give as dirfd for a path that is absolute, or relative to the working directory. */
#define BENEATH_CWD (-100)

enum beneath_links { BENEATH_NO_LINK, BENEATH_FOLLOW };

/*
 * Opens a directory for use as a dirfd alone (O_PATH).  `links` says whether its last component may
 * be a symlink.  ERR_SYSTEM.
 */
MUST_USE enum err beneath_open_dir(int dirfd, const char *path, enum beneath_links links, int *out);

/*
 * Reads all of a small regular file.  ERR_LIMIT where it has more than `capacity` bytes,
 * ERR_REFUSED where it is no regular file, ERR_SYSTEM.
 */
MUST_USE enum err beneath_read(int dirfd, const char *name, char *text, size_t capacity,
			       size_t *size_out);

/* The path by which the kernel knows an open directory now, terminated.  ERR_LIMIT, ERR_SYSTEM. */
MUST_USE enum err beneath_path(int fd, char *path, size_t capacity);

/* Whether an open directory is in a file system of the first cgroup version.  ERR_SYSTEM. */
MUST_USE enum err beneath_is_cgroup1(int fd, bool *out);

/* What a name leads to now: the same device and inode are the same file. */
struct beneath_identity {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	bool is_fifo;
};

/*
 * Opens a regular file or a FIFO for reading, never blocking: a FIFO without writers reads as empty
 * and works again when one comes.  ERR_REFUSED for any other file and for a symlink, ERR_SYSTEM.
 */
MUST_USE enum err beneath_open_input(int dirfd, const char *name, int *out);
MUST_USE enum err beneath_identity_of(int fd, struct beneath_identity *out);
/* Of a name without opening it, and not through a symlink. */
MUST_USE enum err beneath_identity_at(int dirfd, const char *name, struct beneath_identity *out);

/*
 * Reads at most `capacity` bytes: at `offset` of a file, or what comes next of a FIFO.  *size_out
 * is 0 where nothing is there now.  ERR_SYSTEM.
 */
MUST_USE enum err beneath_read_some(int fd, bool is_fifo, uint64_t offset, void *data,
				    size_t capacity, size_t *size_out);

/* Closes and sets -1; keeps errno. */
void beneath_close(int *fd);

#endif
