/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The order of steps, and what each step's failure leads to: every call of lib/os stands in here,
 * so nothing is given up.  Each case is a process of its own, because a process has one role.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/confine.h"
#include "os/wait.h"
#include "prog/exit.h"
#include "role/role.h"
#include "unit.h"

/* The step that fails, how, and the steps that were taken, in their order. */
static const char *failing;
static enum err failing_with;
static int failing_errno;
static char taken[512];
static bool is_root;
static uid_t became;

static enum err
step(const char *name)
{
	size_t size = strlen(taken);

	(void)snprintf(taken + size, sizeof(taken) - size, "%s ", name);
	if (failing == NULL || strcmp(failing, name) != 0)
		return ERR_OK;
	errno = failing_errno;
	return failing_with;
}

/* Stands in for a call of lib/os. */
#define STAND_IN(name, arguments, word)   \
	enum err __wrap_##name arguments; \
	enum err __wrap_##name arguments  \
	{                                 \
		return step(word);        \
	}

STAND_IN(confine_close_from, (int first __attribute__((unused))), "close")
STAND_IN(confine_check_channel, (int fd __attribute__((unused))), "channel")
STAND_IN(confine_end_with, (pid_t parent __attribute__((unused))), "parent")
STAND_IN(confine_drop_bounding, (void), "bounding")
STAND_IN(confine_drop_capabilities, (void), "capabilities")
STAND_IN(confine_not_dumpable, (void), "dumpable")
STAND_IN(confine_no_new_privileges, (void), "privileges")
STAND_IN(confine_landlock,
	 (const struct confine_directory *directories __attribute__((unused)),
	  size_t count __attribute__((unused))),
	 "landlock")
STAND_IN(confine_seccomp,
	 (const struct sock_filter *program __attribute__((unused)),
	  size_t count __attribute__((unused))),
	 "seccomp")

enum err __wrap_confine_limit(int resource, uint64_t most);
enum err __wrap_confine_become(uid_t uid, gid_t gid);
bool __wrap_confine_is_root(void);
enum err __wrap_wait_ready(struct wait_item *items, size_t count, uint64_t deadline_ns);
enum err __wrap_message_receive(int fd, void *buffer, size_t capacity, struct message *out);

enum err
__wrap_confine_limit(int resource, uint64_t most)
{
	(void)resource;
	(void)most;
	/* Three limits, one step. */
	return strstr(taken, "limits") == NULL ? step("limits") : ERR_OK;
}

enum err
__wrap_confine_become(uid_t uid, gid_t gid)
{
	(void)gid;
	became = uid;
	return step("become");
}

bool
__wrap_confine_is_root(void)
{
	return is_root;
}

enum err
__wrap_wait_ready(struct wait_item *items, size_t count, uint64_t deadline_ns)
{
	(void)count;
	(void)deadline_ns;
	items[0].ready_read = true;
	return step("wait");
}

enum err
__wrap_message_receive(int fd, void *buffer, size_t capacity, struct message *out)
{
	(void)fd;
	(void)buffer;
	(void)capacity;
	message_init(out, MESSAGE_RECEIVER_SETUP, 0);
	return step("receive");
}

/* Where a child's way ended, and what it knew then. */
struct outcome {
	enum { BEGIN, SETUP, CONFINE, DONE } at;
	enum err e;
	int code;
	uid_t became;
	char taken[512];
	char missing[256];
};

struct wish {
	const char *failing;
	enum err with;
	int error;
	bool root;
	bool require;
};

static void
go(const struct wish *wish, struct outcome *out)
{
	static char buffer[64];
	struct role_report report = { .missing = "" };
	struct message m;

	failing = wish->failing;
	failing_with = wish->with;
	failing_errno = wish->error;
	is_root = wish->root;
	out->at = BEGIN;
	out->e = role_begin(ROLE_RECEIVER, "unit-role", &out->code);
	if (out->e == ERR_OK) {
		out->at = SETUP;
		out->e = role_setup(MESSAGE_RECEIVER_SETUP, buffer, sizeof(buffer), &m, &out->code);
	}
	if (out->e == ERR_OK) {
		out->at = CONFINE;
		out->e = role_confine(ROLE_RECEIVER, NULL, 0, wish->require, &report);
	}
	if (out->e == ERR_OK)
		out->at = DONE;
	out->became = became;
	memcpy(out->taken, taken, sizeof(taken));
	memcpy(out->missing, report.missing, sizeof(report.missing));
}

