/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What /proc/PID/stat and /proc/PID/status say, read from their bytes. */
#ifndef AGENT_PROC_STAT_H
#define AGENT_PROC_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "hark-agent/family.h"

struct proc_stat {
	pid_t pid;
	pid_t ppid;
	char state;
	uint8_t comm_size;
	char comm[COMM_BYTES]; /* not terminated */
	uint64_t threads;
	uint64_t start_ticks;
	bool has_exit_status; /* the last field: it is 0 as well where we may not know */
	uint32_t exit_status;
};

/* FORMAT: not such a line.  A name may hold anything, blanks, brackets and line ends too. */
MUST_USE enum err proc_stat_read(const char *text, size_t size, struct proc_stat *out);

/* The real user id of a status file.  FORMAT: none is there. */
MUST_USE enum err proc_status_uid(const char *text, size_t size, uint32_t *out);

#endif
