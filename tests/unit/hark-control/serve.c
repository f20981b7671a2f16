/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The relay with the time in hand: real sockets, a harkd of the test, and a kernel that says of a
 * client what the test wants.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hark-control/serve.h"
#include "os/packet.h"
#include "prog/exit.h"
#include "proto/order.h"

#define NS_PER_S UINT64_C(1000000000)

static uint64_t now_ns;
static uid_t peer_uid;
static gid_t peer_gid;
static bool peer_fails;
static bool no_memory;
static bool epoll_fails;
static struct serve *s;
static struct loop *loop;
static int harkd; /* the other end of the supervisor's descriptor */
static int supervisor;
static int listening;
static char dir[64];
static struct sockaddr_un address;
static uint8_t bytes[IPC_BYTES_MAX];

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __real_epoll_ctl(int fd, int op, int other, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int op, int other, struct epoll_event *event);

int
__wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	struct ucred who = { .pid = 1, .uid = peer_uid, .gid = peer_gid };

	if (level != SOL_SOCKET || name != SO_PEERCRED)
		return __real_getsockopt(fd, level, name, value, size);
	if (peer_fails) {
		errno = EIO;
		return -1;
	}
	memcpy(value, &who, sizeof(who));
	return 0;
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return no_memory ? NULL : __real_calloc(count, size);
}

int
__wrap_epoll_ctl(int fd, int op, int other, struct epoll_event *event)
{
	if (epoll_fails) {
		errno = ENOSPC;
		return -1;
	}
	return __real_epoll_ctl(fd, op, other, event);
}

static uint64_t
test_clock(void)
{
	return now_ns;
}

static void
turns(unsigned int count)
{
	while (count-- > 0)
		assert_int_equal(loop_turn(loop, false), ERR_OK);
}

static int
set_up(void **state)
{
	int pair[2];

	(void)state;
	now_ns = NS_PER_S;
	peer_uid = 0;
	peer_gid = 0;
	(void)snprintf(dir, sizeof(dir), "/tmp/hark-unit-XXXXXX");
	if (mkdtemp(dir) == NULL || packet_pair(pair) != ERR_OK)
		return -1;
	harkd = pair[0];
	supervisor = pair[1];
	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
	if (packet_open(&listening) != ERR_OK ||
	    bind(listening, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listening, 128) != 0)
		return -1;
	s = calloc(1, sizeof(*s));
	if (s == NULL || loop_create(test_clock, &loop) != ERR_OK)
		return -1;
	s->owner = 990;
	s->has_group = true;
	s->group = 77;
	return serve_init(s, loop, supervisor, listening) == ERR_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	peer_fails = no_memory = epoll_fails = false;
	serve_finish(s);
	loop_destroy(loop);
	free(s);
	(void)close(harkd);
	(void)close(supervisor);
	(void)close(listening);
	(void)unlink(address.sun_path);
	return rmdir(dir);
}

static int
client(uid_t uid, gid_t gid)
{
	int fd;

	peer_uid = uid;
	peer_gid = gid;
	assert_int_equal(packet_connect(address.sun_path, &fd), ERR_OK);
	turns(2);
	return fd;
}

/* As `hark` asks: what changes things by an order. */
static void
ask(int fd, enum message_type type, uint64_t id)
{
	struct message m;
	struct message order;

	message_init(&m, type, id);
	if (type == MESSAGE_ASK_CELL_ADD || type == MESSAGE_ASK_CELL_REMOVE)
		message_set_text(&m, FIELD_CELL, "a");
	if (type == MESSAGE_ASK_LEDGER || type == MESSAGE_ASK_SEAL)
		message_set_number(&m, FIELD_LEDGER, 0);
	if (order_is_needed(type)) {
		assert_int_equal(order_make(&m, &order), ERR_OK);
		assert_int_equal(message_send(fd, &order), ERR_OK);
		message_close(&order);
	} else {
		assert_int_equal(message_send(fd, &m), ERR_OK);
	}
	turns(2);
}

static void
answer(uint64_t id, uint64_t code)
{
	struct message m;

	message_init(&m, MESSAGE_DONE, id);
	message_set_number(&m, FIELD_CODE, code);
	assert_int_equal(message_send(harkd, &m), ERR_OK);
	turns(2);
}

static enum err
take(int fd, struct message *out)
{
	return message_receive(fd, bytes, sizeof(bytes), out);
}