/* The same in a process of its own. */
static struct outcome
outcome_of(const struct wish *wish)
{
	struct outcome out = { .code = 0 };
	int ends[2];
	int status = 0;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(2); /* what it says to people is not looked at here */
		go(wish, &out);
		_exit(write(ends[1], (const char *)&out, sizeof(out)) == sizeof(out) ? 0 : 1);
	}
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &out, sizeof(out)), sizeof(out));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(ends[0]);
	return out;
}

#define NOT_ROOT "a user of its own (harkd is not root)"

static void
steps_come_in_their_order(void **state)
{
	const struct wish root = { .root = true, .require = true };
	const struct wish other = { .root = false };
	struct outcome out = outcome_of(&root);

	(void)state;
	assert_int_equal(out.at, DONE);
	assert_string_equal(out.taken,
			    "channel close parent wait receive bounding become capabilities parent "
			    "limits dumpable privileges landlock seccomp ");
	assert_string_equal(out.missing, "");
	assert_int_equal(out.became, 65534);
	/* Without root there is no user to become, and that is said. */
	out = outcome_of(&other);
	assert_int_equal(out.at, DONE);
	assert_string_equal(out.taken,
			    "channel close parent wait receive capabilities limits dumpable "
			    "privileges landlock seccomp ");
	assert_string_equal(out.missing, NOT_ROOT);
}

