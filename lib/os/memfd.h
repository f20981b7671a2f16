/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Memory with a descriptor, which one process writes and others may only read. */
#ifndef OS_MEMFD_H
#define OS_MEMFD_H

#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

/*
 * Zeroed memory of `size` bytes that can neither grow nor shrink, so that who has it mapped is
 * never hit by SIGBUS.  Others than its owner (and root) cannot make a writable descriptor of a
 * read-only one.  `name` is for /proc alone.  ERR_SYSTEM.
 */
MUST_USE enum err memfd_make(const char *name, size_t size, int *out);
/* The same, with these bytes in it, which nobody can change any more: the descriptor is for reading
 * alone.  Needs /proc.  ERR_SYSTEM. */
MUST_USE enum err memfd_of(const char *name, struct bytes content, int *out);
/*
 * These bytes, which nobody can change any more, for one taker: whoever has the descriptor can hand
 * it on, and memfd_take gives them once.  1 byte at least.  ERR_SYSTEM.
 */
MUST_USE enum err memfd_for_taking(const char *name, struct bytes content, int *out);
/*
 * The content of such memory, and the user whose process made it, by the kernel's word.  From now
 * on it is taken, for all that have a descriptor of it.  ERR_REFUSED: it is no such memory, or was
 * taken before; ERR_LIMIT: it has more than `capacity` bytes; ERR_SYSTEM.
 */
MUST_USE enum err memfd_take(int fd, void *out, size_t capacity, size_t *size_out, uid_t *uid_out);
/* Another descriptor of the same memory, for reading alone.  Needs /proc.  ERR_SYSTEM. */
MUST_USE enum err memfd_reopen_read_only(int fd, int *out);

#endif
