/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Telling a service manager how it goes, as sd_notify(3) does: datagrams to NOTIFY_SOCKET. */
#ifndef OS_NOTIFY_H
#define OS_NOTIFY_H

#include <stdint.h>

#include "base/err.h"

struct notify {
	int fd;               /* -1: nobody asked for it */
	uint64_t watchdog_ns; /* between two signs of life, at the most; 0: none wanted */
};

/*
 * Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment.  ERR_FORMAT where they
 * are not what a manager sets; ERR_SYSTEM.  With none of them: fd -1 and ERR_OK.
 */
MUST_USE enum err notify_open(struct notify *out);
/* One state, such as "READY=1".  Nothing where fd is -1; a manager that does not listen is no
 * trouble of ours. */
void notify_say(const struct notify *n, const char *state);
void notify_close(struct notify *n);

#endif
