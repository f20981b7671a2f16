/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What each role may do, as data.  No limit of file sizes: the log may be a file, and who writes
 * over such a limit ends.
 */
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/seccomp.h>

#include "base/must.h"
#include "role/role_internal.h"

/* The numbers of roles as bits, for calls.def. */
#define CONTROL   (1u << ROLE_CONTROL)
#define RECEIVER  (1u << ROLE_RECEIVER)
#define NOTARY    (1u << ROLE_NOTARY)
#define SIGNER    (1u << ROLE_SIGNER)
#define OBSERVER  (1u << ROLE_OBSERVER)
#define CLIENT    (1u << ROLE_PROJECTOR_CLIENT)
#define PROJECTOR (1u << ROLE_PROJECTOR | CLIENT)
#define EVERY     (CONTROL | RECEIVER | NOTARY | SIGNER | OBSERVER | PROJECTOR)

/* What pthread_create asks of clone(); musl's has one obsolete flag more. */
#define THREAD_FLAGS                                                                  \
	(uint32_t)(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
		   CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)
#define THREAD_FLAG_OF_MUSL (uint32_t) CLONE_DETACHED

/* A stack is memory that RLIMIT_DATA does not count. */
#define STACK_BYTES ((uint64_t)8 * 1024 * 1024)

/* Of socket()'s second argument; above are flags. */
#define SOCKET_KIND 0xfu

/* With any of these open() does more than read.  Of O_TMPFILE the bit that is its own. */
#define FLAGS_OF_WRITING \
	(uint32_t)(O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))

static const struct role_row rows[] = {
	[ROLE_CONTROL] = { .name = "control",
			   .user = ROLE_USER_NOBODY,
			   .limit_count = 3,
			   .limits = { { RLIMIT_CORE, 0 },
				       { RLIMIT_NPROC, 0 },
				       { RLIMIT_NOFILE, 256 } } },
	/* Eight connections of each cell, and a shared receiver has many cells. */
	[ROLE_RECEIVER] = { .name = "receiver",
			    .user = ROLE_USER_NOBODY,
			    .limit_count = 3,
			    .limits = { { RLIMIT_CORE, 0 },
					{ RLIMIT_NPROC, 0 },
					{ RLIMIT_NOFILE, 131072 } } },
	/* A channel of each receiver.  Its thread comes after its limits, so RLIMIT_NPROC is
	   left to role_threads_end. */
	[ROLE_NOTARY] = { .name = "notary",
			  .user = ROLE_USER_DIRECTORY,
			  .has_directories = true,
			  .limit_count = 2,
			  .limits = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 131072 } } },
	[ROLE_SIGNER] = { .name = "signer",
			  .user = ROLE_USER_DIRECTORY,
			  .limit_count = 3,
			  .limits = { { RLIMIT_CORE, 0 },
				      { RLIMIT_NPROC, 0 },
				      { RLIMIT_NOFILE, 64 } } },
	/* Beside these its limits depend on its manifest, and its threads come after them: the
	   program sets them. */
	[ROLE_OBSERVER] = { .name = "observer",
			    .user = ROLE_USER_DIRECTORY,
			    .user_fd = 1,
			    .has_directories = true,
			    .only_reads = true,
			    .is_silent = true,
			    .is_background = true,
			    .limit_count = 3,
			    .limits = { { RLIMIT_CORE, 0 },
					{ RLIMIT_NOFILE, 64 },
					{ RLIMIT_STACK, STACK_BYTES } } },
	/* How much memory it may have depends on its manifest: the program sets that. */
	[ROLE_PROJECTOR] = { .name = "projector",
			     .user = ROLE_USER_DIRECTORY,
			     .never_root = true,
			     .has_directories = true,
			     .is_background = true,
			     .limit_count = 4,
			     .limits = { { RLIMIT_CORE, 0 },
					 { RLIMIT_NPROC, 0 },
					 { RLIMIT_NOFILE, 64 },
					 { RLIMIT_STACK, STACK_BYTES } } },
	[ROLE_PROJECTOR_CLIENT] = { .name = "projector",
				    .user = ROLE_USER_DIRECTORY,
				    .never_root = true,
				    .begins_as = ROLE_PROJECTOR,
				    .has_directories = true,
				    .is_background = true,
				    .is_client = true,
				    .limit_count = 4,
				    .limits = { { RLIMIT_CORE, 0 },
						{ RLIMIT_NPROC, 0 },
						{ RLIMIT_NOFILE, 64 },
						{ RLIMIT_STACK, STACK_BYTES } } },
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == ROLE_COUNT, "a row for each role");

const struct role_row *
role_row(enum role_name role)
{
	MUST((unsigned int)role < ROLE_COUNT);

	return &rows[role];
}

/* A row of calls.def. */
struct call_row {
	unsigned int roles;
	struct filter_rule rule;
};

