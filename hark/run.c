/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hark run: registers a cell, runs a command (a VMM, or hark-agent in a container), and removes the
 * cell when it has ended.  Signals and the exit code are passed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "config/config.h"
#include "hark/cell.h"
#include "hark/client.h"
#include "hark/commands.h"
#include "os/child.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/wait.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

/* Where the command finds its socket. */
#define BASE_VARIABLE   "HARK_UDS_BASE"
#define SOCKET_VARIABLE "HARK_SOCKET"
/* What harkd puts behind the base: the port of telemetry. */
#define SOCKET_ENDING "_9001"

enum { OPTION_CELL = 256 };

static const struct option options[] = {
	{ "cell", required_argument, NULL, OPTION_CELL },
	CELL_OPTIONS,
	CLIENT_OPTIONS,
	{ 0 },
};

static const struct args_command command = {
	.name = "hark run",
	.usage =
		"usage: hark run --cell NAME [OPTION]... -- COMMAND [ARGUMENT]...\n"
		"\n"
		"Registers the cell, runs COMMAND and removes the cell when it has ended. COMMAND\n"
		"finds the path in HARK_UDS_BASE, and in HARK_SOCKET the socket that listens. It\n"
		"gets the signals that hark gets, and its exit code becomes hark's.\n"
		"\n"
		"      --cell NAME               the cell\n" CELL_USAGE
		"                                (--uds-base: default one in a folder of its own)\n"
		"      --control PATH            the daemon's socket\n"
		"      --help                    print this\n"
		"      --version                 print the version\n"
		"\n"
		"exit: COMMAND's, or 128 and its signal's number; 126 it cannot be run, 127 it is\n"
		"      not there, 2 usage, 5 the daemon does not answer, and as of hark cell add\n",
	.options = options,
};

static const int forwarded[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

struct run {
	struct cell_add add;
	const char *cell;
	char folder[32]; /* "" or the one that was made for the base */
	sigset_t before; /* the mask that the command gets */
	int signals;     /* -1: none */
	pid_t pid;
};

/* Firecracker and its like bind the base itself and leave its socket behind. */
static void
remove_base(const char *base)
{
	struct file_info info;

	if (file_stat_at(AT_FDCWD, base, &info) == ERR_OK && info.kind == FILE_SOCKET &&
	    file_unlink_at(AT_FDCWD, base) == ERR_SYSTEM)
		log_warning("%s is still there: %s", base, strerror(errno));
}

static void
run_finish(struct run *r)
{
	file_close(&r->signals);
	/* It is empty where harkd has let go of the socket; what a command put there is its own. */
	if (r->folder[0] != '\0') {
		if (r->add.uds_base != NULL)
			remove_base(r->add.uds_base);
		if (folder_remove(r->folder) == ERR_SYSTEM)
			log_warning("%s is still there: %s", r->folder, strerror(errno));
	}
	cell_add_finish(&r->add);
}

/* True where the command is to be run; else *code is how to end. */
static bool
read_options(int argc, char **argv, struct run *r, char ***words_out, int *code)
{
	struct args args;
	int option;

	log_init(command.name);
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return false;
		*code = EXIT_USAGE;
		if (option == OPTION_CELL) {
			r->cell = optarg;
			if (!cell_name_check(optarg))
				return false;
		} else if (option == CLIENT_OPTION_CONTROL) {
			client_set_control(optarg);
		} else if (!cell_add_option(&r->add, option, optarg)) {
			return false;
		}
	}
	if (r->cell == NULL)
		*code = args_mistake(&args, "expected --cell NAME");
	else if (args_rest(&args) == argc)
		*code = args_mistake(&args, "expected -- COMMAND");
	else {
		*words_out = argv + args_rest(&args);
		return true;
	}
	return false;
}

static int
failed(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	return EXIT_OS;
}

/* A base of the run's own, where none was given. */
static int
make_base(struct run *r)
{
	char base[64];

	if (r->add.uds_base != NULL)
		return EXIT_OK;
	(void)snprintf(r->folder, sizeof(r->folder), "/tmp/hark-run-XXXXXX");
	if (folder_make_temporary(r->folder) != ERR_OK) {
		r->folder[0] = '\0';
		return failed("no folder for the socket");
	}
	(void)snprintf(base, sizeof(base), "%s/vsock", r->folder);
	return cell_add_option(&r->add, CELL_OPTION_UDS_BASE, base) ? EXIT_OK : EXIT_SOFTWARE;
}

