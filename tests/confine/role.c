/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Each role, entered by the same role.c as the real programs, tries each forbidden act in a process
 * of its own.  A twin that stops before role_confine does the same act and must get it done: so no
 * act is refused for another reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acts.h"
#include "os/confine.h"
#include "role/role.h"
#include "unit.h"

/* How a child ends where the test itself has a fault: no errno is that large. */
#define CHILD_BROKE 250

enum depth { TWIN, CONFINED, THREADS_ENDED };

/* A folder of the test's: two ledgers of the notary, and what lies outside of them. */
struct place {
	char path[64];
	char evidence[80], operations[80], file[80], fresh[80], key[80];
};

static void
touch(const char *path, mode_t mode)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "content\n", 8), 8);
	(void)close(fd);
}

static void
place_make(struct place *p)
{
	(void)snprintf(p->path, sizeof(p->path), "/tmp/hark-confine-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	(void)snprintf(p->evidence, sizeof(p->evidence), "%s/evidence", p->path);
	(void)snprintf(p->operations, sizeof(p->operations), "%s/operations", p->path);
	(void)snprintf(p->file, sizeof(p->file), "%s/file", p->path);
	(void)snprintf(p->fresh, sizeof(p->fresh), "%s/fresh", p->path);
	(void)snprintf(p->key, sizeof(p->key), "%s/evidence.key", p->path);
	assert_int_equal(mkdir(p->evidence, 0700), 0);
	assert_int_equal(mkdir(p->operations, 0700), 0);
	/* Open to everybody: it is not the mode that refuses. */
	assert_int_equal(chmod(p->path, 0777), 0);
	touch(p->file, 0666);
	assert_int_equal(chmod(p->file, 0666), 0);
	touch(p->key, 0600);
}

static void
place_remove(struct place *p)
{
	if (unlink(p->fresh) != 0)
		(void)rmdir(p->fresh);
	(void)unlink(p->file); /* an act may have removed it */
	assert_int_equal(unlink(p->key), 0);
	assert_int_equal(rmdir(p->evidence), 0);
	assert_int_equal(rmdir(p->operations), 0);
	assert_int_equal(rmdir(p->path), 0);
}

/* ---- harkd's side -------------------------------------------------------------------------- */

static enum message_type
setup_type(enum role_name role)
{
	static const enum message_type types[ROLE_COUNT] = {
		[ROLE_CONTROL] = MESSAGE_CONTROL_SETUP,
		[ROLE_RECEIVER] = MESSAGE_RECEIVER_SETUP,
		[ROLE_NOTARY] = MESSAGE_NOTARY_SETUP,
		[ROLE_SIGNER] = MESSAGE_SIGNER_SETUP,
	};

	return types[role];
}

static void
send_setup(int fd, enum role_name role, const struct place *p)
{
	static const enum message_field numbers[] = { FIELD_CLEAN,       FIELD_COMMIT_US,
						      FIELD_BATCH_BYTES, FIELD_SEGMENT_BYTES,
						      FIELD_TICK_MS,     FIELD_CHECKPOINT_MS };
	struct message m;
	size_t i;

	message_init(&m, setup_type(role), 0);
	message_set_number(&m, FIELD_CONFINE, 1);
	if (role == ROLE_RECEIVER)
		message_set_number(&m, FIELD_INCARNATION, 7);
	if (role == ROLE_SIGNER) {
		message_set_number(&m, FIELD_LEDGER, PROTO_EVIDENCE);
		message_set_text(&m, FIELD_ORIGIN, "host/evidence");
	}
	if (role == ROLE_NOTARY) {
		message_set_text(&m, FIELD_HOST, "host");
		for (i = 0; i < COUNT_OF(numbers); i++)
			message_set_number(&m, numbers[i], 1);
	}
	m.fd_count = role == ROLE_NOTARY ? 4 : role == ROLE_RECEIVER ? 0 : 1;
	for (i = 0; i < m.fd_count; i++) {
		m.fds[i] = open(i == 1 ? p->operations : p->evidence,
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(m.fds[i] >= 0);
	}
	assert_int_equal(message_send(fd, &m), ERR_OK);
	message_close(&m);
}

/* ---- the child's side ---------------------------------------------------------------------- */

static void
child_enter(enum role_name role, enum depth depth, const struct place *p, struct acts *a)
{
	static char buffer[IPC_BYTES_MAX];
	struct role_report report;
	struct message m = { 0 };
	size_t directories = role == ROLE_NOTARY ? 2 : 0;
	int code = 0;

	if (role_begin(role, "unit-role", &code) != ERR_OK)
		_exit(CHILD_BROKE);
	/* The twin stays who it is, and reads the message by itself. */
	if (depth != TWIN &&
	    role_setup(setup_type(role), buffer, sizeof(buffer), &m, &code) != ERR_OK)
		_exit(CHILD_BROKE);
	while (depth == TWIN && m.type == MESSAGE_NONE) {
		if (message_receive(ROLE_SUPERVISOR_FD, buffer, sizeof(buffer), &m) == ERR_END)
			_exit(CHILD_BROKE);
	}
	*a = (struct acts){
		.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.directory = m.fd_count > 0 ? m.fds[0] : open(p->evidence, O_PATH | O_CLOEXEC),
		.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0),
		.file = p->file,
		.fresh = p->fresh,
		.key = p->key,
	};
	if (a->socket < 0 || a->page == MAP_FAILED)
		_exit(CHILD_BROKE);
	if (depth == TWIN)
		return;
	if (role_confine(role, m.fds, directories, false, &report) != ERR_OK ||
	    (depth == THREADS_ENDED && role_threads_end() != ERR_OK))
		_exit(CHILD_BROKE);
}

/* How an act ended in a process of its own: 0, errno, or minus the signal that ended it. */
static int
try_act(enum role_name role, enum depth depth, act_fn *act)
{
	struct place p;
	int pair[2];
	int status = 0;
	pid_t pid;

	place_make(&p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct acts a;

		if (pair[0] != ROLE_SUPERVISOR_FD &&
		    dup2(pair[0], ROLE_SUPERVISOR_FD) != ROLE_SUPERVISOR_FD)
			_exit(CHILD_BROKE);
		child_enter(role, depth, &p, &a);
		_exit(act(&a));
	}
	(void)close(pair[0]);
	send_setup(pair[1], role, &p);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(pair[1]);
	place_remove(&p);
	if (WIFSIGNALED(status))
		return -WTERMSIG(status);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != CHILD_BROKE);
	return WEXITSTATUS(status);
}

