/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An observer from its start to whatever ends it, and who hears of that. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "observer_rig.h"
#include "prog/exit.h"

static void
it_runs_and_is_started_again_with_pauses(void **state)
{
	static const uint64_t wait_ms[] = { 0, 50, 100, 200, 400 };
	size_t i;

	(void)state;
	rig_add_with("");
	rig_run();
	assert_true(rig.observer->has_cursor && rig.observer->cursor == 5);
	rig_pass_ms(CHILD_PROVEN_MS);
	rig_pong();
	for (i = 0; i < COUNT_OF(wait_ms); i++) {
		if (i > 0)
			assert_int_equal(rig_told(rig.projector.end, NULL),
					 MESSAGE_PROJECTOR_SETUP);
		rig_end(&rig.module, true, SIGSEGV);
		assert_int_equal(rig_told(rig.projector.end, NULL), MESSAGE_STOP);
		assert_int_equal(rig.observer->state, OBSERVER_WAITING);
		rig_end_rest();
		if (wait_ms[i] > 0) {
			rig_pass_ms(wait_ms[i] - 1);
			assert_int_equal(rig.module.starts, i + 1);
			rig_pass_ms(1);
		}
		assert_int_equal(rig.module.starts, i + 2);
		assert_int_equal(rig.observer->state, OBSERVER_STARTING);
		assert_int_equal(rig.observer->module.restarts, i + 1);
		assert_int_equal(rig.observer->projector.restarts, i + 1);
	}
	/* Where there is no notary it waits, and goes on when one comes. */
	rig.notary_is_there = false;
	rig_end(&rig.module, true, SIGSEGV);
	rig_end_rest();
	rig_pass_ms(20000);
	assert_int_equal(rig.observer->state, OBSERVER_WAITING);
	i = rig.module.starts;
	rig.notary_is_there = true;
	observer_start_all(&rig.harkd);
	assert_int_equal(rig.module.starts, i + 1);
}

/* ---- whose fault an end is ---- */

static void
m_says_75(void)
{
	rig_say_failed(&rig.module, EXIT_TEMPORARY);
	rig_end(&rig.module, false, EXIT_TEMPORARY);
}

static void
m_says_76(void)
{
	rig_say_failed(&rig.module, EXIT_PROTOCOL);
	rig_end(&rig.module, false, EXIT_PROTOCOL);
}

/* Its refusal is a record. */
static void
m_says_65(void)
{
	rig_say_failed(&rig.module, EXIT_DATA);
	rig_end(&rig.module, false, EXIT_DATA);
	assert_int_equal(rig.observer->state, OBSERVER_REFUSED);
	(void)rig_notary_gets(MESSAGE_OPERATION, NULL);
}

static void
m_hangs(void)
{
	rig_pass_ms(20000);
	rig_pass_ms(20000);
	assert_int_equal(rig.module.kills, 1);
	rig_end(&rig.module, true, SIGKILL);
}

static void
p_says_76(void)
{
	rig_say_failed(&rig.projector, EXIT_PROTOCOL);
	rig_end(&rig.projector, false, EXIT_PROTOCOL);
}

static void
p_signal_seen_later(void)
{
	m_says_75();
	rig_end(&rig.projector, true, SIGKILL);
}

static void
told_to_end(void)
{
	observer_enter(rig.observer, OBSERVER_DISABLED, "");
	rig_end(&rig.module, true, SIGTERM);
}

static void
an_end_is_told_as_what_it_is(void **state)
{
	static const struct {
		const char *rule;
		void (*act)(void);
		const char *want;
	} rows[] = {
		{ "it is killed by somebody", rig_module_signal, "died" },
		{ "it ends with 1", rig_module_exit_1, "died" },
		{ "it ends with 0, as after a report", rig_module_exit_0, "died" },
		{ "it says that its projector has ended, which has not", m_says_75, "died" },
		{ "it says that its projector speaks nonsense", m_says_76, "died" },
		{ "it says that the system has failed", rig_module_says_71, "died" },
		{ "it says what a person must mend, and is refused", m_says_65, "" },
		{ "it says what it may not", rig_module_says_what_it_may_not, "died" },
		{ "it does not rig.answer", m_hangs, "hung" },
		{ "its projector is killed by somebody", rig_projector_signal, "" },
		{ "the same, and it is seen to end first", p_signal_seen_later, "" },
		{ "its projector has lost it", rig_projector_exit_0, "died" },
		{ "its projector says that it speaks nonsense", p_says_76, "died" },
		{ "its projector fails", rig_projector_says_71, "" },
		{ "it is told to end", told_to_end, "" },
	};
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		const char *got;

		rig_add_with("");
		rig_run();
		rows[i].act();
		rig_end_rest();
		got = rig_reason();
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: '%s'", rows[i].rule, got);
		assert_int_equal(rig_tear_down(state), 0);
		assert_int_equal(rig_set_up(state), 0);
	}
}

