/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark-receiver: reads guests and has nothing that they could want.  Started by harkd alone. */
#include <stddef.h>
#include <stdio.h>

#include "hark-receiver/receiver.h"
#include "os/memory.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/message.h"
#include "role/role.h"

/*
 * There may be a thousand of these processes, each with next to nothing to do, so pages are
 * counted: what every one of them uses stands together, and nothing is allocated before a guest
 * comes.  A common symbol is placed behind all other data, and its first page is the others' last.
 */
__attribute__((common)) struct receiver receiver;
static struct loop_place loop_place;

/* Gives up every right, and says so to harkd. */
static bool
begin(int *exit_out)
{
	struct role_report report = { { 0 } };
	char why[sizeof(report.missing) + 64];
	struct message m;
	bool require;

	if (role_begin(ROLE_RECEIVER, "hark-receiver", exit_out) != ERR_OK ||
	    role_setup(MESSAGE_RECEIVER_SETUP, receiver.supervisor_bytes,
		       sizeof(receiver.supervisor_bytes), &m, exit_out) != ERR_OK)
		return false;
	/* The incarnation is between harkd and the notary: a receiver only counts. */
	require = message_number(&m, FIELD_CONFINE, 0) != 0;
	if (role_confine(ROLE_RECEIVER, NULL, 0, require, &report) != ERR_OK) {
		(void)snprintf(why, sizeof(why), "hark-receiver cannot be confined: %s",
			       report.missing);
		*exit_out = role_fail(EXIT_UNAVAILABLE, why);
		return false;
	}
	message_init(&m, MESSAGE_READY, 0);
	*exit_out = role_ready(&m, &report);
	return *exit_out == EXIT_OK;
}

int
main(void)
{
	struct loop *loop = NULL;
	int exit_code = EXIT_SOFTWARE;

	if (!begin(&exit_code))
		return exit_code;
	if (loop_create_in(&loop_place, NULL, &loop) != ERR_OK ||
	    receiver_init(&receiver, loop, ROLE_SUPERVISOR_FD) != ERR_OK) {
		log_error("cannot start: no memory, or no descriptor");
		loop_destroy(loop);
		return EXIT_OS;
	}
	memory_give_back_stack();
	exit_code = receiver_run(&receiver);
	receiver_finish(&receiver);
	loop_destroy(loop);
	return exit_code;
}
