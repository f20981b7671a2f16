/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a client of a server reaches: while it looks up its server, and when it has found it.  A
 * twin that is not confined gets each act done, as far as the kernel has it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "acts.h"
#include "enter.h"
#include "os/confine.h"
#include "unit.h"

#define PROTOCOL_SCTP  132
#define PROTOCOL_MPTCP 262
/* The kernel's version of Landlock that knows TCP. */
#define LANDLOCK_WITH_TCP 4u

#define MAKES(name, family, kind, protocol)                                       \
	static int name(const struct acts *a)                                     \
	{                                                                         \
		(void)a;                                                          \
		return act_made(socket(family, (kind) | SOCK_CLOEXEC, protocol)); \
	}

MAKES(tcp, AF_INET, SOCK_STREAM, 0)
MAKES(tcp_six, AF_INET6, SOCK_STREAM, 0)
MAKES(udp, AF_INET, SOCK_DGRAM, 0)
MAKES(udp_six, AF_INET6, SOCK_DGRAM, 0)
MAKES(mptcp, AF_INET, SOCK_STREAM, PROTOCOL_MPTCP)
MAKES(sctp, AF_INET, SOCK_STREAM, PROTOCOL_SCTP)
MAKES(unix_stream, AF_UNIX, SOCK_STREAM, 0)
MAKES(unix_datagram, AF_UNIX, SOCK_DGRAM, 0)
MAKES(unix_messages, AF_UNIX, SOCK_SEQPACKET, 0)
MAKES(netlink, AF_NETLINK, SOCK_RAW, 0)

static struct sockaddr_in
local(uint16_t port)
{
	struct sockaddr_in out = { .sin_family = AF_INET, .sin_port = htons(port) };

	out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return out;
}

/* Nobody listens there: that it was tried is all that is asked. */
static int
outcome(int fd, long result)
{
	int e = result >= 0 ? 0 : errno;

	(void)close(fd);
	return e == ECONNREFUSED ? 0 : e;
}

static int
connects_to(uint16_t port)
{
	struct sockaddr_in there = local(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? errno : outcome(fd, connect(fd, (struct sockaddr *)&there, sizeof(there)));
}

static int
its_port(const struct acts *a)
{
	(void)a;
	return connects_to(ENTER_PORT);
}

static int
another_port(const struct acts *a)
{
	(void)a;
	return connects_to(ENTER_PORT + 1);
}

static int
resolvers_port(const struct acts *a)
{
	(void)a;
	return connects_to(ENTER_PORT_DNS);
}

/* To a port that it was not given: Landlock does not look at datagrams. */
static int
datagram(const struct acts *a)
{
	struct sockaddr_in there = local(ENTER_PORT + 1);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)a;
	return fd < 0 ? errno
		      : outcome(fd,
				sendto(fd, "x", 1, 0, (struct sockaddr *)&there, sizeof(there)));
}

/* A connection that no connect() begins. */
static int
fast_open(const struct acts *a)
{
	struct sockaddr_in there = local(ENTER_PORT + 1);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)a;
	return fd < 0 ? errno
		      : outcome(fd, sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&there,
					   sizeof(there)));
}

static int
connects_unix(const struct acts *a)
{
	struct sockaddr_un there = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(there.sun_path, sizeof(there.sun_path), "%s", a->file);
	return fd < 0 ? errno : outcome(fd, connect(fd, (struct sockaddr *)&there, sizeof(there)));
}

static int
one_filter_more(const struct acts *a)
{
	long result;

	(void)a;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* a twin that is not root needs it */
	/* Without a program: it is looked for when the call is let through. */
	result = syscall(SYS_seccomp, 1, 0, NULL);
	return result < 0 && errno == EFAULT ? 0 : errno;
}

enum want { NO, YES, ANY };

static const struct {
	const char *name;
	act_fn *fn;
	enum want looking, at_tcp, at_unix;
} rows[] = {
	{ "make a TCP socket", tcp, YES, YES, NO },
	{ "make one of IPv6", tcp_six, YES, YES, NO },
	{ "connect to its server's port", its_port, YES, YES, NO },
	{ "connect to another port", another_port, NO, NO, NO },
	{ "connect to a resolver by TCP", resolvers_port, YES, NO, NO },
	{ "make a UDP socket", udp, YES, NO, NO },
	{ "make one of IPv6", udp_six, YES, NO, NO },
	{ "send a datagram", datagram, YES, NO, NO },
	{ "make a socket of MPTCP", mptcp, YES, NO, NO },
	{ "make a socket of SCTP", sctp, YES, NO, NO },
	/* What Landlock says of it is a matter of the kernel's age. */
	{ "connect by a message", fast_open, ANY, NO, NO },
	{ "make a Unix socket", unix_stream, YES, NO, YES },
	{ "connect it", connects_unix, YES, NO, YES },
	{ "make one of datagrams", unix_datagram, YES, NO, NO },
	{ "make one of messages", unix_messages, YES, NO, NO },
	{ "make a socket of the kernel's", netlink, NO, NO, NO },
	{ "add a filter", one_filter_more, YES, NO, NO },
};

static int
try_client(enum depth depth, act_fn *act)
{
	return enter_try(ROLE_PROJECTOR_CLIENT, depth, act);
}

static void
expect(const char *name, const char *where, int got, enum want want)
{
	bool refused = got == EPERM || got == EACCES || got == -SIGSYS;

	if (want != ANY && refused != (want == NO))
		fail_msg("%s, %s: got %d", name, where, got);
}

static void
the_network_is_its_server(void **state)
{
	unsigned int version = 0;
	size_t i;

	(void)state;
	if (confine_landlock_version(&version) != ERR_OK || version < LANDLOCK_WITH_TCP)
		skip();
	for (i = 0; i < COUNT_OF(rows); i++) {
		int twin = try_client(TWIN, rows[i].fn);

		/* Some kernels lack some of it; none refuses it. */
		expect(rows[i].name, "not confined", twin, YES);
		expect(rows[i].name, "looking", try_client(LOOKING, rows[i].fn), rows[i].looking);
		expect(rows[i].name, "by TCP", try_client(AT_TCP, rows[i].fn), rows[i].at_tcp);
		expect(rows[i].name, "by a Unix socket", try_client(AT_UNIX, rows[i].fn),
		       rows[i].at_unix);
	}
}

/* Its files are still its own. */
static void
the_rest_stays_as_it_was(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(try_client(AT_TCP, act_files_below), 0);
	assert_int_equal(try_client(AT_UNIX, act_files_below), 0);
	assert_int_equal(try_client(AT_TCP, act_ordinary), 0);
	for (i = 0; i < act_count; i++) {
		bool is_socket = strstr(acts[i].name, "a TCP socket") != NULL ||
				 strstr(acts[i].name, "a socket that it has") != NULL;
		int got = try_client(AT_TCP, acts[i].fn);

		if (!is_socket && got != EPERM && got != EACCES && got != ENOSYS && got != -SIGSYS)
			fail_msg("%s: got %d", acts[i].name, got);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_network_is_its_server),
		cmocka_unit_test(the_rest_stays_as_it_was),
	};

	return cmocka_run_group_tests_name("confine/network", tests, NULL, NULL);
}
