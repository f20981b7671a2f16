/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Directories made, listed and locked; and the service manager's socket. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/folder.h"
#include "os/notify.h"

static char top[] = "/tmp/hark-unit-XXXXXX";
static int top_fd = -1;

static int
set_up(void **state)
{
	(void)state;
	memcpy(top, "/tmp/hark-unit-XXXXXX", sizeof(top));
	if (mkdtemp(top) == NULL)
		return -1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return top_fd < 0 ? -1 : 0;
}

static enum err
remove_one(void *ctx, const char *name)
{
	(void)ctx;
	if (unlinkat(top_fd, name, 0) != 0 && unlinkat(top_fd, name, AT_REMOVEDIR) != 0)
		return ERR_SYSTEM;
	return ERR_OK;
}

static int
tear_down(void **state)
{
	(void)state;
	if (folder_list(top_fd, remove_one, NULL) != ERR_OK)
		return -1;
	(void)close(top_fd);
	return rmdir(top);
}

static void
a_folder_is_made_once_with_its_mode(void **state)
{
	struct stat info;
	mode_t before = umask(0077);
	bool made = false;

	(void)state;
	assert_int_equal(folder_make(top_fd, "a", 02750, &made), ERR_OK);
	assert_true(made);
	assert_int_equal(fstatat(top_fd, "a", &info, 0), 0);
	assert_int_equal(info.st_mode & 07777, 02750);
	assert_int_equal(folder_make(top_fd, "a", 0700, &made), ERR_OK);
	assert_false(made);
	assert_int_equal(fstatat(top_fd, "a", &info, 0), 0);
	assert_int_equal(info.st_mode & 07777, 02750);
	assert_int_equal(folder_make(top_fd, "b/c", 0700, &made), ERR_MISSING);
	(void)umask(before);
}

static void
only_folders_are_opened_and_no_link(void **state)
{
	int fd = openat(top_fd, "file", O_CREAT | O_WRONLY, 0600);
	bool made;
	int out = -1;

	(void)state;
	(void)close(fd);
	assert_int_equal(symlinkat(top, top_fd, "link"), 0);
	assert_int_equal(folder_make(top_fd, "link", 0700, &made), ERR_OK);
	assert_false(made);
	assert_int_equal(folder_open(top_fd, "link", &out), ERR_SYSTEM);
	assert_int_equal(folder_open(top_fd, "file", &out), ERR_SYSTEM);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(folder_open(top_fd, "none", &out), ERR_MISSING);
	assert_int_equal(out, -1);
	assert_int_equal(folder_open_path(top, &out), ERR_OK);
	assert_int_equal(fcntl(out, F_GETFD), FD_CLOEXEC);
	assert_int_equal(folder_sync(out), ERR_OK);
	(void)close(out);
}

static enum err
count_one(void *ctx, const char *name)
{
	unsigned int *counts = ctx;

	assert_true(strlen(name) == 1 && name[0] >= 'a' && name[0] <= 'c');
	counts[name[0] - 'a']++;
	return counts[3] != 0 ? ERR_LIMIT : ERR_OK;
}

static void
names_are_listed_each_once_and_again(void **state)
{
	unsigned int counts[4] = { 0 };
	bool empty = false;
	bool made;

	(void)state;
	assert_int_equal(folder_is_empty(top_fd, &empty), ERR_OK);
	assert_true(empty);
	assert_int_equal(folder_make(top_fd, "a", 0700, &made), ERR_OK);
	assert_int_equal(folder_make(top_fd, "b", 0700, &made), ERR_OK);
	assert_int_equal(folder_make(top_fd, "c", 0700, &made), ERR_OK);
	assert_int_equal(folder_is_empty(top_fd, &empty), ERR_OK);
	assert_false(empty);
	assert_int_equal(folder_list(top_fd, count_one, counts), ERR_OK);
	assert_int_equal(folder_list(top_fd, count_one, counts), ERR_OK);
	assert_true(counts[0] == 2 && counts[1] == 2 && counts[2] == 2);
	counts[3] = 1; /* the callback ends it */
	assert_int_equal(folder_list(top_fd, count_one, counts), ERR_LIMIT);
	assert_int_equal(counts[0] + counts[1] + counts[2], 7);
}

static void
a_lock_is_had_once(void **state)
{
	int first = -1;
	int second = -1;

	(void)state;
	assert_int_equal(folder_lock(top_fd, "lock", &first), ERR_OK);
	assert_int_equal(fcntl(first, F_GETFD), FD_CLOEXEC);
	assert_int_equal(folder_lock(top_fd, "lock", &second), ERR_AGAIN);
	assert_int_equal(second, -1);
	(void)close(first);
	assert_int_equal(folder_lock(top_fd, "lock", &second), ERR_OK);
	(void)close(second);
	assert_int_equal(symlinkat("lock", top_fd, "link"), 0);
	assert_int_equal(folder_lock(top_fd, "link", &second), ERR_SYSTEM);
}

/* As a notary has it: a copy of the descriptor keeps the lock when harkd has gone. */
static void
an_open_folder_is_locked_for_all_who_share_it(void **state)
{
	int first = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int copy = fcntl(first, F_DUPFD_CLOEXEC, 0);
	int other = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(first >= 0 && copy >= 0 && other >= 0);
	assert_int_equal(folder_lock_open(first), ERR_OK);
	assert_int_equal(folder_lock_open(copy), ERR_OK);
	assert_int_equal(folder_lock_open(other), ERR_AGAIN);
	(void)close(first);
	assert_int_equal(folder_lock_open(other), ERR_AGAIN);
	(void)close(copy);
	assert_int_equal(folder_lock_open(other), ERR_OK);
	(void)close(other);
	assert_int_equal(folder_lock_open(-1), ERR_SYSTEM);
}

