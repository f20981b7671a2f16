/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The table of roles, decided by the program that is made of it: which role gets which call.  A row
 * that is opened too far here is a hole, whatever the acts of tests/confine try.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "bpf.h"
#include "role/role_internal.h"

#define OWN_PID 4242
#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
#define ABSENT  (SECCOMP_RET_ERRNO | ENOSYS)
#define ALLOWED SECCOMP_RET_ALLOW
#define KILLED  SECCOMP_RET_KILL_PROCESS

/* What pthread_create of glibc asks for. */
#define THREAD                                                                              \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static const struct {
	const char *rule;
	long call;
	uint64_t args[6];
	uint32_t want[ROLE_COUNT]; /* control, receiver, notary, signer, observer, projector, its
				      client */
} rows[] = {
	{ "read",
	  SYS_read,
	  { 0 },
	  { ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
	{ "accept4",
	  SYS_accept4,
	  { 0 },
	  { ALLOWED, ALLOWED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "openat",
	  SYS_openat,
	  { 0 },
	  { REFUSED, REFUSED, ALLOWED, REFUSED, ALLOWED, ALLOWED, ALLOWED } },
	{ "openat to write",
	  SYS_openat,
	  { 0, 0, O_WRONLY },
	  { REFUSED, REFUSED, ALLOWED, REFUSED, REFUSED, ALLOWED, ALLOWED } },
	{ "openat to make",
	  SYS_openat,
	  { 0, 0, O_CREAT },
	  { REFUSED, REFUSED, ALLOWED, REFUSED, REFUSED, ALLOWED, ALLOWED } },
	{ "openat to cut",
	  SYS_openat,
	  { 0, 0, O_TRUNC },
	  { REFUSED, REFUSED, ALLOWED, REFUSED, REFUSED, ALLOWED, ALLOWED } },
	{ "openat of a file without a name",
	  SYS_openat,
	  { 0, 0, O_TMPFILE },
	  { REFUSED, REFUSED, ALLOWED, REFUSED, REFUSED, ALLOWED, ALLOWED } },
	{ "openat of a folder",
	  SYS_openat,
	  { 0, 0, O_DIRECTORY | O_PATH | O_CLOEXEC | O_NOFOLLOW },
	  { REFUSED, REFUSED, ALLOWED, REFUSED, ALLOWED, ALLOWED, ALLOWED } },
	{ "openat2",
	  SYS_openat2,
	  { 0 },
	  { REFUSED, REFUSED, ALLOWED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "unlinkat",
	  SYS_unlinkat,
	  { 0 },
	  { REFUSED, REFUSED, ALLOWED, REFUSED, REFUSED, ALLOWED, ALLOWED } },
	{ "fchmodat",
	  SYS_fchmodat,
	  { 0 },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "symlinkat",
	  SYS_symlinkat,
	  { 0 },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "truncate",
	  SYS_truncate,
	  { 0 },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "pwrite64",
	  SYS_pwrite64,
	  { 0 },
	  { REFUSED, REFUSED, ALLOWED, ALLOWED, REFUSED, ALLOWED, ALLOWED } },
	{ "socket",
	  SYS_socket,
	  { 0 },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "a socket of Unix",
	  SYS_socket,
	  { AF_UNIX },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, ALLOWED } },
	{ "a socket of IPv4",
	  SYS_socket,
	  { AF_INET },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, ALLOWED } },
	{ "a socket of IPv6",
	  SYS_socket,
	  { AF_INET6 },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, ALLOWED } },
	{ "a socket of netlink",
	  SYS_socket,
	  { AF_NETLINK },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "a socket of packets",
	  SYS_socket,
	  { AF_PACKET },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "a socket of vsock",
	  SYS_socket,
	  { AF_VSOCK },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "connect",
	  SYS_connect,
	  { 0 },
	  { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, ALLOWED } },
	{ "execve", SYS_execve, { 0 }, { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "ptrace", SYS_ptrace, { 0 }, { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "memory without code",
	  SYS_mmap,
	  { 0, 0, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE },
	  { ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
	{ "memory with code",
	  SYS_mmap,
	  { 0, 0, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS },
	  { KILLED, KILLED, KILLED, KILLED, ALLOWED, KILLED, KILLED } },
	{ "a file as memory",
	  SYS_mmap,
	  { 0, 0, PROT_READ, MAP_SHARED },
	  { ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
	{ "shared memory without a file",
	  SYS_mmap,
	  { 0, 0, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "memory that grows down",
	  SYS_mmap,
	  { 0, 0, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "a file that grows down",
	  SYS_mmap,
	  { 0, 0, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_GROWSDOWN },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "a copy of a descriptor",
	  SYS_fcntl,
	  { 3, F_DUPFD_CLOEXEC },
	  { ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
	{ "a descriptor's flags",
	  SYS_fcntl,
	  { 3, F_GETFL },
	  { ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
	{ "other flags of what others have too",
	  SYS_fcntl,
	  { 2, F_SETFL },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, ALLOWED } },
	{ "a lock of a part of a file",
	  SYS_fcntl,
	  { 4, F_SETLK },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, ALLOWED, ALLOWED } },
	{ "whom a descriptor signals",
	  SYS_fcntl,
	  { 3, F_SETOWN },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "the same by a struct",
	  SYS_fcntl,
	  { 3, F_SETOWN_EX },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "which signal that is",
	  SYS_fcntl,
	  { 3, F_SETSIG },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "a lease of a file",
	  SYS_fcntl,
	  { 3, F_SETLEASE },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "what others do in a folder",
	  SYS_fcntl,
	  { 3, F_NOTIFY },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "the end of a socket's way",
	  SYS_shutdown,
	  { 2 },
	  { REFUSED, ALLOWED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "an option of a socket",
	  SYS_setsockopt,
	  { 2 },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, ALLOWED } },
	{ "data to code",
	  SYS_mprotect,
	  { 0, 0, PROT_EXEC },
	  { KILLED, KILLED, KILLED, KILLED, ALLOWED, KILLED, KILLED } },
	{ "a signal to itself",
	  SYS_tgkill,
	  { OWN_PID },
	  { ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
	{ "a signal to others",
	  SYS_tgkill,
	  { OWN_PID + 1 },
	  { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	{ "a process of its own",
	  SYS_clone,
	  { 17 },
	  { REFUSED, REFUSED, KILLED, REFUSED, KILLED, REFUSED, REFUSED } },
	{ "a thread",
	  SYS_clone,
	  { THREAD },
	  { REFUSED, REFUSED, ALLOWED, REFUSED, ALLOWED, REFUSED, REFUSED } },
	{ "a thread of musl",
	  SYS_clone,
	  { THREAD | CLONE_DETACHED },
	  { REFUSED, REFUSED, ALLOWED, REFUSED, ALLOWED, REFUSED, REFUSED } },
	{ "a thread in a namespace",
	  SYS_clone,
	  { THREAD | CLONE_NEWUSER },
	  { REFUSED, REFUSED, KILLED, REFUSED, KILLED, REFUSED, REFUSED } },
	{ "clone3", SYS_clone3, { 0 }, { ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT } },
	{ "its own limits",
	  SYS_prlimit64,
	  { 0 },
	  { ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
	{ "another's limits",
	  SYS_prlimit64,
	  { OWN_PID + 1 },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
	{ "a filter more",
	  SYS_seccomp,
	  { SECCOMP_SET_MODE_FILTER },
	  { REFUSED, REFUSED, ALLOWED, REFUSED, ALLOWED, REFUSED, ALLOWED } },
	{ "a layer of Landlock more",
	  SYS_landlock_restrict_self,
	  { 0 },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, ALLOWED } },
	{ "ioctl",
	  SYS_ioctl,
	  { 0 },
	  { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
};

static void
each_role_gets_its_calls(void **state)
{
	enum role_name role;
	size_t i;

	(void)state;
	for (role = 0; role < ROLE_COUNT; role++) {
		struct filter_rule rules[FILTER_RULES_MAX];
		struct sock_filter program[FILTER_INSTRUCTIONS_MAX];
		size_t count = role_rules(role, OWN_PID, rules);

		assert_int_equal(filter_make(rules, count, FILTER_REFUSE, program, &count), ERR_OK);
		for (i = 0; i < COUNT_OF(rows); i++) {
			struct seccomp_data data = { .nr = (int)rows[i].call, .arch = BPF_NATIVE };
			uint32_t got;

			memcpy(data.args, rows[i].args, sizeof(data.args));
			got = bpf_run(program, count, &data);
			if (got != rows[i].want[role])
				fail_msg("%s, %s: %#x", role_row(role)->name, rows[i].rule, got);
		}
	}
}

static void
threads_end_and_nothing_else(void **state)
{
	static const struct {
		long call;
		uint64_t args[3];
		uint32_t want[2]; /* notary, observer */
	} calls[] = { { SYS_clone, { THREAD }, { REFUSED, REFUSED } },
		      { SYS_clone3, { 0 }, { ABSENT, ABSENT } },
		      { SYS_seccomp, { 1 }, { REFUSED, REFUSED } },
		      { SYS_openat, { 0 }, { ALLOWED, ALLOWED } },
		      { SYS_mmap, { 0, 0, PROT_READ | PROT_WRITE }, { ALLOWED, ALLOWED } },
		      { SYS_mmap, { 0, 0, PROT_READ | PROT_EXEC }, { ALLOWED, KILLED } },
		      { SYS_mprotect, { 0, 0, PROT_READ | PROT_WRITE }, { ALLOWED, ALLOWED } },
		      { SYS_mprotect, { 0, 0, PROT_EXEC }, { ALLOWED, KILLED } } };
	static const enum role_name roles[2] = { ROLE_NOTARY, ROLE_OBSERVER };
	size_t i, j;

	(void)state;
	for (j = 0; j < 2; j++) {
		struct filter_rule rules[ROLE_THREAD_RULES_MAX];
		struct sock_filter program[FILTER_INSTRUCTIONS_MAX];
		size_t count = role_rules_without_threads(roles[j], rules);

		assert_true(count <= ROLE_THREAD_RULES_MAX);
		assert_int_equal(filter_make(rules, count, FILTER_ALLOW, program, &count), ERR_OK);
		for (i = 0; i < COUNT_OF(calls); i++) {
			struct seccomp_data data = { .nr = (int)calls[i].call, .arch = BPF_NATIVE };

			memcpy(data.args, calls[i].args, sizeof(calls[i].args));
			assert_int_equal(bpf_run(program, count, &data), calls[i].want[j]);
		}
	}
}

static void
a_client_keeps_streams_of_its_families(void **state)
{
	static const uint16_t port = 5432;
	static const struct role_reach reaches[] = {
		{ .unix_sockets = true },
		{ .ports = &port, .port_count = 1 },
		{ .ports = &port, .port_count = 1, .unix_sockets = true },
		{ .port_count = 0 },
	};
	static const struct {
		const char *rule;
		long call;
		uint64_t args[4];
		uint32_t want[COUNT_OF(reaches)]; /* Unix, TCP, both, none */
	} calls[] = {
		{ "a stream of Unix",
		  SYS_socket,
		  { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK },
		  { ALLOWED, REFUSED, ALLOWED, REFUSED } },
		{ "TCP",
		  SYS_socket,
		  { AF_INET, SOCK_STREAM },
		  { REFUSED, ALLOWED, ALLOWED, REFUSED } },
		{ "TCP over IPv6",
		  SYS_socket,
		  { AF_INET6, SOCK_STREAM },
		  { REFUSED, ALLOWED, ALLOWED, REFUSED } },
		{ "UDP",
		  SYS_socket,
		  { AF_INET, SOCK_DGRAM | SOCK_CLOEXEC },
		  { REFUSED, REFUSED, REFUSED, REFUSED } },
		{ "datagrams of Unix",
		  SYS_socket,
		  { AF_UNIX, SOCK_DGRAM },
		  { REFUSED, REFUSED, REFUSED, REFUSED } },
		{ "messages of Unix",
		  SYS_socket,
		  { AF_UNIX, SOCK_SEQPACKET },
		  { REFUSED, REFUSED, REFUSED, REFUSED } },
		{ "another protocol's stream",
		  SYS_socket,
		  { AF_INET, SOCK_STREAM, 262 },
		  { REFUSED, REFUSED, REFUSED, REFUSED } },
		{ "another family's",
		  SYS_socket,
		  { AF_VSOCK, SOCK_STREAM },
		  { REFUSED, REFUSED, REFUSED, REFUSED } },
		{ "a message",
		  SYS_sendto,
		  { 0, 0, 0, MSG_NOSIGNAL },
		  { ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
		{ "one that connects",
		  SYS_sendto,
		  { 0, 0, 0, MSG_FASTOPEN },
		  { KILLED, KILLED, KILLED, KILLED } },
		{ "another",
		  SYS_sendmsg,
		  { 0, 0, MSG_NOSIGNAL },
		  { ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
		{ "another that connects",
		  SYS_sendmsg,
		  { 0, 0, MSG_FASTOPEN },
		  { KILLED, KILLED, KILLED, KILLED } },
		{ "many", SYS_sendmmsg, { 0 }, { REFUSED, REFUSED, REFUSED, REFUSED } },
		{ "a filter more", SYS_seccomp, { 1 }, { REFUSED, REFUSED, REFUSED, REFUSED } },
		{ "anything else", SYS_read, { 0 }, { ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
	};
	size_t i, j;

	(void)state;
	for (j = 0; j < COUNT_OF(reaches); j++) {
		struct filter_rule rules[ROLE_CLIENT_RULES_MAX];
		struct sock_filter program[FILTER_INSTRUCTIONS_MAX];
		size_t count = role_rules_of_client(&reaches[j], rules);

		assert_true(count <= ROLE_CLIENT_RULES_MAX);
		assert_int_equal(filter_make(rules, count, FILTER_ALLOW, program, &count), ERR_OK);
		for (i = 0; i < COUNT_OF(calls); i++) {
			struct seccomp_data data = { .nr = (int)calls[i].call, .arch = BPF_NATIVE };
			uint32_t got;

			memcpy(data.args, calls[i].args, sizeof(calls[i].args));
			got = bpf_run(program, count, &data);
			if (got != calls[i].want[j])
				fail_msg("%s, %zu: %#x", calls[i].rule, j, got);
		}
	}
}

static void
no_role_leaves_a_core(void **state)
{
	enum role_name role;

	(void)state;
	for (role = 0; role < ROLE_COUNT; role++) {
		const struct role_row *row = role_row(role);
		bool found = false;
		size_t i;

		for (i = 0; i < row->limit_count; i++)
			found = found || (row->limits[i].resource == RLIMIT_CORE &&
					  row->limits[i].most == 0);
		assert_true(found);
		/* Who has a key or reads a ledger owns its directory; the others own nothing. */
		assert_true((row->user == ROLE_USER_DIRECTORY) ==
			    (role == ROLE_NOTARY || role == ROLE_SIGNER || role == ROLE_OBSERVER ||
			     role == ROLE_PROJECTOR || role == ROLE_PROJECTOR_CLIENT));
		assert_true(role != ROLE_OBSERVER || row->only_reads);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_role_gets_its_calls),
		cmocka_unit_test(threads_end_and_nothing_else),
		cmocka_unit_test(a_client_keeps_streams_of_its_families),
		cmocka_unit_test(no_role_leaves_a_core),
	};

	return cmocka_run_group_tests_name("role/table", tests, NULL, NULL);
}
