/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Unix stream sockets.  Every descriptor is non-blocking and close-on-exec.  Names are addressed
 * through a directory's descriptor, so that a path may be of any length and cannot be led
 * elsewhere; that needs /proc.
 */
#ifndef OS_SOCK_H
#define OS_SOCK_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* The longest address in bytes without its terminator: sun_path has 108 with it. */
#define SOCK_PATH_BYTES_MAX 107u
/*
 * The longest name below a directory's descriptor: what "/proc/self/fd/" (14), the digits of any
 * descriptor (10) and a slash leave.  One limit for all descriptors, lest a name that could be
 * bound at start cannot be bound again later.
 */
#define SOCK_NAME_BYTES_MAX (SOCK_PATH_BYTES_MAX - 14u - 10u - 1u)

/* Who was at the other end when the connection was made. */
struct sock_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

MUST_USE enum err sock_open(int *out);
/* ERR_LIMIT where `name` is over SOCK_NAME_BYTES_MAX, ERR_EXISTS where the name is taken. */
MUST_USE enum err sock_bind_at(int fd, int dirfd, const char *name);
MUST_USE enum err sock_listen(int fd, int backlog);
/*
 * Connects to the socket that an O_PATH descriptor stands for.  ERR_REFUSED where nobody listens;
 * ERR_AGAIN where its backlog is full.
 */
MUST_USE enum err sock_connect_path(int fd, int path_fd);
/* Connects by path.  ERR_LIMIT where it does not fit; ERR_REFUSED, ERR_AGAIN, ERR_MISSING. */
MUST_USE enum err sock_connect(int fd, const char *path);
/* ERR_FORMAT where fd is no Unix stream socket that listens and does not block. */
MUST_USE enum err sock_check_listener(int fd);
/* One connection.  ERR_AGAIN where none waits.  Connections that ended in the queue are skipped. */
MUST_USE enum err sock_accept(int fd, int *out);
/* What the peer wrote before can still be read, and then the end; what it writes after fails. */
MUST_USE enum err sock_stop_reading(int fd);
MUST_USE enum err sock_get_peer(int fd, struct sock_peer *out);

#endif
