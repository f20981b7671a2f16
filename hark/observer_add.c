/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hark observer add: a manifest, as a file or put together from options, for the daemon, which
 * judges it by the code that reads the configuration.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "config/config.h"
#include "hark/commands.h"
#include "hark/observer_record.h"
#include "hark/observer_run.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

enum {
	OPTION_MANIFEST = 256,
	OPTION_MODULE,
	OPTION_DIGEST,
	OPTION_ENGINE,
	OPTION_GRANT,
	OPTION_CELL,
	OPTION_TYPE,
	OPTION_SOURCE,
	OPTION_FUEL,
	OPTION_BATCH,
	OPTION_STRIKES,
	OPTION_ON_TRAP,
	OPTION_FROM,
	OPTION_PROJECTION,
	OPTION_TABLE,
	OPTION_KEY,
	OPTION_CREATE,
	OPTION_METRIC_FILE,
	OPTION_METRIC_PREFIX,
	OPTION_RECEIPT_FILE,
	OPTION_JSON,
};

static const struct option options[] = {
	{ "manifest", required_argument, NULL, OPTION_MANIFEST },
	{ "module", required_argument, NULL, OPTION_MODULE },
	{ "digest", required_argument, NULL, OPTION_DIGEST },
	{ "engine", required_argument, NULL, OPTION_ENGINE },
	{ "grant", required_argument, NULL, OPTION_GRANT },
	{ "cell", required_argument, NULL, OPTION_CELL },
	{ "type", required_argument, NULL, OPTION_TYPE },
	{ "source", required_argument, NULL, OPTION_SOURCE },
	{ "fuel", required_argument, NULL, OPTION_FUEL },
	{ "batch", required_argument, NULL, OPTION_BATCH },
	{ "strikes", required_argument, NULL, OPTION_STRIKES },
	{ "on-trap", required_argument, NULL, OPTION_ON_TRAP },
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "projection", required_argument, NULL, OPTION_PROJECTION },
	{ "table", required_argument, NULL, OPTION_TABLE },
	{ "key", required_argument, NULL, OPTION_KEY },
	{ "create", required_argument, NULL, OPTION_CREATE },
	{ "metric-file", required_argument, NULL, OPTION_METRIC_FILE },
	{ "metric-prefix", required_argument, NULL, OPTION_METRIC_PREFIX },
	{ "receipt-file", required_argument, NULL, OPTION_RECEIPT_FILE },
	{ "json", no_argument, NULL, OPTION_JSON },
	CLIENT_OPTIONS,
	{ 0 },
};

static const struct args_command command = {
	.name = "hark observer add",
	.usage = "usage: hark observer add NAME --manifest FILE\n"
		 "       hark observer add NAME --module FILE [OPTION]...\n"
		 "\n"
		 "Adds an observer. Returns once it runs, or with the reason for which it is "
		 "refused.\n"
		 "Without --digest it is pinned to the digest that its module has now, which is "
		 "printed.\n"
		 "\n"
		 "      --manifest FILE       one entry as below `observers:` of hark.yaml(5)\n"
		 "      --module FILE         the WebAssembly module\n"
		 "      --digest DIGEST       blake3: or sha256: and 64 hex digits\n"
		 "      --engine WORD         wasmtime, or noop, which runs nothing\n"
		 "      --grant TOKEN         PgWrite, MetricEmit, KmsReceipt or Log; may be given "
		 "again,\n"
		 "                            as --cell, --type, --source and --key\n"
		 "      --cell NAME           only events of this cell\n"
		 "      --type TYPE           only of this type; with * at its end the begin of "
		 "one\n"
		 "      --source SOURCE       only with this probe source\n"
		 "      --fuel N              of one instance (100000000)\n"
		 "      --batch N             events of one call (1024)\n"
		 "      --strikes N           traps until its module is quarantined (3)\n"
		 "      --on-trap WORD        skip the event, or stop\n"
		 "      --from INDEX          the first leaf (0)\n"
		 "      --projection URL      sqlite:PATH or postgresql://...; the daemon has a "
		 "default\n"
		 "      --table NAME          for PgWrite\n"
		 "      --key COLUMN          by which a row replaces another\n"
		 "      --create FILE         SQL that makes the table\n"
		 "      --metric-file FILE    for MetricEmit\n"
		 "      --metric-prefix TEXT  the begin of every metric's name\n"
		 "      --receipt-file FILE   for KmsReceipt\n"
		 "      --json                the observer as a line of JSON, as `show --json`\n"
		 "      --control PATH        the daemon's socket\n"
		 "      --help                print this\n"
		 "      --version             print the version\n"
		 "\n"
		 "exit: 0 it runs, 2 usage, 5 the daemon does not answer, 65 it is refused,\n"
		 "      66 a file is not there, 69 the daemon has no programs for it, 73 the name "
		 "is\n"
		 "      taken, 75 it does not run yet, 77 quarantined, or not allowed, 78 the "
		 "manifest\n"
		 "      is none, or the name stands in the configuration\n",
	.options = options,
};

