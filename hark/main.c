/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark: finds the command that a noun and a verb name.  What it does is in the command's file. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "hark/client.h"
#include "hark/commands.h"
#include "prog/exit.h"

static command_fn command_help, command_version;

/* A command without a verb has "" there. */
static const struct command_row {
	const char *noun, *verb;
	command_fn *run;
	const char *about;
} commands[] = {
	{ "status", "", command_status, "say how the daemon and its programs are" },
	{ "cell", "add", command_cell_add, "register a cell" },
	{ "cell", "rm", command_cell_rm, "remove a cell" },
	{ "cell", "ls", command_cell_ls, "list the cells" },
	{ "cell", "show", command_cell_show, "say all that is known of a cell" },
	{ "run", "", command_run, "run a command as a cell" },
	{ "tail", "", command_tail, "show events as they are committed" },
	{ "config", "check", command_config_check, "judge a configuration" },
	{ "doctor", "", command_doctor, "say what this machine can do" },
	{ "observer", "add", command_observer_add, "add a module as an observer" },
	{ "observer", "ls", command_observer_ls, "list the observers" },
	{ "observer", "show", command_observer_show, "say all that is known of one" },
	{ "observer", "disable", command_observer_disable, "end one until it is enabled" },
	{ "observer", "enable", command_observer_enable, "start one again" },
	{ "observer", "release", command_observer_release, "let a quarantined module run again" },
	{ "observer", "rm", command_observer_rm, "remove one" },
	{ "observer", "receipts", command_observer_receipts, "list the receipts of traps" },
	{ "observer", "replay", command_observer_replay, "run what a receipt is about again" },
	{ "observer", "new", command_observer_new, "write the begin of a module" },
	{ "observer", "test", command_observer_test, "run a module as an observer, here" },
	{ "probe", "read", command_probe_read, "take one reading of a host probe" },
	{ "sign", "", command_sign, "sign events, a line each" },
	{ "prove", "", command_prove, "write a proof of one leaf" },
	{ "ledger", "stat", command_ledger_stat, "say how large a ledger is" },
	{ "ledger", "export", command_ledger_export, "write it as a static tlog-tiles log" },
	{ "key", "show", command_key_show, "print what a ledger is verified by" },
	{ "key", "new", command_key_new, "make the keys of a daemon that is to be" },
	{ "key", "rotate", command_key_rotate, "change the key of a ledger" },
	{ "ledger", "prune", command_ledger_prune, "drop its oldest segments, on record" },
	{ "ledger", "redact", command_ledger_redact, "blank one leaf, on record" },
	{ "ledger", "retire", command_ledger_retire, "move it aside and begin a new one" },
	{ "verify", "", command_verify, "judge a ledger, an export, a proof or envelopes" },
	{ "help", "", command_help, "say what there is" },
	{ "version", "", command_version, "say which hark this is" },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

/* Room for the longest name of a command, and two blanks. */
static int
name_width(void)
{
	size_t width = 0;
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++) {
		size_t size = strlen(commands[i].noun) + 1 + strlen(commands[i].verb);

		width = size > width ? size : width;
	}
	return (int)width + 2;
}

static void
print_commands(FILE *to)
{
	size_t i;

	(void)fprintf(to, "usage: hark COMMAND [OPTION]...\n\n");
	for (i = 0; i < COMMAND_COUNT; i++) {
		char name[32]; /* longer than any row's */

		(void)snprintf(name, sizeof(name), "%s %s", commands[i].noun, commands[i].verb);
		(void)fprintf(to, "  %-*s%s\n", name_width(), name, commands[i].about);
	}
	(void)fprintf(to, "\nhark COMMAND --help says more.\n");
}

/* The rows of one noun. */
static void
print_noun(const char *noun)
{
	size_t i;

	(void)printf("usage: hark %s VERB [OPTION]...\n\n", noun);
	for (i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(noun, commands[i].noun) == 0)
			(void)printf("  %-10s%s\n", commands[i].verb, commands[i].about);
	}
	(void)printf("\nhark %s VERB --help says more.\n", noun);
}

static size_t
count_verbs(const char *noun)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++)
		count += strcmp(noun, commands[i].noun) == 0 && commands[i].verb[0] != '\0';
	return count;
}

static int
command_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	print_commands(stdout);
	return 0;
}

static int
command_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	(void)printf("hark " HARK_VERSION "\n");
	return 0;
}

/* The verbs that a noun has, the first of which is row `first`. */
static void
refuse_verb(const char *noun, size_t first)
{
	size_t i;

	(void)fprintf(stderr, "hark %s: expected", noun);
	for (i = first; i < COMMAND_COUNT; i++) {
		if (strcmp(noun, commands[i].noun) == 0)
			(void)fprintf(stderr, "%s '%s'", i == first ? "" : " or", commands[i].verb);
	}
	(void)fprintf(stderr, " next, as in hark %s %s --help\n", noun, commands[first].verb);
}

/* Tells what is wrong with a noun, or with the verb that it lacks. */
static int
refuse(int argc, char **argv)
{
	char shown[128];
	size_t i;

	if (argc == 0) {
		print_commands(stderr);
		return EXIT_USAGE;
	}
	for (i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(argv[0], commands[i].noun) != 0)
			continue;
		refuse_verb(argv[0], i);
		return EXIT_USAGE;
	}
	(void)text_escape(argv[0], strlen(argv[0]), shown, sizeof(shown));
	(void)fprintf(stderr, "hark: no such command: %s (hark help says what there is)\n", shown);
	return EXIT_USAGE;
}

/* The row of these arguments, and how many of them name it. */
static const struct command_row *
find(int argc, char **argv, int *words_out)
{
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++) {
		int words = commands[i].verb[0] != '\0' ? 2 : 1;

		if (argc < words || strcmp(argv[0], commands[i].noun) != 0)
			continue;
		/* "hark probe --help" asks the row, which then reads --help as its own. */
		if (words == 2 && strcmp(argv[1], "--help") == 0)
			words = 1;
		else if (words == 2 && strcmp(argv[1], commands[i].verb) != 0)
			continue;
		*words_out = words;
		return &commands[i];
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	static char help[] = "help";
	static char version[] = "version";
	const struct command_row *row;
	int words = 0;
	int code;

	/* It may stand before the noun too: an alias of a shell then has it. */
	while (argc > 2 && strcmp(argv[1], "--control") == 0) {
		client_set_control(argv[2]);
		argc -= 2;
		argv += 2;
	}
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		argv[1] = help;
	else if (argc > 1 && strcmp(argv[1], "--version") == 0)
		argv[1] = version;
	if (argc == 3 && strcmp(argv[2], "--help") == 0 && count_verbs(argv[1]) > 1) {
		print_noun(argv[1]);
		return EXIT_OK;
	}
	row = argc > 1 ? find(argc - 1, argv + 1, &words) : NULL;
	if (row == NULL)
		return refuse(argc > 0 ? argc - 1 : 0, argv + 1);
	code = row->run(argc - words, argv + words);
	/* Output that did not arrive is no success. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("hark: standard output");
		return EXIT_IO;
	}
	return code;
}
