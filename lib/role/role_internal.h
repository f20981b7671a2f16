/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of roles, as role.c reads it. */
#ifndef ROLE_ROLE_INTERNAL_H
#define ROLE_ROLE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "role/filter.h"
#include "role/role.h"

#define ROLE_LIMITS_MAX   3u
#define ROLE_THREAD_RULES 3u

/* Whose the process is where harkd is root. */
enum role_user {
	ROLE_USER_NOBODY,    /* owns no file */
	ROLE_USER_DIRECTORY, /* the owner of the directory that it is given */
};

struct role_limit {
	int resource; /* as of setrlimit(2) */
	uint64_t most;
};

struct role_row {
	const char *name;
	enum role_user user;
	bool has_directories; /* it may open, make and remove files below those that it is given */
	size_t limit_count;
	struct role_limit limits[ROLE_LIMITS_MAX];
};

const struct role_row *role_row(enum role_name role);
/* The rules of a role; at most FILTER_RULES_MAX.  own_pid: the process that they are for. */
size_t role_rules(enum role_name role, pid_t own_pid, struct filter_rule *out);
/* The ROLE_THREAD_RULES rules that forbid a thread, to be put before a role's. */
size_t role_rules_without_threads(struct filter_rule *out);

#endif
