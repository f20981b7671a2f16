/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What each course of things must lead to, leaf by leaf. */
#include <stdlib.h>

#include "script.h"

struct scenario {
	const char *rule;
	const char *steps;
	const char *leaves;
};

static const struct scenario scenarios[] = {
#include "scenarios_hosts.h"
#include "scenarios_streams.h"
};

static void
each_leads_to_its_leaves(void **state)
{
	static char lines[WORLD_LINES_BYTES];
	unsigned int wrong = 0;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(scenarios); i++) {
		script_run(scenarios[i].steps, 0, lines, sizeof(lines), NULL);
		if (strcmp(lines, scenarios[i].leaves) == 0)
			continue;
		wrong++;
		print_error("--- %s\n--- wanted:\n%s--- got:\n%s", scenarios[i].rule,
			    scenarios[i].leaves, lines);
	}
	assert_int_equal(wrong, 0);
}

/* Only a restart may make a difference of what was durable when. */
static void
commits_change_no_leaf(void **state)
{
	static const uint64_t commits_us[] = { 1, 777, 200000 };
	static char lines[WORLD_LINES_BYTES];
	unsigned int compared = 0;
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < COUNT_OF(scenarios); i++) {
		struct merkle_hash want;
		struct merkle_hash got;

		if (strstr(scenarios[i].steps, "kill") != NULL ||
		    strstr(scenarios[i].steps, "reboot") != NULL)
			continue;
		script_run(scenarios[i].steps, 0, lines, sizeof(lines), &want);
		for (j = 0; j < COUNT_OF(commits_us); j++) {
			script_run(scenarios[i].steps, commits_us[j], lines, sizeof(lines), &got);
			if (!merkle_equal(&want, &got))
				fail_msg("%s: another root where commits are made every %lu us",
					 scenarios[i].rule, commits_us[j]);
			compared++;
		}
	}
	assert_true(compared > 90);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_leads_to_its_leaves),
		cmocka_unit_test(commits_change_no_leaf),
	};

	return cmocka_run_group_tests_name("hark-notary/scenarios", tests, NULL, NULL);
}
