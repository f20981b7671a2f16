/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Unix stream sockets by descriptors.  It decides nothing about what stands at a name. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/must.h"
#include "os/sock.h"

static_assert(SOCK_PATH_BYTES_MAX + 1 == sizeof(((struct sockaddr_un *)NULL)->sun_path),
	      "sun_path has another size here");
static_assert(INT_MAX == 2147483647, "a descriptor has at most ten digits");

enum err
sock_open(int *out)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	MUST(out != NULL);

	if (fd < 0)
		return ERR_SYSTEM;
	*out = fd;
	return ERR_OK;
}

enum err
sock_bind_at(int fd, int dirfd, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	MUST(dirfd >= 0 && name != NULL);

	if (strlen(name) > SOCK_NAME_BYTES_MAX)
		return ERR_LIMIT;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dirfd,
		       name);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return ERR_OK;
	return errno == EADDRINUSE ? ERR_EXISTS : ERR_SYSTEM;
}

enum err
sock_listen(int fd, int backlog)
{
	return listen(fd, backlog) == 0 ? ERR_OK : ERR_SYSTEM;
}

static bool
has_option(int fd, int name, int want)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 && value == want;
}

enum err
sock_check_listener(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_NONBLOCK) == 0 || !has_option(fd, SO_DOMAIN, AF_UNIX) ||
	    !has_option(fd, SO_TYPE, SOCK_STREAM) || !has_option(fd, SO_ACCEPTCONN, 1))
		return ERR_FORMAT;
	return ERR_OK;
}

static enum err
connect_to(int fd, const struct sockaddr_un *address)
{
	int r;

	/* A Unix socket that does not block connects at once or not at all: it may be repeated. */
	do
		r = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	while (r != 0 && errno == EINTR);
	if (r == 0)
		return ERR_OK;
	switch (errno) {
	case ECONNREFUSED:
		return ERR_REFUSED;
	case EAGAIN:
		return ERR_AGAIN;
	case ENOENT:
		return ERR_MISSING;
	default:
		return ERR_SYSTEM;
	}
}

enum err
sock_connect_path(int fd, int path_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	MUST(path_fd >= 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", path_fd);
	return connect_to(fd, &address);
}

enum err
sock_connect(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t size;

	MUST(path != NULL);

	size = strlen(path);
	if (size > SOCK_PATH_BYTES_MAX)
		return ERR_LIMIT;
	memcpy(address.sun_path, path, size);
	return connect_to(fd, &address);
}

enum err
sock_accept(int fd, int *out)
{
	int accepted;

	MUST(out != NULL);

	/* Each ECONNABORTED takes one connection out of the queue, so this ends. */
	do
		accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (accepted < 0)
		return errno == EAGAIN ? ERR_AGAIN : ERR_SYSTEM;
	*out = accepted;
	return ERR_OK;
}

enum err
sock_stop_reading(int fd)
{
	return shutdown(fd, SHUT_RD) == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err
sock_get_peer(int fd, struct sock_peer *out)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	MUST(out != NULL);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
		return ERR_SYSTEM;
	*out = (struct sock_peer){ .pid = credentials.pid,
				   .uid = credentials.uid,
				   .gid = credentials.gid };
	return ERR_OK;
}
