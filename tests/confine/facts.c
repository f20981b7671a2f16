/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the kernel says of a confined child, as /proc shows it from outside; and how a child ends
 * that was not started as harkd starts it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "enter.h"
#include "os/confine.h"
#include "prog/exit.h"
#include "unit.h"

struct child {
	enum role_name role;
	const struct place *place;
};

/* Confined, it says so by one byte and waits for its end. */
static void
stay(void *ctx)
{
	const struct child *c = ctx;
	struct acts a;
	char byte = 0;

	enter_role(c->role, CONFINED, c->place, &a);
	if (write(ROLE_SUPERVISOR_FD, &byte, 1) != 1)
		_exit(ENTER_BROKE);
	while (read(ROLE_SUPERVISOR_FD, &byte, 1) > 0)
		continue;
}

/* The value of a line of /proc/<pid>/<file>, without the blanks around it. */
static void
fact(pid_t pid, const char *file, const char *name, char *value, size_t capacity)
{
	char path[64];
	char line[256];
	FILE *from;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	from = fopen(path, "re");
	assert_non_null(from);
	value[0] = '\0';
	while (fgets(line, sizeof(line), from) != NULL) {
		size_t size = strlen(name);

		if (strncmp(line, name, size) == 0) {
			const char *at = line + size + strspn(line + size, " \t:");

			(void)snprintf(value, capacity, "%.*s", (int)strcspn(at, "\n"), at);
			break;
		}
	}
	assert_int_equal(fclose(from), 0);
}

static void
expect_fact(pid_t pid, const char *file, const char *name, const char *want)
{
	char value[256];

	fact(pid, file, name, value, sizeof(value));
	if (strncmp(value, want, strlen(want)) != 0 || (want[0] == '\0' && value[0] != '\0'))
		fail_msg("%s of %s is '%s', not '%s'", name, file, value, want);
}

/* Where its descriptor 2 leads is where ours does, or nowhere. */
static void
expect_log(pid_t pid, bool has_one)
{
	char path[64];
	char ours[256] = "";
	char got[256] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/2", (int)pid);
	assert_true(readlink(path, got, sizeof(got) - 1) > 0);
	assert_true(readlink("/proc/self/fd/2", ours, sizeof(ours) - 1) > 0);
	assert_string_equal(got, has_one ? ours : "/dev/null");
}

static void
the_kernel_says_what_is_gone(void **state)
{
	enum role_name role;

	(void)state;
	for (role = 0; role < ROLE_COUNT; role++) {
		struct place p;
		struct child c = { .role = role, .place = &p };
		int channel = -1;
		char byte;
		pid_t pid;

		place_make(&p);
		pid = enter_fork(stay, &c, &channel);
		enter_send_setup(channel, role, &p);
		assert_int_equal(read(channel, &byte, 1), 1);
		expect_fact(pid, "status", "NoNewPrivs", "1");
		expect_fact(pid, "status", "Seccomp", "2");
		expect_fact(pid, "status", "CapEff", "0000000000000000");
		expect_fact(pid, "status", "CapPrm", "0000000000000000");
		expect_fact(pid, "status", "CapInh", "0000000000000000");
		expect_fact(pid, "status", "CapAmb", "0000000000000000");
		expect_fact(pid, "limits", "Max core file size", "0 ");
		if (geteuid() == 0) {
			bool owner =
				role == ROLE_NOTARY || role == ROLE_SIGNER || role == ROLE_OBSERVER;

			expect_log(pid, role != ROLE_OBSERVER);
			expect_fact(pid, "status", "CapBnd", "0000000000000000");
			expect_fact(pid, "status", "Uid",
				    owner ? "0\t0\t0\t0" : "65534\t65534\t65534\t65534");
			expect_fact(pid, "status", "Gid",
				    owner ? "0\t0\t0\t0" : "65534\t65534\t65534\t65534");
			if (!owner)
				expect_fact(pid, "status", "Groups", "");
		}
		/* Who makes threads first sets that limit by itself, or not. */
		if (role != ROLE_NOTARY && role != ROLE_OBSERVER)
			expect_fact(pid, "limits", "Max processes", "0 ");
		assert_int_equal(getpriority(PRIO_PROCESS, (id_t)pid),
				 role >= ROLE_OBSERVER ? 19 : getpriority(PRIO_PROCESS, 0));
		assert_int_equal(sched_getscheduler(pid),
				 role >= ROLE_OBSERVER ? SCHED_BATCH : SCHED_OTHER);
		if (role >= ROLE_OBSERVER) {
			expect_fact(pid, "oom_score_adj", "", "500");
			expect_fact(pid, "limits", "Max stack size", "8388608 ");
		}
		(void)close(channel);
		assert_int_equal(enter_wait(pid), 0);
		place_remove(&p);
	}
}

