/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of roles, as role.c reads it. */
#ifndef ROLE_ROLE_INTERNAL_H
#define ROLE_ROLE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "role/filter.h"
#include "role/role.h"

/* Files and folders beyond its directories that a role may read. */
#define ROLE_READABLE_MAX     24u
#define ROLE_LIMITS_MAX       4u
#define ROLE_THREAD_RULES_MAX 5u
#define ROLE_CLIENT_RULES_MAX 12u

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
	size_t user_fd;           /* of a directory's owner: which descriptor of the setup */
	bool never_root;          /* that a directory is root's is a refusal, where harkd is root */
	bool has_directories;     /* it may open files below those that it is given */
	bool only_reads;          /* else it may also make, write and remove files there */
	bool is_silent;           /* it has no log: all that it says goes to harkd */
	bool is_background;       /* it runs where nobody else wants to */
	bool is_client;           /* it may connect to servers, and read what it needs for that */
	enum role_name begins_as; /* of a client: what is known before its setup is read */
	size_t limit_count;
	struct role_limit limits[ROLE_LIMITS_MAX];
};

const struct role_row *role_row(enum role_name role);
/* The rules of a role; at most FILTER_RULES_MAX.  own_pid: the process that they are for. */
size_t role_rules(enum role_name role, pid_t own_pid, struct filter_rule *out);
/* The rules that role_threads_end puts before a role's; at most ROLE_THREAD_RULES_MAX. */
size_t role_rules_without_threads(enum role_name role, struct filter_rule *out);
/* The rules that role_client_end puts before a client's; at most ROLE_CLIENT_RULES_MAX. */
size_t role_rules_of_client(const struct role_reach *reach, struct filter_rule *out);

#endif
