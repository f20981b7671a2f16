/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a child is given, how its end is told, and the memory and groups beside it. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/account.h"
#include "os/memfd.h"
#include "os/own.h"
#include "os/packet.h"
#include "os/spawn.h"

/* Runs a line of shell with the other end of a channel as 3; gives what it wrote there. */
static struct spawn_end
run(const char *line, char *text, size_t capacity)
{
	char sh[] = "/bin/sh";
	char c[] = "-c";
	char *argv[] = { sh, c, NULL, NULL };
	struct pollfd wait = { .events = POLLIN };
	struct spawn_end end;
	int pair[2];
	size_t count;
	size_t size = 0;
	pid_t pid;
	int pidfd;

	argv[2] = strdup(line);
	assert_non_null(argv[2]);
	assert_int_equal(packet_pair(pair), ERR_OK);
	assert_int_equal(spawn_start("/bin/sh", argv, pair[1], &pid, &pidfd), ERR_OK);
	(void)close(pair[1]);
	assert_int_equal(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	wait.fd = pidfd;
	assert_int_equal(poll(&wait, 1, 30000), 1);
	assert_int_equal(spawn_reap(pidfd, &end), ERR_OK);
	if (packet_receive(pair[0], text, capacity - 1, &size, NULL, 0, &count) != ERR_OK)
		size = 0;
	text[size] = '\0';
	(void)close(pair[0]);
	(void)close(pidfd);
	free(argv[2]);
	return end;
}

static void
a_child_has_its_channel_and_nothing_else(void **state)
{
	char text[4096];
	struct spawn_end end;
	sigset_t blocked;
	int leak = fcntl(STDERR_FILENO, F_DUPFD, 9); /* not close-on-exec */

	(void)state;
	assert_true(leak > 3);
	assert_int_equal(setenv("HARK_TEST_LEAK", "1", 1), 0);
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);

	end = run("echo /proc/self/fd/*>&3", text, sizeof(text));
	assert_true(!end.by_signal && end.number == 0);
	/* The shell opens the directory itself as the next one. */
	assert_true(strcmp(text, "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 "
				 "/proc/self/fd/3\n") == 0 ||
		    strcmp(text, "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 "
				 "/proc/self/fd/3 /proc/self/fd/4\n") == 0);
	(void)run("readlink /proc/self/fd/0 >&3", text, sizeof(text));
	assert_string_equal(text, "/dev/null\n");
	(void)run("echo \"[$HARK_TEST_LEAK]\" >&3", text, sizeof(text));
	assert_string_equal(text, "[]\n");
	(void)run("while read -r a b; do case $a in SigBlk:|SigIgn:) r=\"$r$b \";; esac; done "
		  "</proc/$$/status; echo \"$r\" >&3",
		  text, sizeof(text));
	assert_string_equal(text, "0000000000000000 0000000000000000 \n");
	(void)run("read -r a b c d e f rest </proc/$$/stat; [ $f = $$ ] && echo own >&3", text,
		  sizeof(text));
	assert_string_equal(text, "own\n");
	(void)close(leak);
}

static void
its_end_is_told_as_it_was(void **state)
{
	char text[16];
	struct spawn_end end = run("exit 65", text, sizeof(text));

	(void)state;
	assert_true(!end.by_signal && end.number == 65);
	end = run("kill -9 $$", text, sizeof(text));
	assert_true(end.by_signal && end.number == SIGKILL);
}

