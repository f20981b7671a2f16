/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Waiting for many descriptors (epoll) and for signals (signalfd). */
#ifndef OS_POLL_H
#define OS_POLL_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"

MUST_USE enum err poll_open(int *out);
/* `events` as of epoll(7); `key` comes back with what is ready.  ERR_EXISTS. */
MUST_USE enum err poll_add(int poll_fd, int fd, uint32_t events, uint64_t key);
MUST_USE enum err poll_modify(int poll_fd, int fd, uint32_t events, uint64_t key);
MUST_USE enum err poll_remove(int poll_fd, int fd);
/* Waits up to timeout_ms (-1: for ever) and gives how many are ready: 0 also where a signal came.
 */
MUST_USE enum err poll_wait(int poll_fd, struct epoll_event *ready, int ready_max, int timeout_ms,
			    size_t *count_out);

/* Blocks the signals of `set`; *old_out is what was blocked before. */
MUST_USE enum err poll_signals_block(const sigset_t *set, sigset_t *old_out);
MUST_USE enum err poll_signals_restore(const sigset_t *old);
/* A non-blocking descriptor that tells of the signals of `set`; *fd -1 makes one, else it changes.
 */
MUST_USE enum err poll_signals_open(int *fd, const sigset_t *set);
/* The number of the next signal.  ERR_AGAIN where there is none. */
MUST_USE enum err poll_signals_read(int fd, int *signal_out);

#endif
