/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark cell add, rm, ls, show: questions about cells, and their answers for people or programs. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "config/config.h"
#include "hark/cell.h"
#include "hark/client.h"
#include "hark/commands.h"
#include "hark/table.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

/* A cell as JSON: its texts, each byte at most six, and what stands between them. */
#define CELL_JSON_BYTES 32768u

/* ---- a cell shown -------------------------------------------------------------------------- */

/* One member as it is shown. */
struct member {
	enum message_field field;
	const char *name;
	bool is_number;
};

/* In the order of their names, as in all JSON of Hark. */
static const struct member json_members[] = {
	{ FIELD_CELL, "cellId", false },
	{ FIELD_CONNECTIONS, "connections", true },
	{ FIELD_EVENTS_PER_S, "eventsPerS", true },
	{ FIELD_KEEPALIVE_MS, "keepaliveMs", true },
	{ FIELD_BYTES_PER_S, "ledgerBytesPerS", true },
	{ FIELD_MODE, "mode", false },
	{ FIELD_OWNER_GID, "ownerGid", true },
	{ FIELD_OWNER_UID, "ownerUid", true },
	{ FIELD_PEER_UID, "peerUid", true },
	{ FIELD_REARM, "rearm", false },
	{ FIELD_PID, "receiverPid", true },
	{ FIELD_RESTARTS, "receiverRestarts", true },
	{ FIELD_RUN, "runId", false },
	{ FIELD_SPEC_HASH, "specSignatureHash", false },
	{ FIELD_STATE, "state", false },
	{ FIELD_TEXT, "text", false },
	{ FIELD_UDS_BASE, "udsBase", false },
};

static const struct member members[] = {
	{ FIELD_CELL, "cell", false },
	{ FIELD_RUN, "run", false },
	{ FIELD_UDS_BASE, "uds base", false },
	{ FIELD_STATE, "state", false },
	{ FIELD_TEXT, "why", false },
	{ FIELD_SPEC_HASH, "spec hash", false },
	{ FIELD_KEEPALIVE_MS, "keep-alive ms", true },
	{ FIELD_REARM, "re-arm", false },
	{ FIELD_EVENTS_PER_S, "events/s", true },
	{ FIELD_BYTES_PER_S, "ledger bytes/s", true },
	{ FIELD_CONNECTIONS, "connections", true },
	{ FIELD_OWNER_UID, "owner uid", true },
	{ FIELD_OWNER_GID, "owner gid", true },
	{ FIELD_MODE, "mode", false },
	{ FIELD_PEER_UID, "peer uid", true },
	{ FIELD_PID, "receiver pid", true },
	{ FIELD_RESTARTS, "restarts", true },
};

/* The text of a member that is not a number for people: a mode is octal, a switch a word. */
static struct bytes
member_text(const struct message *item, enum message_field field, char own[16])
{
	uint64_t number;

	if (field != FIELD_MODE && field != FIELD_REARM)
		return message_bytes(item, field);
	number = message_number(item, field, 0);
	if (field == FIELD_MODE)
		(void)snprintf(own, 16, "%04" PRIo64, number);
	else
		(void)snprintf(own, 16, "%s", number != 0 ? "yes" : "no");
	return (struct bytes){ .data = (const uint8_t *)own, .size = strlen(own) };
}

static int
print_json(const struct message *item)
{
	static char json[CELL_JSON_BYTES];
	struct json_writer w;
	char own[16];
	size_t size = 0;
	size_t i;

	json_writer_init(&w, json, sizeof(json));
	json_write_literal(&w, "{");
	for (i = 0; i < sizeof(json_members) / sizeof(json_members[0]); i++) {
		const struct member *m = &json_members[i];

		if (!message_has(item, m->field))
			continue;
		if (m->field == FIELD_REARM) {
			table_json_name(&w, m->name);
			json_write_bool(&w, message_number(item, m->field, 1) != 0);
		} else if (m->is_number) {
			table_json_number(&w, m->name, message_number(item, m->field, 0));
		} else {
			table_json_text(&w, m->name, member_text(item, m->field, own));
		}
	}
	json_write_literal(&w, "}\n");
	MUST(json_writer_finish(&w, &size) == ERR_OK);
	(void)fwrite(json, 1, size, stdout);
	return EXIT_OK;
}

static int
print_whole(const struct message *item)
{
	char shown[1024];
	char own[16];
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const struct member *m = &members[i];
		struct bytes text;

		if (!message_has(item, m->field))
			continue;
		if (m->is_number) {
			(void)printf("%-16s%" PRIu64 "\n", m->name,
				     message_number(item, m->field, 0));
			continue;
		}
		text = member_text(item, m->field, own);
		(void)text_escape((const char *)text.data, text.size, shown, sizeof(shown));
		(void)printf("%-16s%s\n", m->name, shown);
	}
	return EXIT_OK;
}

