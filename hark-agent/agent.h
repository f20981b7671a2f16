/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The agent as a whole: one turn after another, until COMMAND has ended and all is said. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>

#include "base/err.h"
#include "hark-agent/options.h"

/*
 * Runs COMMAND and reports until the end.  *exit_code is what the agent is to end with.  Errors:
 * MEMORY, SYSTEM (see errno): COMMAND was not started.  *exec_error: why it could not be run.
 * *told: whether the goodbye could be written, and so all before it.
 */
MUST_USE enum err agent_run(const struct options *options, int *exit_code, int *exec_error,
			    bool *told);

#endif
