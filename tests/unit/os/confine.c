/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Memory that is limited, from inside: a child tries what a twin without limits gets done. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/confine.h"
#include "unit.h"

#define MIB ((size_t)1024 * 1024)

static const struct {
	const char *rule;
	int protection;
	size_t mib;
	bool fits;
} rows[] = {
	{ "what may be written", PROT_READ | PROT_WRITE, 32, true },
	{ "more of it", PROT_READ | PROT_WRITE, 65, false },
	{ "what is only mapped, where less may be written", PROT_NONE, 128, true },
	{ "more of it", PROT_NONE, 257, false },
	/* One page of zeroes, over and over: its page tables are what it costs. */
	{ "what is only read, without end", PROT_READ, 1024 * 1024, false },
};

/* In the child: 0 where it is as the row says. */
static int
try_row(size_t row, bool limited)
{
	const char *at;

	if (limited && confine_limit_memory(64 * MIB, 256 * MIB) != ERR_OK)
		return 2;
	at = mmap(NULL, rows[row].mib * MIB, rows[row].protection,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED && errno != ENOMEM)
		return 3;
	return (at != MAP_FAILED) == (rows[row].fits || !limited || !confine_can_limit_memory())
		       ? 0
		       : 1;
}

static void
each_is_tried_from_inside(void **state)
{
	size_t i;
	int limited;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		for (limited = 0; limited < 2; limited++) {
			pid_t pid = fork();
			int status = 0;

			assert_true(pid >= 0);
			if (pid == 0)
				_exit(try_row(i, limited != 0));
			assert_int_equal(waitpid(pid, &status, 0), pid);
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
				fail_msg("%s, %s: %d", rows[i].rule,
					 limited != 0 ? "limited" : "not limited", status >> 8);
		}
	}
}

static void
no_limit_is_none(void **state)
{
	pid_t pid = fork();
	int status = 0;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(confine_limit_memory(UINT64_MAX, UINT64_MAX) == ERR_OK &&
				      mmap(NULL, 1024 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
					   -1, 0) != MAP_FAILED
			      ? 0
			      : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(each_is_tried_from_inside),
						   cmocka_unit_test(no_limit_is_none) };

	return cmocka_run_group_tests_name("os/confine", tests, NULL, NULL);
}
