/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A file read forwards through one buffer: many small looks cost few reads. */
#ifndef VERIFY_WINDOW_H
#define VERIFY_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "os/disk.h"

/* Zeroed with file -1 is closed: window_init.  [offset, offset + size) of the file is in data. */
struct window {
	struct disk disk;
	int file;
	size_t step; /* the least that is read at once */
	size_t most; /* the most that one look may want */
	uint8_t *data;
	size_t capacity;
	uint64_t offset;
	size_t size;
};

void window_init(struct window *w);
/* Closes what is open first.  ERR_MISSING: it is not there, or is no regular file; ERR_SYSTEM. */
MUST_USE enum err window_open(struct window *w, struct disk disk, const char *name, size_t step,
			      size_t most);
bool window_is_open(const struct window *w);
/*
 * Exactly `size` bytes at `offset`, good until the next call.  ERR_END where the file has fewer
 * there; ERR_LIMIT over `most`; ERR_MEMORY, ERR_SYSTEM.
 */
MUST_USE enum err window_get(struct window *w, uint64_t offset, size_t size,
			     const uint8_t **data_out);
/* The next look reads the file again: a writer may have gone on. */
void window_forget(struct window *w);
/* Closes, and keeps the buffer. */
void window_close(struct window *w);
void window_finish(struct window *w);

/* All of a small file.  ERR_MISSING, ERR_LIMIT, ERR_MEMORY, ERR_SYSTEM. */
struct buf;
MUST_USE enum err window_slurp(struct disk disk, const char *name, size_t size_max,
			       struct buf *out);

#endif
