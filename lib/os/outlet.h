/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client's stream socket, Unix or vsock, that never blocks its owner and never raises SIGPIPE. */
#ifndef OS_OUTLET_H
#define OS_OUTLET_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Begins to connect.  OK: connected.  AGAIN: under way; outlet_finish_connect once it is writable.
 * Both give the descriptor.  LIMIT: the path does not fit into sun_path.  SYSTEM: see errno.
 */
MUST_USE enum err outlet_connect_unix(const char *path, int *fd_out);
MUST_USE enum err outlet_connect_vsock(uint32_t cid, uint32_t port, int *fd_out);

/* The outcome of a connect that was under way.  SYSTEM: see errno. */
MUST_USE enum err outlet_finish_connect(int fd);

/* Writes what fits now.  AGAIN: nothing fits.  SYSTEM: see errno. */
MUST_USE enum err outlet_write(int fd, const void *data, size_t size, size_t *written_out);

/* Reads what is there.  AGAIN: nothing.  END: the peer has closed.  SYSTEM: see errno. */
MUST_USE enum err outlet_read(int fd, void *data, size_t capacity, size_t *size_out);

/* The bytes that the kernel still holds for the peer.  UNSUPPORTED: this socket cannot tell. */
MUST_USE enum err outlet_unread(int fd, size_t *out);

/* Closes it; -1 is fine. */
void outlet_close(int fd);

#endif
