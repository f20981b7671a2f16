/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fork, exec, and what is due between them.  It does not decide when to start or to end a child. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/must.h"
#include "base/num.h"
#include "os/file.h"
#include "os/spawn.h"

bool
spawn_is_program(const char *path)
{
	MUST(path != NULL);

	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* The C library's own signals, and the kernel's form of an action on one; zeroed is the usual. */
#define FIRST_INTERNAL      32
#define LAST_INTERNAL       34
#define KERNEL_SIGSET_BYTES 8
struct kernel_action {
	uintptr_t members[8];
};

/* Handlers go with exec by themselves; what is ignored or blocked would stay so. */
static int
reset_signals(void)
{
	const struct kernel_action usual_internal = { { 0 } };
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;
	int number;

	for (number = 1; number < NSIG; number++)
		(void)sigaction(number, &usual, NULL); /* KILL and STOP cannot be set: as well */
	/* It does not let these be set; but what glibc's posix_spawn starts, such as a command of
	 * make, has one ignored.  So the kernel is asked itself. */
	for (number = FIRST_INTERNAL; number <= LAST_INTERNAL; number++)
		(void)syscall(SYS_rt_sigaction, number, &usual_internal, NULL, KERNEL_SIGSET_BYTES);
	(void)sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The child's side, which never returns.  Nothing here may allocate. */
static void
become(const char *path, char *const argv[], int channel)
{
	static char *const nothing[] = { NULL };
	int null;

	/* Above 3, so that no dup2 below hits it. */
	channel = fcntl(channel, F_DUPFD_CLOEXEC, SPAWN_CHANNEL_FD + 1);
	if (channel < 0)
		_exit(SPAWN_NOT_RUN);
	null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(SPAWN_NOT_RUN);
	if (dup2(channel, SPAWN_CHANNEL_FD) < 0)
		_exit(SPAWN_NOT_RUN);
	if (syscall(SYS_close_range, SPAWN_CHANNEL_FD + 1, ~0u, 0) != 0)
		_exit(SPAWN_NOT_RUN);
	if (setsid() < 0 || reset_signals() != 0)
		_exit(SPAWN_NOT_RUN);
	(void)execve(path, argv, nothing); /* returns only when it failed */
	_exit(errno == ENOENT ? SPAWN_NOT_FOUND : SPAWN_NOT_RUN);
}

enum err
spawn_start(const char *path, char *const argv[], int channel, pid_t *pid_out, int *pidfd_out)
{
	int saved;
	int pidfd;
	pid_t pid;

	MUST(path != NULL && argv != NULL && channel >= 0);
	MUST(pid_out != NULL && pidfd_out != NULL);

	pid = fork();
	if (pid < 0)
		return ERR_SYSTEM;
	if (pid == 0)
		become(path, argv, channel);
	/* Nobody else reaps, so the number is still this child's; close-on-exec by itself. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		saved = errno;
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		errno = saved;
		return ERR_SYSTEM;
	}
	*pid_out = pid;
	*pidfd_out = pidfd;
	return ERR_OK;
}

enum err
spawn_reap(int pidfd, struct spawn_end *out)
{
	siginfo_t info;
	int r;

	MUST(pidfd >= 0 && out != NULL);

	do {
		info.si_pid = 0;
		r = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
	} while (r != 0 && errno == EINTR);
	if (r != 0)
		return ERR_SYSTEM;
	if (info.si_pid == 0)
		return ERR_AGAIN;
	out->by_signal = info.si_code != CLD_EXITED;
	out->number = info.si_status;
	return ERR_OK;
}

enum err
spawn_signal(int pidfd, int number)
{
	MUST(pidfd >= 0);

	if (syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) == 0)
		return ERR_OK;
	return errno == ESRCH ? ERR_MISSING : ERR_SYSTEM;
}

/* The next number of a line, behind a blank. */
static bool
next_number(const char **at, uint64_t *out)
{
	size_t size;

	if (**at != ' ')
		return false;
	(*at)++;
	size = strcspn(*at, " \n");
	if (num_read_u64(*at, size, UINT64_MAX, out) != ERR_OK)
		*out = 0; /* some of the others are negative */
	*at += size;
	return true;
}

/* Of proc(5)'s stat: the name in brackets may hold anything, behind it are a letter and numbers, of
 * which the 11th and 12th are ticks. */
static bool
read_stat(const char *text, size_t size, char *state_out, uint64_t *ticks_out)
{
	const char *at = memrchr(text, ')', size);
	uint64_t number = 0;
	int i;

	if (at == NULL || at[1] != ' ' || at[2] == '\0')
		return false;
	*state_out = at[2];
	at += 3;
	*ticks_out = 0;
	for (i = 1; i <= 12; i++) {
		if (!next_number(&at, &number))
			return false;
		if (i >= 11)
			*ticks_out += number;
	}
	return true;
}

enum err
spawn_used(pid_t pid, struct spawn_use *out)
{
	long per_s = sysconf(_SC_CLK_TCK);
	char path[32], text[1024];
	uint64_t ticks;
	ssize_t size;
	char state;
	int fd;

	MUST(pid > 0 && out != NULL && per_s > 0);

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ERR_MISSING;
	size = read(fd, text, sizeof(text) - 1);
	file_close(&fd);
	if (size <= 0)
		return ERR_MISSING;
	text[size] = '\0';
	if (!read_stat(text, (size_t)size, &state, &ticks))
		return ERR_MISSING;
	*out = (struct spawn_use){ ticks * 1000 / (uint64_t)per_s, state == 'R' };
	return ERR_OK;
}

void
spawn_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* as many as there were is enough to begin */
}
