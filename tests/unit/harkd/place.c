/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an earlier harkd still has is waited for, and not for long.  The test owns the time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#include "harkd/place_internal.h"
#include "os/folder.h"
#include "os/wait.h"
#include "prog/exit.h"

#define SECOND_NS UINT64_C(1000000000)

static uint64_t now_ns;
static uint64_t lock_free_ns;     /* until then the lock is another's */
static uint64_t listener_gone_ns; /* until then somebody listens */
static unsigned int looks;

enum err __wrap_folder_lock(int dirfd, const char *name, int *out);
enum err __real_folder_lock(int dirfd, const char *name, int *out);
enum err __wrap_sock_connect_path(int fd, int path_fd);
enum err __wrap_wait_ready(struct wait_item *items, size_t count, uint64_t deadline_ns);
uint64_t __wrap_wait_now_ns(void);

enum err
__wrap_folder_lock(int dirfd, const char *name, int *out)
{
	return now_ns < lock_free_ns ? ERR_AGAIN : __real_folder_lock(dirfd, name, out);
}

enum err
__wrap_sock_connect_path(int fd, int path_fd)
{
	assert_true(fd >= 0 && path_fd >= 0);
	looks++;
	if (now_ns >= listener_gone_ns)
		return ERR_REFUSED;
	return looks % 2 == 0 ? ERR_AGAIN : ERR_OK; /* its backlog may be full */
}

enum err
__wrap_wait_ready(struct wait_item *items, size_t count, uint64_t deadline_ns)
{
	assert_true(count == 1 && items[0].fd == -1);
	assert_true(deadline_ns > now_ns);
	now_ns = deadline_ns;
	return ERR_OK;
}

uint64_t
__wrap_wait_now_ns(void)
{
	return now_ns;
}

/* Two calls of harkd's start, in a directory of their own. */
static bool
open_all(const char *folder, struct place_failure *why)
{
	struct config config;
	struct place p;
	char data[64];
	char run[64];
	int fd = -1;
	bool good;

	(void)snprintf(data, sizeof(data), "%s/data", folder);
	(void)snprintf(run, sizeof(run), "%s/run", folder);
	assert_int_equal(config_defaults(data, run, &config), ERR_OK);
	place_init(&p);
	good = place_open(&p, &config, -1, why);
	if (good) {
		assert_int_equal(folder_open_path(run, &p.run_fd), ERR_OK);
		good = place_bind_control(&p, run, -1, &fd, why);
	}
	if (fd >= 0)
		(void)close(fd);
	place_close(&p);
	config_finish(&config);
	return good;
}

static void
waits_for_what_an_earlier_one_has(void **state)
{
	static const struct {
		const char *rule;
		uint64_t after_ns; /* since the first look */
		bool is_socket;
		int code; /* EXIT_OK: it starts */
	} rows[] = {
		{ "a lock that is free", 0, false, EXIT_OK },
		{ "a lock that is free soon", SECOND_NS / 100, false, EXIT_OK },
		{ "a lock that is free late", 2 * SECOND_NS - 1, false, EXIT_OK },
		{ "a lock that another keeps", 2 * SECOND_NS + SECOND_NS / 10, false,
		  EXIT_TEMPORARY },
		{ "a socket without a listener", 0, true, EXIT_OK },
		{ "a socket whose listener ends soon", SECOND_NS / 100, true, EXIT_OK },
		{ "a socket whose listener ends late", 2 * SECOND_NS - 1, true, EXIT_OK },
		{ "a socket of another", 2 * SECOND_NS + SECOND_NS / 10, true, EXIT_CANT_CREATE },
	};
	char folder[] = "/tmp/hark-unit-XXXXXX";
	char command[64];
	struct place_failure why = { 0 };
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(command, sizeof(command), "mkdir %s/run", folder);
	assert_int_equal(system(command), 0);
	now_ns = lock_free_ns = listener_gone_ns = 1000 * SECOND_NS;
	assert_true(open_all(folder, &why)); /* it leaves a socket on which nobody listens */
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t begin_ns = now_ns;
		uint64_t free_ns = now_ns + rows[i].after_ns;

		why = (struct place_failure){ 0 };
		lock_free_ns = rows[i].is_socket ? now_ns : free_ns;
		listener_gone_ns = rows[i].is_socket ? free_ns : now_ns;
		if (open_all(folder, &why) != (rows[i].code == EXIT_OK) || why.code != rows[i].code)
			fail_msg("%s: %d %s", rows[i].rule, why.code, why.text);
		assert_true(now_ns - begin_ns <= 2 * SECOND_NS + SECOND_NS / 10);
		assert_true(rows[i].code != EXIT_OK || now_ns >= free_ns);
	}
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_what_an_earlier_one_has),
	};

	return cmocka_run_group_tests_name("harkd/place", tests, NULL, NULL);
}
