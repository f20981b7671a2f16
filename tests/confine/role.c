/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Each role, entered by the same role.c as the real programs, tries each forbidden act in a process
 * of its own.  A twin that stops before role_confine does the same act and must get it done: so no
 * act is refused for another reason.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acts.h"
#include "enter.h"
#include "os/confine.h"
#include "unit.h"

static int
is_refusal(int outcome)
{
	return outcome == EPERM || outcome == EACCES || outcome == ENOSYS || outcome == -SIGSYS;
}

/* ---- tests --------------------------------------------------------------------------------- */

static bool
kernel_confines(void)
{
	unsigned int version = 0;

	return confine_landlock_version(&version) == ERR_OK;
}

static void
refuses_all(enum role_name role)
{
	size_t i;

	if (!kernel_confines())
		skip();
	for (i = 0; i < act_count; i++) {
		int twin = enter_try(role, TWIN, acts[i].fn);
		int confined = enter_try(role, CONFINED, acts[i].fn);

		if (twin != 0)
			fail_msg("%s: even the twin got %d", acts[i].name, twin);
		if (!is_refusal(confined))
			fail_msg("%s: got %d", acts[i].name, confined);
	}
	assert_int_equal(enter_try(role, CONFINED, act_ordinary), 0);
}

static void
the_control_program_is_refused_all(void **state)
{
	(void)state;
	refuses_all(ROLE_CONTROL);
}

static void
the_receiver_is_refused_all(void **state)
{
	(void)state;
	refuses_all(ROLE_RECEIVER);
}

static void
the_notary_is_refused_all(void **state)
{
	(void)state;
	refuses_all(ROLE_NOTARY);
}

static void
the_signer_is_refused_all(void **state)
{
	(void)state;
	refuses_all(ROLE_SIGNER);
}

/* Code is what an observer's engine makes until its module is compiled. */
static bool
makes_code(const struct act *act)
{
	return strstr(act->name, "code") != NULL;
}

static void
the_observer_is_refused_all_at_last(void **state)
{
	size_t code = 0;
	size_t i;

	(void)state;
	if (!kernel_confines())
		skip();
	for (i = 0; i < act_count; i++) {
		int before = enter_try(ROLE_OBSERVER, CONFINED, acts[i].fn);
		int after = enter_try(ROLE_OBSERVER, THREADS_ENDED, acts[i].fn);

		code += makes_code(&acts[i]);
		if (enter_try(ROLE_OBSERVER, TWIN, acts[i].fn) != 0)
			fail_msg("%s: not even the twin", acts[i].name);
		if (makes_code(&acts[i]) ? before != 0 : !is_refusal(before))
			fail_msg("%s, before: got %d", acts[i].name, before);
		if (!is_refusal(after))
			fail_msg("%s, after: got %d", acts[i].name, after);
	}
	assert_int_equal(code, 2);
	assert_int_equal(enter_try(ROLE_OBSERVER, CONFINED, act_ordinary), 0);
	assert_int_equal(enter_try(ROLE_OBSERVER, THREADS_ENDED, act_ordinary), 0);
	assert_int_equal(enter_try(ROLE_OBSERVER, CONFINED, act_thread), 0);
	assert_true(is_refusal(enter_try(ROLE_OBSERVER, THREADS_ENDED, act_thread)));
}

static void
the_observer_reads_its_ledger_and_no_more(void **state)
{
	static act_fn *const writes[] = { act_write_below, act_cut_below, act_make_below,
					  act_remove_below, act_lease_below };
	size_t i;

	(void)state;
	if (!kernel_confines())
		skip();
	assert_int_equal(enter_try(ROLE_OBSERVER, CONFINED, act_read_below), 0);
	assert_int_equal(enter_try(ROLE_OBSERVER, THREADS_ENDED, act_read_below), 0);
	for (i = 0; i < COUNT_OF(writes); i++) {
		assert_int_equal(enter_try(ROLE_OBSERVER, TWIN, writes[i]), 0);
		assert_true(is_refusal(enter_try(ROLE_OBSERVER, CONFINED, writes[i])));
	}
}

static void
the_notary_alone_works_below_its_ledgers(void **state)
{
	enum role_name role;

	(void)state;
	if (!kernel_confines())
		skip();
	for (role = 0; role < ROLE_COUNT; role++) {
		int outcome = enter_try(role, CONFINED, act_work_below);

		assert_true(role == ROLE_NOTARY ? outcome == 0 : is_refusal(outcome));
	}
}