static int
is_refusal(int outcome)
{
	return outcome == EPERM || outcome == EACCES || outcome == ENOSYS || outcome == -SIGSYS;
}

/* ---- tests --------------------------------------------------------------------------------- */

static bool
kernel_confines(void)
{
	unsigned int version = 0;

	return confine_landlock_version(&version) == ERR_OK;
}

static void
refuses_all(enum role_name role)
{
	size_t i;

	if (!kernel_confines())
		skip();
	for (i = 0; i < act_count; i++) {
		int twin = try_act(role, TWIN, acts[i].fn);
		int confined = try_act(role, CONFINED, acts[i].fn);

		if (twin != 0)
			fail_msg("%s: even the twin got %d", acts[i].name, twin);
		if (!is_refusal(confined))
			fail_msg("%s: got %d", acts[i].name, confined);
	}
	assert_int_equal(try_act(role, CONFINED, act_ordinary), 0);
}

static void
the_control_program_is_refused_all(void **state)
{
	(void)state;
	refuses_all(ROLE_CONTROL);
}

static void
the_receiver_is_refused_all(void **state)
{
	(void)state;
	refuses_all(ROLE_RECEIVER);
}

static void
the_notary_is_refused_all(void **state)
{
	(void)state;
	refuses_all(ROLE_NOTARY);
}

static void
the_signer_is_refused_all(void **state)
{
	(void)state;
	refuses_all(ROLE_SIGNER);
}

static void
the_notary_alone_works_below_its_ledgers(void **state)
{
	enum role_name role;

	(void)state;
	if (!kernel_confines())
		skip();
	for (role = 0; role < ROLE_COUNT; role++) {
		int outcome = try_act(role, CONFINED, act_work_below);

		assert_true(role == ROLE_NOTARY ? outcome == 0 : is_refusal(outcome));
	}
}

static void
the_notary_has_threads_until_they_end(void **state)
{
	(void)state;
	if (!kernel_confines())
		skip();
	assert_int_equal(try_act(ROLE_NOTARY, CONFINED, act_thread), 0);
	assert_int_equal(try_act(ROLE_NOTARY, TWIN, act_thread), 0);
	assert_true(is_refusal(try_act(ROLE_NOTARY, THREADS_ENDED, act_thread)));
	assert_int_equal(try_act(ROLE_NOTARY, THREADS_ENDED, act_work_below), 0);
	assert_true(is_refusal(try_act(ROLE_RECEIVER, CONFINED, act_thread)));
}

static int
give_up(const struct acts *a)
{
	(void)a;
	abort();
}

static void
a_mistake_of_ours_still_aborts(void **state)
{
	enum role_name role;

	(void)state;
	for (role = 0; role < ROLE_COUNT; role++)
		assert_int_equal(try_act(role, CONFINED, give_up), -SIGABRT);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_control_program_is_refused_all),
		cmocka_unit_test(the_receiver_is_refused_all),
		cmocka_unit_test(the_notary_is_refused_all),
		cmocka_unit_test(the_signer_is_refused_all),
		cmocka_unit_test(the_notary_alone_works_below_its_ledgers),
		cmocka_unit_test(the_notary_has_threads_until_they_end),
		cmocka_unit_test(a_mistake_of_ours_still_aborts),
	};

	return cmocka_run_group_tests_name("confine/role", tests, NULL, NULL);
}
