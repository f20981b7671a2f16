/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Command lines: getopt_long with one manner of answering. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/text.h"
#include "os/file.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

/* Above every character that a program uses as `val`. */
#define VALUE_HELP    0x10001
#define VALUE_VERSION 0x10002

/* The longest part of an argument that a message repeats. */
#define SHOWN_BYTES 128u

void
args_init(struct args *a, const struct args_command *command, int argc, char **argv)
{
	size_t count = 0;
	size_t at = 0;
	size_t i;

	MUST(a != NULL && command != NULL && argc > 0 && argv != NULL);

	*a = (struct args){ .command = command, .argc = argc, .argv = argv };
	while (command->options[count].name != NULL)
		count++;
	MUST(count + 3 <= ARGS_OPTIONS_MAX);
	memcpy(a->options, command->options, count * sizeof(*a->options));
	a->options[count++] = (struct option){ "help", no_argument, NULL, VALUE_HELP };
	a->options[count++] = (struct option){ "version", no_argument, NULL, VALUE_VERSION };

	a->letters[at++] = '+'; /* stop at the first argument that is no option */
	a->letters[at++] = ':'; /* tell a missing value from an unknown option */
	for (i = 0; i < count; i++) {
		if (a->options[i].val <= ' ' || a->options[i].val >= 0x7f)
			continue;
		a->letters[at++] = (char)a->options[i].val;
		if (a->options[i].has_arg == required_argument)
			a->letters[at++] = ':';
	}
	opterr = 0;
	optind = 0; /* in glibc and musl alike: begin anew */
}

int
args_mistake(const struct args *a, const char *format, ...)
{
	char text[LOG_LINE_BYTES / 2];
	va_list arguments;

	MUST(a != NULL && format != NULL);

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_error("%s (%s --help tells more)", text, a->command->name);
	return EXIT_USAGE;
}

/* What the user typed that cannot be understood. */
static int
refuse(const struct args *a, int answer)
{
	const char *typed = optind > 0 && optind <= a->argc ? a->argv[optind - 1] : "";
	const char *what = answer == ':' ? "a value is missing after" : "unknown option";
	char shown[SHOWN_BYTES];

	/* A short option stands somewhere in its argument, and optind may not have passed it. */
	if (optopt > ' ' && optopt < 0x7f && strncmp(typed, "--", 2) != 0)
		return args_mistake(a, "%s: -%c", what, optopt);
	(void)text_escape(typed, strlen(typed), shown, sizeof(shown));
	return args_mistake(a, "%s: %s", what, shown);
}

static int
print(const char *text)
{
	if (file_write_all(STDOUT_FILENO, text, strlen(text)) == ERR_OK)
		return EXIT_OK;
	log_error("standard output cannot be written: %s", strerror(errno));
	return EXIT_IO;
}

static int
print_version(const struct args *a)
{
	char line[SHOWN_BYTES];

	(void)snprintf(line, sizeof(line), "%s %s\n", a->command->name, HARK_VERSION);
	return print(line);
}

int
args_next(struct args *a, int *exit_out)
{
	int answer;

	MUST(a != NULL && exit_out != NULL);

	answer = getopt_long(a->argc, a->argv, a->letters, a->options, NULL);
	switch (answer) {
	case -1:
		return ARGS_END;
	case VALUE_HELP:
		*exit_out = print(a->command->usage);
		return ARGS_STOP;
	case VALUE_VERSION:
		*exit_out = print_version(a);
		return ARGS_STOP;
	case '?':
	case ':':
		*exit_out = refuse(a, answer);
		return ARGS_STOP;
	default:
		return answer;
	}
}

int
args_rest(const struct args *a)
{
	MUST(a != NULL);
	return optind;
}

char *
args_operand(struct args *a)
{
	MUST(a != NULL);
	return optind < a->argc ? a->argv[optind++] : NULL;
}
