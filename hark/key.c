/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark key show and hark key rotate: what others verify a ledger by. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "hark/client.h"
#include "hark/commands.h"
#include "hark/key.h"
#include "hark/ledger_choice.h"
#include "hark/table.h"
#include "keys/keyring.h"
#include "os/file.h"
#include "os/folder.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

static const struct option show_options[] = {
	LEDGER_CHOICE_OPTIONS,
	CLIENT_OPTIONS,
	{ "json", no_argument, NULL, 'j' },
	{ 0 },
};

static const struct args_command show_command = {
	.name = "hark key show",
	.usage = "usage: hark key show [--json]\n"
		 "\n"
		 "Prints the verifier key of a ledger, by which everybody can check its "
		 "checkpoints.\n"
		 "Keep it where this machine cannot change it: hark verify --key takes it.\n"
		 "\n"
		 "  -j, --json            one JSON object\n" LEDGER_CHOICE_USAGE CLIENT_USAGE
		 "      --help            print this\n"
		 "      --version         print the version\n"
		 "\n"
		 "exit: 0 shown, 2 usage, 5 the daemon does not answer, 65 the file is damaged,\n"
		 "      66 there is none, 74 reading failed, 75 the signer has not started yet,\n"
		 "      77 not allowed\n",
	.options = show_options,
};

enum { OPTION_LEDGER = LEDGER_CHOICE_LEDGER };

static const struct option rotate_options[] = {
	{ "ledger", required_argument, NULL, OPTION_LEDGER },
	CLIENT_OPTIONS,
	{ "json", no_argument, NULL, 'j' },
	{ 0 },
};

static const struct args_command rotate_command = {
	.name = "hark key rotate",
	.usage = "usage: hark key rotate [--ledger NAME] [--json]\n"
		 "\n"
		 "Makes the daemon change the key of a ledger, and prints the new verifier key. "
		 "One\n"
		 "checkpoint is signed by both keys; what was signed before stays as it is.\n"
		 "\n"
		 "  -j, --json            one JSON object\n"
		 "      --ledger NAME     evidence (as without it) or operations\n" CLIENT_USAGE
		 "      --help            print this\n"
		 "      --version         print the version\n"
		 "\n"
		 "exit: 0 changed, 2 usage, 5 the daemon does not answer, 75 not just now,\n"
		 "      77 not allowed\n",
	.options = rotate_options,
};

void
key_print(enum proto_ledger ledger, const char *key, bool as_json)
{
	const char *name = ledger == PROTO_EVIDENCE ? "evidence" : "operations";
	const char *plus = strchr(key, '+');
	struct bytes text = { .data = (const uint8_t *)key, .size = strlen(key) };
	/* An origin is as long as the part of the key before its '+'. */
	struct bytes origin = { .data = text.data,
				.size = plus != NULL ? (size_t)(plus - key) : text.size };
	char json[12 * KEYS_VERIFIER_TEXT_MAX + 64];
	struct json_writer w;
	size_t size = 0;

	if (!as_json) {
		(void)printf("%s\n", key);
		return;
	}
	json_writer_init(&w, json, sizeof(json));
	json_write_literal(&w, "{");
	table_json_text(&w, "key", text);
	table_json_text(&w, "ledger",
			(struct bytes){ .data = (const uint8_t *)name, .size = strlen(name) });
	table_json_text(&w, "origin", origin);
	json_write_literal(&w, "}\n");
	MUST(json_writer_finish(&w, &size) == ERR_OK);
	(void)fwrite(json, 1, size, stdout);
}

/* A key that the daemon has sent, checked as one that somebody typed. */
static int
print_answer(const struct ledger_choice *c, const struct message *last, bool as_json)
{
	struct bytes text = message_bytes(last, FIELD_KEY);
	char key[KEYS_VERIFIER_TEXT_MAX + 1];
	struct keys_verifier verifier;

	if (keys_verifier_read((const char *)text.data, text.size, &verifier) != ERR_OK) {
		log_error("the daemon's answer has no verifier key");
		return EXIT_PROTOCOL;
	}
	keys_verifier_write(&verifier, key);
	key_print(c->ledger, key, as_json);
	return EXIT_OK;
}

