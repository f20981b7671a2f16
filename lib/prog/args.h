/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Command lines by getopt_long, the same in every program: --help and --version are there of
 * themselves, options end at the first argument that is none, a mistake is told and exits with 2.
 * An option whose `val` is a printable character has it as its short form too.
 */
#ifndef PROG_ARGS_H
#define PROG_ARGS_H

#include <getopt.h>

/* The most options of one command, with the two common ones. */
#define ARGS_OPTIONS_MAX 64u

enum {
	ARGS_END = -1,  /* no more options: the rest begins at a->argv[args_rest(a)] */
	ARGS_STOP = -2, /* *exit_out is how the program must end; all is said */
};

/* Borrowed for as long as the args.  usage: the text of --help, whole lines. */
struct args_command {
	const char *name; /* as typed, such as "hark sign" */
	const char *usage;
	const struct option *options; /* ends with a zeroed one */
};

/* Made by args_init. */
struct args {
	const struct args_command *command;
	int argc;
	char **argv;
	struct option options[ARGS_OPTIONS_MAX];
	char letters[2 * ARGS_OPTIONS_MAX + 3];
};

/* argv[0] is skipped.  One at a time: getopt_long has its state for itself. */
void args_init(struct args *a, const struct args_command *command, int argc, char **argv);
/* The `val` of the next option (optarg is its value), ARGS_END or ARGS_STOP. */
int args_next(struct args *a, int *exit_out);
/* After ARGS_END: the index in argv of the first argument that is no option. */
int args_rest(const struct args *a);
/* After ARGS_END: takes the next argument that is no option, or gives NULL at the end.  Options may
 * follow it: args_next goes on behind it. */
char *args_operand(struct args *a);
/* Tells a mistake and where help is; gives EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int args_mistake(const struct args *a, const char *format,
						       ...);

#endif
