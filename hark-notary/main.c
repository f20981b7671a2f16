/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark-notary: stamps, keeps time, appends to both ledgers.  Started by harkd alone. */
#include <stdio.h>

#include "hark-notary/daemon.h"
#include "os/file.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "role/role.h"

static struct daemon notary;

/* Last words for harkd, which shows them; where it has gone, they go to the log. */
static int
fail(int code, const char *text)
{
	struct message m;

	message_init(&m, MESSAGE_FAILED, 0);
	message_set_number(&m, FIELD_CODE, (uint64_t)code);
	message_set_text(&m, FIELD_TEXT, text);
	if (message_send(ROLE_SUPERVISOR_FD, &m) != ERR_OK)
		log_error("%s", text);
	return code;
}

static int
say_ready(const struct role_report *report)
{
	struct message m;

	message_init(&m, MESSAGE_READY, 0);
	if (report->missing[0] != '\0')
		message_set_text(&m, FIELD_TEXT, report->missing);
	return message_send(ROLE_SUPERVISOR_FD, &m) == ERR_OK ? EXIT_OK : EXIT_TEMPORARY;
}

/* Gives up all rights but those below its two directories, then opens the ledgers there, whose
 * writers are the last threads that it makes. */
static int
begin(struct message *setup)
{
	struct role_report report = { { 0 } };
	char why[512] = { 0 };
	int code = EXIT_SOFTWARE;

	if (setup->fd_count != 2 * PROTO_LEDGERS)
		return fail(EXIT_PROTOCOL, "the first message is not one of harkd's");
	if (role_confine(ROLE_NOTARY, setup->fds, PROTO_LEDGERS,
			 message_number(setup, FIELD_CONFINE, 0) != 0, &report) != ERR_OK) {
		(void)snprintf(why, sizeof(why), "hark-notary cannot be confined: %s",
			       report.missing);
		return fail(EXIT_UNAVAILABLE, why);
	}
	if (daemon_open(&notary, setup, &code, why, sizeof(why)) != ERR_OK)
		return fail(code, why);
	if (role_threads_end() != ERR_OK)
		return fail(EXIT_OS, "hark-notary cannot give up its right to threads");
	return say_ready(&report);
}

int
main(void)
{
	static uint8_t bytes[IPC_BYTES_MAX];
	int code = EXIT_SOFTWARE;
	struct message setup;

	if (role_begin(ROLE_NOTARY, "hark-notary", &code) != ERR_OK ||
	    role_setup(MESSAGE_NOTARY_SETUP, bytes, sizeof(bytes), &setup, &code) != ERR_OK)
		return code;
	code = begin(&setup);
	message_close(&setup);
	if (code == EXIT_OK) {
		code = daemon_run(&notary);
		if (notary.exit_text[0] != '\0')
			code = fail(code, notary.exit_text);
	}
	daemon_close(&notary);
	return code;
}