static int
ask_daemon(const struct ledger_choice *c, enum message_type question_type, bool as_json)
{
	cleanup(client_closep) struct client *client = NULL;
	struct message question;
	struct message last;
	int code = client_open(&client);

	if (code != EXIT_OK)
		return code;
	message_init(&question, question_type, 0);
	message_set_number(&question, FIELD_LEDGER, c->ledger);
	code = client_ask(client, &question, NULL, NULL, &last);
	if (code != EXIT_OK)
		return code;
	code = print_answer(c, &last, as_json);
	message_close(&last);
	return code;
}

static int
tell_file(const char *dir, const char *below, const char *text, enum err e)
{
	char shown[512];

	(void)text_escape(dir, strlen(dir), shown, sizeof(shown));
	log_error("%s%s: %s", shown, below, text);
	if (e == ERR_FORMAT)
		return EXIT_DATA;
	return e == ERR_MISSING ? EXIT_NO_INPUT : EXIT_IO;
}

static int
show_offline(const struct ledger_choice *c, bool as_json)
{
	cleanup(file_close) int data_fd = -1;
	cleanup(file_close) int keys_fd = -1;
	char text[KEYS_VERIFIER_TEXT_MAX + 1];
	char file[KEYRING_FILE_BYTES];
	struct keys_failure why;
	struct keys_verifier key;
	enum err e;

	e = folder_open_path(c->dir, &data_fd);
	if (e != ERR_OK)
		return tell_file(c->dir, "", strerror(errno), e);
	e = folder_open(data_fd, "keys", &keys_fd);
	if (e != ERR_OK)
		return tell_file(c->dir, "/keys", strerror(errno), e);
	keyring_file(c->ledger == PROTO_EVIDENCE ? "evidence" : "operations", KEYRING_PUB, file);
	e = keyring_read_pub(keys_fd, file, &key, &why);
	if (e != ERR_OK)
		return tell_file(c->dir, "/keys", why.text, e);
	keys_verifier_write(&key, text);
	key_print(c->ledger, text, as_json);
	return EXIT_OK;
}

/* Reads the options of either command.  False with *exit_out where that is all. */
static bool
read_options(struct args *args, struct ledger_choice *choice, bool *as_json, int *exit_out)
{
	int option;

	while ((option = args_next(args, exit_out)) != ARGS_END) {
		if (option == ARGS_STOP)
			return false;
		if (option == 'j') {
			*as_json = true;
		} else if (option == CLIENT_OPTION_CONTROL) {
			client_set_control(optarg);
		} else if (!ledger_choice_option(choice, option, optarg)) {
			*exit_out = EXIT_USAGE;
			return false;
		}
	}
	if (args_rest(args) == args->argc)
		return true;
	*exit_out = args_mistake(args, "it takes no arguments");
	return false;
}

int
command_key_show(int argc, char **argv)
{
	struct ledger_choice choice = { .ledger = PROTO_EVIDENCE };
	bool as_json = false;
	struct args args;
	int code = EXIT_OK;

	log_init(show_command.name);
	args_init(&args, &show_command, argc, argv);
	if (!read_options(&args, &choice, &as_json, &code))
		return code;
	if (keys_start() != ERR_OK)
		return EXIT_OS;
	return choice.dir != NULL ? show_offline(&choice, as_json)
				  : ask_daemon(&choice, MESSAGE_ASK_KEY, as_json);
}

int
command_key_rotate(int argc, char **argv)
{
	struct ledger_choice choice = { .ledger = PROTO_EVIDENCE };
	bool as_json = false;
	struct args args;
	int code = EXIT_OK;

	log_init(rotate_command.name);
	args_init(&args, &rotate_command, argc, argv);
	if (!read_options(&args, &choice, &as_json, &code))
		return code;
	if (keys_start() != ERR_OK)
		return EXIT_OS;
	return ask_daemon(&choice, MESSAGE_ASK_ROTATE, as_json);
}
