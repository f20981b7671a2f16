/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Memory with a descriptor, which one process writes and others may only read. */
#ifndef OS_MEMFD_H
#define OS_MEMFD_H

#include <stddef.h>

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
/* Another descriptor of the same memory, for reading alone.  Needs /proc.  ERR_SYSTEM. */
MUST_USE enum err memfd_reopen_read_only(int fd, int *out);

#endif
