/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What this machine can do, asked and tried; nothing stays changed. */
#ifndef OS_MACHINE_H
#define OS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The kernel's release, terminated, cut at capacity. */
void machine_kernel(char *text, size_t capacity);
/* Filters of system calls that may end a process.  ERR_UNSUPPORTED. */
MUST_USE enum err machine_has_seccomp(void);
/* A process of its own makes itself a user namespace.  ERR_REFUSED, ERR_SYSTEM. */
MUST_USE enum err machine_has_user_namespaces(void);
/* A socket of AF_VSOCK.  ERR_UNSUPPORTED, ERR_SYSTEM. */
MUST_USE enum err machine_has_vsock(void);
/* True where the path is there, whatever it is. */
bool machine_has_path(const char *path);
/* Version 1 or 2 of the control groups at /sys/fs/cgroup.  ERR_MISSING. */
MUST_USE enum err machine_cgroup_version(unsigned int *out);
/* The hard limit of descriptors. */
uint64_t machine_descriptor_limit(void);
/* False where the kernel says that nothing disciplines its clock. */
bool machine_clock_is_synchronised(void);
/* Bytes that are free for us in the path's file system.  ERR_SYSTEM. */
MUST_USE enum err machine_free_bytes(const char *path, uint64_t *out);
/* How long a write of 4 KiB to an unnamed file of the directory takes to be durable, in ns: the
 * middle of nine.  ERR_UNSUPPORTED where the file system has no unnamed files; ERR_SYSTEM. */
MUST_USE enum err machine_sync_ns(const char *directory, uint64_t *out);

#endif
