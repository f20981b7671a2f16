/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ends between the word to go and READY: nothing of the module has run, so none is a trap. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "observer_rig.h"
#include "prog/exit.h"

/* ---- ends between GO and READY ---- */

/* To GO, by its own timer, which may have gone off already. */
static void
go_again(void)
{
	rig_pass_ms(CHILD_BACKOFF_MAX_MS);
	assert_int_equal(rig.observer->state, OBSERVER_STARTING);
	assert_int_equal(rig_told(rig.projector.end, NULL), MESSAGE_PROJECTOR_SETUP);
	assert_int_equal(rig_told(rig.module.end, NULL), MESSAGE_OBSERVER_SETUP);
	rig_let_go();
}

static void
m_abort(void)
{
	rig_end(&rig.module, true, SIGABRT);
}

static void
m_segv(void)
{
	rig_end(&rig.module, true, SIGSEGV);
}

static void
m_sys(void)
{
	rig_end(&rig.module, true, SIGSYS);
}

/* Its descriptors are closed first, and that is seen before it has ended. */
static void
p_sees_m_abort(void)
{
	rig_end(&rig.projector, false, EXIT_OK);
	rig_end(&rig.module, true, SIGABRT);
}

/* Gives how many ends it took, and what it is then refused for; 0: it is not. */
static unsigned int
fail_loads(void (*act)(void), unsigned int most)
{
	unsigned int i;

	for (i = 1; i <= most; i++) {
		act();
		rig_end_rest();
		assert_string_equal(rig_reason(), ""); /* in no case a trap */
		if (rig.observer->state == OBSERVER_REFUSED)
			return i;
		go_again();
	}
	return 0;
}

/* The word of the refusal, and its record. */
static bool
is_refused_for(const char *word)
{
	struct bytes json;
	struct message m;
	char want[64];

	(void)rig_notary_gets(MESSAGE_OPERATION, &m);
	json = message_bytes(&m, FIELD_JSON);
	(void)snprintf(want, sizeof(want), "\"reason\":\"%s\"", word);
	return memmem(json.data, json.size, want, strlen(want)) != NULL &&
	       strncmp(rig.observer->why, word, strlen(word)) == 0;
}

static void
an_end_before_it_is_loaded_is_refused(void **state)
{
	static const struct {
		const char *rule;
		void (*act)(void);
		unsigned int want;
		const char *word;
	} rows[] = {
		{ "its compiler has no memory", m_abort, 1, "compile_aborted" },
		{ "the same, and its projector sees it first", p_sees_m_abort, 1,
		  "compile_aborted" },
		{ "its compiler fails", m_segv, 1, "compile_died" },
		{ "it calls what it may not", m_sys, 1, "compile_died" },
		{ "it is killed by somebody", rig_module_signal, OBSERVER_LOADS_MAX,
		  "load_failed" },
		{ "it ends with 1", rig_module_exit_1, OBSERVER_LOADS_MAX, "load_failed" },
		{ "it ends with 0", rig_module_exit_0, OBSERVER_LOADS_MAX, "load_failed" },
		{ "it says that the system has failed", rig_module_says_71, OBSERVER_LOADS_MAX,
		  "load_failed" },
		{ "it says what it may not", rig_module_says_what_it_may_not, OBSERVER_LOADS_MAX,
		  "load_failed" },
		{ "its projector has lost it", rig_projector_exit_0, OBSERVER_LOADS_MAX,
		  "load_failed" },
		{ "its projector is killed by somebody", rig_projector_signal, 0, NULL },
		{ "its projector fails", rig_projector_says_71, 0, NULL },
	};
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		unsigned int got;

		rig_add_with("");
		rig_begin();
		rig_let_go();
		got = fail_loads(rows[i].act, 3 * OBSERVER_LOADS_MAX);
		if (got != rows[i].want || (got > 0 && !is_refused_for(rows[i].word)))
			fail_msg("%s: %u, %s", rows[i].rule, got, rig.observer->why);
		if (got > 0) {
			rig_pass_ms(100000);
			assert_int_equal(rig.observer->state, OBSERVER_REFUSED);
			assert_int_equal(rig.module.starts, got);
		}
		assert_int_equal(rig_tear_down(state), 0);
		assert_int_equal(rig_set_up(state), 0);
	}
}

