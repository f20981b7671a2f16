/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A netlink socket to the kernel, for questions and their answers. */
#ifndef OS_NFNETLINK_H
#define OS_NFNETLINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* How long an answer of the kernel is waited for; it answers at once or not at all. */
#define NFNETLINK_WAIT_S 2

/* Opens a socket of a netlink protocol such as NETLINK_NETFILTER.  ERR_SYSTEM. */
MUST_USE enum err nfnetlink_open(int protocol, int *out, uint32_t *port_out);
/* Sends one message to the kernel.  ERR_SYSTEM. */
MUST_USE enum err nfnetlink_send(int fd, const void *message, size_t size);
/*
 * Receives one datagram of the kernel; those of others are dropped.  ERR_LIMIT where it was cut at
 * `capacity`, ERR_SYSTEM (EAGAIN: nothing came in time; ENOBUFS: the kernel had to drop some).
 */
MUST_USE enum err nfnetlink_receive(int fd, void *data, size_t capacity, size_t *size_out);

#endif
