/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every allocation and system call of the receiver fails once at each N, while one story is told:
 * two cells, guests of both wires, a notary that is replaced, a removal, the end.  Whatever fails,
 * it goes on or says FAILED; nobody is told of what is not durable; numbers have no hole; nothing
 * leaks.
 */
#include <errno.h>

#include "prog/exit.h"
#include "prog/log.h"
#include "rig.h"

/* The calls that fail, each with the error that the kernel gives first of all. */
#define CALLS(X)                \
	X(malloc, ENOMEM)       \
	X(reallocarray, ENOMEM) \
	X(accept4, EMFILE)      \
	X(getsockopt, ENOBUFS)  \
	X(epoll_ctl, ENOMEM)    \
	X(epoll_wait, EBADF)    \
	X(read, ECONNRESET)     \
	X(shutdown, ENOTCONN)   \
	X(sendmsg, ENOBUFS)     \
	X(recvmsg, ENOBUFS)     \
	X(send, EPIPE)

enum call {
#define CALL_ENUM(name, error) CALL_##name,
	CALLS(CALL_ENUM)
#undef CALL_ENUM
		CALL_COUNT
};
static const char *const call_names[] = {
#define CALL_NAME(name, error) #name,
	CALLS(CALL_NAME)
#undef CALL_NAME
};
static const int call_errors[] = {
#define CALL_ERROR(name, error) error,
	CALLS(CALL_ERROR)
#undef CALL_ERROR
};

static enum call failing;
static size_t fails_at; /* counts down; 0: now */
static bool armed;
static bool has_failed;

/* True where this call is to fail; it sets errno. */
static bool
fails(enum call call)
{
	if (!armed || call != failing || fails_at-- > 0)
		return false;
	armed = false;
	has_failed = true;
	errno = call_errors[call];
	return true;
}

