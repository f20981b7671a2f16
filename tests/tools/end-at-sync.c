/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Preloaded into a program, it ends it as kill -9 would at its fdatasync: HARK_END_AT_SYNC is
 * "before" or "after".  So a test can end a process between two steps without luck.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *when;

__attribute__((constructor)) static void
read_when(void)
{
	when = getenv("HARK_END_AT_SYNC");
}

__attribute__((visibility("default"))) int
fdatasync(int fd)
{
	int result;

	if (when != NULL && strcmp(when, "before") == 0)
		(void)raise(SIGKILL);
	result = (int)syscall(SYS_fdatasync, fd);
	if (when != NULL && strcmp(when, "after") == 0)
		(void)raise(SIGKILL);
	return result;
}
