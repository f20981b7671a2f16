/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Preloaded into CellOS's published agent, which can only speak AF_VSOCK: stands in for the VMM, so
 * that its connection to CID 2, port N arrives at the Unix socket $VSOCK_BASE_N, as Firecracker's
 * would.  Not a byte of what the agent writes is touched.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef int socket_fn(int, int, int);
typedef int connect_fn(int, const struct sockaddr *, socklen_t);

int
socket(int domain, int type, int protocol)
{
	socket_fn *real = (socket_fn *)dlsym(RTLD_NEXT, "socket");

	return real(domain == AF_VSOCK ? AF_UNIX : domain, type, protocol);
}

int
connect(int fd, const struct sockaddr *address, socklen_t size)
{
	connect_fn *real = (connect_fn *)dlsym(RTLD_NEXT, "connect");
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const char *base = getenv("VSOCK_BASE");
	struct sockaddr_vm vm;
	int length;

	if (address->sa_family != AF_VSOCK)
		return real(fd, address, size);
	memcpy(&vm, address, sizeof(vm));
	if (base == NULL || vm.svm_cid != VMADDR_CID_HOST) {
		errno = ENODEV;
		return -1;
	}
	length = snprintf(un.sun_path, sizeof(un.sun_path), "%s_%u", base, vm.svm_port);
	if (length < 0 || (size_t)length >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return real(fd, (struct sockaddr *)&un, sizeof(un));
}
