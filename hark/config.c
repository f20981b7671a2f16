/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark config check: judges a configuration as harkd would, and starts nothing. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "config/config.h"
#include "hark/commands.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

static const struct option options[] = { { 0 } };

static const struct args_command command = {
	.name = "hark config check",
	.usage = "usage: hark config check FILE\n"
		 "\n"
		 "Reads FILE and the drop-ins in FILE.d as harkd does; hark.yaml(5) has the keys.\n"
		 "The first mistake is told with file, line, column and remedy.\n"
		 "\n"
		 "      --help     print this\n"
		 "      --version  print the version\n"
		 "\n"
		 "exit: 0 it is good, 2 usage, 66 it is not there, 71 it cannot be read,\n"
		 "      78 a mistake\n",
	.options = options,
};

static int
exit_code_of(enum err e)
{
	switch (e) {
	case ERR_MEMORY:
		return EXIT_SOFTWARE;
	case ERR_SYSTEM:
		return EXIT_OS;
	default:
		return EXIT_CONFIG;
	}
}

int
command_config_check(int argc, char **argv)
{
	struct config_failure why;
	struct config c;
	struct args args;
	int code = EXIT_OK;
	enum err e;
	int rest;

	log_init(command.name);
	args_init(&args, &command, argc, argv);
	if (args_next(&args, &code) != ARGS_END)
		return code;
	rest = args_rest(&args);
	if (argc - rest != 1)
		return args_mistake(&args, "expected one FILE");
	e = config_read(argv[rest], &c, &why);
	if (e != ERR_OK) {
		log_error("%s", why.text);
		return e == ERR_MISSING && why.is_file ? EXIT_NO_INPUT : exit_code_of(e);
	}
	log_info("good: data %s, run %s, %zu %s, %zu %s", c.data, c.run, c.cell_count,
		 text_counted(c.cell_count, "cell", "cells"), c.observer_count,
		 text_counted(c.observer_count, "observer", "observers"));
	config_finish(&c);
	return EXIT_OK;
}