static void
what_cannot_be_run_ends_as_a_shell_has_it(void **state)
{
	char name[] = "x";
	char *argv[] = { name, NULL };
	static const struct {
		const char *path;
		int number;
	} rows[] = { { "/nonexistent/x", SPAWN_NOT_FOUND }, { "/dev/null", SPAWN_NOT_RUN } };
	struct pollfd wait = { .events = POLLIN };
	struct spawn_end end;
	int pair[2];
	size_t i;
	pid_t pid;

	(void)state;
	assert_int_equal(packet_pair(pair), ERR_OK);
	for (i = 0; i < COUNT_OF(rows); i++) {
		assert_false(spawn_is_program(rows[i].path));
		assert_int_equal(spawn_start(rows[i].path, argv, pair[1], &pid, &wait.fd), ERR_OK);
		assert_int_equal(poll(&wait, 1, 30000), 1);
		assert_int_equal(spawn_reap(wait.fd, &end), ERR_OK);
		assert_true(!end.by_signal && end.number == rows[i].number);
		(void)close(wait.fd);
	}
	assert_true(spawn_is_program("/bin/sh"));
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
one_that_runs_is_not_reaped_and_can_be_ended(void **state)
{
	char sh[] = "/bin/sh";
	char c[] = "-c";
	char line[] = "exec sleep 1000";
	char *argv[] = { sh, c, line, NULL };
	struct pollfd wait = { .events = POLLIN };
	struct spawn_end end;
	int pair[2];
	pid_t pid;

	(void)state;
	assert_int_equal(packet_pair(pair), ERR_OK);
	assert_int_equal(spawn_start("/bin/sh", argv, pair[1], &pid, &wait.fd), ERR_OK);
	assert_int_equal(spawn_reap(wait.fd, &end), ERR_AGAIN);
	assert_int_equal(spawn_signal(wait.fd, 0), ERR_OK);
	assert_int_equal(spawn_signal(wait.fd, SIGKILL), ERR_OK);
	assert_int_equal(poll(&wait, 1, 30000), 1);
	assert_int_equal(spawn_reap(wait.fd, &end), ERR_OK);
	assert_true(end.by_signal && end.number == SIGKILL);
	assert_int_equal(spawn_signal(wait.fd, SIGKILL), ERR_MISSING);
	(void)close(wait.fd);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
shared_memory_is_sealed_and_read_only_again(void **state)
{
	struct stat info;
	char path[64];
	int fd;
	int reader;

	(void)state;
	assert_int_equal(memfd_make("test", 4096, &fd), ERR_OK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(fd, &info), 0);
	assert_int_equal(info.st_size, 4096);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(ftruncate(fd, 4095), -1);
	assert_int_equal(ftruncate(fd, 4097), -1);
	assert_int_equal(memfd_reopen_read_only(fd, &reader), ERR_OK);
	assert_int_equal(fcntl(reader, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(reader, "x", 1), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0),
			 MAP_FAILED);
	assert_int_equal(pwrite(fd, "x", 1, 7), 1);
	assert_int_equal(pread(reader, path, 1, 7), 1);
	assert_int_equal(path[0], 'x');
	(void)close(reader);
	(void)close(fd);
	assert_int_equal(memfd_reopen_read_only(fd, &reader), ERR_SYSTEM);
}

static void
memory_is_filled_and_nobody_writes_it(void **state)
{
	static const char text[] = "what it says";
	char got[sizeof(text)];
	int fd = -1;

	(void)state;
	assert_int_equal(
		memfd_of("test", (struct bytes){ (const uint8_t *)text, sizeof(text) }, &fd),
		ERR_OK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(lseek(fd, 0, SEEK_END), sizeof(text));
	assert_int_equal(pread(fd, got, sizeof(got), 0), sizeof(text));
	assert_memory_equal(got, text, sizeof(text));
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	(void)close(fd);
}

static void
groups_are_found_by_name(void **state)
{
	const struct group *root = getgrgid(0);
	gid_t gid = 77;

	(void)state;
	assert_non_null(root);
	assert_int_equal(account_group(root->gr_name, &gid), ERR_OK);
	assert_int_equal(gid, 0);
	gid = 77;
	assert_int_equal(account_group("no such group here", &gid), ERR_MISSING);
	assert_int_equal(gid, 77);
	assert_int_equal(account_own_uid(), geteuid());
}

static void
the_programs_own_folder_is_known(void **state)
{
	char *folder = NULL;
	char path[4200];

	(void)state;
	assert_int_equal(own_folder(&folder), ERR_OK);
	assert_int_equal(folder[0], '/');
	(void)snprintf(path, sizeof(path), "%s/unit-os-spawn", folder);
	assert_int_equal(access(path, X_OK), 0);
	free(folder);
}

static void
descriptors_are_raised_to_what_may_be(void **state)
{
	struct rlimit limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	spawn_raise_descriptors();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(limit.rlim_cur == limit.rlim_max);
}

/* A child of a line of shell; it is killed in the end. */
static int
begin(const char *line, pid_t *pid_out)
{
	char sh[] = "/bin/sh";
	char c[] = "-c";
	char *argv[] = { sh, c, strdup(line), NULL };
	int pidfd = -1;
	int pair[2];

	assert_int_equal(packet_pair(pair), ERR_OK);
	assert_int_equal(spawn_start("/bin/sh", argv, pair[1], pid_out, &pidfd), ERR_OK);
	(void)close(pair[0]);
	(void)close(pair[1]);
	free(argv[2]);
	return pidfd;
}

static void
kill_it(int pidfd)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };
	struct spawn_end end;

	assert_int_equal(spawn_signal(pidfd, SIGKILL), ERR_OK);
	assert_int_equal(poll(&wait, 1, 30000), 1);
	assert_int_equal(spawn_reap(pidfd, &end), ERR_OK);
	(void)close(pidfd);
}

static void
what_it_has_had_of_the_processors_is_told(void **state)
{
	struct spawn_use use = { 0, false };
	pid_t pid = 0;
	int pidfd = begin("while :; do :; done", &pid);

	(void)state;
	while (use.cpu_ms < 30)
		assert_int_equal(spawn_used(pid, &use), ERR_OK);
	assert_true(use.is_ready);
	/* Stopped it is not ready, and has no more. */
	assert_int_equal(spawn_signal(pidfd, SIGSTOP), ERR_OK);
	while (use.is_ready)
		assert_int_equal(spawn_used(pid, &use), ERR_OK);
	kill_it(pidfd);
	assert_int_equal(spawn_used(pid, &use), ERR_MISSING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_has_had_of_the_processors_is_told),
		cmocka_unit_test(a_child_has_its_channel_and_nothing_else),
		cmocka_unit_test(its_end_is_told_as_it_was),
		cmocka_unit_test(what_cannot_be_run_ends_as_a_shell_has_it),
		cmocka_unit_test(one_that_runs_is_not_reaped_and_can_be_ended),
		cmocka_unit_test(shared_memory_is_sealed_and_read_only_again),
		cmocka_unit_test(memory_is_filled_and_nobody_writes_it),
		cmocka_unit_test(groups_are_found_by_name),
		cmocka_unit_test(the_programs_own_folder_is_known),
		cmocka_unit_test(descriptors_are_raised_to_what_may_be),
	};

	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}