#define WRAP(type, name, failure, parameters, arguments)                         \
	type __real_##name parameters;                                           \
	type __wrap_##name parameters;                                           \
	type __wrap_##name parameters                                            \
	{                                                                        \
		return fails(CALL_##name) ? (failure) : __real_##name arguments; \
	}

WRAP(void *, malloc, NULL, (size_t size), (size))
WRAP(void *, reallocarray, NULL, (void *at, size_t count, size_t size), (at, count, size))
WRAP(int, accept4, -1, (int fd, struct sockaddr *a, socklen_t *size, int flags),
     (fd, a, size, flags))
WRAP(int, getsockopt, -1, (int fd, int level, int name, void *value, socklen_t *size),
     (fd, level, name, value, size))
WRAP(int, epoll_ctl, -1, (int poll, int what, int fd, struct epoll_event *event),
     (poll, what, fd, event))
WRAP(int, epoll_wait, -1, (int poll, struct epoll_event *events, int most, int timeout),
     (poll, events, most, timeout))
WRAP(ssize_t, read, -1, (int fd, void *data, size_t size), (fd, data, size))
WRAP(int, shutdown, -1, (int fd, int how), (fd, how))
WRAP(ssize_t, sendmsg, -1, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP(ssize_t, recvmsg, -1, (int fd, struct msghdr *m, int flags), (fd, m, flags))
WRAP(ssize_t, send, -1, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))

/* What is the test's own does not fail. */
static bool
hold(void)
{
	bool was = armed;

	armed = false;
	return was;
}

static void
say(struct rig *rig, struct message *m, int fd)
{
	bool was = hold();

	m->fds[0] = fd;
	m->fd_count = fd >= 0 ? 1 : 0;
	assert_int_equal(message_send(rig->supervisor, m), ERR_OK);
	armed = was;
}

/* Some turns; where the receiver cannot wait it ends, as receiver_run does. */
static void
turns(struct rig *rig)
{
	unsigned int i;

	for (i = 0; i < 40 && !rig->r->done; i++) {
		if (receiver_turn(rig->r, false) != ERR_OK)
			receiver_fail(rig->r, EXIT_OS, "cannot wait for guests");
		else if (!window_check(&rig->r->window))
			fail_msg("%s: the window is broken", call_names[failing]);
	}
}

static void
listen_on(struct rig *rig, unsigned int slot)
{
	bool was = hold();
	int fd = rig_socket(rig, slot);
	struct message m;

	rig_message_listen(&m, slot, 1000000, 0);
	say(rig, &m, fd);
	(void)close(fd);
	armed = was;
	turns(rig);
}

static void
new_notary(struct rig *rig)
{
	bool was = hold();
	struct message m;
	int fds[2];

	rig_pair(fds);
	if (rig->notary >= 0)
		(void)close(rig->notary);
	rig->notary = fds[0];
	message_init(&m, MESSAGE_RECEIVER_CHANNEL, 0);
	say(rig, &m, fds[1]);
	(void)close(fds[1]);
	armed = was;
	turns(rig);
}

static int
guest_of(struct rig *rig, unsigned int slot)
{
	bool was = hold();
	struct sockaddr_un a = rig_address(rig, slot);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	/* Where the cell was not taken nobody listens. */
	(void)!connect(fd, (struct sockaddr *)&a, sizeof(a));
	armed = was;
	turns(rig);
	return fd;
}

static void
declare(struct rig *rig, int guest, const char *source, uint16_t version, uint64_t seq)
{
	uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	bool was = hold();

	(void)!send(guest, frame, rig_frame(frame, source, version, seq, true), MSG_NOSIGNAL);
	armed = was;
	turns(rig);
}

/* The notary takes what came and confirms it: gives the highest seq + 1 that is durable. */
static uint64_t
notary_confirms(struct rig *rig)
{
	static uint8_t data[RECORD_BATCH_BYTES_MAX];
	static uint64_t durable;
	static struct record r;
	struct record_receipt receipt = { .next = 0 };
	bool was = hold();
	size_t size = 0;
	ssize_t n;

	while ((n = recv(rig->notary, data, sizeof(data), 0)) > 0) {
		struct record_batch head;
		size_t at = RECORD_BATCH_HEAD_BYTES;

		assert_int_equal(record_batch_read(data, (size_t)n, &head), ERR_OK);
		receipt.next = head.first + head.count;
		for (; at < (size_t)n; at += size) {
			assert_int_equal(record_read(data + at, (size_t)n - at, &r, &size), ERR_OK);
			if (r.type == RECORD_DECLARED && r.session.mode == HARK_WIRE_HARK &&
			    r.declaration.seq >= durable)
				durable = r.declaration.seq + 1;
		}
	}
	if (receipt.next > 0) {
		assert_int_equal(record_receipt_write(&receipt, data, sizeof(data), &size), ERR_OK);
		(void)!send(rig->notary, data, size, MSG_NOSIGNAL);
	}
	armed = was;
	turns(rig);
	return durable;
}

static void
story(void)
{
	struct rig *rig;
	struct message m;
	uint64_t durable = 0;
	uint64_t told;
	size_t count;
	int hark;
	int cellos;
	int broken;
	uint64_t i;

	{
		bool was = hold();

		rig = rig_open();
		armed = was;
	}
	new_notary(rig);
	listen_on(rig, 0);
	listen_on(rig, 1);
	hark = guest_of(rig, 0);
	cellos = guest_of(rig, 1);
	broken = guest_of(rig, 1);
	declare(rig, hark, "agent.hello", 2, 0);
	for (i = 0; i < 3; i++) {
		declare(rig, hark, "process.exec", 2, i);
		declare(rig, cellos, "process.exec", 1, 0);
	}
	(void)!__real_send(broken, "\0\0\0\0", 4, MSG_NOSIGNAL);
	turns(rig);
	durable = notary_confirms(rig);
	told = rig_answer(hark, &count);
	assert_true(told == UINT64_MAX || told <= durable);
	declare(rig, hark, "process.exec", 2, 3);
	new_notary(rig);
	durable = notary_confirms(rig);
	told = rig_answer(hark, &count);
	assert_true(told == UINT64_MAX || told <= durable);
	message_init(&m, MESSAGE_UNLISTEN, 0);
	message_set_number(&m, FIELD_SLOT, 1);
	if (!rig->r->done && receiver_cell(rig->r, 1) != NULL)
		say(rig, &m, -1);
	turns(rig);
	(void)notary_confirms(rig);
	rig_now += 2 * RIG_SECOND;
	turns(rig);
	message_init(&m, MESSAGE_STOP, 0);
	if (!rig->r->done)
		say(rig, &m, -1);
	turns(rig);
	(void)notary_confirms(rig);
	rig_now += RECEIVER_STOP_NS;
	turns(rig);
	if (!rig->r->done)
		fail_msg("%s: it does not end", call_names[failing]);
	armed = false;
	(void)close(hark);
	(void)close(cellos);
	(void)close(broken);
	for (i = 0; i < 2; i++) {
		struct sockaddr_un a = rig_address(rig, (unsigned int)i);

		(void)unlink(a.sun_path);
	}
	rig_close(rig);
}

static void
each_call_fails_once(void **state)
{
	size_t n;

	(void)state;
	for (failing = 0; failing < CALL_COUNT; failing++) {
		for (n = 0; n < 2000; n++) {
			fails_at = n;
			has_failed = false;
			armed = true;
			story();
			if (!has_failed)
				break;
		}
		/* The story has each of them, and comes to its end. */
		if (n == 0 || n == 2000)
			fail_msg("%s was called %zu times", call_names[failing], n);
	}
}

static void
a_connection_waits_for_a_descriptor(void **state)
{
	struct rig *rig = rig_open();
	int one;
	int two;

	(void)state;
	rig_new_notary(rig);
	rig_listen(rig, 0, 0, 0);
	failing = CALL_accept4;
	fails_at = 0;
	armed = true;
	one = rig_connect(rig, 0);
	assert_false(armed);
	rig_declare(rig, one, "process.exec", 1, 0);
	rig_take(rig);
	assert_int_equal(rig_count(rig, RECORD_OPENED), 0);
	/* The one who waits is taken when it is tried again, and so is who came after. */
	two = rig_connect(rig, 0);
	rig_pass(rig, RIG_SECOND / 10);
	assert_int_equal(rig_count(rig, RECORD_OPENED), 2);
	assert_int_equal(rig_count(rig, RECORD_DECLARED), 1);
	/* Or as soon as another connection ends. */
	armed = true;
	fails_at = 0;
	(void)close(rig_connect(rig, 0));
	assert_false(armed);
	(void)close(two);
	rig_turns(rig);
	rig_take(rig);
	assert_int_equal(rig_count(rig, RECORD_OPENED), 3);
	(void)close(one);
	rig_turns(rig);
	rig_simple(rig, MESSAGE_UNLISTEN, 0);
	rig_close(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_fails_once),
		cmocka_unit_test(a_connection_waits_for_a_descriptor),
	};

	log_set_level(LOG_LEVEL_ERROR);
	(void)!freopen("/dev/null", "w", stderr);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