/* How cells come out. */
struct listing {
	bool as_json;
	bool whole;
	uint64_t count;
	struct table table;
};

static enum err
add_text(struct table *t, struct bytes text)
{
	return table_add(t, (const char *)text.data, text.size);
}

static int
list_cell(void *ctx, const struct message *item)
{
	struct listing *l = ctx;
	struct table *t = &l->table;
	enum err e;

	if (item->type != MESSAGE_ITEM_CELL)
		return EXIT_OK;
	l->count++;
	if (l->as_json)
		return print_json(item);
	if (l->whole)
		return print_whole(item);
	e = add_text(t, message_bytes(item, FIELD_CELL));
	if (e == ERR_OK)
		e = add_text(t, message_bytes(item, FIELD_RUN));
	if (e == ERR_OK)
		e = add_text(t, message_bytes(item, FIELD_STATE));
	if (e == ERR_OK)
		e = message_has(item, FIELD_RESTARTS)
			    ? table_add_number(t, message_number(item, FIELD_RESTARTS, 0))
			    : table_add(t, "", 0);
	if (e == ERR_OK)
		e = add_text(t, message_bytes(item, FIELD_UDS_BASE));
	if (e != ERR_OK)
		log_error("%s", err_text(e));
	return e == ERR_OK ? EXIT_OK : EXIT_SOFTWARE;
}

/* All cells of the daemon, or one. */
static int
ask_for_items(struct listing *l, const char *name)
{
	cleanup(client_closep) struct client *c = NULL;
	struct message question, done;
	int code = client_open(&c);

	if (code != EXIT_OK)
		return code;
	message_init(&question, MESSAGE_ASK_CELLS, 0);
	if (name != NULL)
		message_set_text(&question, FIELD_CELL, name);
	return client_ask(c, &question, list_cell, l, &done);
}

/* The daemon's, or without one those of the data directory `dir`. */
static int
show_cells(struct listing *l, const char *name, const char *dir)
{
	static const char *const titles[] = { "CELL", "RUN", "STATE", "RESTARTS", "UDS BASE" };
	int code;

	if (table_init(&l->table, titles, 5) != ERR_OK) {
		log_error("%s", err_text(ERR_MEMORY));
		return EXIT_SOFTWARE;
	}
	code = dir != NULL ? cell_offline_each(dir, list_cell, l) : ask_for_items(l, name);
	if (code == EXIT_OK && !l->as_json && !l->whole && l->count > 0) {
		table_sort(&l->table);
		table_print(&l->table);
	}
	table_finish(&l->table);
	if (code == EXIT_OK && name != NULL && l->count == 0) {
		log_error("there is no cell %s", name);
		return EXIT_NO_INPUT;
	}
	return code;
}

/* ---- commands ------------------------------------------------------------------------------ */

enum { OPTION_JSON = 256, OPTION_DIR };

static const struct option add_options[] = {
	CELL_OPTIONS,
	CLIENT_OPTIONS,
	{ "json", no_argument, NULL, OPTION_JSON },
	{ 0 },
};
static const struct option plain_options[] = {
	CLIENT_OPTIONS,
	{ 0 },
};
static const struct option show_options[] = {
	CLIENT_OPTIONS,
	{ "json", no_argument, NULL, OPTION_JSON },
	{ 0 },
};

static const struct option list_options[] = {
	CLIENT_OPTIONS,
	{ "dir", required_argument, NULL, OPTION_DIR },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ 0 },
};

#define COMMON_USAGE                         \
	"      --help          print this\n" \
	"      --version       print the version\n"

static const struct args_command add_command = {
	.name = "hark cell add",
	.usage = "usage: hark cell add NAME --uds-base PATH [OPTION]...\n"
		 "\n"
		 "Registers a cell. Returns once PATH_9001 listens, so start the VMM after it.\n"
		 "\n" CELL_USAGE "      --json                    the cell as a line of JSON\n"
		 "      --control PATH            the daemon's socket\n"
		 "      --help                    print this\n"
		 "      --version                 print the version\n"
		 "\n"
		 "exit: 0 it listens, 2 usage, 5 the daemon does not answer, 73 the socket cannot\n"
		 "      be bound, or the name or the path is taken, 77 not allowed\n",
	.options = add_options,
};
static const struct args_command rm_command = {
	.name = "hark cell rm",
	.usage = "usage: hark cell rm NAME\n"
		 "\n"
		 "Removes a cell: its socket, its receiver, and with a last event its record.\n"
		 "\n" CLIENT_USAGE COMMON_USAGE "\n"
		 "exit: 0 removed, 2 usage, 5 the daemon does not answer, 66 there is none,\n"
		 "      77 not allowed, 78 it stands in the configuration\n",
	.options = plain_options,
};
static const struct args_command ls_command = {
	.name = "hark cell ls",
	.usage = "usage: hark cell ls [--json] [--dir DATA]\n"
		 "\n"
		 "Lists the cells.\n"
		 "\n"
		 "      --dir DATA      without a daemon: those that a data directory remembers\n"
		 "      --json          a line of JSON a cell\n" CLIENT_USAGE COMMON_USAGE "\n"
		 "exit: 0 listed, 2 usage, 5 the daemon does not answer, 65 a damaged file,\n"
		 "      66 no such directory, 77 not allowed\n",
	.options = list_options,
};
static const struct args_command show_command = {
	.name = "hark cell show",
	.usage = "usage: hark cell show NAME [--json]\n"
		 "\n"
		 "Says all that is known of a cell.\n"
		 "\n"
		 "      --json          as a line of JSON\n" CLIENT_USAGE COMMON_USAGE "\n"
		 "exit: 0 shown, 2 usage, 5 the daemon does not answer, 66 there is none,\n"
		 "      77 not allowed\n",
	.options = show_options,
};

