/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark config check: judges a configuration as harkd would, and starts nothing. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include <hark/observer_host.h>

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

/* The first observer with which a harkd of this build would not start; NULL. */
static const struct config_observer *
find_without_engine(const struct config *c)
{
	size_t i;

	for (i = 0; i < c->observer_count && !hark_observer_has_engine(); i++) {
		if (!c->observers[i].noop)
			return &c->observers[i];
	}
	return NULL;
}

static int
judge(const struct config *c)
{
	const struct config_observer *refused = find_without_engine(c);

	if (refused != NULL) {
		log_error("observer %s: this build has no engine that runs modules: build with "
			  "one, or write 'engine: noop', with which it runs nothing",
			  refused->name);
		return EXIT_CONFIG;
	}
	log_info("good: data %s, run %s, %zu %s, %zu %s", c->data, c->run, c->cell_count,
		 text_counted(c->cell_count, "cell", "cells"), c->observer_count,
		 text_counted(c->observer_count, "observer", "observers"));
	return EXIT_OK;
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
	code = judge(&c);
	config_finish(&c);
	return code;
}