/* What was loaded once can be compiled: then an end is somebody else's doing, for a while. */
static void
one_that_was_loaded_is_tried_again(void **state)
{
	(void)state;
	rig_add_with("");
	rig_run();
	m_abort();
	rig_end_rest();
	assert_string_equal(rig_reason(), "died");
	go_again();
	assert_int_equal(fail_loads(m_abort, OBSERVER_LOADS_MAX - 1), 0);
	rig_say_plain(&rig.module, MESSAGE_READY);
	rig_module_signal();
	rig_end_rest();
	assert_string_equal(rig_reason(), "died");
	go_again();
	assert_int_equal(fail_loads(m_abort, 2 * OBSERVER_LOADS_MAX), OBSERVER_LOADS_MAX);
	assert_true(is_refused_for("load_failed"));
	/* A person has changed something: nothing is known of it. */
	observer_again(rig.observer, "");
	assert_int_equal(rig_told(rig.projector.end, NULL), MESSAGE_PROJECTOR_SETUP);
	assert_int_equal(rig_told(rig.module.end, NULL), MESSAGE_OBSERVER_SETUP);
	rig_let_go();
	assert_int_equal(fail_loads(m_abort, OBSERVER_LOADS_MAX), 1);
	assert_true(is_refused_for("compile_aborted"));
}

/* It was ready, which is read after its projector's end. */
static void
ready_counts_also_where_it_is_told_to_end(void **state)
{
	(void)state;
	rig_add_with("");
	rig_begin();
	rig_let_go();
	rig_projector_exit_0();
	rig_say_plain(&rig.module, MESSAGE_READY);
	rig_module_signal();
	assert_string_equal(rig_reason(), "died");
	assert_int_equal(rig.observer->failed_loads, 0);
}

static void
one_that_compiles_too_long_is_refused(void **state)
{
	struct message m;

	(void)state;
	rig_add_with("");
	rig_begin();
	rig_pass_ms(30000);
	rig_let_go();
	rig_pass_ms(2000 + OBSERVER_START_MS - 1);
	assert_int_equal(rig.module.kills, 0);
	rig_pass_ms(1);
	assert_int_equal(rig.module.kills, 1);
	rig_end(&rig.module, true, SIGKILL);
	assert_int_equal(rig.observer->state, OBSERVER_REFUSED);
	assert_non_null(strstr(rig.observer->why, "compile_time: "));
	(void)rig_notary_gets(MESSAGE_OPERATION, &m);
	rig_end_rest();
	assert_string_equal(rig_reason(), "");
	rig_pass_ms(100000);
	assert_int_equal(rig.module.starts, 1);
}

/* Of a machine that others have filled the module knows nothing. */
static void
one_that_has_no_processor_is_waited_for(void **state)
{
	const uint64_t limit_ms = 2000 + OBSERVER_START_MS;

	(void)state;
	rig_add_with("");
	rig_begin();
	rig.module.use = (struct spawn_use){ 700, true };
	rig_let_go();
	rig.module.use.cpu_ms += 30;
	rig_pass_ms(10 * limit_ms);
	rig.module.use.cpu_ms = 700 + limit_ms - 1;
	rig_pass_ms(CHILD_STARVED_MS);
	assert_int_equal(rig.module.kills, 0);
	rig.module.use.cpu_ms++;
	rig_pass_ms(CHILD_STARVED_MS);
	assert_int_equal(rig.module.kills, 1);
	rig_end(&rig.module, true, SIGKILL);
	assert_non_null(strstr(rig.observer->why, "compile_time: "));
	(void)rig_notary_gets(MESSAGE_OPERATION, NULL);
	rig_end_rest();
}

/* But not for one that does nothing. */
static void
one_that_sleeps_is_not_waited_for(void **state)
{
	(void)state;
	rig_add_with("");
	rig_begin();
	rig_let_go();
	rig.module.use = (struct spawn_use){ 30, true };
	rig_pass_ms(2000 + OBSERVER_START_MS);
	assert_int_equal(rig.module.kills, 0);
	rig.module.use.is_ready = false;
	rig_pass_ms(CHILD_STARVED_MS);
	assert_int_equal(rig.module.kills, 1);
	rig_end(&rig.module, true, SIGKILL);
	(void)rig_notary_gets(MESSAGE_OPERATION, NULL);
	rig_end_rest();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
		T(an_end_before_it_is_loaded_is_refused),
		T(one_that_was_loaded_is_tried_again),
		T(ready_counts_also_where_it_is_told_to_end),
		T(one_that_compiles_too_long_is_refused),
		T(one_that_has_no_processor_is_waited_for),
		T(one_that_sleeps_is_not_waited_for),
#undef T
	};

	return cmocka_run_group_tests_name("harkd/observer_load", tests, NULL, NULL);
}