/* What a command line of these says. */
struct words {
	const char *name; /* NULL: none was given */
	const char *dir;  /* NULL: the daemon is asked */
	bool as_json;
	struct cell_add *add; /* NULL: it takes no options of a cell */
};

/* NAME stands before the options or behind them.  False where the program must end, with *code. */
static bool
read_words(const struct args_command *command, int argc, char **argv, bool wants_name,
	   struct words *out, int *code)
{
	struct args args;
	int option, rest;

	log_init(command->name);
	if (wants_name && argc > 1 && argv[1][0] != '-') {
		out->name = argv[1];
		argc--;
		argv++;
	}
	args_init(&args, command, argc, argv);
	while ((option = args_next(&args, code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return false;
		if (option == OPTION_JSON)
			out->as_json = true;
		else if (option == OPTION_DIR)
			out->dir = optarg;
		else if (option == CLIENT_OPTION_CONTROL)
			client_set_control(optarg);
		else if (!cell_add_option(out->add, option, optarg)) {
			*code = EXIT_USAGE;
			return false;
		}
	}
	rest = args_rest(&args);
	if (wants_name && out->name == NULL && rest < argc)
		out->name = argv[rest++];
	if (wants_name && out->name == NULL)
		*code = args_mistake(&args, "expected the NAME of a cell");
	else if (rest < argc)
		*code = args_mistake(&args, "there is one word too many");
	else if (wants_name && !cell_name_check(out->name))
		*code = EXIT_USAGE;
	else
		return true;
	return false;
}

int
command_cell_add(int argc, char **argv)
{
	cleanup(client_closep) struct client *c = NULL;
	cleanup(cell_add_finish) struct cell_add add = { .uds_base = NULL };
	struct words words = { .add = &add };
	struct message done;
	int code = EXIT_OK;

	cell_add_init(&add);
	if (!read_words(&add_command, argc, argv, true, &words, &code))
		return code;
	cell_add_name(&add, words.name);
	if (add.uds_base == NULL) {
		log_error("expected --uds-base PATH (hark cell add --help says more)");
		return EXIT_USAGE;
	}
	code = client_open(&c);
	if (code == EXIT_OK)
		code = client_ask(c, &add.question, NULL, NULL, &done);
	if (code != EXIT_OK)
		return code;
	if (words.as_json) {
		struct listing l = { .as_json = true };

		return show_cells(&l, words.name, NULL);
	}
	log_info("%s_9001 listens", add.uds_base);
	return EXIT_OK;
}

int
command_cell_rm(int argc, char **argv)
{
	cleanup(client_closep) struct client *c = NULL;
	struct words words = { .name = NULL };
	struct message question, done;
	int code = EXIT_OK;

	if (!read_words(&rm_command, argc, argv, true, &words, &code))
		return code;
	code = client_open(&c);
	if (code != EXIT_OK)
		return code;
	message_init(&question, MESSAGE_ASK_CELL_REMOVE, 0);
	message_set_text(&question, FIELD_CELL, words.name);
	return client_ask(c, &question, NULL, NULL, &done);
}

int
command_cell_ls(int argc, char **argv)
{
	struct words words = { .name = NULL };
	struct listing l = { .count = 0 };
	int code = EXIT_OK;

	if (!read_words(&ls_command, argc, argv, false, &words, &code))
		return code;
	l.as_json = words.as_json;
	return show_cells(&l, NULL, words.dir);
}

int
command_cell_show(int argc, char **argv)
{
	struct words words = { .name = NULL };
	struct listing l = { .whole = true };
	int code = EXIT_OK;

	if (!read_words(&show_command, argc, argv, true, &words, &code))
		return code;
	l.as_json = words.as_json;
	return show_cells(&l, words.name, NULL);
}
