/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Unix sockets of whole messages (SOCK_SEQPACKET), with descriptors beside them.  Every descriptor
 * is close-on-exec, and no call here waits.
 */
#ifndef OS_PACKET_H
#define OS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* The most descriptors of one message that are looked at; the kernel knows more. */
#define PACKET_DESCRIPTORS_MAX 32u

/* A socket that is not bound. */
MUST_USE enum err packet_open(int *out);
/* Two ends of one connection. */
MUST_USE enum err packet_pair(int out[2]);
/* The same where out[0] can only read and out[1] only write. */
MUST_USE enum err packet_pair_one_way(int out[2]);
/*
 * Connects to the socket at `path`, which may be long: its directory is opened first.  ERR_LIMIT
 * where the last part alone is too long; ERR_MISSING; ERR_REFUSED where nobody listens; ERR_AGAIN
 * where its backlog is full; ERR_SYSTEM.
 */
MUST_USE enum err packet_connect(const char *path, int *out);
/* True where the descriptor is such a socket. */
bool packet_is_one(int fd);

/* size > 0.  ERR_AGAIN: the peer's queue is full; ERR_END: it has gone; ERR_LIMIT: larger than a
 * message can be; ERR_SYSTEM. */
MUST_USE enum err packet_send(int fd, const void *data, size_t size, const int *fds,
			      size_t fd_count);
/*
 * One message with its descriptors, which are the caller's.  ERR_AGAIN: none waits; ERR_END: the
 * peer has gone, or sent nothing; ERR_LIMIT: it did not fit, or a descriptor could not be taken: it
 * is gone with all of them; ERR_SYSTEM.
 */
MUST_USE enum err packet_receive(int fd, void *data, size_t capacity, size_t *size_out, int *fds,
				 size_t fd_capacity, size_t *fd_count_out);

/* Whether the peer was a member of the group when it connected, by its main group or another. */
MUST_USE enum err packet_peer_in_group(int fd, gid_t group, bool *out);

#endif