static void
a_question_goes_there_and_its_answers_back(void **state)
{
	int fd = client(0, 0);
	struct message m;
	uint64_t asked;

	(void)state;
	ask(fd, MESSAGE_ASK_CELLS, 4711);
	assert_int_equal(take(harkd, &m), ERR_OK);
	assert_int_equal(m.type, MESSAGE_ASK_CELLS);
	assert_true(m.id != 0 && message_number(&m, FIELD_RIGHTS, 0) == PROTO_MAY_ADMINISTER);
	asked = m.id;
	message_init(&m, MESSAGE_ITEM_CELL, asked);
	message_set_text(&m, FIELD_CELL, "a");
	message_set_text(&m, FIELD_RUN, "r");
	message_set_text(&m, FIELD_UDS_BASE, "/a");
	message_set_text(&m, FIELD_STATE, "listening");
	assert_int_equal(message_send(harkd, &m), ERR_OK);
	answer(asked, 0);
	assert_int_equal(take(fd, &m), ERR_OK);
	assert_true(m.type == MESSAGE_ITEM_CELL && m.id == 4711);
	assert_int_equal(take(fd, &m), ERR_OK);
	assert_true(m.type == MESSAGE_DONE && m.id == 4711);
	assert_int_equal(take(fd, &m), ERR_AGAIN);
	(void)close(fd);
}

static void
the_next_question_waits_for_the_answer(void **state)
{
	int fd = client(0, 0);
	struct message m;
	uint64_t first;

	(void)state;
	ask(fd, MESSAGE_ASK_STATUS, 1);
	ask(fd, MESSAGE_ASK_STATUS, 2);
	assert_int_equal(take(harkd, &m), ERR_OK);
	first = m.id;
	assert_int_equal(take(harkd, &m), ERR_AGAIN);
	answer(first, 0);
	turns(2);
	assert_int_equal(take(harkd, &m), ERR_OK);
	assert_true(m.id != first);
	answer(m.id, 5);
	assert_int_equal(take(fd, &m), ERR_OK);
	assert_true(m.id == 1);
	assert_int_equal(take(fd, &m), ERR_OK);
	assert_true(m.id == 2 && message_number(&m, FIELD_CODE, 0) == 5);
	(void)close(fd);
}

static const struct {
	const char *rule;
	uid_t uid;
	gid_t gid;
	enum message_type type;
	bool passes;
} rights[] = {
	{ "root adds", 0, 0, MESSAGE_ASK_CELL_ADD, true },
	{ "harkd's user adds", 990, 990, MESSAGE_ASK_CELL_ADD, true },
	{ "the group looks", 1000, 77, MESSAGE_ASK_STATUS, true },
	{ "the group gets a ledger", 1000, 77, MESSAGE_ASK_LEDGER, true },
	{ "the group adds", 1000, 77, MESSAGE_ASK_CELL_ADD, false },
	{ "the group rotates", 1000, 77, MESSAGE_ASK_CELL_REMOVE, false },
	{ "another looks", 1000, 1000, MESSAGE_ASK_STATUS, false },
	{ "another gets a ledger", 1000, 1000, MESSAGE_ASK_LEDGER, false },
};

static void
each_may_what_it_may(void **state)
{
	struct message m;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rights); i++) {
		int fd = client(rights[i].uid, rights[i].gid);

		ask(fd, rights[i].type, 3);
		if (rights[i].passes) {
			assert_int_equal(take(harkd, &m), ERR_OK);
			message_close(&m);
			assert_int_equal(take(fd, &m), ERR_AGAIN);
		} else {
			assert_int_equal(take(harkd, &m), ERR_AGAIN);
			assert_int_equal(take(fd, &m), ERR_OK);
			assert_true(m.id == 3 &&
				    message_number(&m, FIELD_CODE, 0) == EXIT_NO_PERMISSION);
			/* It may go on and ask something else. */
			assert_int_equal(s->client_count, 1);
		}
		(void)close(fd);
		turns(2);
		assert_int_equal(s->client_count, 0);
	}
}

