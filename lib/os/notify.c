/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A service manager's socket.  It knows nothing of what the states mean. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/num.h"
#include "os/file.h"
#include "os/notify.h"

/* systemd's own sets hours at the most; this keeps the sum within u64. */
#define NOTIFY_WATCHDOG_USEC_MAX UINT64_C(1000000000000)

static enum err
read_watchdog(uint64_t *out)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t us = 0;
	uint64_t who = 0;

	*out = 0;
	if (usec == NULL)
		return ERR_OK;
	/* It may be meant for the one who started us. */
	if (pid != NULL) {
		if (num_read_u64(pid, strlen(pid), INT32_MAX, &who) != ERR_OK)
			return ERR_FORMAT;
		if (who != (uint64_t)getpid())
			return ERR_OK;
	}
	if (num_read_u64(usec, strlen(usec), NOTIFY_WATCHDOG_USEC_MAX, &us) != ERR_OK)
		return ERR_FORMAT;
	*out = us * 1000;
	return ERR_OK;
}

enum err
notify_open(struct notify *out)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	cleanup(file_close) int fd = -1;
	size_t size;
	enum err e;

	MUST(out != NULL);

	out->fd = -1;
	out->watchdog_ns = 0;
	if (path == NULL)
		return ERR_OK;
	size = strlen(path);
	if (size < 2 || size >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return ERR_FORMAT;
	memcpy(address.sun_path, path, size);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	e = read_watchdog(&out->watchdog_ns);
	if (e != ERR_OK)
		return e;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ERR_SYSTEM;
	if (connect(fd, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) != 0)
		return ERR_SYSTEM;
	out->fd = file_steal(&fd);
	return ERR_OK;
}

void
notify_say(const struct notify *n, const char *state)
{
	MUST(n != NULL && state != NULL);

	if (n->fd >= 0)
		(void)!send(n->fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
notify_close(struct notify *n)
{
	MUST(n != NULL);

	file_close(&n->fd);
}
