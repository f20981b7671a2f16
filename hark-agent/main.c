/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark-agent: runs a command in a guest and declares to the host what its processes do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "hark-agent/agent.h"
#include "hark-agent/options.h"

static const char usage[] =
	"usage: hark-agent [--socket PATH | --vsock CID:PORT] [--heartbeat SECONDS]\n"
	"                  [--ring-bytes N] [--linger MS] [--version] -- COMMAND...\n";

int
main(int argc, char *argv[])
{
	struct options options;
	char why[256];
	int exec_error = 0;
	int exit_code = 0;
	enum err e;

	e = options_read(argc, argv, &options, why, sizeof(why));
	if (e != ERR_OK) {
		fprintf(stderr, "hark-agent: %s\n%s", why, usage);
		return 2;
	}
	if (options.version || options.help) {
		if (options.version)
			puts("hark-agent " HARK_VERSION);
		else
			fputs(usage, stdout);
		return fflush(stdout) == 0 ? 0 : EX_IOERR;
	}
	e = agent_run(&options, &exit_code, &exec_error);
	if (exec_error != 0)
		fprintf(stderr, "hark-agent: %s: %s\n", options.command[0], strerror(exec_error));
	if (e != ERR_OK) {
		fprintf(stderr, "hark-agent: %s\n",
			e == ERR_SYSTEM ? strerror(errno) : err_text(e));
		return EX_OSERR;
	}
	return exit_code;
}
