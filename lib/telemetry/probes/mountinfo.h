/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Finds where the controllers of the first cgroup version are mounted, in /proc/self/mountinfo. */
#ifndef TELEMETRY_PROBES_MOUNTINFO_H
#define TELEMETRY_PROBES_MOUNTINFO_H

#include <stddef.h>

#include "base/err.h"

/* As the kernel's PATH_MAX: with its terminator. */
#define MOUNTINFO_PATH_BYTES 4096u

/*
 * `leaf` is the path of a cgroup below any v1 controller's mount; gives the path of the same cgroup
 * below the mount of `controller`, terminated, into `path` of MOUNTINFO_PATH_BYTES.  `text` is the
 * content of /proc/self/mountinfo.  ERR_MISSING where leaf is below no v1 mount, or the controller
 * is mounted nowhere that shows that cgroup.
 */
MUST_USE enum err mountinfo_cgroup1_path(const char *text, size_t size, const char *leaf,
					 const char *controller, char *path);

#endif