struct add {
	const char *name;
	const char *manifest_path;
	bool as_json;
	struct config_observer o;
	char digest[HARK_OBSERVER_DIGEST_TEXT]; /* what was pinned here; "" */
	struct buf text;
};

/* ---- options ------------------------------------------------------------------------------- */

static bool
mistake(const char *option, const char *value, const char *remedy)
{
	char shown[256];

	(void)text_escape(value, strlen(value), shown, sizeof(shown));
	log_error("'%s' is no value of %s: give %s", shown, option, remedy);
	return false;
}

static bool
no_memory(void)
{
	log_error("%s", err_text(ERR_MEMORY));
	return false;
}

/* What the text means is the daemon's to judge: here it must be one. */
static bool
set_text(char **into, const char *option, const char *value)
{
	if (value[0] == '\0' || !text_is_utf8(value, strlen(value)))
		return mistake(option, value, "UTF-8 text");
	free(*into);
	*into = strdup(value);
	return *into != NULL || no_memory();
}

static bool
set_path(char **into, const char *option, const char *value)
{
	free(*into);
	*into = observer_absolute(option, value);
	return *into != NULL;
}

static bool
add_text(struct config_texts *list, const char *option, const char *value)
{
	char **texts = realloc(list->texts, (list->count + 1) * sizeof(*texts));
	char *copy = NULL;

	if (texts == NULL)
		return no_memory();
	list->texts = texts;
	if (!set_text(&copy, option, value))
		return false;
	list->texts[list->count++] = copy;
	return true;
}

static bool
set_number(uint64_t *into, const char *option, const char *value, uint64_t min, uint64_t max,
	   const char *remedy)
{
	uint64_t number = 0;

	if (num_read_u64(value, strlen(value), max, &number) != ERR_OK || number < min)
		return mistake(option, value, remedy);
	*into = number;
	return true;
}

static bool
set_small(uint32_t *into, const char *option, const char *value, uint32_t max, const char *remedy)
{
	uint64_t number = 0;

	if (!set_number(&number, option, value, 1, max, remedy))
		return false;
	*into = (uint32_t)number;
	return true;
}

static bool
set_word(bool *into, const char *option, const char *value, const char *no, const char *yes)
{
	char remedy[64];

	(void)snprintf(remedy, sizeof(remedy), "%s or %s", no, yes);
	if (strcmp(value, no) != 0 && strcmp(value, yes) != 0)
		return mistake(option, value, remedy);
	*into = strcmp(value, yes) == 0;
	return true;
}

static bool
set_grant(struct config_observer *o, const char *value)
{
	enum hark_observer_cap_token token;

	if (!hark_observer_cap_token_of(hark_text_of(value), &token))
		return mistake("--grant", value, "PgWrite, MetricEmit, KmsReceipt or Log");
	o->tokens |= HARK_OBSERVER_TOKEN_BIT(token);
	return true;
}

