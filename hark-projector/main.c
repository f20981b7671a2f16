/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark-projector: commits what one observer asked for.  Started by harkd alone. */
#include <stdlib.h>

#include "hark-projector/reach.h"
#include "hark-projector/serve.h"
#include "hark-projector/start.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "role/role.h"

static struct serve serve;
static struct start start = {
	.database_dirfd = -1, .metric_dirfd = -1, .receipt_dirfd = -1, .observer_fd = -1
};

static void
write_line(void *ctx, const char *line)
{
	(void)ctx;
	log_info("%s", line);
}

/* harkd's home is not this program's: libpq looks there for files that no URI has named, and takes
 * one that it may not see for a mistake. */
#define NO_HOME "/nonexistent"

/* Reads what it is given, then gives up its rights. */
static int
begin(struct message *setup)
{
	struct role_report report = { { 0 } };
	struct project_failure why = { { 0 } };
	struct message ready;
	enum err e;
	int code;

	e = start_read(setup, &start, &why);
	if (e == ERR_REFUSED)
		return role_fail(EXIT_CONFIG, why.text);
	if (e != ERR_OK)
		return role_fail(e == ERR_MEMORY ? EXIT_SOFTWARE : EXIT_PROTOCOL,
				 "the first message cannot be taken");
	if (setenv("HOME", NO_HOME, 1) != 0)
		return role_fail(EXIT_SOFTWARE, "no memory");
	code = reach_confine(&start, &report);
	if (code != EXIT_OK)
		return code;
	message_init(&ready, MESSAGE_READY, 0);
	return role_ready(&ready, &report);
}

static int
run(void)
{
	struct project_environment environment = {
		.wake_fd = ROLE_SUPERVISOR_FD,
		.is_inside = true,
		.metric_dirfd = start.metric_dirfd,
		.receipt_dirfd = start.receipt_dirfd,
		.line = write_line,
	};
	struct project *project = NULL;
	struct loop *loop = NULL;
	int code = EXIT_OS;

	if (project_create(&start.config, &environment, &project) == ERR_OK &&
	    loop_create(NULL, &loop) == ERR_OK) {
		serve.lookup_s = start.lookup_s;
		if (serve_init(&serve, loop, project, ROLE_SUPERVISOR_FD, start.observer_fd) ==
		    ERR_OK)
			code = (int)serve_run(&serve);
		serve_finish(&serve);
	}
	loop_destroy(loop);
	project_destroy(project);
	return code;
}

int
main(void)
{
	int code = EXIT_SOFTWARE;
	struct message setup;

	if (role_begin(ROLE_PROJECTOR, "hark-projector", &code) != ERR_OK ||
	    role_setup(MESSAGE_PROJECTOR_SETUP, serve.bytes, sizeof(serve.bytes), &setup, &code) !=
		    ERR_OK)
		return code;
	code = begin(&setup);
	message_close(&setup);
	if (code == EXIT_OK)
		code = run();
	start_finish(&start);
	return code;
}