static void
environment(const char *socket, const char *usec, const char *pid)
{
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	if (socket != NULL)
		(void)setenv("NOTIFY_SOCKET", socket, 1);
	if (usec != NULL)
		(void)setenv("WATCHDOG_USEC", usec, 1);
	if (pid != NULL)
		(void)setenv("WATCHDOG_PID", pid, 1);
}

static void
a_manager_hears_states(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct notify n;
	char own[16];
	char got[32] = { 0 };
	int manager = socket(AF_UNIX, SOCK_DGRAM, 0);

	(void)state;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/n", top);
	(void)snprintf(own, sizeof(own), "%ld", (long)getpid());
	assert_int_equal(bind(manager, (struct sockaddr *)&address, sizeof(address)), 0);
	environment(address.sun_path, "3000000", own);
	assert_int_equal(notify_open(&n), ERR_OK);
	assert_true(n.watchdog_ns == UINT64_C(3000000000));
	notify_say(&n, "READY=1");
	assert_int_equal(recv(manager, got, sizeof(got), MSG_DONTWAIT), 7);
	assert_string_equal(got, "READY=1");
	(void)close(manager);
	notify_say(&n, "STOPPING=1"); /* nobody hears it; that is no trouble */
	notify_close(&n);
	assert_int_equal(n.fd, -1);
	environment(NULL, NULL, NULL);
}

static const struct {
	const char *rule, *socket, *usec, *pid;
	enum err want;
} managers[] = {
	{ "none", NULL, "1000", NULL, ERR_OK },
	{ "an empty path", "", NULL, NULL, ERR_FORMAT },
	{ "a relative path", "n", NULL, NULL, ERR_FORMAT },
	{ "nobody there", "/nonexistent/n", NULL, NULL, ERR_SYSTEM },
	{ "a watchdog of words", "/nonexistent/n", "soon", NULL, ERR_FORMAT },
	{ "a watchdog that is too long", "/nonexistent/n", "1000000000001", NULL, ERR_FORMAT },
	{ "a watchdog of a process of words", "/nonexistent/n", "1", "me", ERR_FORMAT },
	{ "a path too long for an address",
	  "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaa"
	  "aaaaaaaaaaaaaaaaaaaaa",
	  NULL, NULL, ERR_FORMAT },
};

static void
what_is_no_manager_is_refused(void **state)
{
	struct notify n;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(managers); i++) {
		enum err e;

		environment(managers[i].socket, managers[i].usec, managers[i].pid);
		e = notify_open(&n);
		if (e != managers[i].want)
			print_error("%s: %s\n", managers[i].rule, err_text(e));
		assert_int_equal(e, managers[i].want);
		assert_int_equal(n.fd, -1);
	}
	environment(NULL, NULL, NULL);
}

static void
a_watchdog_of_another_is_not_ours(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct notify n;
	int manager = socket(AF_UNIX, SOCK_DGRAM, 0);

	(void)state;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/n", top);
	assert_int_equal(bind(manager, (struct sockaddr *)&address, sizeof(address)), 0);
	environment(address.sun_path, "3000000", "1");
	assert_int_equal(notify_open(&n), ERR_OK);
	assert_true(n.watchdog_ns == 0);
	notify_close(&n);
	(void)close(manager);
	environment(NULL, NULL, NULL);
}

static int
open_below(const char *name)
{
	int fd = openat(top_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
a_folder_is_found_to_be_below_another_whatever_leads_there(void **state)
{
	int a, b, link, root;
	bool below = false;

	(void)state;
	assert_int_equal(mkdirat(top_fd, "a", 0700), 0);
	assert_int_equal(mkdirat(top_fd, "a/b", 0700), 0);
	assert_int_equal(mkdirat(top_fd, "ab", 0700), 0);
	assert_int_equal(symlinkat("a/b", top_fd, "link"), 0);
	a = open_below("a");
	b = open_below("ab");
	link = open_below("link");
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(folder_is_below(link, a, &below), ERR_OK);
	assert_true(below);
	assert_int_equal(folder_is_below(a, a, &below), ERR_OK);
	assert_true(below);
	assert_int_equal(folder_is_below(a, top_fd, &below), ERR_OK);
	assert_true(below);
	assert_int_equal(folder_is_below(link, root, &below), ERR_OK);
	assert_true(below);
	assert_int_equal(folder_is_below(b, a, &below), ERR_OK);
	assert_false(below);
	below = true;
	assert_int_equal(folder_is_below(a, link, &below), ERR_OK);
	assert_false(below);
	below = true;
	assert_int_equal(folder_is_below(root, a, &below), ERR_OK);
	assert_false(below);
	(void)close(a);
	(void)close(b);
	(void)close(link);
	(void)close(root);
	assert_int_equal(unlinkat(top_fd, "a/b", AT_REMOVEDIR), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_folder_is_made_once_with_its_mode),
		T(only_folders_are_opened_and_no_link),
		T(names_are_listed_each_once_and_again),
		T(a_lock_is_had_once),
		T(an_open_folder_is_locked_for_all_who_share_it),
		T(a_folder_is_found_to_be_below_another_whatever_leads_there),
		T(a_manager_hears_states),
		T(what_is_no_manager_is_refused),
		T(a_watchdog_of_another_is_not_ours),
#undef T
	};

	return cmocka_run_group_tests_name("directory", tests, NULL, NULL);
}
