/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sockets of whole messages.  It knows nothing of what the messages mean. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/must.h"
#include "os/file.h"
#include "os/packet.h"
#include "os/sock.h"

/* Groups of one process: NGROUPS_MAX of Linux. */
#define PACKET_GROUPS_MAX 65536u

/* Room for control data, aligned as the kernel wants it. */
union packet_control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(PACKET_DESCRIPTORS_MAX * sizeof(int))];
};

enum err
packet_open(int *out)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	MUST(out != NULL);

	if (fd < 0)
		return ERR_SYSTEM;
	*out = fd;
	return ERR_OK;
}

enum err
packet_pair(int out[2])
{
	int pair[2];

	MUST(out != NULL);

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return ERR_SYSTEM;
	out[0] = pair[0];
	out[1] = pair[1];
	return ERR_OK;
}

enum err
packet_pair_one_way(int out[2])
{
	int pair[2];
	enum err e = packet_pair(pair);

	if (e != ERR_OK)
		return e;
	/* The kernel ends the other's sending with it. */
	if (shutdown(pair[1], SHUT_RD) != 0) {
		file_close(&pair[0]);
		file_close(&pair[1]);
		return ERR_SYSTEM;
	}
	out[0] = pair[0];
	out[1] = pair[1];
	return ERR_OK;
}

/* A descriptor of the path's directory. */
static enum err
open_parent(const char *path, int *out)
{
	const char *slash = strrchr(path, '/');
	char *directory;
	enum err e;

	if (slash == NULL)
		directory = strdup(".");
	else if (slash == path)
		directory = strdup("/");
	else
		directory = strndup(path, (size_t)(slash - path));
	if (directory == NULL)
		return ERR_MEMORY;
	e = file_open_dir(directory, out);
	free(directory);
	return e;
}

enum err
packet_connect(const char *path, int *out)
{
	cleanup(file_close) int fd = -1;
	cleanup(file_close) int dir_fd = -1;
	cleanup(file_close) int path_fd = -1;
	const char *slash;
	enum err e;

	MUST(path != NULL && out != NULL);

	e = packet_open(&fd);
	if (e != ERR_OK)
		return e;
	if (strlen(path) <= SOCK_PATH_BYTES_MAX) {
		e = sock_connect(fd, path);
	} else {
		slash = strrchr(path, '/');
		e = open_parent(path, &dir_fd);
		if (e == ERR_OK)
			e = file_open_path_at(dir_fd, slash != NULL ? slash + 1 : path, &path_fd);
		if (e == ERR_OK)
			e = sock_connect_path(fd, path_fd);
	}
	if (e != ERR_OK)
		return e;
	*out = file_steal(&fd);
	return ERR_OK;
}

bool
packet_is_one(int fd)
{
	int type = 0;
	socklen_t size = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

enum err
packet_send(int fd, const void *data, size_t size, const int *fds, size_t fd_count)
{
	union packet_control control;
	struct iovec part = { .iov_len = size };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	MUST(data != NULL && size > 0);
	MUST(fd_count <= PACKET_DESCRIPTORS_MAX && (fd_count == 0 || fds != NULL));

	/* iov_base is not const because it serves recvmsg too; sendmsg only reads. */
	memcpy(&part.iov_base, &data, sizeof(data));
	if (fd_count > 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = &control;
		m.msg_controllen = (socklen_t)CMSG_SPACE(fd_count * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = (socklen_t)CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, fd_count * sizeof(int));
	}
	do
		n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)size)
		return ERR_OK;
	if (n >= 0)
		return ERR_LIMIT; /* it cannot be: a message goes whole or not at all */
	switch (errno) {
	case EAGAIN:
	case ENOBUFS:
		return ERR_AGAIN;
	case EPIPE:
	case ECONNRESET:
	case ENOTCONN:
	case ECONNREFUSED:
		return ERR_END;
	case EMSGSIZE:
		return ERR_LIMIT;
	default:
		return ERR_SYSTEM;
	}
}

/* Takes what came beside the message; true where all of it was descriptors that fit. */
static bool
take_descriptors(struct msghdr *m, int *fds, size_t fd_capacity, size_t *count_out)
{
	struct cmsghdr *c;
	bool whole = (m->msg_flags & MSG_CTRUNC) == 0;
	size_t count = 0;
	size_t i;
	size_t n;
	int fd;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count < fd_capacity) {
				fds[count++] = fd;
				continue;
			}
			whole = false;
			file_close(&fd);
		}
	}
	*count_out = count;
	return whole;
}

enum err
packet_receive(int fd, void *data, size_t capacity, size_t *size_out, int *fds, size_t fd_capacity,
	       size_t *fd_count_out)
{
	union packet_control control;
	struct iovec part = { .iov_base = data, .iov_len = capacity };
	struct msghdr m = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	size_t count = 0;
	ssize_t n;
	bool whole;
	bool was_reset = false;

	MUST(data != NULL && capacity > 0 && size_out != NULL && fd_count_out != NULL);
	MUST(fd_capacity == 0 || fds != NULL);

	for (;;) {
		n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n >= 0 || (errno != EINTR && (errno != ECONNRESET || was_reset)))
			break;
		/* A peer that ends without having read all that it was sent is told of first, once;
		 * what it had sent itself can still be read. */
		was_reset = was_reset || errno == ECONNRESET;
	}
	if (n < 0) {
		if (errno == EAGAIN)
			return ERR_AGAIN;
		return errno == ECONNRESET || errno == ENOTCONN ? ERR_END : ERR_SYSTEM;
	}
	whole = take_descriptors(&m, fds, fd_capacity, &count);
	if (n > 0 && whole && (m.msg_flags & MSG_TRUNC) == 0) {
		*size_out = (size_t)n;
		*fd_count_out = count;
		return ERR_OK;
	}
	while (count > 0)
		file_close(&fds[--count]);
	/* The end of such a connection cannot be told from a message of nothing, which nobody of
	 * ours sends. */
	return n == 0 ? ERR_END : ERR_LIMIT;
}

enum err
packet_peer_in_group(int fd, gid_t group, bool *out)
{
	struct sock_peer peer;
	socklen_t size = 0;
	gid_t *groups;
	size_t i;
	bool found;

	MUST(out != NULL);

	if (sock_get_peer(fd, &peer) != ERR_OK)
		return ERR_SYSTEM;
	if (peer.gid == group) {
		*out = true;
		return ERR_OK;
	}
	/* The first call only asks for the size; it succeeds where there are no groups at all. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0) {
		*out = false;
		return ERR_OK;
	}
	if (errno != ERANGE || size > PACKET_GROUPS_MAX * sizeof(gid_t))
		return ERR_SYSTEM;
	groups = malloc(size);
	if (groups == NULL)
		return ERR_MEMORY;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0) {
		free(groups);
		return ERR_SYSTEM;
	}
	found = false;
	for (i = 0; i < size / sizeof(gid_t); i++)
		found = found || groups[i] == group;
	free(groups);
	*out = found;
	return ERR_OK;
}
