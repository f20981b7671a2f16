/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Starting one command untouched, hearing signals as reads, and reaping whatever ends. */
#ifndef OS_CHILD_H
#define OS_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Blocks the signals of `set` and gives a descriptor that reads them; the mask that was in force
 * before goes to *before, for child_spawn.
 */
MUST_USE enum err child_signals_take(const sigset_t *set, sigset_t *before, int *fd_out);

/* One signal that arrived.  from_terminal: the kernel sent it to the whole foreground group. */
struct child_signal {
	int number;
	bool from_terminal;
};

/* AGAIN: none waits. */
MUST_USE enum err child_signals_next(int fd, struct child_signal *out);

/*
 * Forks and runs argv[0] as a shell would find it, with the signal mask `before` and everything
 * else as it is.  Returns once the command runs or has failed to; in the latter case *exec_error
 * is the errno, and the process has ended and is to be reaped like any other.
 */
MUST_USE enum err child_spawn(char *const argv[], const sigset_t *before, pid_t *pid_out,
			      int *exec_error);

/* Reaps one child that has ended.  AGAIN: none has.  MISSING: there are no children. */
MUST_USE enum err child_reap(pid_t *pid_out, int *status_out);

/* Sends a signal.  SYSTEM: see errno. */
MUST_USE enum err child_signal_send(pid_t pid, int number);

/* True when the process is in the caller's own process group. */
bool child_is_in_group(pid_t pid);

/* Orphans among the descendants become the caller's children.  SYSTEM: see errno. */
MUST_USE enum err child_adopt_orphans(void);

#endif
