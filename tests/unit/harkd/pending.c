/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Questions to the notary: answered once, in any order, late, or not at all. */
#include "unit.h"

#include <string.h>

#include "harkd/harkd.h"
#include "prog/exit.h"

#define MS UINT64_C(1000000)

static uint64_t now_ns;
static struct harkd h;
static struct message sent[8];
static size_t sent_count;
static struct message answers[8];
static size_t answer_count;
static unsigned int calls, lost;
static void *last_ctx;

bool
child_runs(const struct child *c)
{
	return c->state == CHILD_RUNNING;
}

bool
notary_hears(const struct harkd *harkd)
{
	return child_runs(&harkd->notary) && harkd->notary_is_told;
}

void
child_send(struct child *c, struct message *m)
{
	assert_ptr_equal(c, &h.notary);
	assert_true(sent_count < COUNT_OF(sent));
	sent[sent_count++] = *m;
}

void
answer_message(struct harkd *harkd, uint64_t generation, struct message *m)
{
	assert_ptr_equal(harkd, &h);
	assert_true(generation == 3 && answer_count < COUNT_OF(answers));
	answers[answer_count++] = *m;
}

void
answer_done(struct harkd *harkd, uint64_t id, uint64_t generation, int code, const char *text)
{
	struct message m;

	assert_true(text[0] != '\0');
	message_init(&m, MESSAGE_DONE, id);
	message_set_number(&m, FIELD_CODE, (uint64_t)code);
	answer_message(harkd, generation, &m);
}

static void
on_done(struct harkd *harkd, void *ctx, const struct message *done)
{
	assert_ptr_equal(harkd, &h);
	last_ctx = ctx;
	if (done != NULL)
		calls++;
	else
		lost++;
}

static uint64_t
test_clock(void)
{
	return now_ns;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	now_ns = 1000 * MS;
	h.notary.state = CHILD_RUNNING;
	h.notary_is_told = true;
	sent_count = answer_count = 0;
	calls = lost = 0;
	if (loop_create(test_clock, &h.loop) != ERR_OK)
		return -1;
	/* A turn takes the time. */
	return loop_turn(h.loop, false) == ERR_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	pending_fail_all(&h);
	loop_destroy(h.loop);
	return 0;
}

static void
ask(void *ctx, uint64_t asked_id)
{
	struct message m;

	message_init(&m, MESSAGE_PING, 0);
	pending_ask(&h, &m, on_done, ctx, asked_id, 3);
}

static void
done(uint64_t id, uint64_t code)
{
	struct message m;

	message_init(&m, MESSAGE_DONE, id);
	message_set_number(&m, FIELD_CODE, code);
	pending_done(&h, &m);
}

static void
before_it_is_told_the_notary_is_asked_to_end_alone(void **state)
{
	struct message m;

	(void)state;
	h.notary_is_told = false;
	ask(NULL, 77);
	assert_true(sent_count == 0 && lost == 1 && answer_count == 1);
	assert_true(message_number(&answers[0], FIELD_CODE, 0) == EXIT_TEMPORARY);
	message_init(&m, MESSAGE_NOTARY_STOP, 0);
	pending_ask(&h, &m, on_done, NULL, 0, 0);
	assert_true(sent_count == 1 && sent[0].type == MESSAGE_NOTARY_STOP);
	done(sent[0].id, EXIT_OK);
	assert_int_equal(calls, 1);
}

static void
an_answer_comes_back_under_the_number_of_who_asked(void **state)
{
	int a;

	(void)state;
	ask(&a, 77);
	assert_int_equal(sent_count, 1);
	assert_true(sent[0].id != 0 && sent[0].id != 77);
	done(sent[0].id, 9);
	assert_int_equal(calls, 1);
	assert_ptr_equal(last_ctx, &a);
	assert_int_equal(answer_count, 1);
	assert_true(answers[0].id == 77 && message_number(&answers[0], FIELD_CODE, 0) == 9);
	done(sent[0].id, 9); /* it is answered once */
	assert_int_equal(calls, 1);
	assert_int_equal(h.pending_count, 0);
}

static void
answers_may_come_in_any_order(void **state)
{
	int contexts[3];
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		ask(&contexts[i], 0);
	done(sent[1].id, 0);
	assert_ptr_equal(last_ctx, &contexts[1]);
	ask(&contexts[1], 0); /* behind the last, which is not the one before the middle */
	done(sent[2].id, 0);
	assert_ptr_equal(last_ctx, &contexts[2]);
	done(sent[3].id, 0);
	assert_ptr_equal(last_ctx, &contexts[1]);
	ask(&contexts[2], 0); /* behind what is left when the last has gone */
	done(sent[0].id, 0);
	assert_ptr_equal(last_ctx, &contexts[0]);
	done(sent[4].id, 0);
	assert_ptr_equal(last_ctx, &contexts[2]);
	assert_int_equal(calls, 5);
	assert_int_equal(answer_count, 0);
	assert_null(h.pending_first);
	assert_null(h.pending_last);
}

static void
without_a_notary_it_is_refused_at_once(void **state)
{
	(void)state;
	h.notary.state = CHILD_WAITING;
	ask(NULL, 5);
	assert_int_equal(sent_count, 0);
	assert_int_equal(lost, 1);
	assert_true(answers[0].id == 5 &&
		    message_number(&answers[0], FIELD_CODE, 0) == EXIT_TEMPORARY);
}

static void
a_notary_that_ends_answers_nobody(void **state)
{
	int a;

	(void)state;
	ask(&a, 0);
	ask(NULL, 6);
	h.notary.state = CHILD_STOPPED;
	pending_fail_all(&h);
	assert_int_equal(lost, 2);
	assert_int_equal(answer_count, 1);
	assert_true(answers[0].id == 6);
	assert_int_equal(h.pending_count, 0);
}

static void
who_is_gone_is_not_called(void **state)
{
	int a;

	(void)state;
	ask(&a, 0);
	pending_forget(&h, &a);
	done(sent[0].id, 0);
	assert_int_equal(calls + lost, 0);
}

static void
who_waits_outside_is_told_in_time_and_only_once(void **state)
{
	int a;

	(void)state;
	ask(&a, 8);
	ask(&a, 0);
	pending_expire(&h, now_ns + PENDING_LIMIT_MS * MS - 1);
	assert_int_equal(answer_count, 0);
	pending_expire(&h, now_ns + PENDING_LIMIT_MS * MS);
	assert_int_equal(answer_count, 1);
	assert_true(answers[0].id == 8 &&
		    message_number(&answers[0], FIELD_CODE, 0) == EXIT_TEMPORARY);
	pending_expire(&h, now_ns + 2 * PENDING_LIMIT_MS * MS);
	done(sent[0].id, 0);
	assert_int_equal(answer_count, 1);
	assert_int_equal(calls, 1); /* harkd itself still hears of it */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(before_it_is_told_the_notary_is_asked_to_end_alone),
		T(an_answer_comes_back_under_the_number_of_who_asked),
		T(answers_may_come_in_any_order),
		T(without_a_notary_it_is_refused_at_once),
		T(a_notary_that_ends_answers_nobody),
		T(who_is_gone_is_not_called),
		T(who_waits_outside_is_told_in_time_and_only_once),
#undef T
	};

	return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
