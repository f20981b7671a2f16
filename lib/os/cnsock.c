/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Kernel connector sockets: open, send, receive. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/connector.h>
#include <linux/netlink.h>

#include "base/must.h"
#include "os/cnsock.h"

enum err
cnsock_open(uint32_t group, int receive_bytes, int *out)
{
	struct sockaddr_nl address;
	int saved;
	int fd;

	MUST(out != NULL);
	MUST(receive_bytes > 0);

	fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	if (fd < 0)
		return ERR_SYSTEM;
	/* Only the privileged may pass the system's limit; the others get what that limit allows.
	 */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof(receive_bytes)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
	memset(&address, 0, sizeof(address));
	address.nl_family = AF_NETLINK;
	address.nl_groups = group;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		saved = errno;
		(void)close(fd); /* nothing was written to it */
		errno = saved;
		return ERR_SYSTEM;
	}
	*out = fd;
	return ERR_OK;
}

enum err
cnsock_send(int fd, const void *data, size_t size)
{
	struct sockaddr_nl kernel;

	MUST(data != NULL);

	memset(&kernel, 0, sizeof(kernel));
	kernel.nl_family = AF_NETLINK;
	for (;;) {
		ssize_t n = sendto(fd, data, size, MSG_NOSIGNAL, (const struct sockaddr *)&kernel,
				   sizeof(kernel));

		if (n >= 0)
			return ERR_OK;
		if (errno != EINTR)
			return ERR_SYSTEM;
	}
}

enum err
cnsock_receive(int fd, void *data, size_t capacity, size_t *size_out)
{
	struct sockaddr_nl from;
	struct iovec part = { .iov_base = data, .iov_len = capacity };
	struct msghdr message;
	ssize_t n;

	MUST(data != NULL && size_out != NULL);

	memset(&from, 0, sizeof(from));
	memset(&message, 0, sizeof(message));
	message.msg_name = &from;
	message.msg_namelen = sizeof(from);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	do
		n = recvmsg(fd, &message, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return ERR_AGAIN;
		return errno == ENOBUFS ? ERR_LIMIT : ERR_SYSTEM;
	}
	/* Any process may send to a netlink socket; only the kernel's address has port 0. */
	if (message.msg_namelen != sizeof(from) || from.nl_family != AF_NETLINK ||
	    from.nl_pid != 0 || (message.msg_flags & MSG_TRUNC) != 0)
		return ERR_REFUSED;
	*size_out = (size_t)n;
	return ERR_OK;
}
