/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark observer disable, enable, rm, release: changes that the daemon makes; and the NAME that
 * commands about observers have. */
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "hark/commands.h"
#include "hark/observer_record.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

/* The longest reason, as a message has it. */
#define REASON_BYTES_MAX 1024u
#define BLAKE3           "blake3:"
#define DIGEST_BYTES     32u

static const struct option plain_options[] = {
	CLIENT_OPTIONS,
	{ 0 },
};
static const struct option release_options[] = {
	CLIENT_OPTIONS,
	{ "reason", required_argument, NULL, 'r' },
	{ "digest", required_argument, NULL, 'd' },
	{ 0 },
};

static const struct args_command rm_command = {
	.name = "hark observer rm",
	.usage = "usage: hark observer rm NAME\n"
		 "\n"
		 "Ends an observer and forgets it, on record. What it has written stays.\n"
		 "\n" CLIENT_USAGE OBSERVER_USAGE "\n"
		 "exit: 0 removed, 2 usage, 5 the daemon does not answer, 66 there is none,\n"
		 "      75 not now, 77 not allowed, 78 it stands in the configuration\n",
	.options = plain_options,
};
static const struct args_command disable_command = {
	.name = "hark observer disable",
	.usage = "usage: hark observer disable NAME\n"
		 "\n"
		 "Ends an observer until it is enabled, also over restarts, on record.\n"
		 "\n" CLIENT_USAGE OBSERVER_USAGE "\n"
		 "exit: 0 it has ended, 2 usage, 5 the daemon does not answer, 66 there is none,\n"
		 "      75 not now, 77 not allowed\n",
	.options = plain_options,
};
static const struct args_command enable_command = {
	.name = "hark observer enable",
	.usage = "usage: hark observer enable NAME\n"
		 "\n"
		 "Starts an observer that was disabled, stopped or refused. Returns once it runs.\n"
		 "\n" CLIENT_USAGE OBSERVER_USAGE "\n"
		 "exit: 0 it runs, 2 usage, 5 the daemon does not answer, 65 it is refused,\n"
		 "      66 there is none, 75 it does not run yet, 77 quarantined, or not allowed\n",
	.options = plain_options,
};
static const struct args_command release_command = {
	.name = "hark observer release",
	.usage =
		"usage: hark observer release NAME [--reason TEXT] [--digest DIGEST]\n"
		"\n"
		"Lets the module of an observer run again that was quarantined, and forgets its\n"
		"strikes, on record.\n"
		"\n"
		"  -r, --reason TEXT   written into that record\n"
		"      --digest DIGEST the module's, blake3: and 64 hex digits; then the observer\n"
		"                      need not be there any more\n" CLIENT_USAGE OBSERVER_USAGE
		"\n"
		"exit: 0 released, 2 usage, 5 the daemon does not answer, 66 there is none,\n"
		"      75 not now, 77 not allowed\n",
	.options = release_options,
};

/* One question whose answer is its code. */
static int
ask(struct message *question)
{
	cleanup(client_closep) struct client *c = NULL;
	struct message done;
	int code = client_open(&c);

	return code == EXIT_OK ? client_ask(c, question, NULL, NULL, &done) : code;
}

/* ---- digests ------------------------------------------------------------------------------- */

static bool
is_blake3(const char *text)
{
	size_t size = strlen(text);

	return strncmp(text, BLAKE3, sizeof(BLAKE3) - 1) == 0 &&
	       text_is_hex(text + sizeof(BLAKE3) - 1, size - (sizeof(BLAKE3) - 1),
			   2 * DIGEST_BYTES);
}

static uint8_t
digit_of(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void
read_digest(const char *text, uint8_t out[DIGEST_BYTES])
{
	size_t i;

	text += sizeof(BLAKE3) - 1;
	for (i = 0; i < DIGEST_BYTES; i++)
		out[i] = (uint8_t)(digit_of(text[2 * i]) << 4 | digit_of(text[2 * i + 1]));
}

/* ---- the command line ---------------------------------------------------------------------- */

bool
observer_words_read(const struct args_command *command, int argc, char **argv, bool wants_name,
		    struct observer_words *out, int *code)
{
	struct args args;
	int option;

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
		if (option == OBSERVER_OPTION_JSON)
			out->as_json = true;
		else if (option == 'r')
			out->reason = optarg;
		else if (option == 'd')
			out->digest = optarg;
		else
			client_set_control(optarg);
	}
	if (wants_name && out->name == NULL)
		out->name = args_operand(&args);
	if (wants_name && out->name == NULL)
		*code = args_mistake(&args, "expected the NAME of an observer");
	else if (args_operand(&args) != NULL)
		*code = args_mistake(&args, "there is one word too many");
	else if (out->reason != NULL && (strlen(out->reason) > REASON_BYTES_MAX ||
					 !text_is_utf8(out->reason, strlen(out->reason))))
		*code = args_mistake(&args, "a reason is UTF-8 of at most %u bytes",
				     REASON_BYTES_MAX);
	else if (out->digest != NULL && !is_blake3(out->digest))
		*code = args_mistake(&args, "a digest is blake3: and 64 lower-case hex digits");
	else if (wants_name && !observer_name_check(out->name))
		*code = EXIT_USAGE;
	else
		return true;
	return false;
}

/* ---- commands ------------------------------------------------------------------------------ */

/* One that has a NAME and nothing else that counts. */
static int
change(const struct args_command *command, int argc, char **argv, enum message_type type,
       int64_t mode)
{
	struct observer_words words = { .name = NULL };
	uint8_t digest[DIGEST_BYTES];
	struct message question;
	int code = EXIT_OK;

	if (!observer_words_read(command, argc, argv, true, &words, &code))
		return code;
	message_init(&question, type, 0);
	message_set_text(&question, FIELD_OBSERVER, words.name);
	if (mode >= 0)
		message_set_number(&question, FIELD_MODE, (uint64_t)mode);
	if (words.reason != NULL)
		message_set_text(&question, FIELD_TEXT, words.reason);
	if (words.digest != NULL) {
		read_digest(words.digest, digest);
		message_set_bytes(&question, FIELD_DIGEST, digest, sizeof(digest));
	}
	return ask(&question);
}

int
command_observer_rm(int argc, char **argv)
{
	return change(&rm_command, argc, argv, MESSAGE_ASK_OBSERVER_REMOVE, -1);
}

int
command_observer_disable(int argc, char **argv)
{
	return change(&disable_command, argc, argv, MESSAGE_ASK_OBSERVER_SWITCH, 0);
}

int
command_observer_enable(int argc, char **argv)
{
	return change(&enable_command, argc, argv, MESSAGE_ASK_OBSERVER_SWITCH, 1);
}

int
command_observer_release(int argc, char **argv)
{
	return change(&release_command, argc, argv, MESSAGE_ASK_OBSERVER_RELEASE, -1);
}
