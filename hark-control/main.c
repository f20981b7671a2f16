/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark-control: reads what people's commands ask.  Started by harkd alone. */
#include <stdio.h>
#include <string.h>

#include "hark-control/serve.h"
#include "prog/exit.h"
#include "role/role.h"

static struct serve serve;

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
		return role_fail(EXIT_UNAVAILABLE, text);
	}
	message_init(&m, MESSAGE_READY, 0);
	return role_ready(&m, &report);
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
			code = role_fail(EXIT_OS, "hark-control cannot wait for its descriptors");
		}
	}
	loop_destroy(loop);
	message_close(&setup);
	return code;
}
