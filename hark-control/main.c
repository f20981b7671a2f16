/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark-control: reads what people's commands ask.  Started by harkd alone. */
#include <stdio.h>
#include <string.h>

#include "hark-control/serve.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "role/role.h"

static struct serve serve;

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
begin(const struct message *setup)
{
	struct role_report report = { { 0 } };
	char text[sizeof(report.missing) + 64];
	struct message m;

	serve.owner = (uid_t)message_number(setup, FIELD_OWNER_UID, 0);
	serve.has_group = message_has(setup, FIELD_OWNER_GID);
	serve.group = (gid_t)message_number(setup, FIELD_OWNER_GID, 0);
	if (role_confine(ROLE_CONTROL, NULL, 0, message_number(setup, FIELD_CONFINE, 0) != 0,
			 &report) != ERR_OK) {
		(void)snprintf(text, sizeof(text), "hark-control cannot be confined: %s",
			       report.missing);
		return fail(EXIT_UNAVAILABLE, text);
	}
	message_init(&m, MESSAGE_READY, 0);
	if (report.missing[0] != '\0')
		message_set_text(&m, FIELD_TEXT, report.missing);
	return message_send(ROLE_SUPERVISOR_FD, &m) == ERR_OK ? EXIT_OK : EXIT_TEMPORARY;
}

int
main(void)
{
	struct loop *loop = NULL;
	int code = EXIT_SOFTWARE;
	struct message setup;

	if (role_begin(ROLE_CONTROL, "hark-control", &code) != ERR_OK ||
	    role_setup(MESSAGE_CONTROL_SETUP, serve.bytes, sizeof(serve.bytes), &setup, &code) !=
		    ERR_OK)
		return code;
	code = begin(&setup);
	if (code == EXIT_OK) {
		if (loop_create(NULL, &loop) == ERR_OK &&
		    serve_init(&serve, loop, ROLE_SUPERVISOR_FD, setup.fds[0]) == ERR_OK) {
			code = serve_run(&serve);
			serve_finish(&serve);
		} else {
			code = fail(EXIT_OS, "hark-control cannot wait for its descriptors");
		}
	}
	loop_destroy(loop);
	message_close(&setup);
	return code;
}