static void
the_projector_is_refused_all(void **state)
{
	(void)state;
	refuses_all(ROLE_PROJECTOR);
}

/* Sockets are what a client of a server has beside them. */
static void
the_client_is_refused_all_but_sockets(void **state)
{
	size_t sockets = 0;
	size_t i;

	(void)state;
	if (!kernel_confines())
		skip();
	for (i = 0; i < act_count; i++) {
		int got = enter_try(ROLE_PROJECTOR_CLIENT, CONFINED, acts[i].fn);
		bool is_socket = strcmp(acts[i].name, "make a TCP socket") == 0 ||
				 strcmp(acts[i].name, "make a Unix socket") == 0 ||
				 strcmp(acts[i].name, "connect a socket that it has") == 0;

		sockets += is_socket;
		if (enter_try(ROLE_PROJECTOR_CLIENT, TWIN, acts[i].fn) != 0)
			fail_msg("%s: not even the twin", acts[i].name);
		if (is_socket ? got != 0 : !is_refusal(got))
			fail_msg("%s: got %d", acts[i].name, got);
	}
	assert_int_equal(sockets, 3);
	assert_int_equal(enter_try(ROLE_PROJECTOR_CLIENT, CONFINED, act_ordinary), 0);
	assert_true(is_refusal(enter_try(ROLE_PROJECTOR_CLIENT, CONFINED, act_netlink)));
	assert_int_equal(enter_try(ROLE_PROJECTOR_CLIENT, TWIN, act_netlink), 0);
	assert_true(is_refusal(enter_try(ROLE_PROJECTOR_CLIENT, CONFINED, act_connect_tcp)));
	assert_int_equal(enter_try(ROLE_PROJECTOR_CLIENT, TWIN, act_connect_tcp), 0);
}

static void
the_projector_has_files_of_its_own(void **state)
{
	enum role_name role;

	(void)state;
	if (!kernel_confines())
		skip();
	for (role = 0; role < ROLE_COUNT; role++) {
		int got = enter_try(role, CONFINED, act_files_below);

		assert_true(role == ROLE_NOTARY || enter_is_projector(role) ? got == 0
									    : is_refusal(got));
	}
}

static void
the_notary_has_threads_until_they_end(void **state)
{
	(void)state;
	if (!kernel_confines())
		skip();
	assert_int_equal(enter_try(ROLE_NOTARY, CONFINED, act_thread), 0);
	assert_int_equal(enter_try(ROLE_NOTARY, TWIN, act_thread), 0);
	assert_true(is_refusal(enter_try(ROLE_NOTARY, THREADS_ENDED, act_thread)));
	assert_int_equal(enter_try(ROLE_NOTARY, THREADS_ENDED, act_work_below), 0);
	assert_true(is_refusal(enter_try(ROLE_RECEIVER, CONFINED, act_thread)));
	/* What binds the first thread binds those that it makes. */
	assert_int_equal(enter_try(ROLE_NOTARY, TWIN, act_open_in_thread), 0);
	assert_true(is_refusal(enter_try(ROLE_NOTARY, CONFINED, act_open_in_thread)));
}

static int
give_up(const struct acts *a)
{
	(void)a;
	abort();
}

static void
a_mistake_of_ours_still_aborts(void **state)
{
	enum role_name role;

	(void)state;
	for (role = 0; role < ROLE_COUNT; role++)
		assert_int_equal(enter_try(role, CONFINED, give_up), -SIGABRT);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_control_program_is_refused_all),
		cmocka_unit_test(the_receiver_is_refused_all),
		cmocka_unit_test(the_notary_is_refused_all),
		cmocka_unit_test(the_signer_is_refused_all),
		cmocka_unit_test(the_observer_is_refused_all_at_last),
		cmocka_unit_test(the_observer_reads_its_ledger_and_no_more),
		cmocka_unit_test(the_notary_alone_works_below_its_ledgers),
		cmocka_unit_test(the_projector_is_refused_all),
		cmocka_unit_test(the_client_is_refused_all_but_sockets),
		cmocka_unit_test(the_projector_has_files_of_its_own),
		cmocka_unit_test(the_notary_has_threads_until_they_end),
		cmocka_unit_test(a_mistake_of_ours_still_aborts),
	};

	return cmocka_run_group_tests_name("confine/role", tests, NULL, NULL);
}
