/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark: finds the command that a noun and a verb name.  What it does is in the command's file. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "hark/commands.h"

static command_fn command_help, command_version;

/* A command without a verb has "" there. */
static const struct command_row {
	const char *noun, *verb;
	command_fn *run;
	const char *about;
} commands[] = {
	{ "probe", "read", command_probe_read, "take one reading of a host probe" },
	{ "sign", "", command_sign, "sign events, a line each" },
	{ "verify", "", command_verify, "verify signed envelopes, a line each" },
	{ "help", "", command_help, "say what there is" },
	{ "version", "", command_version, "say which hark this is" },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))
#define EXIT_USAGE    2

static void
print_commands(FILE *to)
{
	size_t i;

	(void)fprintf(to, "usage: hark COMMAND [OPTION]...\n\n");
	for (i = 0; i < COMMAND_COUNT; i++) {
		char name[32]; /* longer than any row's */

		(void)snprintf(name, sizeof(name), "%s %s", commands[i].noun, commands[i].verb);
		(void)fprintf(to, "  %-12s%s\n", name, commands[i].about);
	}
	(void)fprintf(to, "\nhark COMMAND --help says more.\n");
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
		(void)fprintf(stderr, "hark %s: expected '%s' next, as in hark %s %s --help\n",
			      argv[0], commands[i].verb, argv[0], commands[i].verb);
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

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		argv[1] = help;
	else if (argc > 1 && strcmp(argv[1], "--version") == 0)
		argv[1] = version;
	row = argc > 1 ? find(argc - 1, argv + 1, &words) : NULL;
	if (row == NULL)
		return refuse(argc > 0 ? argc - 1 : 0, argv + 1);
	code = row->run(argc - words, argv + words);
	/* Output that did not arrive is no success. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("hark: standard output");
		return 74;
	}
	return code;
}
