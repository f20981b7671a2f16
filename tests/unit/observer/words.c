/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names and numbers that stand in records and pass between processes: frozen, so written out. */
#include <string.h>

#include <hark/observer_host.h>

#include "unit.h"

/* The number of each name; a name that is moved or changed is found here. */
static const char *const reasons[] = {
	"none",
	"digest",
	"module_bytes",
	"parse",
	"module_limit",
	"compile_time",
	"import_wasi",
	"import_stranger",
	"import_unknown",
	"import_kind",
	"import_type",
	"import_ungranted",
	"export_missing",
	"export_type",
	"unreachable",
	"memory_bounds",
	"table_bounds",
	"indirect_call",
	"arithmetic",
	"stack",
	"fuel",
	"wall_clock",
	"instance_limit",
	"pointer",
	"no_memory",
	"payload_bytes",
	"effects",
	"denied",
	"capability_failed",
	"unknown_trap",
};
static const char *const classes[] = { "Panic", "BudgetExceeded", "CapabilityDenied", "Other" };
static const char *const tokens[] = { "PgWrite", "MetricEmit", "KmsReceipt", "Log" };

static void
names_are_frozen(void **state)
{
	unsigned i;

	(void)state;
	assert_int_equal(HARK_OBSERVER_REASON_COUNT, COUNT_OF(reasons));
	for (i = 0; i < COUNT_OF(reasons); i++)
		assert_string_equal(hark_observer_reason_name((enum hark_observer_reason)i),
				    reasons[i]);
	for (i = 0; i < COUNT_OF(classes); i++)
		assert_string_equal(hark_observer_trap_class_name((enum hark_observer_trap_class)i),
				    classes[i]);
	assert_int_equal(HARK_OBSERVER_TOKEN_COUNT, COUNT_OF(tokens));
	for (i = 0; i < COUNT_OF(tokens); i++)
		assert_string_equal(hark_observer_cap_token_name((enum hark_observer_cap_token)i),
				    tokens[i]);
	assert_null(hark_observer_reason_name(HARK_OBSERVER_REASON_COUNT));
	assert_null(hark_observer_reason_name((enum hark_observer_reason) - 1));
	assert_null(hark_observer_trap_class_name((enum hark_observer_trap_class)4));
	assert_null(hark_observer_cap_token_name((enum hark_observer_cap_token)4));
}

static void
a_token_is_found_by_its_whole_name(void **state)
{
	static const char *const strangers[] = { "",        "PgWrit",   "PgWrites",
						 "pgwrite", "PgWrite ", "log" };
	enum hark_observer_cap_token token;
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT_OF(tokens); i++) {
		assert_true(hark_observer_cap_token_of(hark_text_of(tokens[i]), &token));
		assert_int_equal(token, i);
	}
	token = HARK_OBSERVER_TOKEN_LOG;
	for (i = 0; i < COUNT_OF(strangers); i++)
		assert_false(hark_observer_cap_token_of(hark_text_of(strangers[i]), &token));
	assert_false(hark_observer_cap_token_of((struct hark_text){ NULL, 0 }, &token));
	assert_false(hark_observer_cap_token_of(hark_text_of("Log"), NULL));
	assert_int_equal(token, HARK_OBSERVER_TOKEN_LOG); /* untouched */
}

static void
each_error_has_a_text_of_its_own(void **state)
{
	unsigned i, j;

	(void)state;
	for (i = 0; i <= HARK_OBSERVER_SYSTEM; i++) {
		const char *text = hark_observer_error_text((enum hark_observer_error)i);

		assert_string_not_equal(text, "unknown error");
		for (j = 0; j < i; j++)
			assert_string_not_equal(
				text, hark_observer_error_text((enum hark_observer_error)j));
	}
	assert_string_equal(
		hark_observer_error_text((enum hark_observer_error)(HARK_OBSERVER_SYSTEM + 1)),
		"unknown error");
	assert_string_equal(hark_observer_error_text((enum hark_observer_error) - 1),
			    "unknown error");
}

static void
usual_limits_are_those_of_the_document(void **state)
{
	static const struct hark_observer_limits want = { .fuel = 100000000,
							  .wall_ms = 1000,
							  .memory_bytes = 16777216,
							  .table_elements = 10000,
							  .stack_bytes = 524288,
							  .payload_bytes = 65536,
							  .effects = 10000,
							  .effect_bytes = 16777216,
							  .module_bytes = 1048576,
							  .compile_ms = 10000 };
	struct hark_observer_limits got;

	(void)state;
	memset(&got, 0xee, sizeof(got));
	hark_observer_limits_default(&got);
	assert_memory_equal(&got, &want, sizeof(want));
	hark_observer_limits_default(NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_frozen),
		cmocka_unit_test(a_token_is_found_by_its_whole_name),
		cmocka_unit_test(each_error_has_a_text_of_its_own),
		cmocka_unit_test(usual_limits_are_those_of_the_document),
	};

	return cmocka_run_group_tests_name("observer/words", tests, NULL, NULL);
}