/* Where harkd is root and a ledger is another user's, its notary and signer become that user. */
static void
the_owner_of_the_directory_is_become(void **state)
{
	struct place p;
	struct child c = { .role = ROLE_NOTARY, .place = &p };
	int channel = -1;
	char byte;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	place_make(&p);
	assert_int_equal(chown(p.evidence, 4711, 4712), 0);
	pid = enter_fork(stay, &c, &channel);
	enter_send_setup(channel, ROLE_NOTARY, &p);
	assert_int_equal(read(channel, &byte, 1), 1);
	expect_fact(pid, "status", "Uid", "4711\t4711\t4711\t4711");
	expect_fact(pid, "status", "Gid", "4712\t4712\t4712\t4712");
	expect_fact(pid, "status", "Groups", "");
	expect_fact(pid, "status", "CapEff", "0000000000000000");
	(void)close(channel);
	assert_int_equal(enter_wait(pid), 0);
	place_remove(&p);
}

/* What its setup comes to. */
static void
set_up_alone(void *ctx)
{
	static uint8_t buffer[IPC_BYTES_MAX];
	struct message m;
	int code = 0;

	(void)ctx;
	if (role_begin(ROLE_PROJECTOR, "unit-role", &code) != ERR_OK)
		_exit(ENTER_BROKE);
	if (role_setup(MESSAGE_PROJECTOR_SETUP, buffer, sizeof(buffer), &m, &code) == ERR_OK)
		_exit(0);
	_exit(code);
}

/* Who takes a projector over would own what root owns beside its database. */
static void
a_projector_is_never_root(void **state)
{
	static uint8_t buffer[IPC_BYTES_MAX];
	struct message said;
	struct place p;
	int channel = -1;
	int stays;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	for (stays = 0; stays < 2; stays++) {
		place_make(&p);
		p.stays_roots = stays == 1;
		pid = enter_fork(set_up_alone, NULL, &channel);
		enter_send_setup(channel, ROLE_PROJECTOR, &p);
		assert_int_equal(enter_wait(pid), stays == 1 ? 77 : 0);
		if (stays == 1) {
			assert_int_equal(message_receive(channel, buffer, sizeof(buffer), &said),
					 ERR_OK);
			assert_int_equal(said.type, MESSAGE_FAILED);
			assert_int_equal(message_number(&said, FIELD_CODE, 0), 77);
		}
		(void)close(channel);
		place_remove(&p);
	}
}

/* A service may have given harkd one capability for itself, without root. */
static void
stay_with_capability(void *ctx)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	sets[0].effective = sets[0].permitted = sets[0].inheritable = 1u << CAP_CHOWN;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setresuid(4711, 4711, 4711) != 0 ||
	    syscall(SYS_capset, &head, sets) != 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) != 0)
		_exit(ENTER_BROKE);
	stay(ctx);
}

static void
capabilities_of_a_service_are_dropped(void **state)
{
	struct place p;
	struct child c = { .role = ROLE_RECEIVER, .place = &p };
	int channel = -1;
	char byte;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	place_make(&p);
	pid = enter_fork(stay_with_capability, &c, &channel);
	enter_send_setup(channel, ROLE_RECEIVER, &p);
	assert_int_equal(read(channel, &byte, 1), 1);
	expect_fact(pid, "status", "Uid", "4711\t4711\t4711\t4711");
	expect_fact(pid, "status", "CapEff", "0000000000000000");
	expect_fact(pid, "status", "CapPrm", "0000000000000000");
	expect_fact(pid, "status", "CapInh", "0000000000000000");
	expect_fact(pid, "status", "CapAmb", "0000000000000000");
	(void)close(channel);
	assert_int_equal(enter_wait(pid), 0);
	place_remove(&p);
}

/* ---- beginnings that are none -------------------------------------------------------------- */

static void
begin_only(void *ctx)
{
	int code = 0;

	(void)ctx;
	(void)close(2); /* what it says is not looked at here */
	if (role_begin(ROLE_RECEIVER, "unit-role", &code) != ERR_OK)
		_exit(code);
}

static void
begin_on_a_file(void *ctx)
{
	int fd = open("/dev/null", O_RDONLY);

	if (dup2(fd, ROLE_SUPERVISOR_FD) != ROLE_SUPERVISOR_FD)
		_exit(ENTER_BROKE);
	begin_only(ctx);
}

static void
begin_on_a_stream(void *ctx)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
	    dup2(pair[0], ROLE_SUPERVISOR_FD) != ROLE_SUPERVISOR_FD)
		_exit(ENTER_BROKE);
	begin_only(ctx);
}

static void
begin_on_nothing(void *ctx)
{
	(void)close(ROLE_SUPERVISOR_FD);
	begin_only(ctx);
}

/* Descriptors that the parent forgot are closed, the known ones are not. */
static void
begin_with_more(void *ctx)
{
	int more = dup(0);
	int far = fcntl(0, F_DUPFD, 900);

	if (more < 0 || far < 0)
		_exit(ENTER_BROKE);
	begin_only(ctx);
	if (fcntl(more, F_GETFD) != -1 || fcntl(far, F_GETFD) != -1 ||
	    fcntl(ROLE_SUPERVISOR_FD, F_GETFD) == -1)
		_exit(1);
}

