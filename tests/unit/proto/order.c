/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Orders: round, and what is none. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/memfd.h"
#include "proto/order.h"
#include "unit.h"

static uint8_t buffer[IPC_BYTES_MAX];

static void
make_question(struct message *m)
{
	message_init(m, MESSAGE_ASK_CELL_REMOVE, 11);
	message_set_text(m, FIELD_CELL, "a");
}

/* An order of these bytes. */
static struct message
order_of(const void *data, size_t size)
{
	struct message m;

	message_init(&m, MESSAGE_ASK_ORDER, 5);
	assert_int_equal(memfd_for_taking("t", (struct bytes){ data, size }, &m.fds[0]), ERR_OK);
	m.fd_count = 1;
	return m;
}

static void
a_question_comes_as_it_was_asked(void **state)
{
	struct message question;
	struct message order;
	struct message out;

	(void)state;
	make_question(&question);
	assert_int_equal(order_make(&question, &order), ERR_OK);
	assert_true(order.type == MESSAGE_ASK_ORDER && order.id == 11 && order.fd_count == 1);
	/* On the way: another number, and who asks. */
	order.id = 99;
	message_set_number(&order, FIELD_RIGHTS, PROTO_MAY_ADMINISTER);
	message_set_number(&order, FIELD_PID, 4242);
	assert_int_equal(order_take(&order, geteuid(), buffer, sizeof(buffer), &out), ERR_OK);
	assert_true(out.type == MESSAGE_ASK_CELL_REMOVE && out.id == 99 && out.fd_count == 0);
	assert_true(message_number(&out, FIELD_RIGHTS, 0) == PROTO_MAY_ADMINISTER);
	assert_true(message_number(&out, FIELD_PID, 0) == 4242);
	assert_int_equal(message_bytes(&out, FIELD_CELL).size, 1);
	/* And once. */
	out.id = 7;
	assert_int_equal(order_take(&order, geteuid(), buffer, sizeof(buffer), &out), ERR_REFUSED);
	assert_true(out.id == 7);
	message_close(&order);
}

static void
the_questions_that_need_one_are_those_that_change_things(void **state)
{
	int type;

	(void)state;
	for (type = 0; type <= MESSAGE_TYPE_COUNT; type++)
		assert_int_equal(order_is_needed((enum message_type)type),
				 type != MESSAGE_ASK_ORDER &&
					 message_rights((enum message_type)type) ==
						 PROTO_MAY_ADMINISTER);
	assert_true(order_is_needed(MESSAGE_ASK_OBSERVER_ADD));
	assert_false(order_is_needed(MESSAGE_ASK_STATUS));
}

static void
another_users_order_is_none(void **state)
{
	struct message question;
	struct message order;
	struct message out = { .id = 7 };
	bool root = geteuid() == 0;
	uid_t maker = root ? 4711 : geteuid();

	(void)state;
	make_question(&question);
	assert_int_equal(order_make(&question, &order), ERR_OK);
	assert_int_equal(fchown(order.fds[0], maker, (gid_t)-1), 0);
	assert_int_equal(order_take(&order, maker + 1, buffer, sizeof(buffer), &out), ERR_REFUSED);
	assert_true(out.id == 7);
	/* harkd's own user's is one. */
	message_close(&order);
	assert_int_equal(order_make(&question, &order), ERR_OK);
	assert_int_equal(fchown(order.fds[0], maker, (gid_t)-1), 0);
	assert_int_equal(order_take(&order, maker, buffer, sizeof(buffer), &out), ERR_OK);
	message_close(&order);
	/* And root's, whoever harkd is. */
	if (!root)
		return;
	assert_int_equal(order_make(&question, &order), ERR_OK);
	assert_int_equal(order_take(&order, 990, buffer, sizeof(buffer), &out), ERR_OK);
	message_close(&order);
}

static void
it_holds_one_question_that_changes_things(void **state)
{
	static const enum message_type types[] = { MESSAGE_ASK_STATUS, MESSAGE_ASK_ORDER,
						   MESSAGE_STOP, MESSAGE_NOTARY_STOP };
	uint8_t data[256];
	struct message m;
	struct message order;
	struct message out = { .id = 7 };
	size_t size;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(types) + 4; i++) {
		make_question(&m);
		if (i < COUNT_OF(types))
			message_init(&m, types[i], 1);
		else if (i == COUNT_OF(types))
			message_set_number(&m, FIELD_RIGHTS, PROTO_MAY_ADMINISTER);
		else if (i == COUNT_OF(types) + 1)
			message_set_number(&m, FIELD_PID, 1);
		assert_int_equal(message_write(&m, data, sizeof(data), &size), ERR_OK);
		size += i == COUNT_OF(types) + 2;
		size -= i == COUNT_OF(types) + 3;
		order = order_of(data, size);
		assert_int_equal(order_take(&order, geteuid(), buffer, sizeof(buffer), &out),
				 ERR_FORMAT);
		message_close(&order);
	}
	/* One that does not fit where it is to be read. */
	order = order_of(buffer, sizeof(buffer));
	assert_int_equal(order_take(&order, geteuid(), buffer, sizeof(buffer) - 1, &out),
			 ERR_FORMAT);
	message_close(&order);
	assert_true(out.id == 7);
}

static void
a_descriptor_of_something_else_is_none(void **state)
{
	struct message order;
	struct message out;
	int pair[2];

	(void)state;
	message_init(&order, MESSAGE_ASK_ORDER, 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	order.fds[0] = pair[0];
	order.fd_count = 1;
	assert_int_equal(order_take(&order, geteuid(), buffer, sizeof(buffer), &out), ERR_REFUSED);
	message_close(&order);
	(void)close(pair[1]);
}

static void
what_cannot_be_written_is_no_order(void **state)
{
	struct message question;
	struct message order = { .id = 7 };
	int next = dup(0);

	(void)state;
	(void)close(next);
	message_init(&question, MESSAGE_ASK_CELL_REMOVE, 1);
	message_set_text(&question, FIELD_CELL, "\xff");
	assert_int_equal(order_make(&question, &order), ERR_FORMAT);
	assert_true(order.id == 7);
	assert_int_equal(fcntl(next, F_GETFD), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_comes_as_it_was_asked),
		cmocka_unit_test(the_questions_that_need_one_are_those_that_change_things),
		cmocka_unit_test(another_users_order_is_none),
		cmocka_unit_test(it_holds_one_question_that_changes_things),
		cmocka_unit_test(a_descriptor_of_something_else_is_none),
		cmocka_unit_test(what_cannot_be_written_is_no_order),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
