/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Questions to the kernel of which some are trials.  It judges nothing. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/seccomp.h>

#include "base/bytes.h"
#include "base/must.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/machine.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
/* Odd, so that there is a middle. */
#define SYNC_TRIALS 9u
#define SYNC_BYTES  4096u

void
machine_kernel(char *text, size_t capacity)
{
	struct utsname name;

	MUST(text != NULL && capacity > 0);

	(void)snprintf(text, capacity, "%s", uname(&name) == 0 ? name.release : "unknown");
}

enum err
machine_has_seccomp(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 ? ERR_OK
									       : ERR_UNSUPPORTED;
}

enum err
machine_has_user_namespaces(void)
{
	int status = 0;
	pid_t pid = fork();
	pid_t ended;

	if (pid < 0)
		return ERR_SYSTEM;
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
	do
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (ended < 0)
		return ERR_SYSTEM;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ERR_OK : ERR_REFUSED;
}

enum err
machine_has_vsock(void)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno == EAFNOSUPPORT ? ERR_UNSUPPORTED : ERR_SYSTEM;
	file_close(&fd);
	return ERR_OK;
}

bool
machine_has_path(const char *path)
{
	MUST(path != NULL);

	return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0;
}

enum err
machine_cgroup_version(unsigned int *out)
{
	struct statfs info;

	MUST(out != NULL);

	if (statfs(CGROUP_ROOT, &info) != 0)
		return ERR_MISSING;
	/* Version 1 has a tmpfs there, with a folder for each controller. */
	if (info.f_type != CGROUP2_SUPER_MAGIC && info.f_type != TMPFS_MAGIC)
		return ERR_MISSING;
	*out = info.f_type == CGROUP2_SUPER_MAGIC ? 2 : 1;
	return ERR_OK;
}

uint64_t
machine_descriptor_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t)limit.rlim_max : 0;
}

bool
machine_clock_is_synchronised(void)
{
	struct timex state = { .modes = 0 };

	return adjtimex(&state) != TIME_ERROR;
}

enum err
machine_free_bytes(const char *path, uint64_t *out)
{
	struct statvfs info;

	MUST(path != NULL && out != NULL);

	if (statvfs(path, &info) != 0)
		return ERR_SYSTEM;
	*out = (uint64_t)info.f_bavail * (uint64_t)info.f_frsize;
	return ERR_OK;
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

enum err
machine_sync_ns(const char *directory, uint64_t *out)
{
	static const uint8_t block[SYNC_BYTES];
	cleanup(file_close) int fd = -1;
	uint64_t trials[SYNC_TRIALS];
	size_t i;

	MUST(directory != NULL && out != NULL);

	fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EOPNOTSUPP || errno == EISDIR ? ERR_UNSUPPORTED : ERR_SYSTEM;
	for (i = 0; i < SYNC_TRIALS; i++) {
		uint64_t begin_ns = clock_monotonic_ns();

		if (pwrite(fd, block, sizeof(block), (off_t)(i * sizeof(block))) !=
			    (ssize_t)sizeof(block) ||
		    fdatasync(fd) != 0)
			return ERR_SYSTEM;
		trials[i] = clock_monotonic_ns() - begin_ns;
	}
	qsort(trials, SYNC_TRIALS, sizeof(trials[0]), by_size);
	*out = trials[SYNC_TRIALS / 2];
	return ERR_OK;
}
