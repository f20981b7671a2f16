/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client's non-blocking stream socket. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <linux/vm_sockets.h>

#include "base/must.h"
#include "os/outlet.h"

static enum err
begin(int family, const void *address, socklen_t size, int *fd_out)
{
	int saved;
	int fd;

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_SYSTEM;
	if (connect(fd, address, size) == 0) {
		*fd_out = fd;
		return ERR_OK;
	}
	if (errno == EINPROGRESS || errno == EINTR) {
		*fd_out = fd;
		return ERR_AGAIN;
	}
	saved = errno;
	(void)close(fd); /* nothing was written to it */
	errno = saved;
	return ERR_SYSTEM;
}

enum err
outlet_connect_unix(const char *path, int *fd_out)
{
	struct sockaddr_un address;
	size_t size;

	MUST(path != NULL && fd_out != NULL);

	size = strlen(path);
	if (size >= sizeof(address.sun_path))
		return ERR_LIMIT;
	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path, size + 1);
	return begin(AF_UNIX, &address, sizeof(address), fd_out);
}

enum err
outlet_connect_vsock(uint32_t cid, uint32_t port, int *fd_out)
{
	struct sockaddr_vm address;

	MUST(fd_out != NULL);

	memset(&address, 0, sizeof(address));
	address.svm_family = AF_VSOCK;
	address.svm_cid = cid;
	address.svm_port = port;
	return begin(AF_VSOCK, &address, sizeof(address), fd_out);
}

enum err
outlet_finish_connect(int fd)
{
	int outcome = 0;
	socklen_t size = sizeof(outcome);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &size) != 0)
		return ERR_SYSTEM;
	if (outcome != 0) {
		errno = outcome;
		return ERR_SYSTEM;
	}
	return ERR_OK;
}

enum err
outlet_write(int fd, const void *data, size_t size, size_t *written_out)
{
	ssize_t n;

	MUST(data != NULL && written_out != NULL);

	do
		n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_AGAIN : ERR_SYSTEM;
	*written_out = (size_t)n;
	return ERR_OK;
}

enum err
outlet_read(int fd, void *data, size_t capacity, size_t *size_out)
{
	ssize_t n;

	MUST(data != NULL && capacity > 0 && size_out != NULL);

	do
		n = recv(fd, data, capacity, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_AGAIN : ERR_SYSTEM;
	if (n == 0)
		return ERR_END;
	*size_out = (size_t)n;
	return ERR_OK;
}

enum err
outlet_unread(int fd, size_t *out)
{
	int bytes = 0;

	MUST(out != NULL);

	if (ioctl(fd, SIOCOUTQ, &bytes) != 0 || bytes < 0)
		return ERR_UNSUPPORTED;
	*out = (size_t)bytes;
	return ERR_OK;
}

void
outlet_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd); /* what the peer did not take is kept elsewhere until acked */
	errno = saved;
}
