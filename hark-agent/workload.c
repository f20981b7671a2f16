/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The one child that the agent started itself, and whatever becomes its child later. */
#include <string.h>

#include "base/must.h"
#include "hark-agent/workload.h"
#include "os/child.h"

static const int forwarded[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

enum err
workload_prepare(struct workload *w)
{
	sigset_t set;
	size_t i;
	enum err e;

	memset(w, 0, sizeof(*w));
	w->signals_fd = -1;
	e = child_adopt_orphans();
	if (e != ERR_OK)
		return e;
	if (sigemptyset(&set) != 0 || sigaddset(&set, SIGCHLD) != 0)
		return ERR_SYSTEM;
	for (i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++) {
		if (sigaddset(&set, forwarded[i]) != 0)
			return ERR_SYSTEM;
	}
	return child_signals_take(&set, &w->before, &w->signals_fd);
}

enum err
workload_start(struct workload *w, char *const argv[])
{
	MUST(w->pid == 0);

	return child_spawn(argv, &w->before, &w->pid, &w->exec_error);
}

void
workload_signals(struct workload *w, bool *child, bool *asked_to_end)
{
	struct child_signal signal;

	*child = false;
	*asked_to_end = false;
	while (child_signals_next(w->signals_fd, &signal) == ERR_OK) {
		if (signal.number == SIGCHLD) {
			*child = true;
			continue;
		}
		if (w->pid == 0 || w->ended) {
			*asked_to_end |= signal.number != SIGUSR1 && signal.number != SIGUSR2;
			continue;
		}
		/* The terminal has already signalled the whole foreground group. */
		if (signal.from_terminal && child_is_in_group(w->pid))
			continue;
		/* It can only fail when the child has just gone, which SIGCHLD tells. */
		if (child_signal_send(w->pid, signal.number) != ERR_OK)
			*child = true;
	}
}

enum err
workload_reap(struct workload *w, pid_t *pid_out, int *status_out)
{
	enum err e = child_reap(pid_out, status_out);

	if (e != ERR_OK)
		return ERR_AGAIN;
	if (*pid_out == w->pid) {
		w->ended = true;
		w->wait_status = *status_out;
	}
	return ERR_OK;
}
