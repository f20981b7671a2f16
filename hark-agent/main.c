/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark-agent: runs a command in a guest and declares to the host what its processes do. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "hark-agent/agent.h"
#include "hark-agent/options.h"

static const char usage[] =
	"usage: hark-agent [--socket PATH | --vsock CID:PORT] [OPTION]... -- COMMAND...\n"
	"\n"
	"Runs COMMAND and declares to the host what it and its descendants do.  It ends with\n"
	"COMMAND's exit code, and is never held up by a host that does not answer.\n"
	"\n"
	"  --socket PATH        connect to a Unix socket\n"
	"  --vsock CID:PORT     connect to a vsock address (2:9001)\n"
	"  --heartbeat SECONDS  say that all is well this often, 1 to 3600 (1)\n"
	"  --ring-bytes N       keep so many bytes of unconfirmed events (1048576)\n"
	"  --linger MS          wait so long for the host when COMMAND has ended, 0 to 60000 "
	"(1000)\n"
	"  --help, --version\n"
	"\n"
	"exit: COMMAND's; 128 and the signal's number, 127 not found, 126 cannot be run, 2 usage,\n"
	"      71 the system refused what the agent needs\n";

int
main(int argc, char *argv[])
{
	struct options options;
	char why[256];
	int exec_error = 0;
	bool told = true;
	int exit_code = 0;
	enum err e;

	e = options_read(argc, argv, &options, why, sizeof(why));
	if (e != ERR_OK) {
		fprintf(stderr, "hark-agent: %s (hark-agent --help tells more)\n", why);
		return 2;
	}
	if (options.version || options.help) {
		if (options.version)
			puts("hark-agent " HARK_VERSION);
		else
			fputs(usage, stdout);
		return fflush(stdout) == 0 ? 0 : EX_IOERR;
	}
	e = agent_run(&options, &exit_code, &exec_error, &told);
	if (exec_error != 0)
		fprintf(stderr, "hark-agent: %s: %s\n", options.command[0], strerror(exec_error));
	if (e != ERR_OK) {
		fprintf(stderr, "hark-agent: %s\n",
			e == ERR_SYSTEM ? strerror(errno) : err_text(e));
		return EX_OSERR;
	}
	/* COMMAND's exit code stays COMMAND's: a host that is not there is the host's to notice. */
	if (!told && options.target.path != NULL)
		fprintf(stderr, "hark-agent: %s: no host listened: events were not delivered\n",
			options.target.path);
	else if (!told)
		fprintf(stderr,
			"hark-agent: vsock %u:%u: no host listened: events were not delivered\n",
			options.target.cid, options.target.port);
	return exit_code;
}
