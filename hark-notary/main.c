/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark-notary: stamps, keeps time, appends to both ledgers.  Started by harkd alone. */
#include <stdio.h>

#include "hark-notary/daemon.h"
#include "os/file.h"
#include "prog/exit.h"
#include "role/role.h"

static struct daemon notary;

/* Gives up all rights but those below its two directories, then opens the ledgers there, whose
 * writers are the last threads that it makes. */
static int
begin(struct message *setup)
{
	struct role_report report = { { 0 } };
	struct message m;
	char why[512] = { 0 };
	int code = EXIT_SOFTWARE;

	if (setup->fd_count != 2 * PROTO_LEDGERS)
		return role_fail(EXIT_PROTOCOL, "the first message is not one of harkd's");
	if (role_confine(ROLE_NOTARY, setup->fds, PROTO_LEDGERS,
			 message_number(setup, FIELD_CONFINE, 0) != 0, &report) != ERR_OK) {
		(void)snprintf(why, sizeof(why), "hark-notary cannot be confined: %s",
			       report.missing);
		return role_fail(EXIT_UNAVAILABLE, why);
	}
	if (daemon_open(&notary, setup, &code, why, sizeof(why)) != ERR_OK)
		return role_fail(code, why);
	if (role_threads_end() != ERR_OK)
		return role_fail(EXIT_OS, "hark-notary cannot give up its right to threads");
	message_init(&m, MESSAGE_READY, 0);
	return role_ready(&m, &report);
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
			code = role_fail(code, notary.exit_text);
	}
	daemon_close(&notary);
	return code;
}