/* A path of SQLite that is not absolute is below the working directory. */
static bool
set_projection(struct config_observer *o, const char *value)
{
	static const char sqlite[] = "sqlite:";
	size_t size;
	char *path;
	bool good;

	if (strncmp(value, sqlite, strlen(sqlite)) != 0)
		return set_text(&o->projection, "--projection", value);
	path = observer_absolute("--projection", value + strlen(sqlite));
	if (path == NULL)
		return false;
	size = strlen(sqlite) + strlen(path) + 1;
	free(o->projection);
	o->projection = malloc(size);
	good = o->projection != NULL;
	if (good)
		(void)snprintf(o->projection, size, "%s%s", sqlite, path);
	free(path);
	return good || no_memory();
}

static bool
set_run(struct config_observer *o, int option, const char *value)
{
	switch (option) {
	case OPTION_FUEL:
		return set_number(&o->limits.fuel, "--fuel", value, 1, UINT64_MAX,
				  "a number above 0");
	case OPTION_BATCH:
		return set_small(&o->batch, "--batch", value, CONFIG_OBSERVER_BATCH_MAX,
				 "a number from 1 to 1024");
	case OPTION_STRIKES:
		return set_small(&o->strikes, "--strikes", value, CONFIG_OBSERVER_STRIKE_MAX,
				 "a number from 1 to 1000");
	case OPTION_ON_TRAP:
		return set_word(&o->stop_on_trap, "--on-trap", value, "skip", "stop");
	case OPTION_ENGINE:
		return set_word(&o->noop, "--engine", value, "wasmtime", "noop");
	case OPTION_FROM:
		return set_number(&o->from, "--from", value, 0, UINT64_MAX - 1, "a leaf's number");
	default:
		MUST_NOT_REACH("an option of observers that has no row");
	}
}

static bool
set_option(struct add *a, int option, const char *value)
{
	struct config_observer *o = &a->o;

	switch (option) {
	case OPTION_MANIFEST:
		a->manifest_path = value;
		return true;
	case OPTION_JSON:
		a->as_json = true;
		return true;
	case OPTION_MODULE:
		return set_path(&o->module, "--module", value);
	case OPTION_DIGEST:
		return set_text(&o->digest, "--digest", value);
	case OPTION_GRANT:
		return set_grant(o, value);
	case OPTION_CELL:
		return add_text(&o->cells, "--cell", value);
	case OPTION_TYPE:
		return add_text(&o->types, "--type", value);
	case OPTION_SOURCE:
		return add_text(&o->sources, "--source", value);
	case OPTION_PROJECTION:
		return set_projection(o, value);
	case OPTION_TABLE:
		return set_text(&o->table, "--table", value);
	case OPTION_KEY:
		return add_text(&o->key, "--key", value);
	case OPTION_CREATE:
		return set_path(&o->create, "--create", value);
	case OPTION_METRIC_FILE:
		return set_path(&o->metric_file, "--metric-file", value);
	case OPTION_METRIC_PREFIX:
		return set_text(&o->metric_prefix, "--metric-prefix", value);
	case OPTION_RECEIPT_FILE:
		return set_path(&o->receipt_file, "--receipt-file", value);
	case CLIENT_OPTION_CONTROL:
		client_set_control(value);
		return true;
	default:
		return set_run(o, option, value);
	}
}

/* What one option is nothing without.  NULL: all is there. */
static const char *
missing(const struct add *a, bool has_others)
{
	const struct config_observer *o = &a->o;

	if (a->manifest_path != NULL)
		return has_others ? "--manifest stands alone: all else is in the file" : NULL;
	if (o->module == NULL)
		return "expected --module FILE, or --manifest FILE";
	if ((o->key.count > 0 || o->create != NULL) && o->table == NULL)
		return "--key and --create want --table";
	if ((o->metric_file == NULL) != (o->metric_prefix == NULL))
		return "--metric-file and --metric-prefix want each other";
	return NULL;
}

