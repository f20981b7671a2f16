/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lines of a file or a pipe as they come, for filters: bounded, and numbered from 1. */
#ifndef HARK_LINES_H
#define HARK_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* at <= scanned <= filled <= capacity: [at, filled) was read and is not given yet. */
struct lines {
	int fd;
	const char *name; /* for messages, escaped; borrowed */
	uint64_t number;  /* of the last line given */
	char *data;
	size_t capacity;
	size_t at;
	size_t scanned; /* no newline before it */
	size_t filled;
	bool skipping; /* the rest of a line that was too long */
	bool ended;
};

/* `fd` is borrowed.  A line may have line_bytes_max bytes without its newline.  ERR_MEMORY. */
MUST_USE enum err lines_init(struct lines *l, int fd, const char *name, size_t line_bytes_max);
/*
 * The next line without its newline, good until the next call; the last may lack one.  ERR_LIMIT:
 * it is too long and was not kept; the one after it comes next.  ERR_END.  ERR_SYSTEM.
 */
MUST_USE enum err lines_next(struct lines *l, const char **text_out, size_t *size_out);
/* Zeroed is fine. */
void lines_finish(struct lines *l);

#endif