static void
what_ends_before_it_ran_has_not_trapped(void **state)
{
	(void)state;
	rig_add_with("");
	rig_begin();
	rig_end(&rig.module, true, SIGKILL);
	rig_end_rest();
	assert_int_equal(rig_told(rig.notary_end, NULL), MESSAGE_NONE);
	rig_begin();
	rig_say_digest();
	(void)rig_notary_gets(MESSAGE_OBSERVER, NULL);
	rig_end(&rig.module, true, SIGKILL);
	rig_end_rest();
	assert_string_equal(rig_reason(), "");
	rig_pass_ms(50);
	assert_int_equal(rig_told(rig.projector.end, NULL), MESSAGE_PROJECTOR_SETUP);
	assert_int_equal(rig_told(rig.module.end, NULL), MESSAGE_OBSERVER_SETUP);
	/* Nor by its compiler, of which a refusal comes. */
	rig_let_go();
	rig_end(&rig.module, true, SIGSEGV);
	rig_end_rest();
	assert_string_equal(rig_reason(), "");
}

static void
it_is_pinged_each_second_and_killed_when_it_hangs(void **state)
{
	unsigned int i;

	(void)state;
	rig_add_with("");
	rig_run();
	for (i = 0; i < 10; i++) {
		rig_pong();
		rig_pass_ms(OBSERVER_PING_MS);
	}
	assert_int_equal(rig_told(rig.module.end, NULL), MESSAGE_PING);
	/* One is not rig.answered: the next are not sent, and its time runs. */
	for (i = 0; i < 5; i++)
		rig_pass_ms(1000);
	assert_int_equal(rig_told(rig.module.end, NULL), MESSAGE_NONE);
	assert_int_equal(rig.module.kills, 0);
	rig_pass_ms(1000);
	assert_int_equal(rig.module.kills, 1);
}

/* Seconds, each with its PING answered. */
static const char *
note_after(unsigned int seconds)
{
	for (; seconds > 0; seconds--) {
		rig_pass_ms(OBSERVER_PING_MS);
		rig_pong();
	}
	observer_send_items(&rig.harkd, 7);
	return rig.note;
}

/* Its database answers, and does nothing. */
static void
one_whose_projection_waits_says_so(void **state)
{
	(void)state;
	rig_commit(5);
	rig_add_with("");
	rig_run();
	assert_string_equal(note_after(100), ""); /* there is nothing to do */
	rig_commit(6);
	assert_string_equal(note_after(8), "");
	assert_non_null(strstr(note_after(2), "nothing has come through for 10 s"));
	rig_say_database("ok"); /* the same cursor */
	assert_non_null(strstr(note_after(1), "nothing has come through for 11 s"));
	rig_commit(5);
	assert_string_equal(note_after(1), "");
	rig_commit(6);
	assert_string_equal(note_after(9), "");
	rig_say_database("away");
	assert_string_equal(note_after(1), "nobody listens");
}

static void
it_has_not_hung_where_it_gets_no_processor(void **state)
{
	unsigned int i;

	(void)state;
	rig_add_with("");
	rig_run();
	rig_pong();
	rig.module.use = (struct spawn_use){ 100, true };
	rig_pass_ms(OBSERVER_PING_MS); /* a ping, which is not answered */
	for (i = 0; i < 60; i++) {
		rig.module.use.cpu_ms += 10;
		rig_pass_ms(1000);
	}
	assert_int_equal(rig.module.kills, 0);
	/* It has had its call's time and more, and is as mute as before. */
	rig.module.use.cpu_ms = 100 + 1000 + OBSERVER_HUNG_MS;
	rig_pass_ms(1000);
	assert_int_equal(rig.module.kills, 1);
}

