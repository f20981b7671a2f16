/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Children of a supervisor: started with one channel on descriptor 3 and nothing else, watched and
 * ended by descriptors (pidfd), so that a process id that is used again is never taken for one.
 */
#ifndef OS_SPAWN_H
#define OS_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Where a child finds its channel. */
#define SPAWN_CHANNEL_FD 3
/* How a child ends that could not become its program, as a shell has it. */
#define SPAWN_NOT_FOUND 127
#define SPAWN_NOT_RUN   126

/* How a child ended. */
struct spawn_end {
	bool by_signal;
	int number; /* the exit code, or the signal */
};

/* True where `path` is a file that we may execute. */
bool spawn_is_program(const char *path);
/*
 * Starts path with argv and an empty environment, in a session of its own (a terminal's ^C is
 * harkd's to hear), no signal blocked or ignored, 0 and 1 on /dev/null, 2 as ours, `channel` as 3,
 * nothing else.  The channel stays the caller's.  *pidfd_out is readable once it has ended.
 * ERR_SYSTEM.
 */
MUST_USE enum err spawn_start(const char *path, char *const argv[], int channel, pid_t *pid_out,
			      int *pidfd_out);
/* Reaps it.  ERR_AGAIN: it runs. */
MUST_USE enum err spawn_reap(int pidfd, struct spawn_end *out);
/* ERR_MISSING: it has ended. */
MUST_USE enum err spawn_signal(int pidfd, int number);
/* What a child has had of the processors, and whether it wants one now. */
struct spawn_use {
	uint64_t cpu_ms; /* all of its threads, since it was started */
	bool is_ready;   /* its first thread runs, or would */
};
/* Of one that was not reaped.  ERR_MISSING: this system does not say. */
MUST_USE enum err spawn_used(pid_t pid, struct spawn_use *out);
/* As many descriptors as the system lets us have.  Failing is no harm yet. */
void spawn_raise_descriptors(void);

#endif
