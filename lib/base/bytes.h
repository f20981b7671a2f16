/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* struct bytes borrows, struct buf owns; and the two macros with which ownership is kept. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* Releases a variable by `function(&variable)` when it goes out of scope. */
#define cleanup(function) __attribute__((cleanup(function)))

/* Hands a pointer over: gives its value and leaves NULL behind. */
#define steal(pointer)                                       \
	__extension__({                                      \
		__typeof__(*(pointer)) stolen_ = *(pointer); \
		*(pointer) = NULL;                           \
		stolen_;                                     \
	})

/*
 * Copies a short text, whose size is known only when it runs, without a call.  A C library's memcpy
 * is made for long ones: musl's costs 20 ns before the first byte.  `size` may be 0; they do not
 * overlap.
 */
static inline void
bytes_copy(void *to, const void *from, size_t size)
{
	uint8_t *out = to;
	const uint8_t *in = from;

	if (size > 64) {
		memcpy(out, in, size);
		return;
	}
	for (; size >= 8; size -= 8, out += 8, in += 8)
		memcpy(out, in, 8);
	for (; size > 0; size--)
		*out++ = *in++;
}

struct bytes {
	const uint8_t *data; /* may be NULL where size is 0 */
	size_t size;
};

/* A growing buffer with a limit.  Zeroed is empty and without storage; capacity >= size. */
struct buf {
	uint8_t *data;
	size_t size;
	size_t capacity;
};

/*
 * Makes room for `more` bytes after size, growing by doubling but never beyond `size_max` in all:
 * ERR_LIMIT then, ERR_MEMORY where there is none.  The content is kept either way.
 */
MUST_USE enum err buf_reserve(struct buf *b, size_t more, size_t size_max);
/* Appends; same errors. */
MUST_USE enum err buf_append(struct buf *b, const void *data, size_t size, size_t size_max);
/* Forgets the content and keeps the storage. */
void buf_clear(struct buf *b);
/* Frees the storage.  NULL and zeroed are fine. */
void buf_finish(struct buf *b);

#endif
