/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What harkd does with the notary's word of a trap. */
#include <signal.h>
#include <string.h>

#include "observer_rig.h"
#include "prog/exit.h"

/* ---- traps ---- */

static void
after_a_trap_it_ends_by_itself_or_is_ended(void **state)
{
	(void)state;
	rig_add_with("on_trap: stop\n");
	rig_run();
	rig_trapped("struck", 1);
	assert_int_equal(rig.observer->state, OBSERVER_RUNNING);
	assert_true(rig.observer->strikes == 1);
	rig_end(&rig.module, false, 0);
	assert_int_equal(rig.observer->state, OBSERVER_STOPPED);
	assert_non_null(
		strstr(rig.observer->why, "trap Panic, strike 1 of 3; operations record 9"));
	rig_end_rest();
	assert_string_equal(rig_reason(), "died");
	rig_pass_ms(100000);
	assert_int_equal(rig.module.starts, 1);
	/* One that was taken over may report and go on: not for long. */
	observer_again(rig.observer, "");
	rig_run();
	rig_trapped("struck", 2);
	for (unsigned int i = 0; i < OBSERVER_LAST_MS / OBSERVER_PING_MS - 1; i++) {
		rig_pong();
		rig_pass_ms(OBSERVER_PING_MS);
	}
	assert_int_equal(rig.observer->state, OBSERVER_RUNNING);
	rig_pong();
	rig_pass_ms(OBSERVER_PING_MS);
	rig_pong();
	rig_pass_ms(OBSERVER_PING_MS);
	assert_int_equal(rig.observer->state, OBSERVER_STOPPED);
	rig_end_rest();
}

static void
a_quarantined_one_does_not_run(void **state)
{
	(void)state;
	rig_add_with("on_trap: stop\n");
	rig_run();
	rig_trapped("quarantined", 3);
	rig_end(&rig.module, false, 0);
	assert_int_equal(rig.observer->state, OBSERVER_QUARANTINED);
	rig_end_rest();
	(void)rig_reason();
	rig_pass_ms(100000);
	assert_int_equal(rig.module.starts, 1);
	/* A word that comes late changes nothing. */
	rig_trapped("struck", 3);
	assert_int_equal(rig.observer->state, OBSERVER_QUARANTINED);
	/* The notary says it too, of one that is started anew. */
	observer_again(rig.observer, "");
	rig_begin();
	rig_say_digest();
	rig_notary_says(rig_notary_gets(MESSAGE_OBSERVER, NULL), EXIT_NO_PERMISSION);
	assert_int_equal(rig.observer->state, OBSERVER_QUARANTINED);
	rig_end_rest();
	assert_string_equal(rig_reason(), "");
}

/* The notary's word of the process before comes while its digest is under way. */
static void
what_it_said_before_it_was_told_to_end_is_no_fault(void **state)
{
	(void)state;
	rig_add_with("");
	rig_run();
	rig_end(&rig.module, true, SIGKILL);
	rig_end_rest();
	(void)rig_reason();
	rig_pass_ms(CHILD_BACKOFF_MAX_MS);
	assert_int_equal(rig.observer->state, OBSERVER_STARTING);
	rig_trapped("quarantined", 3);
	assert_int_equal(rig.observer->state, OBSERVER_QUARANTINED);
	assert_true(child_exists(&rig.observer->module));
	rig_say_digest();
	assert_int_equal(rig.module.kills, 0);
	assert_int_equal(rig_told(rig.notary_end, NULL), MESSAGE_NONE);
	rig_end_rest();
	assert_int_equal(rig.observer->state, OBSERVER_QUARANTINED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
		T(after_a_trap_it_ends_by_itself_or_is_ended),
		T(a_quarantined_one_does_not_run),
		T(what_it_said_before_it_was_told_to_end_is_no_fault),
#undef T
	};

	return cmocka_run_group_tests_name("harkd/observer_trap", tests, NULL, NULL);
}
