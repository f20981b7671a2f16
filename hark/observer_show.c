/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark observer ls, show: how the daemon's observers are, for people or programs. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "config/config.h"
#include "hark/commands.h"
#include "hark/observer_record.h"
#include "hark/table.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

/* One observer as JSON: a manifest, a text, each byte at most six, and what stands between. */
#define ITEM_JSON_BYTES 262144u
/* Reading a manifest wants a data directory: here none is meant. */
#define NO_DATA "/dev/null"

static const struct option options[] = {
	CLIENT_OPTIONS,
	{ "json", no_argument, NULL, OBSERVER_OPTION_JSON },
	{ 0 },
};

static const struct args_command ls_command = {
	.name = "hark observer ls",
	.usage = "usage: hark observer ls [--json]\n"
		 "\n"
		 "Lists the observers: state, digest, the next leaf that each lacks, how many it\n"
		 "lacks (its lag), strikes, and rows that its table refused.\n"
		 "\n"
		 "      --json          a line of JSON an observer\n" CLIENT_USAGE OBSERVER_USAGE
		 "\n"
		 "exit: 0 listed, 2 usage, 5 the daemon does not answer, 77 not allowed\n",
	.options = options,
};
static const struct args_command show_command = {
	.name = "hark observer show",
	.usage = "usage: hark observer show NAME [--json]\n"
		 "\n"
		 "Says all that is known of an observer, and its manifest without passwords.\n"
		 "\n"
		 "      --json          as a line of JSON\n" CLIENT_USAGE OBSERVER_USAGE "\n"
		 "exit: 0 shown, 2 usage, 5 the daemon does not answer, 66 there is none,\n"
		 "      77 not allowed\n",
	.options = options,
};
/* ---- one observer shown -------------------------------------------------------------------- */

/* "blake3:" and the first `bytes` of its digest in hex; "" where it is not known. */
static void
write_digest(const struct message *item, size_t bytes, char out[72])
{
	struct bytes digest = message_bytes(item, FIELD_DIGEST);

	out[0] = '\0';
	if (digest.size != 32)
		return;
	(void)snprintf(out, 72, "blake3:");
	out[7 + text_write_hex(digest.data, bytes, out + 7)] = '\0';
}

/* How many leaves are committed that its projection lacks. */
static uint64_t
lag_of(const struct message *item)
{
	uint64_t size = message_number(item, FIELD_SIZE, 0);
	uint64_t cursor = message_number(item, FIELD_INDEX, 0);

	return size > cursor ? size - cursor : 0;
}

static void
json_manifest(struct json_writer *w, struct bytes text)
{
	struct config_failure why;
	struct config_observer o;

	if (text.size == 0 ||
	    config_observer_read("manifest", text.data, text.size, NO_DATA, &o, &why) != ERR_OK)
		return;
	table_json_name(w, "manifest");
	config_observer_json(&o, w);
	config_observer_finish(&o);
}

void
observer_item_json(struct json_writer *w, const struct message *item)
{
	char digest[72];

	json_write_literal(w, "{");
	table_json_number(w, "committedSize", message_number(item, FIELD_SIZE, 0));
	if (message_has(item, FIELD_INDEX))
		table_json_number(w, "cursor", message_number(item, FIELD_INDEX, 0));
	table_json_number(w, "deadLetters", message_number(item, FIELD_DEAD_LETTERS, 0));
	write_digest(item, 32, digest);
	if (digest[0] != '\0')
		table_json_text(w, "digest",
				(struct bytes){ (const uint8_t *)digest, strlen(digest) });
	table_json_number(w, "lag", lag_of(item));
	json_manifest(w, message_bytes(item, FIELD_MANIFEST));
	table_json_text(w, "observer", message_bytes(item, FIELD_OBSERVER));
	if (message_has(item, FIELD_PID))
		table_json_number(w, "pid", message_number(item, FIELD_PID, 0));
	table_json_number(w, "restarts", message_number(item, FIELD_RESTARTS, 0));
	table_json_text(w, "state", message_bytes(item, FIELD_STATE));
	table_json_number(w, "strikes", message_number(item, FIELD_COUNT, 0));
	if (message_has(item, FIELD_TEXT))
		table_json_text(w, "text", message_bytes(item, FIELD_TEXT));
	json_write_literal(w, "}");
}

static int
print_json(const struct message *item)
{
	static char json[ITEM_JSON_BYTES];
	struct json_writer w;
	size_t size = 0;

	json_writer_init(&w, json, sizeof(json));
	observer_item_json(&w, item);
	json_write_literal(&w, "\n");
	MUST(json_writer_finish(&w, &size) == ERR_OK);
	(void)fwrite(json, 1, size, stdout);
	return EXIT_OK;
}

static void
print_text(const char *name, const char *text, size_t size)
{
	char shown[4096];

	if (size == 0)
		return;
	(void)text_escape(text, size, shown, sizeof(shown));
	(void)printf("%-14s%s\n", name, shown);
}

static void
print_field(const char *name, const struct message *item, enum message_field field)
{
	struct bytes text = message_bytes(item, field);

	print_text(name, (const char *)text.data, text.size);
}

