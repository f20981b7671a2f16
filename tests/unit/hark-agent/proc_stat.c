/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* /proc/PID/stat and status, with names that try to be more than names. */
#include <string.h>

#include "hark-agent/proc_stat.h"
#include "unit.h"

#define REST                                                                    \
	" 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 4242 "                      \
	"23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 " \
	"46 47 48 49 50 51 2304\n"
#define STAT "123 (sh) S 77" REST

static void
rows_of_stat(void **state)
{
	static const struct {
		const char *rule, *text, *comm;
		enum err want;
	} rows[] = {
		{ "empty", "", "", ERR_FORMAT },
		{ "no brackets", "1 sh S 1" REST, "", ERR_FORMAT },
		{ "no pid", "(sh) S 1" REST, "", ERR_FORMAT },
		{ "pid 0", "0 (sh) S 1" REST, "", ERR_FORMAT },
		{ "closed before opened", "1 )( S 1" REST, "", ERR_FORMAT },
		{ "negative parent", "1 (sh) S -1" REST, "", ERR_FORMAT },
		{ "parent over a pid", "1 (sh) S 4294967295" REST, "", ERR_FORMAT },
		{ "cut before the start time", "1 (sh) S 77 7 7", "", ERR_FORMAT },
		{ "usual", STAT, "sh", ERR_OK },
		{ "a name like fields", "123 (x) R 1 () S 77" REST, "x) R 1 (", ERR_OK },
		{ "a line end in it", "123 (a\nb) S 77" REST, "a\nb", ERR_OK },
		{ "an empty name", "123 () S 77" REST, "", ERR_OK },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct proc_stat s;

		if (proc_stat_read(rows[i].text, strlen(rows[i].text), &s) != rows[i].want)
			fail_msg("%s", rows[i].rule);
		if (rows[i].want != ERR_OK)
			continue;
		if (s.pid != 123 || s.ppid != 77 || s.state != 'S' || s.threads != 3 ||
		    s.start_ticks != 4242 || !s.has_exit_status || s.exit_status != 2304 ||
		    s.comm_size != strlen(rows[i].comm) ||
		    memcmp(s.comm, rows[i].comm, s.comm_size) != 0)
			fail_msg("%s: values", rows[i].rule);
	}
}

static void
all_cuts_and_flips(void **state)
{
	static const char whole[] = STAT;
	struct proc_stat s;
	uint32_t uid;
	enum err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(whole) - 1; i++) {
		char *part = test_malloc(i + 1);

		memcpy(part, whole, i);
		e = proc_stat_read(part, i, &s);
		assert_true(e == ERR_OK || e == ERR_FORMAT);
		e = proc_status_uid(part, i, &uid);
		assert_int_equal(e, ERR_FORMAT);
		test_free(part);
	}
	for (i = 0; i < 8 * (sizeof(whole) - 1); i++) {
		char *data = test_malloc(sizeof(whole) - 1);

		memcpy(data, whole, sizeof(whole) - 1);
		data[i / 8] = (char)(data[i / 8] ^ (1 << i % 8));
		if (proc_stat_read(data, sizeof(whole) - 1, &s) == ERR_OK)
			assert_true(s.comm_size <= COMM_BYTES && s.pid > 0);
		test_free(data);
	}
}

static void
rows_of_status(void **state)
{
	static const struct {
		const char *rule, *text;
		enum err want;
		uint32_t uid;
	} rows[] = {
		{ "none", "Name:\tsh\n", ERR_FORMAT, 0 },
		{ "cut in the number", "Name:\tsh\nUid:\t10", ERR_FORMAT, 0 },
		{ "over u32", "\nUid:\t4294967296\t0\n", ERR_FORMAT, 0 },
		{ "no digits", "\nUid:\t\t0\n", ERR_FORMAT, 0 },
		{ "a name cannot say it", "Name:\t\\nUid:\t5\t5\nUid:\t1000\t0\t0\t0\n", ERR_OK,
		  1000 },
		{ "root", "Name:\tsh\nUid:\t0\t0\t0\t0\n", ERR_OK, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint32_t uid = 1;

		if (proc_status_uid(rows[i].text, strlen(rows[i].text), &uid) != rows[i].want ||
		    (rows[i].want == ERR_OK && uid != rows[i].uid))
			fail_msg("%s", rows[i].rule);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_stat),
		cmocka_unit_test(all_cuts_and_flips),
		cmocka_unit_test(rows_of_status),
	};

	return cmocka_run_group_tests_name("hark-agent/proc_stat", tests, NULL, NULL);
}
