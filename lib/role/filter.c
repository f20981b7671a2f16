/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The generator of seccomp programs.  Every rule ends in a return, so all jumps are short. */
#include <errno.h>
#include <stdbool.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "base/must.h"
#include "role/filter.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#define NATIVE 0u
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW_HALF 0u
#else
#define LOW_HALF 4u
#endif

struct program {
	struct sock_filter *at;
	size_t count;
};

static void
add(struct program *p, unsigned int code, uint32_t k, unsigned int if_true, unsigned int if_false)
{
	MUST(p->count < FILTER_INSTRUCTIONS_MAX && if_true <= UINT8_MAX && if_false <= UINT8_MAX);

	p->at[p->count++] = (struct sock_filter){
		.code = (uint16_t)code, .jt = (uint8_t)if_true, .jf = (uint8_t)if_false, .k = k
	};
}

static void
add_load(struct program *p, size_t offset)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void
add_return(struct program *p, enum filter_action action)
{
	static const uint32_t values[] = {
		[FILTER_ALLOW] = SECCOMP_RET_ALLOW,
		[FILTER_REFUSE] = SECCOMP_RET_ERRNO | EPERM,
		[FILTER_ABSENT] = SECCOMP_RET_ERRNO | ENOSYS,
		[FILTER_KILL] = SECCOMP_RET_KILL_PROCESS,
	};

	MUST((size_t)action < sizeof(values) / sizeof(values[0]));

	add(p, BPF_RET | BPF_K, values[action], 0, 0);
}

static void
add_rule(struct program *p, const struct filter_rule *rule)
{
	MUST(rule->call >= 0 && rule->call <= INT32_MAX && rule->argument < 6);

	if (rule->mask == 0) {
		add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rule->call, 0, 1);
		add_return(p, rule->action);
		return;
	}
	MUST((rule->value & ~rule->mask) == 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rule->call, 0, 5);
	add_load(p, offsetof(struct seccomp_data, args) + 8u * rule->argument + LOW_HALF);
	add(p, BPF_ALU | BPF_AND | BPF_K, rule->mask, 0, 0);
	if (rule->action == FILTER_NEXT) {
		MUST(rule->otherwise != FILTER_NEXT);
		add(p, BPF_JMP | BPF_JEQ | BPF_K, rule->value, 1, 0);
		add_return(p, rule->otherwise);
		add_load(p, offsetof(struct seccomp_data, nr));
		return;
	}
	add(p, BPF_JMP | BPF_JEQ | BPF_K, rule->value, 0, 1);
	add_return(p, rule->action);
	if (rule->otherwise == FILTER_NEXT)
		add_load(p, offsetof(struct seccomp_data, nr));
	else
		add_return(p, rule->otherwise);
}

static bool
leaves_it(const struct filter_rule *rule)
{
	return rule->mask != 0 && (rule->action == FILTER_NEXT || rule->otherwise == FILTER_NEXT);
}

/* One that leaves its call to the next has the same call next, and nobody else has it. */
static bool
names_twice(const struct filter_rule *rules, size_t count)
{
	size_t i, j;

	for (i = 0; i < count; i++) {
		bool leaves = leaves_it(&rules[i]);

		if (leaves && (i + 1 == count || rules[i + 1].call != rules[i].call))
			return true;
		for (j = i + 1 + leaves; j < count; j++) {
			if (rules[i].call == rules[j].call && !leaves_it(&rules[j - 1]))
				return true;
		}
	}
	return false;
}

enum err
filter_make(const struct filter_rule *rules, size_t count, enum filter_action fallback,
	    struct sock_filter *out, size_t *count_out)
{
	struct program p = { .at = out };
	size_t i;

	MUST(rules != NULL && out != NULL && count_out != NULL);
	MUST(count <= FILTER_RULES_MAX && !names_twice(rules, count));

	if (NATIVE == 0)
		return ERR_UNSUPPORTED;
	/* The same number is another call for a process that speaks another architecture's. */
	add_load(&p, offsetof(struct seccomp_data, arch));
	add(&p, BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
	add_return(&p, FILTER_KILL);
	add_load(&p, offsetof(struct seccomp_data, nr));
	for (i = 0; i < count; i++)
		add_rule(&p, &rules[i]);
	add_return(&p, fallback);
	*count_out = p.count;
	return ERR_OK;
}