static void
descriptors_pass_through_and_are_not_kept(void **state)
{
	int fd = client(0, 0);
	struct message m;
	int next;

	(void)state;
	ask(fd, MESSAGE_ASK_LEDGER, 9);
	assert_int_equal(take(harkd, &m), ERR_OK);
	next = dup(0);
	(void)close(next);
	message_init(&m, MESSAGE_LEDGER_OPEN, m.id);
	message_set_number(&m, FIELD_LEDGER, 0);
	message_set_text(&m, FIELD_ORIGIN, "h/evidence");
	m.fds[0] = m.fds[1] = 0;
	m.fd_count = 2;
	assert_int_equal(message_send(harkd, &m), ERR_OK);
	turns(2);
	assert_int_equal(fcntl(next, F_GETFD), -1);
	assert_int_equal(take(fd, &m), ERR_OK);
	assert_true(m.type == MESSAGE_LEDGER_OPEN && m.fd_count == 2 && m.id == 9);
	message_close(&m);
	/* For a client that has gone they are closed. */
	ask(fd, MESSAGE_ASK_LEDGER, 10);
	assert_int_equal(take(harkd, &m), ERR_OK);
	(void)close(fd);
	turns(2);
	message_init(&m, MESSAGE_LEDGER_OPEN, m.id);
	message_set_number(&m, FIELD_LEDGER, 0);
	message_set_text(&m, FIELD_ORIGIN, "h/evidence");
	m.fds[0] = m.fds[1] = 0;
	m.fd_count = 2;
	next = dup(0);
	(void)close(next);
	assert_int_equal(message_send(harkd, &m), ERR_OK);
	turns(2);
	assert_int_equal(fcntl(next, F_GETFD), -1);
}

static int
free_descriptor(void)
{
	int next = dup(0);

	assert_true(next >= 0);
	(void)close(next);
	return next;
}

static void
an_order_passes_through_and_is_not_kept(void **state)
{
	int fd = client(0, 0);
	uint8_t texts[256];
	struct message m;
	struct message question;
	int next = free_descriptor();

	(void)state;
	ask(fd, MESSAGE_ASK_CELL_REMOVE, 9);
	assert_int_equal(free_descriptor(), next);
	assert_int_equal(take(harkd, &m), ERR_OK);
	assert_true(m.type == MESSAGE_ASK_ORDER && m.fd_count == 1);
	assert_int_equal(order_take(&m, geteuid(), texts, sizeof(texts), &question), ERR_OK);
	assert_true(question.type == MESSAGE_ASK_CELL_REMOVE && question.id == m.id);
	message_close(&m);
	answer(m.id, 0);
	assert_int_equal(take(fd, &m), ERR_OK);
	(void)close(fd);
	turns(2);
	/* Of who may not, and of who says too much with it, it is closed. */
	fd = client(1000, 77);
	next = free_descriptor();
	ask(fd, MESSAGE_ASK_CELL_REMOVE, 9);
	assert_int_equal(free_descriptor(), next);
	assert_int_equal(take(harkd, &m), ERR_AGAIN);
	message_init(&m, MESSAGE_ASK_ORDER, 1);
	message_set_number(&m, FIELD_RIGHTS, PROTO_MAY_ADMINISTER);
	m.fds[0] = 0;
	m.fd_count = 1;
	assert_int_equal(message_send(fd, &m), ERR_OK);
	turns(2);
	assert_int_equal(s->client_count, 0);
	assert_int_equal(take(harkd, &m), ERR_AGAIN);
	(void)close(fd);
}

static void
who_says_nothing_or_waits_too_long_is_let_go(void **state)
{
	int idle = client(0, 0);
	int asking = client(0, 0);
	struct message m;

	(void)state;
	now_ns += (CLIENT_IDLE_S - 1) * NS_PER_S;
	turns(1);
	ask(asking, MESSAGE_ASK_STATUS, 1);
	now_ns += 2 * NS_PER_S;
	turns(2);
	assert_int_equal(take(idle, &m), ERR_END);
	assert_int_equal(s->client_count, 1);
	now_ns += (CLIENT_ANSWER_S - 3) * NS_PER_S;
	turns(2);
	assert_int_equal(s->client_count, 1);
	now_ns += 2 * NS_PER_S;
	turns(2);
	assert_int_equal(s->client_count, 0);
	(void)close(idle);
	(void)close(asking);
}

/* So many questions go on in a second, whoever asks; then nobody is read until it has passed. */
static void
questions_beyond_those_of_a_second_wait(void **state)
{
	int first = client(0, 0);
	int second = client(0, 0);
	int late;
	struct message m;
	uint32_t i;

	(void)state;
	for (i = 0; i < QUESTIONS_PER_S; i++) {
		ask(i % 2 == 0 ? first : second, MESSAGE_ASK_STATUS, 1);
		assert_int_equal(take(harkd, &m), ERR_OK);
		answer(m.id, 0);
		assert_int_equal(take(i % 2 == 0 ? first : second, &m), ERR_OK);
	}
	ask(first, MESSAGE_ASK_STATUS, 2);
	late = client(0, 0);
	ask(late, MESSAGE_ASK_STATUS, 3);
	now_ns += NS_PER_S - 1;
	turns(4);
	assert_int_equal(take(harkd, &m), ERR_AGAIN);
	now_ns += 1;
	turns(4);
	assert_int_equal(take(harkd, &m), ERR_OK);
	assert_int_equal(take(harkd, &m), ERR_OK);
	assert_int_equal(take(harkd, &m), ERR_AGAIN);
	/* One that goes away meanwhile is seen to go. */
	(void)close(second);
	turns(4);
	assert_int_equal(s->client_count, 2);
	(void)close(first);
	(void)close(late);
}

