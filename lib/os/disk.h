/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A directory in which a ledger lives, as a table of functions: the real one works below a
 * descriptor; the tests have one that tears, loses and reorders writes and runs out of space.
 * Names are relative, with at most one slash, and never follow a symlink.  ERR_SYSTEM leaves errno
 * (ENOSPC, EIO, ...).
 */
#ifndef OS_DISK_H
#define OS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DISK_NAME_BYTES_MAX 255u

enum disk_open {
	DISK_READ,   /* ERR_MISSING */
	DISK_WRITE,  /* read and write; ERR_MISSING */
	DISK_CREATE, /* read and write, made where it is not there */
	DISK_NEW,    /* read and write; ERR_EXISTS */
};

/* Called for each name in a directory, in no order.  Anything but ERR_OK ends it. */
typedef enum err disk_name_fn(void *ctx, const char *name);

/* `file` is a small non-negative number that `open` gave. */
struct disk_ops {
	enum err (*open)(void *ctx, const char *name, enum disk_open how, int *file_out);
	void (*close)(void *ctx, int file);
	/* Less than size only at the end of the file. */
	enum err (*read)(void *ctx, int file, uint64_t offset, void *data, size_t size,
			 size_t *size_out);
	/* All of it, or ERR_SYSTEM after any part of it. */
	enum err (*write)(void *ctx, int file, uint64_t offset, const void *data, size_t size);
	enum err (*allocate)(void *ctx, int file, uint64_t size); /* zeroes; size grows */
	enum err (*truncate)(void *ctx, int file, uint64_t size);
	enum err (*size)(void *ctx, int file, uint64_t *size_out);
	enum err (*sync)(void *ctx, int file); /* fdatasync */
	enum err (*rename)(void *ctx, const char *from, const char *to);
	enum err (*remove)(void *ctx, const char *name);         /* ERR_MISSING */
	enum err (*make_directory)(void *ctx, const char *name); /* ERR_EXISTS */
	/* "" is the directory itself.  ERR_MISSING. */
	enum err (*sync_directory)(void *ctx, const char *name);
	enum err (*list)(void *ctx, const char *name, disk_name_fn *fn, void *fn_ctx);
};

struct disk {
	const struct disk_ops *ops;
	void *ctx;
};

/* The real one, below an open directory, which it duplicates. */
MUST_USE enum err disk_open_real(int dirfd, struct disk *out);
void disk_close_real(struct disk *disk);

#endif
