/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The generator: what a program decides is what its rules say, for every kind of rule. */
#include <errno.h>

#include "bpf.h"
#include "role/filter.h"

#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
#define ABSENT  (SECCOMP_RET_ERRNO | ENOSYS)

static const struct filter_rule rules[] = {
	{ .call = 10, .action = FILTER_ALLOW },
	{ .call = 11, .action = FILTER_KILL },
	{ .call = 12, .action = FILTER_ABSENT },
	{ .call = 13, .action = FILTER_REFUSE },
	/* The third argument without bit 2. */
	{ .call = 14, .action = FILTER_ALLOW, .argument = 2, .mask = 4, .otherwise = FILTER_KILL },
	/* The first argument exactly. */
	{ .call = 15,
	  .action = FILTER_ALLOW,
	  .argument = 0,
	  .mask = UINT32_MAX,
	  .value = 77,
	  .otherwise = FILTER_REFUSE },
	/* Two bits of the last one. */
	{ .call = 16,
	  .action = FILTER_KILL,
	  .argument = 5,
	  .mask = 0x30,
	  .value = 0x20,
	  .otherwise = FILTER_ALLOW },
	/* One of three values. */
	{ .call = 18,
	  .action = FILTER_ALLOW,
	  .mask = UINT32_MAX,
	  .value = 1,
	  .otherwise = FILTER_NEXT },
	{ .call = 18,
	  .action = FILTER_KILL,
	  .mask = UINT32_MAX,
	  .value = 2,
	  .otherwise = FILTER_NEXT },
	{ .call = 18,
	  .action = FILTER_ALLOW,
	  .mask = UINT32_MAX,
	  .value = 10,
	  .otherwise = FILTER_ABSENT },
	{ .call = 19, .action = FILTER_ALLOW },
	/* Two arguments at once, and then one of two values. */
	{ .call = 20,
	  .action = FILTER_NEXT,
	  .argument = 1,
	  .mask = 0xf,
	  .value = 1,
	  .otherwise = FILTER_REFUSE },
	{ .call = 20,
	  .action = FILTER_NEXT,
	  .argument = 2,
	  .mask = UINT32_MAX,
	  .otherwise = FILTER_KILL },
	{ .call = 20,
	  .action = FILTER_ALLOW,
	  .mask = UINT32_MAX,
	  .value = 7,
	  .otherwise = FILTER_NEXT },
	{ .call = 20, .action = FILTER_ABSENT },
};

static void
programs_decide_as_their_rules(void **state)
{
	static const struct {
		const char *rule;
		int call;
		uint64_t args[6];
		uint32_t want;
	} rows[] = {
		{ "allowed", 10, { 0 }, SECCOMP_RET_ALLOW },
		{ "killed", 11, { 0 }, SECCOMP_RET_KILL_PROCESS },
		{ "absent", 12, { 0 }, ABSENT },
		{ "refused", 13, { 0 }, REFUSED },
		{ "not in the rules", 17, { 0 }, REFUSED },
		{ "zero", 0, { 0 }, REFUSED },
		{ "x32's calls have another bit", 10 | 0x40000000, { 0 }, REFUSED },
		{ "a negative number", -1, { 0 }, REFUSED },
		{ "without the bit", 14, { 4, 4, 3, 4, 4, 4 }, SECCOMP_RET_ALLOW },
		{ "with the bit", 14, { 0, 0, 7, 0, 0, 0 }, SECCOMP_RET_KILL_PROCESS },
		{ "with the bit above 32 alone",
		  14,
		  { 0, 0, UINT64_C(4) << 32, 0, 0, 0 },
		  SECCOMP_RET_ALLOW },
		{ "the value", 15, { 77 }, SECCOMP_RET_ALLOW },
		{ "one more", 15, { 78 }, REFUSED },
		{ "the value in another argument", 15, { 0, 77 }, REFUSED },
		{ "the value, and bits above 32",
		  15,
		  { UINT64_C(1) << 32 | 77 },
		  SECCOMP_RET_ALLOW },
		{ "both bits wanted", 16, { 0, 0, 0, 0, 0, 0xff2f }, SECCOMP_RET_KILL_PROCESS },
		{ "the first of several", 18, { 1 }, SECCOMP_RET_ALLOW },
		{ "the second of several", 18, { 2 }, SECCOMP_RET_KILL_PROCESS },
		{ "the last of several", 18, { 10 }, SECCOMP_RET_ALLOW },
		{ "none of several", 18, { 3 }, ABSENT },
		{ "what stands behind them", 19, { 3 }, SECCOMP_RET_ALLOW },
		{ "both arguments", 20, { 7, 0xf1, 0 }, SECCOMP_RET_ALLOW },
		{ "not the first of two", 20, { 7, 0xf3, 0 }, REFUSED },
		{ "not the second of two", 20, { 7, 1, 1 }, SECCOMP_RET_KILL_PROCESS },
		{ "both, and not the value behind them", 20, { 8, 1, 0 }, ABSENT },
		{ "one bit too many", 16, { 0, 0, 0, 0, 0, 0x30 }, SECCOMP_RET_ALLOW },
	};
	struct sock_filter program[FILTER_INSTRUCTIONS_MAX];
	size_t count = 0;
	size_t i;

	(void)state;
	assert_int_equal(filter_make(rules, COUNT_OF(rules), FILTER_REFUSE, program, &count),
			 ERR_OK);
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct seccomp_data data = { .nr = rows[i].call, .arch = BPF_NATIVE };
		uint32_t got;

		memcpy(data.args, rows[i].args, sizeof(data.args));
		got = bpf_run(program, count, &data);
		if (got != rows[i].want)
			fail_msg("%s: %#x", rows[i].rule, got);
	}
}

