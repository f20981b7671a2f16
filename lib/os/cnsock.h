/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Kernel connector sockets: raw datagrams in and out; what they mean is the caller's business. */
#ifndef OS_CNSOCK_H
#define OS_CNSOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Opens a non-blocking, close-on-exec connector socket that hears the multicast `group`, with a
 * receive buffer of receive_bytes where the kernel grants it.  SYSTEM: see errno.
 */
MUST_USE enum err cnsock_open(uint32_t group, int receive_bytes, int *out);

/* Sends one datagram to the kernel.  SYSTEM: see errno. */
MUST_USE enum err cnsock_send(int fd, const void *data, size_t size);

/*
 * Takes one datagram that the kernel itself sent.  AGAIN: none waits.  REFUSED: it came from
 * somebody else, or was larger than the buffer, and is gone.  LIMIT: the kernel had to drop some
 * (ENOBUFS); call again.  SYSTEM: see errno.
 */
MUST_USE enum err cnsock_receive(int fd, void *data, size_t capacity, size_t *size_out);

#endif
