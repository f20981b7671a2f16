/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* COMMAND: started untouched, given the signals that are meant for it, reaped. */
#ifndef AGENT_WORKLOAD_H
#define AGENT_WORKLOAD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct workload {
	int signals_fd;
	pid_t pid;      /* 0 until it was started */
	int exec_error; /* why it could not be run, or 0 */
	bool ended;
	int wait_status;
	sigset_t before; /* the signal mask that it is to have */
};

/* Adopts orphans and takes the signals.  SYSTEM: see errno. */
MUST_USE enum err workload_prepare(struct workload *w);

/* Starts it.  SYSTEM: there is no process; else exec_error tells. */
MUST_USE enum err workload_start(struct workload *w, char *const argv[]);

/* Forwards the signals that have come; *child: some child may have ended. */
void workload_signals(struct workload *w, bool *child, bool *asked_to_end);

/* Reaps one child.  AGAIN: none is left to reap now. */
MUST_USE enum err workload_reap(struct workload *w, pid_t *pid_out, int *status_out);

#endif
