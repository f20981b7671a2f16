/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages with a few descriptors, within Hark's limits.  The system's part is os/packet.h. */
#include <assert.h>

#include "base/must.h"
#include "ipc/ipc.h"
#include "os/packet.h"

static_assert(IPC_DESCRIPTORS_MAX <= PACKET_DESCRIPTORS_MAX, "more than the system's part takes");

enum err
ipc_send(int fd, const void *data, size_t size, const int *fds, size_t fd_count)
{
	MUST(size > 0 && size <= IPC_BYTES_MAX);
	MUST(fd_count <= IPC_DESCRIPTORS_MAX);

	return packet_send(fd, data, size, fds, fd_count);
}

enum err
ipc_receive(int fd, void *data, size_t capacity, size_t *size_out, int *fds, size_t fd_capacity,
	    size_t *fd_count_out)
{
	MUST(capacity > 0);
	MUST(fd_capacity <= IPC_DESCRIPTORS_MAX);

	return packet_receive(fd, data, capacity, size_out, fds, fd_capacity, fd_count_out);
}
