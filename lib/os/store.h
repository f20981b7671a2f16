/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Small files that must be whole after a crash: made, replaced, written in place, and synced.  All
 * names are below a directory's descriptor (O_PATH will do), without a slash, and never lead
 * through a symlink.  Descriptors are close-on-exec.  ERR_SYSTEM leaves errno; where another code
 * is named, errno is set as well.
 */
#ifndef OS_STORE_H
#define OS_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* The longest name: what it is written as first has ".new" behind it. */
#define STORE_NAME_BYTES_MAX 250u

/* For reading and writing in place.  ERR_MISSING. */
MUST_USE enum err store_open(int dirfd, const char *name, int *out);
/* Up to `size` bytes from an offset; less only at the end. */
MUST_USE enum err store_read_at(int fd, uint64_t offset, void *data, size_t size, size_t *size_out);
/* All of it, or ERR_SYSTEM after any part of it. */
MUST_USE enum err store_write_at(int fd, uint64_t offset, const void *data, size_t size);
/* Cuts it to a size, and syncs. */
MUST_USE enum err store_cut(int fd, uint64_t size);
/* fdatasync. */
MUST_USE enum err store_sync(int fd);

/*
 * Makes a file with these bytes and this mode, whatever the umask, synced with its directory: after
 * a crash it is there whole or not at all.  "<name>.new" is written first, and a left one replaced.
 * ERR_EXISTS where the name is taken, which stays as it is.
 */
MUST_USE enum err store_create(int dirfd, const char *name, mode_t mode, const void *data,
			       size_t size);
/* The same, over what is there: after a crash it has the old bytes or the new ones. */
MUST_USE enum err store_replace(int dirfd, const char *name, mode_t mode, const void *data,
				size_t size);
/* The same without syncing, for many files that one folder_sync_all makes durable together: until
 * then a crash may leave any of them empty. */
MUST_USE enum err store_put(int dirfd, const char *name, mode_t mode, const void *data,
			    size_t size);
/* Renames, over what is there, and syncs the directory.  ERR_MISSING. */
MUST_USE enum err store_rename(int dirfd, const char *from, const char *to);
/* Removes a file and syncs the directory.  ERR_MISSING. */
MUST_USE enum err store_remove(int dirfd, const char *name);

#endif