static void
places_are_counted(void **state)
{
	int fds[CLIENTS_MAX + 4];
	size_t i;
	struct message m;

	(void)state;
	for (i = 0; i < CLIENTS_A_USER_MAX + 1; i++)
		fds[i] = client(1000, 77);
	assert_int_equal(s->client_count, CLIENTS_A_USER_MAX);
	assert_int_equal(take(fds[CLIENTS_A_USER_MAX], &m), ERR_END);
	(void)close(fds[CLIENTS_A_USER_MAX]);
	for (i = CLIENTS_A_USER_MAX; i < CLIENTS_MAX + 1; i++)
		fds[i] = client(0, 0);
	assert_int_equal(s->client_count, CLIENTS_MAX);
	assert_int_equal(take(fds[CLIENTS_MAX], &m), ERR_END);
	for (i = 0; i < CLIENTS_MAX + 1; i++)
		(void)close(fds[i]);
	turns(4);
	assert_int_equal(s->client_count, 0);
}

static void
who_breaks_the_form_is_let_go(void **state)
{
	struct message m;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < 5; i++) {
		fd = client(0, 0);
		message_init(&m, MESSAGE_ASK_STATUS, i == 1 ? 0 : 1);
		if (i == 4) { /* without an order */
			message_init(&m, MESSAGE_ASK_ROTATE, 1);
			message_set_number(&m, FIELD_LEDGER, 0);
		}
		if (i == 2)
			message_set_number(&m, FIELD_RIGHTS, 2);
		if (i == 3)
			message_init(&m, MESSAGE_STOP, 1);
		if (i == 0)
			assert_int_equal(send(fd, "?", 1, 0), 1);
		else
			assert_int_equal(message_send(fd, &m), ERR_OK);
		turns(2);
		assert_int_equal(s->client_count, 0);
		assert_int_equal(take(fd, &m), ERR_END);
		assert_int_equal(take(harkd, &m), ERR_AGAIN);
		(void)close(fd);
	}
}

static void
what_fails_costs_one_client(void **state)
{
	struct message m;
	int fd;

	(void)state;
	peer_fails = true;
	fd = client(0, 0);
	assert_int_equal(take(fd, &m), ERR_END);
	(void)close(fd);
	peer_fails = false;
	no_memory = true;
	fd = client(0, 0);
	no_memory = false;
	assert_int_equal(take(fd, &m), ERR_END);
	(void)close(fd);
	epoll_fails = true;
	fd = client(0, 0);
	epoll_fails = false;
	assert_int_equal(take(fd, &m), ERR_END);
	(void)close(fd);
	fd = client(0, 0);
	assert_int_equal(s->client_count, 1);
	epoll_fails = true;
	ask(fd, MESSAGE_ASK_STATUS, 1);
	epoll_fails = false;
	assert_int_equal(s->client_count, 0);
	(void)close(fd);
}

static void
it_ends_with_harkd_and_at_its_word(void **state)
{
	struct message m;

	(void)state;
	message_init(&m, MESSAGE_STOP, 0);
	assert_int_equal(message_send(harkd, &m), ERR_OK);
	assert_int_equal(serve_run(s), EXIT_OK);
	message_init(&m, MESSAGE_ASK_STATUS, 1);
	assert_int_equal(message_send(harkd, &m), ERR_OK);
	assert_int_equal(serve_run(s), EXIT_PROTOCOL);
}

static void
it_ends_where_harkd_has_gone(void **state)
{
	(void)state;
	assert_int_equal(shutdown(harkd, SHUT_RDWR), 0);
	assert_int_equal(serve_run(s), EXIT_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_question_goes_there_and_its_answers_back),
		T(the_next_question_waits_for_the_answer),
		T(each_may_what_it_may),
		T(descriptors_pass_through_and_are_not_kept),
		T(an_order_passes_through_and_is_not_kept),
		T(who_says_nothing_or_waits_too_long_is_let_go),
		T(questions_beyond_those_of_a_second_wait),
		T(places_are_counted),
		T(who_breaks_the_form_is_let_go),
		T(what_fails_costs_one_client),
		T(it_ends_with_harkd_and_at_its_word),
		T(it_ends_where_harkd_has_gone),
#undef T
	};

	return cmocka_run_group_tests_name("serve", tests, NULL, NULL);
}