static int
take_signals(struct run *r)
{
	sigset_t set;
	size_t i;
	bool good = sigemptyset(&set) == 0 && sigaddset(&set, SIGCHLD) == 0;

	for (i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		good = good && sigaddset(&set, forwarded[i]) == 0;
	if (!good || child_signals_take(&set, &r->before, &r->signals) != ERR_OK)
		return failed("signals cannot be taken");
	return EXIT_OK;
}

static int
set_environment(const struct run *r)
{
	char socket[CONFIG_PATH_BYTES_MAX + sizeof(SOCKET_ENDING)];

	(void)snprintf(socket, sizeof(socket), "%s" SOCKET_ENDING, r->add.uds_base);
	if (setenv(BASE_VARIABLE, r->add.uds_base, 1) != 0 ||
	    setenv(SOCKET_VARIABLE, socket, 1) != 0)
		return failed("the environment cannot be set");
	return EXIT_OK;
}

/* ---- the command --------------------------------------------------------------------------- */

/* What has arrived: passes signals on.  True where a child has ended. */
static bool
pass_signals(struct run *r)
{
	struct child_signal signal;
	bool ended = false;

	while (child_signals_next(r->signals, &signal) == ERR_OK) {
		if (signal.number == SIGCHLD) {
			ended = true;
			continue;
		}
		/* The terminal has already signalled the whole foreground group. */
		if (signal.from_terminal && child_is_in_group(r->pid))
			continue;
		/* It fails only where the command has just ended, which SIGCHLD tells. */
		if (child_signal_send(r->pid, signal.number) != ERR_OK)
			ended = true;
	}
	return ended;
}

/* Until the command has ended; its code as a shell has it. */
static int
wait_for_command(struct run *r)
{
	for (;;) {
		struct wait_item item = { .fd = r->signals, .want_read = true };
		pid_t pid = 0;
		int status = 0;

		if (wait_ready(&item, 1, UINT64_MAX) != ERR_OK)
			return failed("waiting");
		if (!pass_signals(r))
			continue;
		while (child_reap(&pid, &status) == ERR_OK) {
			if (pid == r->pid)
				return WIFEXITED(status) ? WEXITSTATUS(status)
							 : 128 + WTERMSIG(status);
		}
	}
}

static int
run_command(struct run *r, char **words)
{
	char shown[256];
	int exec_error = 0;
	int code = set_environment(r);

	if (code != EXIT_OK)
		return code;
	if (child_spawn(words, &r->before, &r->pid, &exec_error) != ERR_OK)
		return failed("the command cannot be started");
	code = wait_for_command(r);
	if (exec_error != 0) {
		(void)text_escape(words[0], strlen(words[0]), shown, sizeof(shown));
		log_error("%s: %s", shown, strerror(exec_error));
	}
	return code;
}

/* ---- the cell ------------------------------------------------------------------------------ */

/* Each by a connection of its own: harkd may have been started again since. */
static int
ask(struct message *question)
{
	cleanup(client_closep) struct client *c = NULL;
	struct message done;
	int code = client_open(&c);

	return code == EXIT_OK ? client_ask(c, question, NULL, NULL, &done) : code;
}

int
command_run(int argc, char **argv)
{
	cleanup(run_finish) struct run r = { .signals = -1 };
	struct message removal;
	char **words = NULL;
	int code = EXIT_OK;
	int removed;

	cell_add_init(&r.add);
	if (!read_options(argc, argv, &r, &words, &code))
		return code;
	code = make_base(&r);
	if (code == EXIT_OK)
		code = take_signals(&r);
	if (code != EXIT_OK)
		return code;
	cell_add_name(&r.add, r.cell);
	code = ask(&r.add.question);
	if (code != EXIT_OK)
		return code;
	code = run_command(&r, words);
	message_init(&removal, MESSAGE_ASK_CELL_REMOVE, 0);
	message_set_text(&removal, FIELD_CELL, r.cell);
	removed = ask(&removal);
	if (removed != EXIT_OK)
		log_warning("cell %s is still registered", r.cell);
	return code != EXIT_OK ? code : removed;
}
