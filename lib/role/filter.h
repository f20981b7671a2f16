/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Makes a seccomp program from a list of rules: pure, bytes in and bytes out.  A rule decides on
 * one system call, perhaps by one argument.  Another architecture's calls end the process.
 */
#ifndef ROLE_FILTER_H
#define ROLE_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sock_filter;

/* Rules and instructions of one program.  A rule is at most six, head and end are five. */
#define FILTER_RULES_MAX        160u
#define FILTER_INSTRUCTIONS_MAX (5u + 6u * FILTER_RULES_MAX)

enum filter_action {
	FILTER_ALLOW,
	FILTER_REFUSE, /* EPERM */
	FILTER_ABSENT, /* ENOSYS: a libc then takes an older call */
	FILTER_KILL,   /* the whole process, by SIGSYS */
	FILTER_NEXT,   /* the next rule, of the same call, decides: of action or otherwise */
};

/*
 * With mask 0 the action is the rule.  Otherwise it holds where (argument & mask) == value, and
 * otherwise_action where not.  Only an argument's low 32 bits are looked at: the kernel takes no
 * more of those that are checked.
 */
struct filter_rule {
	long call;
	enum filter_action action;
	uint32_t mask;
	uint32_t value;
	uint8_t argument;
	enum filter_action otherwise;
};

/*
 * Writes at most FILTER_INSTRUCTIONS_MAX instructions.  No call may be in the rules twice, but
 * for one whose rule before leaves it to the next.
 * `fallback` is for the calls that no rule names.  ERR_UNSUPPORTED on an architecture that is not
 * known here.
 */
MUST_USE enum err filter_make(const struct filter_rule *rules, size_t count,
			      enum filter_action fallback, struct sock_filter *out,
			      size_t *count_out);

#endif