/* A line each, so that no byte of it reaches the terminal as it is. */
static void
print_manifest(struct bytes text)
{
	const char *at = (const char *)text.data;
	size_t left = text.size;
	char shown[8192];

	while (left > 0) {
		const char *stop = memchr(at, '\n', left);
		size_t size = stop != NULL ? (size_t)(stop - at) : left;

		(void)text_escape(at, size, shown, sizeof(shown));
		(void)printf("  %s\n", shown);
		size += stop != NULL;
		at += size;
		left -= size;
	}
}

static int
print_whole(const struct message *item)
{
	char digest[72];

	print_field("observer", item, FIELD_OBSERVER);
	print_field("state", item, FIELD_STATE);
	print_field("why", item, FIELD_TEXT);
	write_digest(item, 32, digest);
	print_text("digest", digest, strlen(digest));
	if (message_has(item, FIELD_INDEX))
		(void)printf("%-14s%" PRIu64 "\n", "cursor", message_number(item, FIELD_INDEX, 0));
	(void)printf("%-14s%" PRIu64 "\n", "lag", lag_of(item));
	(void)printf("%-14s%" PRIu64 "\n", "strikes", message_number(item, FIELD_COUNT, 0));
	(void)printf("%-14s%" PRIu64 "\n", "dead letters",
		     message_number(item, FIELD_DEAD_LETTERS, 0));
	if (message_has(item, FIELD_PID))
		(void)printf("%-14s%" PRIu64 "\n", "pid", message_number(item, FIELD_PID, 0));
	(void)printf("%-14s%" PRIu64 "\n", "restarts", message_number(item, FIELD_RESTARTS, 0));
	if (message_has(item, FIELD_MANIFEST)) {
		(void)printf("manifest\n");
		print_manifest(message_bytes(item, FIELD_MANIFEST));
	}
	return EXIT_OK;
}

/* ---- listing ------------------------------------------------------------------------------- */

struct listing {
	bool as_json;
	bool whole;
	uint64_t count;
	struct table table;
};

const char *const observer_titles[OBSERVER_COLUMNS] = { "OBSERVER", "STATE",   "DIGEST", "CURSOR",
							"LAG",      "STRIKES", "DEAD",   "NOTE" };

enum err
observer_item_row(struct table *t, const struct message *item)
{
	struct bytes name = message_bytes(item, FIELD_OBSERVER);
	struct bytes state = message_bytes(item, FIELD_STATE);
	struct bytes text = message_bytes(item, FIELD_TEXT);
	char digest[72];
	enum err e;

	write_digest(item, 4, digest);
	e = table_add(t, (const char *)name.data, name.size);
	if (e == ERR_OK)
		e = table_add(t, (const char *)state.data, state.size);
	if (e == ERR_OK)
		e = table_add(t, digest, strlen(digest));
	if (e == ERR_OK)
		e = message_has(item, FIELD_INDEX)
			    ? table_add_number(t, message_number(item, FIELD_INDEX, 0))
			    : table_add(t, "", 0);
	if (e == ERR_OK)
		e = table_add_number(t, lag_of(item));
	if (e == ERR_OK)
		e = table_add_number(t, message_number(item, FIELD_COUNT, 0));
	if (e == ERR_OK)
		e = table_add_number(t, message_number(item, FIELD_DEAD_LETTERS, 0));
	return e == ERR_OK ? table_add(t, (const char *)text.data, text.size) : e;
}

static int
take_item(void *ctx, const struct message *item)
{
	struct listing *l = ctx;
	enum err e;

	if (item->type != MESSAGE_ITEM_OBSERVER)
		return EXIT_OK;
	l->count++;
	if (l->as_json)
		return print_json(item);
	if (l->whole)
		return print_whole(item);
	e = observer_item_row(&l->table, item);
	if (e != ERR_OK)
		log_error("%s", err_text(e));
	return e == ERR_OK ? EXIT_OK : EXIT_SOFTWARE;
}

static int
list(struct listing *l, const char *name)
{
	cleanup(client_closep) struct client *c = NULL;
	struct message question, done;
	int code;

	if (table_init(&l->table, observer_titles, OBSERVER_COLUMNS) != ERR_OK) {
		log_error("%s", err_text(ERR_MEMORY));
		return EXIT_SOFTWARE;
	}
	code = client_open(&c);
	if (code == EXIT_OK) {
		message_init(&question, MESSAGE_ASK_OBSERVERS, 0);
		if (name != NULL)
			message_set_text(&question, FIELD_OBSERVER, name);
		code = client_ask(c, &question, take_item, l, &done);
	}
	if (code == EXIT_OK && !l->as_json && !l->whole && l->count > 0) {
		table_sort(&l->table);
		table_print(&l->table);
	}
	table_finish(&l->table);
	return code;
}

int
observer_print_json(const char *name)
{
	struct listing l = { .as_json = true };

	return list(&l, name);
}

/* ---- the commands -------------------------------------------------------------------------- */

int
command_observer_ls(int argc, char **argv)
{
	struct observer_words words = { .name = NULL };
	struct listing l = { .count = 0 };
	int code = EXIT_OK;

	if (!observer_words_read(&ls_command, argc, argv, false, &words, &code))
		return code;
	l.as_json = words.as_json;
	return list(&l, NULL);
}

int
command_observer_show(int argc, char **argv)
{
	struct observer_words words = { .name = NULL };
	struct listing l = { .whole = true };
	int code = EXIT_OK;

	if (!observer_words_read(&show_command, argc, argv, true, &words, &code))
		return code;
	l.as_json = words.as_json;
	return list(&l, words.name);
}