/* False where the program must end, with *code. */
static bool
read_arguments(int argc, char **argv, struct add *a, int *code)
{
	bool has_others = false;
	struct args args;
	const char *what;
	int option;

	log_init(command.name);
	if (argc > 1 && argv[1][0] != '-') {
		a->name = argv[1];
		argc--;
		argv++;
	}
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return false;
		has_others = has_others || (option != OPTION_MANIFEST && option != OPTION_JSON &&
					    option != CLIENT_OPTION_CONTROL);
		*code = EXIT_USAGE;
		if (!set_option(a, option, optarg))
			return false;
	}
	if (a->name == NULL)
		a->name = args_operand(&args);
	what = missing(a, has_others);
	if (a->name == NULL)
		*code = args_mistake(&args, "expected the NAME of an observer");
	else if (args_operand(&args) != NULL)
		*code = args_mistake(&args, "there is one word too many");
	else if (what != NULL)
		*code = args_mistake(&args, "%s", what);
	else if (!observer_name_check(a->name))
		*code = EXIT_USAGE;
	else
		return true;
	return false;
}

/* ---- the manifest -------------------------------------------------------------------------- */

/* The digest that the module has now: from here on it must have it. */
static int
pin(struct add *a)
{
	struct buf module = { 0 };
	int code = observer_run_read(a->o.module, OBSERVER_MODULE_BYTES_MAX, &module);

	if (code == EXIT_OK) {
		MUST(hark_observer_digest_write(hark_text_of(NULL), module.data, module.size,
						a->digest) == HARK_OBSERVER_OK);
		if (!set_text(&a->o.digest, "--digest", a->digest))
			code = EXIT_SOFTWARE;
	}
	buf_finish(&module);
	return code;
}

/* Fills in what the configuration's code would, where the text must say it. */
static int
write_manifest(struct add *a)
{
	struct config_observer *o = &a->o;
	enum err e;
	int code = EXIT_OK;

	if (o->digest == NULL)
		code = pin(a);
	if (code != EXIT_OK)
		return code;
	if (!set_text(&o->name, "NAME", a->name))
		return EXIT_SOFTWARE;
	if (o->metric_file != NULL)
		o->metric_series = CONFIG_METRIC_SERIES;
	e = config_observer_write(o, true, &a->text);
	if (e == ERR_OK)
		return EXIT_OK;
	log_error("%s", e == ERR_LIMIT ? "the manifest has more than 32 KiB" : err_text(e));
	return e == ERR_LIMIT ? EXIT_USAGE : EXIT_SOFTWARE;
}

static int
ask(const struct add *a)
{
	cleanup(client_closep) struct client *c = NULL;
	struct message question, done;
	struct bytes text;
	char shown[1024];
	int code;

	if (a->text.size == 0 || !text_is_utf8((const char *)a->text.data, a->text.size) ||
	    memchr(a->text.data, 0, a->text.size) != NULL) {
		log_error("the manifest is %s", a->text.size == 0 ? "empty" : "no UTF-8 text");
		return EXIT_CONFIG;
	}
	code = client_open(&c);
	if (code != EXIT_OK)
		return code;
	message_init(&question, MESSAGE_ASK_OBSERVER_ADD, 0);
	message_set_text(&question, FIELD_OBSERVER, a->name);
	message_set_bytes(&question, FIELD_MANIFEST, a->text.data, a->text.size);
	code = client_ask(c, &question, NULL, NULL, &done);
	if (code != EXIT_OK)
		return code;
	if (a->digest[0] != '\0' && !a->as_json)
		(void)printf("%s\n", a->digest);
	text = message_bytes(&done, FIELD_TEXT);
	(void)text_escape((const char *)text.data, text.size, shown, sizeof(shown));
	log_info("observer %s runs%s%s", a->name, text.size > 0 ? ": " : "", shown);
	return a->as_json ? observer_print_json(a->name) : EXIT_OK;
}

int
command_observer_add(int argc, char **argv)
{
	struct add a = { .name = NULL };
	int code = EXIT_OK;

	config_observer_init(&a.o);
	if (read_arguments(argc, argv, &a, &code)) {
		code = a.manifest_path != NULL
			       ? observer_run_read(a.manifest_path, CONFIG_OBSERVER_TEXT_MAX,
						   &a.text)
			       : write_manifest(&a);
		if (code == EXIT_OK)
			code = ask(&a);
	}
	config_observer_finish(&a.o);
	buf_finish(&a.text);
	return code;
}
