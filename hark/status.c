/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark status: what runs, what the ledgers hold, what is missing; 0 once every program runs. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <hark/observer_host.h>

#include "base/bytes.h"
#include "base/must.h"
#include "hark/client.h"
#include "hark/commands.h"
#include "hark/observer_record.h"
#include "hark/table.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

/* The answer for programs, in bytes: ten thousand cells may have a receiver each. */
#define STATUS_JSON_BYTES_MAX (64u << 20)
/* One item: a text, a note or a key, each byte at most six, and what stands between them. */
#define ITEM_JSON_BYTES 16384u

enum { OPTION_JSON = 256 };

static const struct option options[] = {
	CLIENT_OPTIONS,
	{ "json", no_argument, NULL, OPTION_JSON },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark status",
	.usage =
		"usage: hark status [--json]\n"
		"\n"
		"Says which of the daemon's programs run, what its ledgers hold, how its "
		"observers\n"
		"are, and what of confinement this machine lacks.\n"
		"\n"
		"      --json          one JSON object\n" CLIENT_USAGE
		"      --help          print this\n"
		"      --version       print the version\n"
		"\n"
		"exit: 0 every program runs, 2 usage, 5 not (yet), or the daemon does not answer,\n"
		"      77 not allowed\n",
	.options = options,
};

/* Parts of Hark that this version does not have: said, so that nobody takes them for silent. */
static const char *const not_built[] = { "exporters", "probes" };

struct status {
	bool as_json;
	bool lacks_confinement; /* a program that runs has named a piece */
	bool lacks_observer;    /* one is neither running nor disabled */
	struct table programs, ledgers, observers;
	struct buf programs_json, ledgers_json, observers_json;
};

static void
status_finish(struct status *s)
{
	table_finish(&s->programs);
	table_finish(&s->ledgers);
	table_finish(&s->observers);
	buf_finish(&s->observers_json);
	buf_finish(&s->programs_json);
	buf_finish(&s->ledgers_json);
}

static enum err
add_text(struct table *t, const struct message *m, enum message_field field)
{
	struct bytes text = message_bytes(m, field);

	return table_add(t, (const char *)text.data, text.size);
}

static enum err
add_number(struct table *t, const struct message *m, enum message_field field)
{
	return message_has(m, field) ? table_add_number(t, message_number(m, field, 0))
				     : table_add(t, "", 0);
}

/* ---- for programs -------------------------------------------------------------------------- */

static void
json_text(struct json_writer *w, const struct message *m, enum message_field field,
	  const char *name)
{
	if (message_has(m, field))
		table_json_text(w, name, message_bytes(m, field));
}

static void
json_number(struct json_writer *w, const struct message *m, enum message_field field,
	    const char *name)
{
	if (message_has(m, field))
		table_json_number(w, name, message_number(m, field, 0));
}

static enum err
append_item(struct buf *list, const struct json_writer *w)
{
	size_t size = 0;
	enum err e = ERR_OK;

	MUST(json_writer_finish(w, &size) == ERR_OK);
	if (list->size > 0)
		e = buf_append(list, ",", 1, STATUS_JSON_BYTES_MAX);
	return e == ERR_OK ? buf_append(list, w->start, size, STATUS_JSON_BYTES_MAX) : e;
}

static enum err
note_json(struct status *s, const struct message *m)
{
	char json[ITEM_JSON_BYTES];
	struct json_writer w;

	json_writer_init(&w, json, sizeof(json));
	if (m->type == MESSAGE_ITEM_OBSERVER) {
		observer_item_json(&w, m);
		return append_item(&s->observers_json, &w);
	}
	json_write_literal(&w, "{");
	if (m->type == MESSAGE_ITEM_ROLE) {
		json_text(&w, m, FIELD_CELL, "for");
		json_number(&w, m, FIELD_PID, "pid");
		json_text(&w, m, FIELD_ROLE, "program");
		json_number(&w, m, FIELD_RESTARTS, "restarts");
		json_text(&w, m, FIELD_STATE, "state");
		json_text(&w, m, FIELD_TEXT, "text");
	} else {
		json_number(&w, m, FIELD_SIZE, "committedSize");
		json_text(&w, m, FIELD_ORIGIN, "origin");
		json_number(&w, m, FIELD_COUNT, "sealedSize");
		json_text(&w, m, FIELD_STATE, "state");
		json_text(&w, m, FIELD_TEXT, "text");
		json_text(&w, m, FIELD_KEY, "verifierKey");
	}
	json_write_literal(&w, "}");
	return append_item(m->type == MESSAGE_ITEM_ROLE ? &s->programs_json : &s->ledgers_json, &w);
}

static void
print_json(const struct status *s, bool whole)
{
	size_t i;

	(void)printf("{\"confinement\":\"%s\",\"engine\":\"%s\",\"ledgers\":[%.*s],"
		     "\"notBuilt\":[",
		     s->lacks_confinement ? "incomplete" : "complete",
		     hark_observer_has_engine() ? "wasmtime" : "none", (int)s->ledgers_json.size,
		     s->ledgers_json.data != NULL ? (const char *)s->ledgers_json.data : "");
	for (i = 0; i < sizeof(not_built) / sizeof(not_built[0]); i++)
		(void)printf("%s\"%s\"", i > 0 ? "," : "", not_built[i]);
	(void)printf("],\"observers\":[%.*s]", (int)s->observers_json.size,
		     s->observers_json.data != NULL ? (const char *)s->observers_json.data : "");
	(void)printf(",\"programs\":[%.*s],\"whole\":%s}\n", (int)s->programs_json.size,
		     s->programs_json.data != NULL ? (const char *)s->programs_json.data : "",
		     whole ? "true" : "false");
}