size_t
role_rules(enum role_name role, pid_t own_pid, struct filter_rule *out)
{
	const struct call_row calls[] = {
#define CALL(name, who) { who, { .call = SYS_##name, .action = FILTER_ALLOW } },
#define IF(name, who, argument_, mask_, value_, otherwise_) \
	{ who,                                              \
	  { .call = SYS_##name,                             \
	    .action = FILTER_ALLOW,                         \
	    .argument = (argument_),                        \
	    .mask = (mask_),                                \
	    .value = (value_),                              \
	    .otherwise = (otherwise_) } },
#define KILLED_IF(name, who, argument_, mask_, value_) \
	{ who,                                         \
	  { .call = SYS_##name,                        \
	    .action = FILTER_KILL,                     \
	    .argument = (argument_),                   \
	    .mask = (mask_),                           \
	    .value = (value_),                         \
	    .otherwise = FILTER_NEXT } },
#define KILLED(name)         KILLED_IN(name, EVERY)
#define KILLED_IN(name, who) { who, { .call = SYS_##name, .action = FILTER_KILL } },
#define ABSENT(name)         { EVERY, { .call = SYS_##name, .action = FILTER_ABSENT } },
#define own_pid              (uint32_t) own_pid
#include "role/calls.def"
#undef own_pid
#undef CALL
#undef IF
#undef KILLED_IF
#undef KILLED
#undef KILLED_IN
#undef ABSENT
	};
	size_t count = 0;
	size_t i;

	MUST((unsigned int)role < ROLE_COUNT && own_pid > 0 && out != NULL);

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if ((calls[i].roles & (1u << role)) == 0)
			continue;
		MUST(count < FILTER_RULES_MAX);
		out[count++] = calls[i].rule;
	}
	return count;
}

/* A stream of a family: Landlock's ports say nothing of what else the kernel has as a kind or a
 * protocol. */
static size_t
socket_rules(const struct role_reach *reach, struct filter_rule *out)
{
	static const uint32_t families[] = { AF_UNIX, AF_INET, AF_INET6 };
	size_t count = 2;
	size_t i;

	out[0] = (struct filter_rule){ .call = SYS_socket,
				       .action = FILTER_NEXT,
				       .argument = 1,
				       .mask = SOCKET_KIND,
				       .value = SOCK_STREAM,
				       .otherwise = FILTER_REFUSE };
	out[1] = (struct filter_rule){ .call = SYS_socket,
				       .action = FILTER_NEXT,
				       .argument = 2,
				       .mask = UINT32_MAX,
				       .otherwise = FILTER_REFUSE };
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (families[i] == AF_UNIX ? reach->unix_sockets : reach->port_count > 0)
			out[count++] = (struct filter_rule){ .call = SYS_socket,
							     .action = FILTER_ALLOW,
							     .mask = UINT32_MAX,
							     .value = families[i],
							     .otherwise = FILTER_NEXT };
	}
	out[count++] = (struct filter_rule){ .call = SYS_socket, .action = FILTER_REFUSE };
	return count;
}

size_t
role_rules_of_client(const struct role_reach *reach, struct filter_rule *out)
{
	/* By this flag a message connects, beside Landlock's ports. */
	static const struct filter_rule rest[] = {
		{ .call = SYS_sendto,
		  .action = FILTER_KILL,
		  .argument = 3,
		  .mask = MSG_FASTOPEN,
		  .value = MSG_FASTOPEN,
		  .otherwise = FILTER_ALLOW },
		{ .call = SYS_sendmsg,
		  .action = FILTER_KILL,
		  .argument = 2,
		  .mask = MSG_FASTOPEN,
		  .value = MSG_FASTOPEN,
		  .otherwise = FILTER_ALLOW },
		{ .call = SYS_sendmmsg, .action = FILTER_REFUSE },
		{ .call = SYS_seccomp, .action = FILTER_REFUSE },
#ifdef SYS_landlock_create_ruleset
		{ .call = SYS_landlock_create_ruleset, .action = FILTER_REFUSE },
		{ .call = SYS_landlock_restrict_self, .action = FILTER_REFUSE },
#endif
	};
	size_t count;
	size_t i;

	MUST(reach != NULL && out != NULL);

	count = socket_rules(reach, out);
	for (i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
		out[count++] = rest[i];
	MUST(count <= ROLE_CLIENT_RULES_MAX);
	return count;
}

size_t
role_rules_without_threads(enum role_name role, struct filter_rule *out)
{
	MUST(out != NULL);

	out[0] = (struct filter_rule){ .call = SYS_clone, .action = FILTER_REFUSE };
	out[1] = (struct filter_rule){ .call = SYS_clone3, .action = FILTER_ABSENT };
	out[2] = (struct filter_rule){ .call = SYS_seccomp, .action = FILTER_REFUSE };
	if (role != ROLE_OBSERVER)
		return 3;
	out[3] = (struct filter_rule){ .call = SYS_mmap,
				       .action = FILTER_ALLOW,
				       .argument = 2,
				       .mask = PROT_EXEC,
				       .otherwise = FILTER_KILL };
	out[4] = out[3];
	out[4].call = SYS_mprotect;
	return 5;
}
