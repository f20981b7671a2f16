/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The control socket in the run directory: bound, given to its group, removed.  Nothing is read. */
#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/text.h"
#include "harkd/place_internal.h"
#include "os/account.h"
#include "os/file.h"
#include "os/packet.h"
#include "os/sock.h"
#include "os/wait.h"
#include "prog/exit.h"

#define CONTROL_NAME "control.sock"
/* Clients that connect while hark-control is away wait here. */
#define CONTROL_BACKLOG 64

/* Does somebody listen there?  ERR_REFUSED: nobody (any more). */
static enum err
listener_of(int path_fd)
{
	uint64_t limit_ns = wait_now_ns() + PLACE_END_LIMIT_NS;
	enum err e;

	do {
		cleanup(file_close) int probe = -1;

		e = packet_open(&probe);
		if (e == ERR_OK)
			e = sock_connect_path(probe, path_fd);
	} while ((e == ERR_OK || e == ERR_AGAIN) && place_look_again(limit_ns));
	return e;
}

/* Removes what stands in its place, where that is a socket on which nobody listens. */
static bool
clear_control(const struct place *p, const char *run, struct place_failure *why)
{
	cleanup(file_close) int path_fd = -1;
	struct file_info info;
	enum err e;

	e = file_open_path_at(p->run_fd, CONTROL_NAME, &path_fd);
	if (e == ERR_MISSING)
		return true;
	if (e == ERR_OK)
		e = file_stat(path_fd, &info);
	if (e != ERR_OK)
		return place_fail(why, place_code_of_errno(), "%s/" CONTROL_NAME ": %s", run,
				  strerror(errno));
	if (info.kind != FILE_SOCKET)
		return place_fail(why, EXIT_CANT_CREATE, "%s/" CONTROL_NAME " is %s; remove it",
				  run, file_kind_text(info.kind));
	e = listener_of(path_fd);
	if (e == ERR_OK || e == ERR_AGAIN)
		return place_fail(why, EXIT_CANT_CREATE,
				  "%s/" CONTROL_NAME
				  " is in use by another harkd; give each its own run "
				  "directory",
				  run);
	if (e != ERR_REFUSED)
		return place_fail(why, place_code_of_errno(), "%s/" CONTROL_NAME ": %s", run,
				  strerror(errno));
	e = file_unlink_at(p->run_fd, CONTROL_NAME);
	if (e != ERR_OK && e != ERR_MISSING)
		return place_fail(why, place_code_of_errno(), "%s/" CONTROL_NAME ": %s", run,
				  strerror(errno));
	return true;
}

bool
place_bind_control(const struct place *p, const char *run, int64_t group, int *fd_out,
		   struct place_failure *why)
{
	cleanup(file_close) int fd = -1;
	cleanup(file_close) int path_fd = -1;
	char text[512];
	enum err e;

	(void)text_escape(run, strlen(run), text, sizeof(text));
	if (!clear_control(p, text, why))
		return false;
	e = packet_open(&fd);
	if (e == ERR_OK)
		e = file_set_mode(fd, 0600);
	if (e == ERR_OK)
		e = sock_bind_at(fd, p->run_fd, CONTROL_NAME);
	if (e == ERR_OK)
		e = file_open_path_at(p->run_fd, CONTROL_NAME, &path_fd);
	if (e == ERR_OK && group >= 0) {
		e = file_set_owner_path(path_fd, account_own_uid(), (gid_t)group);
		if (e == ERR_OK)
			e = file_set_mode_path(path_fd, 0660);
	}
	if (e == ERR_OK)
		e = sock_listen(fd, CONTROL_BACKLOG);
	if (e != ERR_OK)
		return place_fail(why, EXIT_CANT_CREATE, "%s/" CONTROL_NAME " cannot be bound: %s",
				  text, strerror(errno));
	*fd_out = file_steal(&fd);
	return true;
}

void
place_remove_control(const struct place *p)
{
	if (p->run_fd >= 0)
		(void)!file_unlink_at(p->run_fd, CONTROL_NAME); /* a stale one does no harm */
}
