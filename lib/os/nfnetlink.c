/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* System calls of a netlink socket. */
#include "os/nfnetlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/bytes.h"
#include "os/beneath.h"

enum err
nfnetlink_open(int protocol, int *out, uint32_t *port_out)
{
	static const struct timeval wait = { .tv_sec = NFNETLINK_WAIT_S };
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	socklen_t size = sizeof(address);
	cleanup(beneath_close) int fd = -1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return ERR_SYSTEM;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return ERR_SYSTEM;
	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		return ERR_SYSTEM;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0)
		return ERR_SYSTEM;
	*out = fd;
	*port_out = address.nl_pid;
	fd = -1; /* NOLINT(clang-analyzer-deadcode.DeadStores): cleanup reads it */
	return ERR_OK;
}

enum err
nfnetlink_send(int fd, const void *message, size_t size)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do
		n = sendto(fd, message, size, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? ERR_SYSTEM : ERR_OK;
}

enum err
nfnetlink_receive(int fd, void *data, size_t capacity, size_t *size_out)
{
	for (;;) {
		struct sockaddr_nl from = { .nl_family = 0 };
		struct iovec part = { data, capacity };
		struct msghdr message = { .msg_name = &from,
					  .msg_namelen = sizeof(from),
					  .msg_iov = &part,
					  .msg_iovlen = 1 };
		ssize_t n = recvmsg(fd, &message, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_SYSTEM;
		/* Other processes may send to our port; only port 0 is the kernel. */
		if (message.msg_namelen != sizeof(from) || from.nl_pid != 0)
			continue;
		if (message.msg_flags & MSG_TRUNC)
			return ERR_LIMIT;
		*size_out = (size_t)n;
		return ERR_OK;
	}
}
