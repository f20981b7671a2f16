/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The command line, checked whole before anything is opened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "harkd/options.h"
#include "os/own.h"
#include "os/spawn.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/texts.h"

#define DATA_DEFAULT "/var/lib/hark"
#define RUN_DEFAULT  "/run/hark"

static const char usage[] =
	"usage: harkd --config FILE [--libexec DIR]\n"
	"       harkd [--data DIR] [--run DIR] [--libexec DIR]\n"
	"Runs Hark's programs: receives what guests declare, and keeps it in sealed ledgers.\n"
	"\n"
	"  --config FILE   the configuration (hark.yaml(5))\n"
	"  --data DIR      with defaults: where ledgers and keys are; " DATA_DEFAULT "\n"
	"  --run DIR       with defaults: where control.sock is; " RUN_DEFAULT "\n"
	"  --libexec DIR   where hark-notary and the others are; beside harkd\n"
	"  --help          this text\n"
	"  --version       the version\n"
	"\n"
	"It stays in the foreground.  SIGHUP reads the configuration again, SIGTERM ends it.\n";

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' + 256 },
	{ "data", required_argument, NULL, 'd' + 256 },
	{ "run", required_argument, NULL, 'r' + 256 },
	{ "libexec", required_argument, NULL, 'l' + 256 },
	{ NULL, 0, NULL, 0 },
};

static const char *const programs[] = { "hark-control", "hark-notary", "hark-receiver",
					"hark-signer" };

/* Every program must be there before the first one is started. */
static bool
find_programs(struct options *o, int *exit_out)
{
	char path[CONFIG_PATH_BYTES_MAX + 64];
	size_t i;

	if (o->libexec == NULL && own_folder(&o->libexec) != ERR_OK) {
		log_error("where harkd itself is cannot be found out: give --libexec");
		*exit_out = EXIT_OS;
		return false;
	}
	if (strlen(o->libexec) >= CONFIG_PATH_BYTES_MAX) {
		log_error("--libexec: the path is too long");
		*exit_out = EXIT_USAGE;
		return false;
	}
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", o->libexec, programs[i]);
		if (spawn_is_program(path))
			continue;
		log_error("%s is not there or cannot be run; --libexec names its folder", path);
		*exit_out = EXIT_UNAVAILABLE;
		return false;
	}
	return true;
}

bool
options_read(int argc, char **argv, struct options *out, int *exit_out)
{
	static const struct args_command command = { "harkd", usage, options };
	struct options o = { 0 };
	struct args a;
	int option;

	MUST(out != NULL && exit_out != NULL);

	args_init(&a, &command, argc, argv);
	while ((option = args_next(&a, exit_out)) >= 0) {
		if (option == 'c' + 256) {
			o.config = optarg;
		} else if (option == 'd' + 256) {
			o.data = optarg;
		} else if (option == 'r' + 256) {
			o.run = optarg;
		} else if (option == 'l' + 256) {
			free(o.libexec);
			o.libexec = strdup(optarg);
		}
	}
	*out = o;
	if (option == ARGS_STOP)
		return false;
	if (args_rest(&a) < argc)
		*exit_out = args_mistake(&a, "harkd takes no arguments but options");
	else if (o.config != NULL && (o.data != NULL || o.run != NULL))
		*exit_out = args_mistake(&a, "--config stands alone: data and run are in the file");
	else if ((o.data != NULL && o.data[0] == '\0') || (o.run != NULL && o.run[0] == '\0'))
		*exit_out = args_mistake(&a, "--data and --run want a directory");
	else
		return find_programs(out, exit_out);
	return false;
}

static enum err
on_text(void *ctx, const char *path, struct bytes text)
{
	return texts_add(ctx, path, text);
}

int
options_may_observe(const struct options *o, const struct config_observer *observer, char *text,
		    size_t capacity)
{
	static const char *const needed[] = { "hark-observer", "hark-projector" };
	char path[CONFIG_PATH_BYTES_MAX + 64];
	size_t i;

	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", o->libexec, needed[i]);
		if (spawn_is_program(path))
			continue;
		(void)snprintf(text, capacity,
			       "%s is not there or cannot be run: observers need it", path);
		return EXIT_UNAVAILABLE;
	}
	if (HARK_HAS_ENGINE != 0 || observer->noop)
		return EXIT_OK;
	(void)snprintf(text, capacity,
		       "observer %s: this build has no engine that runs modules: build with one, "
		       "or write 'engine: noop', with which it runs nothing",
		       observer->name);
	return EXIT_CONFIG;
}

bool
options_load(const struct options *o, struct config *out, struct buf *texts, int *exit_out)
{
	struct config_failure why = { { 0 } };
	enum err e = texts_begin(texts);

	if (e == ERR_OK && o->config != NULL)
		e = config_read_texts(o->config, on_text, texts, out, &why);
	else if (e == ERR_OK)
		e = config_defaults(o->data != NULL ? o->data : DATA_DEFAULT,
				    o->run != NULL ? o->run : RUN_DEFAULT, out);
	if (e == ERR_OK)
		return true;
	log_error("%s%s", why.text[0] != '\0' ? why.text : err_text(e),
		  e == ERR_MISSING && why.is_file ? ", or start with --data and --run" : "");
	*exit_out = e == ERR_MEMORY ? EXIT_SOFTWARE : EXIT_CONFIG;
	return false;
}

void
options_finish(struct options *o)
{
	free(o->libexec);
	o->libexec = NULL;
}
