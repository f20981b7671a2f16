/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fork and exec of one command, signals by descriptor, reaping. */
#include <errno.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include "base/must.h"
#include "os/child.h"

enum err
child_signals_take(const sigset_t *set, sigset_t *before, int *fd_out)
{
	int saved;
	int fd;

	MUST(set != NULL && before != NULL && fd_out != NULL);

	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return ERR_SYSTEM;
	if (sigprocmask(SIG_BLOCK, set, before) != 0) {
		saved = errno;
		(void)close(fd); /* nothing was read from it */
		errno = saved;
		return ERR_SYSTEM;
	}
	*fd_out = fd;
	return ERR_OK;
}

enum err
child_signals_next(int fd, struct child_signal *out)
{
	struct signalfd_siginfo info;
	ssize_t n;

	MUST(out != NULL);

	do
		n = read(fd, &info, sizeof(info));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? ERR_AGAIN : ERR_SYSTEM;
	if (n != (ssize_t)sizeof(info))
		return ERR_FORMAT;
	out->number = (int)info.ssi_signo;
	out->from_terminal = info.ssi_code == SI_KERNEL;
	return ERR_OK;
}

/* The child's side: it must not return. */
static void
run_command(char *const argv[], const sigset_t *before, int report)
{
	int why;
	ssize_t n;

	if (sigprocmask(SIG_SETMASK, before, NULL) == 0)
		(void)execvp(argv[0], argv); /* returns only when it failed; errno says why */
	why = errno;
	do
		n = write(report, &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	_exit(why == ENOENT ? 127 : 126);
}

enum err
child_spawn(char *const argv[], const sigset_t *before, pid_t *pid_out, int *exec_error)
{
	int report[2];
	int why = 0;
	int saved;
	ssize_t n;
	pid_t pid;

	MUST(argv != NULL && argv[0] != NULL);
	MUST(before != NULL && pid_out != NULL && exec_error != NULL);

	if (pipe2(report, O_CLOEXEC) != 0)
		return ERR_SYSTEM;
	pid = fork();
	if (pid == 0)
		run_command(argv, before, report[1]);
	saved = errno;
	(void)close(report[1]); /* ours was never written to */
	if (pid < 0) {
		(void)close(report[0]); /* nothing was read from it */
		errno = saved;
		return ERR_SYSTEM;
	}
	/* The end of the pipe comes with the exec, which closes it. */
	do
		n = read(report[0], &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	(void)close(report[0]); /* it has been read to its end */
	*exec_error = n == (ssize_t)sizeof(why) ? why : 0;
	*pid_out = pid;
	return ERR_OK;
}

enum err
child_reap(pid_t *pid_out, int *status_out)
{
	int status;
	pid_t pid;

	MUST(pid_out != NULL && status_out != NULL);

	do
		pid = waitpid(-1, &status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return ERR_AGAIN;
	if (pid < 0)
		return errno == ECHILD ? ERR_MISSING : ERR_SYSTEM;
	*pid_out = pid;
	*status_out = status;
	return ERR_OK;
}

enum err
child_signal_send(pid_t pid, int number)
{
	MUST(pid > 0);

	return kill(pid, number) == 0 ? ERR_OK : ERR_SYSTEM;
}

bool
child_is_in_group(pid_t pid)
{
	return getpgid(pid) == getpgrp();
}

enum err
child_adopt_orphans(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? ERR_OK : ERR_SYSTEM;
}