static void
each_failure_has_its_end(void **state)
{
	static const struct {
		struct wish wish;
		int at;
		enum err e;
		int code; /* where role_begin or role_setup ends it */
		const char *missing;
	} rows[] = {
		{ { "channel", ERR_FORMAT, 0, true, false }, BEGIN, ERR_FORMAT, EXIT_USAGE, "" },
		{ { "close", ERR_UNSUPPORTED, ENOSYS, true, false },
		  BEGIN,
		  ERR_UNSUPPORTED,
		  EXIT_UNAVAILABLE,
		  "" },
		{ { "close", ERR_SYSTEM, EIO, true, false }, BEGIN, ERR_SYSTEM, EXIT_OS, "" },
		{ { "parent", ERR_END, 0, true, false }, BEGIN, ERR_END, EXIT_TEMPORARY, "" },
		{ { "wait", ERR_SYSTEM, EIO, true, false }, SETUP, ERR_SYSTEM, EXIT_PROTOCOL, "" },
		{ { "receive", ERR_END, 0, true, false }, SETUP, ERR_END, EXIT_TEMPORARY, "" },
		{ { "receive", ERR_FORMAT, 0, true, false }, SETUP, ERR_FORMAT, EXIT_PROTOCOL, "" },
		{ { "bounding", ERR_SYSTEM, EIO, true, false }, SETUP, ERR_SYSTEM, EXIT_OS, "" },
		{ { "bounding", ERR_REFUSED, EPERM, true, false },
		  DONE,
		  ERR_OK,
		  0,
		  "an empty bounding set (capability SETPCAP)" },
		{ { "become", ERR_SYSTEM, EAGAIN, true, false }, SETUP, ERR_SYSTEM, EXIT_OS, "" },
		{ { "become", ERR_REFUSED, EPERM, true, false },
		  DONE,
		  ERR_OK,
		  0,
		  "a user of its own (capabilities SETUID and SETGID)" },
		{ { "become", ERR_SYSTEM, EINVAL, true, false },
		  DONE,
		  ERR_OK,
		  0,
		  "a user of its own (capabilities SETUID and SETGID)" },
		{ { "become", ERR_REFUSED, EPERM, true, true },
		  CONFINE,
		  ERR_UNSUPPORTED,
		  0,
		  "a user of its own (capabilities SETUID and SETGID)" },
		{ { "capabilities", ERR_REFUSED, EPERM, true, false },
		  SETUP,
		  ERR_REFUSED,
		  EXIT_OS,
		  "" },
		{ { "capabilities", ERR_SYSTEM, EIO, false, false },
		  SETUP,
		  ERR_SYSTEM,
		  EXIT_OS,
		  "" },
		{ { "limits", ERR_SYSTEM, EIO, true, false },
		  CONFINE,
		  ERR_SYSTEM,
		  0,
		  "resource limits: Input/output error" },
		{ { "dumpable", ERR_SYSTEM, EIO, true, false },
		  CONFINE,
		  ERR_SYSTEM,
		  0,
		  "not dumpable: Input/output error" },
		{ { "privileges", ERR_SYSTEM, EIO, true, false },
		  CONFINE,
		  ERR_SYSTEM,
		  0,
		  "no_new_privs: Input/output error" },
		{ { "landlock", ERR_UNSUPPORTED, ENOSYS, true, false },
		  DONE,
		  ERR_OK,
		  0,
		  "Landlock (this kernel has or runs none)" },
		{ { "landlock", ERR_REFUSED, EPERM, true, false },
		  DONE,
		  ERR_OK,
		  0,
		  "Landlock (it is refused here)" },
		{ { "landlock", ERR_UNSUPPORTED, ENOSYS, true, true },
		  CONFINE,
		  ERR_UNSUPPORTED,
		  0,
		  "Landlock (this kernel has or runs none)" },
		{ { "landlock", ERR_SYSTEM, EIO, true, false },
		  CONFINE,
		  ERR_SYSTEM,
		  0,
		  "Landlock: Input/output error" },
		{ { "seccomp", ERR_UNSUPPORTED, ENOSYS, true, false },
		  DONE,
		  ERR_OK,
		  0,
		  "seccomp (no filters on this kernel or architecture)" },
		{ { "seccomp", ERR_REFUSED, EPERM, true, true },
		  CONFINE,
		  ERR_UNSUPPORTED,
		  0,
		  "seccomp (it is refused here)" },
		{ { "seccomp", ERR_SYSTEM, EIO, true, false },
		  CONFINE,
		  ERR_SYSTEM,
		  0,
		  "seccomp: Input/output error" },
		{ { NULL, ERR_OK, 0, false, true }, CONFINE, ERR_UNSUPPORTED, 0, NOT_ROOT },
		{ { "landlock", ERR_UNSUPPORTED, ENOSYS, false, false },
		  DONE,
		  ERR_OK,
		  0,
		  NOT_ROOT "; Landlock (this kernel has or runs none)" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct outcome out = outcome_of(&rows[i].wish);

		if ((int)out.at != rows[i].at || out.e != rows[i].e || out.code != rows[i].code ||
		    strcmp(out.missing, rows[i].missing) != 0)
			fail_msg("row %zu, %s: at %d, %s, code %d, '%s'", i, rows[i].wish.failing,
				 (int)out.at, err_text(out.e), out.code, out.missing);
		/* What is required and missing is known before the filter would hide it. */
		if (rows[i].wish.failing != NULL && strcmp(rows[i].wish.failing, "landlock") == 0 &&
		    rows[i].wish.require)
			assert_null(strstr(out.taken, "seccomp"));
	}
}

/* What harkd was told, and whether it still takes it. */
static struct message sent;
static bool harkd_is_gone;

enum err __wrap_message_send(int fd, const struct message *m);
enum err
__wrap_message_send(int fd, const struct message *m)
{
	assert_int_equal(fd, ROLE_SUPERVISOR_FD);
	sent = *m;
	return harkd_is_gone ? ERR_END : ERR_OK;
}

static void
last_words_and_first(void **state)
{
	const struct role_report whole = { "" };
	const struct role_report lacking = { "Landlock" };
	struct message ready;
	char text[64];

	(void)state;
	harkd_is_gone = false;
	assert_int_equal(role_fail(EXIT_UNAVAILABLE, "no filter"), EXIT_UNAVAILABLE);
	assert_int_equal(sent.type, MESSAGE_FAILED);
	assert_int_equal(message_number(&sent, FIELD_CODE, 0), EXIT_UNAVAILABLE);
	assert_int_equal(message_text(&sent, FIELD_TEXT, text, sizeof(text)), ERR_OK);
	assert_string_equal(text, "no filter");

	message_init(&ready, MESSAGE_READY, 0);
	message_set_text(&ready, FIELD_KEY, "key");
	assert_int_equal(role_ready(&ready, &whole), EXIT_OK);
	assert_int_equal(sent.type, MESSAGE_READY);
	assert_true(message_has(&sent, FIELD_KEY));
	assert_false(message_has(&sent, FIELD_TEXT));
	message_init(&ready, MESSAGE_READY, 0);
	assert_int_equal(role_ready(&ready, &lacking), EXIT_OK);
	assert_int_equal(message_text(&sent, FIELD_TEXT, text, sizeof(text)), ERR_OK);
	assert_string_equal(text, "Landlock");

	harkd_is_gone = true;
	message_init(&ready, MESSAGE_READY, 0);
	assert_int_equal(role_ready(&ready, &whole), EXIT_TEMPORARY);
	assert_int_equal(role_fail(EXIT_OS, "nobody hears"), EXIT_OS);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_come_in_their_order),
		cmocka_unit_test(each_failure_has_its_end),
		cmocka_unit_test(last_words_and_first),
	};

	return cmocka_run_group_tests_name("role/role", tests, NULL, NULL);
}