/* ---- for people ---------------------------------------------------------------------------- */

static enum err
note_row(struct status *s, const struct message *m)
{
	static const enum message_field program[] = { FIELD_ROLE, FIELD_CELL,     FIELD_STATE,
						      FIELD_PID,  FIELD_RESTARTS, FIELD_TEXT };
	static const enum message_field ledger[] = { FIELD_ORIGIN, FIELD_STATE, FIELD_SIZE,
						     FIELD_COUNT, FIELD_TEXT };
	bool is_program = m->type == MESSAGE_ITEM_ROLE;
	const enum message_field *fields = is_program ? program : ledger;
	size_t count = is_program ? sizeof(program) / sizeof(program[0])
				  : sizeof(ledger) / sizeof(ledger[0]);
	struct table *t = is_program ? &s->programs : &s->ledgers;
	enum err e = ERR_OK;
	size_t i;

	for (i = 0; i < count && e == ERR_OK; i++) {
		bool is_number = fields[i] == FIELD_PID || fields[i] == FIELD_RESTARTS ||
				 fields[i] == FIELD_SIZE || fields[i] == FIELD_COUNT;

		e = is_number ? add_number(t, m, fields[i]) : add_text(t, m, fields[i]);
	}
	return e;
}

static void
print_tables(const struct status *s, bool whole)
{
	size_t i;

	table_print(&s->programs);
	(void)printf("\n");
	table_print(&s->ledgers);
	if (s->observers.count > OBSERVER_COLUMNS) {
		(void)printf("\n");
		table_print(&s->observers);
	}
	(void)printf("\nnot in this version:");
	for (i = 0; i < sizeof(not_built) / sizeof(not_built[0]); i++)
		(void)printf("%s %s", i > 0 ? "," : "", not_built[i]);
	/* Which this program shares with the others of its build. */
	if (!hark_observer_has_engine())
		(void)printf("\nengine: none in this build: observers are refused unless they say "
			     "'engine: noop', with which they run nothing");
	(void)printf("\nconfinement: %s\n", s->lacks_confinement
						    ? "incomplete: the notes name what is missing"
						    : "complete");
	(void)printf("%s\n", !whole              ? "not every program runs"
			     : s->lacks_observer ? "every program of the evidence runs, not every "
						   "observer"
						 : "every program runs");
}

/* The text of a program that runs is what its confinement lacks; of another, its last words. */
static bool
has_state(const struct message *m, const char *word)
{
	struct bytes state = message_bytes(m, FIELD_STATE);

	return state.size == strlen(word) && memcmp(state.data, word, state.size) == 0;
}

static bool
is_running(const struct message *m)
{
	return has_state(m, "running");
}

static int
note_item(void *ctx, const struct message *m)
{
	struct status *s = ctx;
	enum err e;

	if (m->type != MESSAGE_ITEM_ROLE && m->type != MESSAGE_ITEM_LEDGER &&
	    m->type != MESSAGE_ITEM_OBSERVER)
		return EXIT_OK;
	if (m->type == MESSAGE_ITEM_ROLE && is_running(m) && message_has(m, FIELD_TEXT))
		s->lacks_confinement = true;
	if (m->type == MESSAGE_ITEM_OBSERVER && !is_running(m) && !has_state(m, "disabled"))
		s->lacks_observer = true;
	e = s->as_json                         ? note_json(s, m)
	    : m->type == MESSAGE_ITEM_OBSERVER ? observer_item_row(&s->observers, m)
					       : note_row(s, m);
	if (e != ERR_OK)
		log_error("%s", err_text(e));
	return e == ERR_OK ? EXIT_OK : EXIT_SOFTWARE;
}

static bool
read_options(int argc, char **argv, struct status *s, int *code)
{
	struct args args;
	int option;

	log_init(command.name);
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return false;
		if (option == OPTION_JSON)
			s->as_json = true;
		else
			client_set_control(optarg);
	}
	if (args_rest(&args) == argc)
		return true;
	*code = args_mistake(&args, "there is one word too many");
	return false;
}

int
command_status(int argc, char **argv)
{
	static const char *const programs[] = {
		"PROGRAM", "FOR", "STATE", "PID", "RESTARTS", "NOTE"
	};
	static const char *const ledgers[] = { "LEDGER", "STATE", "COMMITTED", "SEALED", "NOTE" };
	cleanup(client_closep) struct client *c = NULL;
	cleanup(status_finish) struct status s = { .as_json = false };
	struct message question, done;
	int code = EXIT_OK;

	if (!read_options(argc, argv, &s, &code))
		return code;
	if (table_init(&s.programs, programs, 6) != ERR_OK ||
	    table_init(&s.ledgers, ledgers, 5) != ERR_OK ||
	    table_init(&s.observers, observer_titles, OBSERVER_COLUMNS) != ERR_OK) {
		log_error("%s", err_text(ERR_MEMORY));
		return EXIT_SOFTWARE;
	}
	code = client_open(&c);
	if (code != EXIT_OK)
		return code;
	message_init(&question, MESSAGE_ASK_STATUS, 0);
	code = client_ask(c, &question, note_item, &s, &done);
	/* Items have come where the daemon answered at all. */
	if (code != EXIT_OK && s.programs.count <= 6 && s.programs_json.size == 0)
		return code;
	if (s.as_json)
		print_json(&s, code == EXIT_OK);
	else
		print_tables(&s, code == EXIT_OK);
	return code;
}
