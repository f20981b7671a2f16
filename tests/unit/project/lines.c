/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lines of the log, in time of the test's own: escaped, so many a second, the others counted. */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define SECOND UINT64_C(1000000000)

static struct world w;

static void
say(const char *text, int times)
{
	int i;

	w.said[0] = '\0';
	for (i = 0; i < times; i++)
		assert_int_equal(world_effect(&w, 3, text), ERR_OK);
	assert_int_equal(world_batch(&w, 1, (uint64_t)times), ERR_OK);
	world_commit(&w);
}

static void
lines_have_a_rate(void **state)
{
	(void)state;
	world_init(&w, 8);
	w.config.log_lines_per_s = 2;
	w.now_ns = 100 * SECOND;
	world_begin(&w);
	assert_int_equal(project_connect(w.project, w.now_ns, &w.why), ERR_OK);
	assert_int_equal(project_turn(w.project, w.now_ns), UINT64_MAX);
	say("one\n\x1b[2Jtwo\\", 1);
	assert_string_equal(w.said, "observer o says: one\\x0a\\x1b[2Jtwo\\\\\n");
	w.now_ns += SECOND - 1;
	say("x", 3);
	assert_string_equal(w.said, "observer o says: x\n");
	/* What was left out is told once that second is over. */
	assert_int_equal(project_turn(w.project, w.now_ns), 101 * SECOND);
	w.now_ns = 101 * SECOND;
	w.said[0] = '\0';
	assert_int_equal(project_turn(w.project, w.now_ns), UINT64_MAX);
	assert_string_equal(w.said, "observer o: lines left out, over its limit: 2\n");
	say("y", 2);
	assert_string_equal(w.said, "observer o says: y\nobserver o says: y\n");
	world_finish(&w);
}

static void
a_flood_is_counted(void **state)
{
	(void)state;
	world_init(&w, 8);
	w.config.log_lines_per_s = 1;
	world_begin(&w);
	assert_int_equal(project_connect(w.project, 0, &w.why), ERR_OK);
	say("x", 5000);
	assert_string_equal(w.said, "observer o says: x\n");
	w.said[0] = '\0';
	project_end(w.project);
	assert_string_equal(w.said, "observer o: lines left out, over its limit: 4999\n");
	world_finish(&w);
}

static void
a_long_line_is_cut(void **state)
{
	static char text[4000];

	(void)state;
	world_init(&w, 8);
	world_begin(&w);
	assert_int_equal(project_connect(w.project, 0, &w.why), ERR_OK);
	memset(text, 'a', sizeof(text) - 1);
	say(text, 1);
	assert_true(strlen(w.said) < 1024 && strstr(w.said, "a...\n") != NULL);
	world_finish(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_have_a_rate),
		cmocka_unit_test(a_flood_is_counted),
		cmocka_unit_test(a_long_line_is_cut),
	};

	return cmocka_run_group_tests_name("project/lines", tests, NULL, NULL);
}
