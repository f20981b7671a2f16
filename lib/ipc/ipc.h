/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One message at a time with a few descriptors over a SOCK_SEQPACKET Unix socket.  It moves bytes
 * and knows nothing of what they mean.  Descriptors that are received are close-on-exec.
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include <stddef.h>

#include "base/err.h"

/* The largest message in bytes, and the most descriptors with it. */
#define IPC_BYTES_MAX       65536u
#define IPC_DESCRIPTORS_MAX 8u

/*
 * Sends now or not at all.  Descriptors stay the caller's.  ERR_AGAIN: the peer's queue is full;
 * ERR_END: the peer has gone; ERR_SYSTEM.
 */
MUST_USE enum err ipc_send(int fd, const void *data, size_t size, const int *fds, size_t fd_count);
/*
 * Takes one message.  ERR_AGAIN: none waits; ERR_END: the peer has gone; ERR_LIMIT: it was larger
 * than capacity or had more descriptors than fd_capacity, and is gone with all of them; ERR_SYSTEM.
 */
MUST_USE enum err ipc_receive(int fd, void *data, size_t capacity, size_t *size_out, int *fds,
			      size_t fd_capacity, size_t *fd_count_out);

#endif
