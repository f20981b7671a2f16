/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What each course of things must lead to, leaf by leaf. */
#include <stdlib.h>

#include "script.h"

struct scenario {
	const char *rule;
	const char *steps;
	const char *leaves;
};

#include "scenarios.h"

static void
each_leads_to_its_leaves(void **state)
{
	static char lines[WORLD_LINES_BYTES];
	unsigned int wrong = 0;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(scenarios); i++) {
		script_run(scenarios[i].steps, lines, sizeof(lines), NULL);
		if (strcmp(lines, scenarios[i].leaves) == 0)
			continue;
		wrong++;
		print_error("--- %s\n--- wanted:\n%s--- got:\n%s", scenarios[i].rule,
			    scenarios[i].leaves, lines);
	}
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_leads_to_its_leaves),
	};

	return cmocka_run_group_tests_name("hark-notary/scenarios", tests, NULL, NULL);
}
