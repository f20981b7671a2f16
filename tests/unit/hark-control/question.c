/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every type of message as a client's: what right it needs, and how it is passed on. */
#include "unit.h"

#include <string.h>

#include "hark-control/serve.h"

static const struct {
	enum message_type type;
	enum proto_rights needed;
} questions[] = {
	{ MESSAGE_ASK_CELLS, PROTO_MAY_READ },
	{ MESSAGE_ASK_STATUS, PROTO_MAY_READ },
	{ MESSAGE_ASK_LEDGER, PROTO_MAY_READ },
	{ MESSAGE_ASK_KEY, PROTO_MAY_READ },
	{ MESSAGE_ASK_SEAL, PROTO_MAY_READ },
	{ MESSAGE_ASK_CELL_ADD, PROTO_MAY_ADMINISTER },
	{ MESSAGE_ASK_CELL_REMOVE, PROTO_MAY_ADMINISTER },
	{ MESSAGE_ASK_ROTATE, PROTO_MAY_ADMINISTER },
	{ MESSAGE_ASK_PRUNE, PROTO_MAY_ADMINISTER },
	{ MESSAGE_ASK_REDACT, PROTO_MAY_ADMINISTER },
	{ MESSAGE_ASK_OBSERVERS, PROTO_MAY_READ },
	{ MESSAGE_ASK_OBSERVER_ADD, PROTO_MAY_ADMINISTER },
	{ MESSAGE_ASK_OBSERVER_REMOVE, PROTO_MAY_ADMINISTER },
	{ MESSAGE_ASK_OBSERVER_SWITCH, PROTO_MAY_ADMINISTER },
	{ MESSAGE_ASK_OBSERVER_RELEASE, PROTO_MAY_ADMINISTER },
	{ MESSAGE_ASK_ORDER, PROTO_MAY_ADMINISTER },
};

static enum proto_rights
wanted(enum message_type type)
{
	size_t i;

	for (i = 0; i < COUNT_OF(questions); i++) {
		if (questions[i].type == type)
			return questions[i].needed;
	}
	return PROTO_MAY_NOTHING;
}

static void
the_list_of_questions_is_closed(void **state)
{
	int type;

	(void)state;
	for (type = 0; type <= MESSAGE_TYPE_COUNT; type++) {
		if (message_rights((enum message_type)type) != wanted((enum message_type)type))
			print_error("%s\n", message_name((enum message_type)type));
		assert_int_equal(message_rights((enum message_type)type),
				 wanted((enum message_type)type));
	}
}

static void
rights_are_the_kernels_word(void **state)
{
	struct serve s = { .owner = 990 };

	(void)state;
	assert_int_equal(serve_rights_of(&s, 0, false), PROTO_MAY_ADMINISTER);
	assert_int_equal(serve_rights_of(&s, 990, false), PROTO_MAY_ADMINISTER);
	assert_int_equal(serve_rights_of(&s, 1000, true), PROTO_MAY_READ);
	assert_int_equal(serve_rights_of(&s, 1000, false), PROTO_MAY_NOTHING);
	assert_int_equal(serve_rights_of(&s, (uid_t)-1, false), PROTO_MAY_NOTHING);
}

static void
a_question_gets_our_number_and_rights(void **state)
{
	struct message m;
	struct message out;

	(void)state;
	message_init(&m, MESSAGE_ASK_CELLS, 7);
	message_set_text(&m, FIELD_CELL, "a");
	assert_int_equal(serve_question(&m, 99, PROTO_MAY_READ, 4242, &out), ERR_OK);
	assert_true(out.id == 99 && out.type == MESSAGE_ASK_CELLS);
	assert_true(message_number(&out, FIELD_RIGHTS, 0) == PROTO_MAY_READ);
	assert_true(message_number(&out, FIELD_PID, 0) == 4242);
	assert_int_equal(message_bytes(&out, FIELD_CELL).size, 1);
	assert_false(message_has(&m, FIELD_RIGHTS));
	/* A process of another namespace has no number here. */
	assert_int_equal(serve_question(&m, 99, PROTO_MAY_READ, 0, &out), ERR_OK);
	assert_false(message_has(&out, FIELD_PID));
	/* An order goes on with its descriptor. */
	message_init(&m, MESSAGE_ASK_ORDER, 7);
	m.fds[0] = 4711;
	m.fd_count = 1;
	assert_int_equal(serve_question(&m, 99, PROTO_MAY_ADMINISTER, 4242, &out), ERR_OK);
	assert_true(out.id == 99 && out.type == MESSAGE_ASK_ORDER);
	assert_true(out.fd_count == 1 && out.fds[0] == 4711);
	assert_true(message_number(&out, FIELD_RIGHTS, 0) == PROTO_MAY_ADMINISTER);
}

static void
what_is_no_question_is_not_passed_on(void **state)
{
	struct message m;
	struct message out = { .id = 1234 };
	struct message passed;
	size_t i;

	(void)state;
	message_init(&m, MESSAGE_ASK_STATUS, 0);
	assert_int_equal(serve_question(&m, 1, PROTO_MAY_READ, 4242, &out), ERR_REFUSED);
	message_init(&m, MESSAGE_ASK_STATUS, 1);
	message_set_number(&m, FIELD_RIGHTS, PROTO_MAY_ADMINISTER);
	assert_int_equal(serve_question(&m, 1, PROTO_MAY_READ, 4242, &out), ERR_REFUSED);
	message_init(&m, MESSAGE_ASK_STATUS, 1);
	message_set_number(&m, FIELD_PID, 1);
	assert_int_equal(serve_question(&m, 1, PROTO_MAY_READ, 4242, &out), ERR_REFUSED);
	message_init(&m, MESSAGE_NOTARY_STOP, 1);
	assert_int_equal(serve_question(&m, 1, PROTO_MAY_ADMINISTER, 4242, &out), ERR_REFUSED);
	/* What changes things comes as an order, also of root. */
	for (i = 0; i < COUNT_OF(questions); i++) {
		bool plain = questions[i].needed != PROTO_MAY_ADMINISTER ||
			     questions[i].type == MESSAGE_ASK_ORDER;

		message_init(&m, questions[i].type, 1);
		assert_int_equal(serve_question(&m, 1, PROTO_MAY_ADMINISTER, 4242, &passed),
				 plain ? ERR_OK : ERR_REFUSED);
	}
	assert_true(out.id == 1234);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_of_questions_is_closed),
		cmocka_unit_test(rights_are_the_kernels_word),
		cmocka_unit_test(a_question_gets_our_number_and_rights),
		cmocka_unit_test(what_is_no_question_is_not_passed_on),
	};

	return cmocka_run_group_tests_name("question", tests, NULL, NULL);
}