static void
who_adds_one_does_not_wait_for_ever(void **state)
{
	(void)state;
	rig_add_with("");
	rig.observer->is_new = true;
	rig.observer->asked_id = 7;
	rig.observer->asked_generation = 1;
	loop_timer_set(rig.harkd.loop, &rig.observer->asked_limit,
		       rig.now_ns + OBSERVER_ASK_MS * MS);
	rig_begin();
	rig_let_go();
	rig_say_plain(&rig.module, MESSAGE_READY);
	rig_pong();
	rig_pass_ms(OBSERVER_ASK_MS - 1);
	assert_int_equal(rig.answered, -1);
	rig_pass_ms(1);
	assert_int_equal(rig.answered, EXIT_TEMPORARY);
	assert_false(rig.observer->is_new);
}

static void
who_adds_one_hears_that_its_database_is_away(void **state)
{
	(void)state;
	rig_add_with("");
	rig.observer->is_new = true;
	rig.observer->asked_id = 7;
	rig.observer->asked_generation = 1;
	rig_begin();
	rig_let_go();
	rig_say_plain(&rig.module, MESSAGE_READY);
	rig_say_plain(&rig.projector, MESSAGE_READY);
	rig_say_database("away");
	assert_int_equal(rig.observer->state, OBSERVER_AWAY);
	assert_int_equal(rig.answered, EXIT_OK);
	assert_string_equal(rig.answer, "its database is away: nobody listens");
}

static void
they_stand_by_name(void **state)
{
	static const char *const names[] = { "m", "z", "b", "n", "a" };
	const struct observer *o;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(names); i++)
		assert_non_null(rig_add_named(names[i], ""));
	for (o = rig.harkd.observers; o->next != NULL; o = o->next)
		assert_true(strcmp(o->manifest.name, o->next->manifest.name) < 0);
	assert_string_equal(rig.harkd.observers->manifest.name, "a");
	assert_string_equal(o->manifest.name, "z");
}

static void
one_that_is_refused_goes_and_then_its_adder_hears_it(void **state)
{
	struct observer_refusal why;
	struct message m;
	char path[128];
	uint64_t id;

	(void)state;
	rig_add_with("");
	assert_true(observer_keep(rig.observer, &why));
	(void)snprintf(path, sizeof(path), "%s/observers/o", rig.harkd.config.data);
	assert_int_equal(access(path, F_OK), 0);
	rig.observer->is_new = true;
	rig.observer->asked_id = 7;
	rig.observer->asked_generation = 1;
	rig_begin();
	rig_let_go();
	message_init(&m, MESSAGE_OBSERVER_REFUSED, 0);
	message_set_text(&m, FIELD_REASON, "import_wasi");
	message_set_text(&m, FIELD_TEXT, "no\x1b");
	rig_say(&rig.module, &m);
	assert_int_equal(rig.observer->state, OBSERVER_REFUSED);
	id = rig_notary_gets(MESSAGE_OPERATION, &m);
	rig_end(&rig.module, false, 0);
	rig_end(&rig.projector, false, 0);
	assert_string_equal(rig_reason(), "");
	assert_int_equal(rig.answered, -1);
	rig_notary_says(id, EXIT_OK);
	assert_int_equal(rig.answered, EXIT_DATA);
	assert_string_equal(rig.answer, "import_wasi: no\\x1b");
	assert_null(rig.harkd.observers);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void
where_it_cannot_be_recorded_now_it_is_tried_again(void **state)
{
	(void)state;
	rig_add_with("");
	rig_begin();
	rig_say_digest();
	rig_notary_says(rig_notary_gets(MESSAGE_OBSERVER, NULL), EXIT_TEMPORARY);
	assert_int_equal(rig.observer->state, OBSERVER_WAITING);
	rig_end_rest();
	(void)rig_reason();
	assert_int_equal(rig.module.starts, 2);
	assert_int_equal(rig.failed_code, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
		T(it_runs_and_is_started_again_with_pauses),
		T(an_end_is_told_as_what_it_is),
		T(what_ends_before_it_ran_has_not_trapped),
		T(it_is_pinged_each_second_and_killed_when_it_hangs),
		T(one_whose_projection_waits_says_so),
		T(it_has_not_hung_where_it_gets_no_processor),
		T(who_adds_one_does_not_wait_for_ever),
		T(who_adds_one_hears_that_its_database_is_away),
		T(they_stand_by_name),
		T(one_that_is_refused_goes_and_then_its_adder_hears_it),
		T(where_it_cannot_be_recorded_now_it_is_tried_again),
#undef T
	};

	return cmocka_run_group_tests_name("harkd/observer_life", tests, NULL, NULL);
}
