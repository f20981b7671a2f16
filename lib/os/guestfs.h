/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Small reads below a /proc: files, links and the list of processes.  It parses nothing. */
#ifndef OS_GUESTFS_H
#define OS_GUESTFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Opens a directory such as /proc, to be closed by outlet_close. */
MUST_USE enum err guestfs_open(const char *path, int *fd_out);

/* Reads the start of a file, at most `capacity` bytes.  MISSING: it, or its process, is gone. */
MUST_USE enum err guestfs_read(int dirfd, const char *path, void *out, size_t capacity,
			       size_t *size_out);

/* Reads a link's text, not terminated, cut at capacity.  MISSING: as above. */
MUST_USE enum err guestfs_link(int dirfd, const char *path, char *out, size_t capacity,
			       size_t *size_out);

/* Names the file behind a path: device and inode.  MISSING: as above. */
MUST_USE enum err guestfs_identity(int dirfd, const char *path, uint64_t *device_out,
				   uint64_t *inode_out);

/*
 * The process ids below /proc, ascending as the kernel lists them, at most `capacity`; LIMIT with
 * the first ones where there are more.
 */
MUST_USE enum err guestfs_pids(int dirfd, pid_t *out, size_t capacity, size_t *count_out);

#endif