static void
another_architecture_ends_it(void **state)
{
	static const uint32_t others[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0, UINT32_MAX };
	struct sock_filter program[FILTER_INSTRUCTIONS_MAX];
	size_t count = 0;
	size_t i;

	(void)state;
	assert_int_equal(filter_make(rules, COUNT_OF(rules), FILTER_ALLOW, program, &count),
			 ERR_OK);
	for (i = 0; i < COUNT_OF(others); i++) {
		struct seccomp_data data = { .nr = 10, .arch = others[i] };

		assert_int_equal(bpf_run(program, count, &data), SECCOMP_RET_KILL_PROCESS);
	}
}

static void
the_fallback_is_for_all_others(void **state)
{
	static const struct {
		enum filter_action action;
		uint32_t want;
	} rows[] = { { FILTER_ALLOW, SECCOMP_RET_ALLOW },
		     { FILTER_REFUSE, REFUSED },
		     { FILTER_ABSENT, ABSENT },
		     { FILTER_KILL, SECCOMP_RET_KILL_PROCESS } };
	struct seccomp_data data = { .nr = 4711, .arch = BPF_NATIVE };
	struct sock_filter program[FILTER_INSTRUCTIONS_MAX];
	size_t count = 0;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(
			filter_make(rules, COUNT_OF(rules), rows[i].action, program, &count),
			ERR_OK);
		assert_int_equal(bpf_run(program, count, &data), rows[i].want);
	}
}

static void
the_most_rules_fit(void **state)
{
	struct filter_rule many[FILTER_RULES_MAX];
	struct sock_filter program[FILTER_INSTRUCTIONS_MAX];
	struct seccomp_data data = { .arch = BPF_NATIVE };
	size_t count = 0;
	size_t i;

	(void)state;
	for (i = 0; i < FILTER_RULES_MAX; i++)
		many[i] = (struct filter_rule){ .call = (long)i,
						.action = FILTER_ALLOW,
						.mask = UINT32_MAX,
						.value = (uint32_t)i,
						.otherwise = FILTER_KILL };
	assert_int_equal(filter_make(many, FILTER_RULES_MAX, FILTER_REFUSE, program, &count),
			 ERR_OK);
	assert_int_equal(count, FILTER_INSTRUCTIONS_MAX);
	for (i = 0; i < FILTER_RULES_MAX; i++) {
		data.nr = (int)i;
		data.args[0] = i;
		assert_int_equal(bpf_run(program, count, &data), SECCOMP_RET_ALLOW);
		data.args[0] = i + 1;
		assert_int_equal(bpf_run(program, count, &data), SECCOMP_RET_KILL_PROCESS);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_decide_as_their_rules),
		cmocka_unit_test(another_architecture_ends_it),
		cmocka_unit_test(the_fallback_is_for_all_others),
		cmocka_unit_test(the_most_rules_fit),
	};

	return cmocka_run_group_tests_name("role/filter", tests, NULL, NULL);
}
