/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Landlock alone, without the filter of system calls before it: each right given, and not given. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enter.h"
#include "os/confine.h"
#include "unit.h"

/* Where nobody listens. */
#define TCP_PORT 1

static struct place place;

static int
read_outside(void)
{
	return act_made(open(place.file, O_RDONLY | O_CLOEXEC));
}

static int
write_outside(void)
{
	return act_made(open(place.file, O_WRONLY | O_CLOEXEC));
}

static int
make_outside(void)
{
	return act_made(open(place.fresh, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static int
remove_outside(void)
{
	return unlink(place.file) == 0 ? 0 : errno;
}

static int
cut_outside(void)
{
	return truncate(place.file, 0) == 0 ? 0 : errno;
}

static int
inside(int flags)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/inside", place.evidence);
	return act_made(open(path, flags | O_CLOEXEC, 0600));
}

static int
read_inside(void)
{
	return inside(O_RDONLY);
}

static int
write_inside(void)
{
	return inside(O_WRONLY);
}

static int
list_inside(void)
{
	return act_made(open(place.evidence, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int
move_inside(void)
{
	char from[128], folder[128], to[160];

	(void)snprintf(from, sizeof(from), "%s/inside", place.evidence);
	(void)snprintf(folder, sizeof(folder), "%s/folder", place.evidence);
	(void)snprintf(to, sizeof(to), "%s/moved", folder);
	if (mkdir(folder, 0700) != 0 || rename(from, to) != 0 || rename(to, from) != 0 ||
	    rmdir(folder) != 0)
		return errno;
	return 0;
}

static int
link_inside(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/link", place.evidence);
	return symlink("/", path) == 0 ? 0 : errno;
}

static int
connect_tcp(void)
{
	struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_port = htons(TCP_PORT) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int e;

	nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return ENTER_BROKE;
	/* Nobody listens there: that it was tried is all that is asked. */
	e = connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)) == 0 ? 0 : errno;
	(void)close(fd);
	return e == ECONNREFUSED || e == ENETUNREACH ? 0 : e;
}

static int
signal_parent(void)
{
	return kill(getppid(), 0) == 0 ? 0 : errno;
}

/* FILES: one file to read, and one TCP port. */
enum given { NOTHING, READ, MANAGE, FILES, GIVEN_COUNT };

static const struct {
	const char *act;
	int (*fn)(void);
	unsigned int version;  /* of Landlock, from which on this is confined at all */
	int want[GIVEN_COUNT]; /* given nothing, READ, MANAGE of the folder inside, FILES */
} rows[] = {
	{ "read outside", read_outside, 1, { EACCES, EACCES, EACCES, EACCES } },
	{ "write outside", write_outside, 1, { EACCES, EACCES, EACCES, EACCES } },
	{ "make outside", make_outside, 1, { EACCES, EACCES, EACCES, EACCES } },
	{ "remove outside", remove_outside, 1, { EACCES, EACCES, EACCES, EACCES } },
	{ "cut outside", cut_outside, 3, { EACCES, EACCES, EACCES, EACCES } },
	{ "read inside", read_inside, 1, { EACCES, 0, 0, 0 } },
	{ "list inside", list_inside, 1, { EACCES, 0, 0, EACCES } },
	{ "write inside", write_inside, 1, { EACCES, EACCES, 0, EACCES } },
	{ "move inside", move_inside, 2, { EACCES, EACCES, 0, EACCES } },
	{ "make a symlink inside", link_inside, 1, { EACCES, EACCES, EACCES, EACCES } },
	{ "connect by TCP", connect_tcp, 4, { EACCES, EACCES, EACCES, 0 } },
	{ "signal its parent", signal_parent, 6, { EPERM, EPERM, EPERM, EPERM } },
};

/* In a child: confined with what is given, or not at all (a twin). */
static int
outcome(int (*fn)(void), enum given given, bool confined)
{
	char path[128];
	pid_t pid;
	int code;

	place_make(&place);
	(void)snprintf(path, sizeof(path), "%s/inside", place.evidence);
	assert_int_equal(act_made(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		static const enum confine_rights rights[] = { [READ] = CONFINE_READ,
							      [MANAGE] = CONFINE_MANAGE,
							      [FILES] = CONFINE_READ_FILES };
		static const uint16_t port = TCP_PORT;
		struct confine_directory directory = {
			.fd = open(given == FILES ? path : place.evidence, O_PATH | O_CLOEXEC),
			.rights = rights[given],
		};

		if (confined &&
		    (confine_no_new_privileges() != ERR_OK ||
		     confine_landlock_reaching(&directory, given == NOTHING ? 0 : 1, &port,
					       given == FILES ? 1 : 0) != ERR_OK))
			_exit(ENTER_BROKE);
		_exit(fn());
	}
	code = enter_wait(pid);
	assert_true(unlink(path) == 0);
	(void)snprintf(path, sizeof(path), "%s/link", place.evidence);
	(void)unlink(path); /* only a twin makes it */
	place_remove(&place);
	return code;
}

static void
rights_are_those_that_are_given(void **state)
{
	unsigned int version = 0;
	size_t i;
	int given;

	(void)state;
	if (confine_landlock_version(&version) != ERR_OK)
		skip();
	for (i = 0; i < COUNT_OF(rows); i++) {
		if (outcome(rows[i].fn, READ, false) != 0)
			fail_msg("%s: not even the twin", rows[i].act);
		for (given = NOTHING; given < GIVEN_COUNT && version >= rows[i].version; given++) {
			int got = outcome(rows[i].fn, (enum given)given, true);

			if (got != rows[i].want[given])
				fail_msg("%s, given %d: %d", rows[i].act, given, got);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rights_are_those_that_are_given),
	};

	return cmocka_run_group_tests_name("confine/landlock", tests, NULL, NULL);
}