static void
what_no_harkd_started_ends(void **state)
{
	static const struct {
		const char *rule;
		enter_fn *fn;
		int want;
	} rows[] = { { "a channel", begin_only, 0 },
		     { "a file", begin_on_a_file, EXIT_USAGE },
		     { "a stream", begin_on_a_stream, EXIT_USAGE },
		     { "nothing", begin_on_nothing, EXIT_USAGE },
		     { "more descriptors", begin_with_more, 0 } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		int channel = -1;
		int got = enter_wait(enter_fork(rows[i].fn, NULL, &channel));

		(void)close(channel);
		if (got != rows[i].want)
			fail_msg("%s: %d", rows[i].rule, got);
	}
}

static void
wait_for_setup(void *ctx)
{
	static char buffer[IPC_BYTES_MAX];
	struct message m;
	int code = 0;

	begin_only(ctx);
	if (role_setup(MESSAGE_RECEIVER_SETUP, buffer, sizeof(buffer), &m, &code) != ERR_OK)
		_exit(code);
}

static void
only_its_own_setup_is_taken(void **state)
{
	struct message m;
	int channel = -1;
	pid_t pid;

	(void)state;
	pid = enter_fork(wait_for_setup, NULL, &channel);
	(void)close(channel);
	assert_int_equal(enter_wait(pid), EXIT_TEMPORARY);

	pid = enter_fork(wait_for_setup, NULL, &channel);
	assert_int_equal(send(channel, "no message", 10, 0), 10);
	assert_int_equal(enter_wait(pid), EXIT_PROTOCOL);
	(void)close(channel);

	pid = enter_fork(wait_for_setup, NULL, &channel);
	message_init(&m, MESSAGE_STOP, 0);
	assert_int_equal(message_send(channel, &m), ERR_OK);
	assert_int_equal(enter_wait(pid), EXIT_PROTOCOL);
	(void)close(channel);

	pid = enter_fork(wait_for_setup, NULL, &channel);
	message_init(&m, MESSAGE_RECEIVER_SETUP, 0);
	message_set_number(&m, FIELD_INCARNATION, 7);
	message_set_number(&m, FIELD_CONFINE, 0);
	assert_int_equal(message_send(channel, &m), ERR_OK);
	assert_int_equal(enter_wait(pid), 0);
	(void)close(channel);
}

/* ---- threads ------------------------------------------------------------------------------- */

static void *
wait_for_the_end(void *argument)
{
	char byte;

	/* Until the test closes the other end. */
	(void)!read(*(const int *)argument, &byte, 1);
	return NULL;
}

static void
a_second_thread_is_seen(void **state)
{
	pthread_t thread;
	int ends[2];

	(void)state;
	assert_true(confine_is_single_thread());
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_the_end, &ends[0]), 0);
	assert_false(confine_is_single_thread());
	(void)close(ends[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(ends[0]);
}

/* ---- the parent's end ---------------------------------------------------------------------- */

/* Begins, tells so, and would then wait for ever: the test holds both ends of its channel. */
static void
begin_and_wait(int told)
{
	int code = 0;

	/* role_begin closes all above 3: the pipe takes the place of the log. */
	if (dup2(told, 2) != 2 || role_begin(ROLE_RECEIVER, "unit-role", &code) != ERR_OK)
		_exit(ENTER_BROKE);
	if (write(2, "!", 1) != 1)
		_exit(ENTER_BROKE);
	for (;;)
		(void)pause();
}

static void
a_child_ends_with_its_parent(void **state)
{
	int pair[2];
	int told[2];
	char byte;
	pid_t parent;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(told), 0);
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		pid_t child = fork();

		if (child == 0) {
			(void)dup2(pair[0], ROLE_SUPERVISOR_FD);
			begin_and_wait(told[1]);
		}
		/* Only the child holds the pipe now. */
		(void)close(told[1]);
		for (;;)
			(void)pause();
	}
	(void)close(told[1]);
	assert_int_equal(read(told[0], &byte, 1), 1);
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	/* The pipe ends with the child; where it lives on, the test's time limit fails it. */
	assert_int_equal(read(told[0], &byte, 1), 0);
	(void)close(told[0]);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_says_what_is_gone),
		cmocka_unit_test(the_owner_of_the_directory_is_become),
		cmocka_unit_test(a_projector_is_never_root),
		cmocka_unit_test(capabilities_of_a_service_are_dropped),
		cmocka_unit_test(what_no_harkd_started_ends),
		cmocka_unit_test(only_its_own_setup_is_taken),
		cmocka_unit_test(a_child_ends_with_its_parent),
		cmocka_unit_test(a_second_thread_is_seen),
	};

	return cmocka_run_group_tests_name("confine/facts", tests, NULL, NULL);
}
