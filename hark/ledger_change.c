/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hark ledger prune, redact: takes evidence away on purpose, with an operations record that says
 * so.  A running daemon does it; without one hark/ledger_offline.c does.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "hark/client.h"
#include "hark/commands.h"
#include "hark/ledger_choice.h"
#include "hark/ledger_offline.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

/* The longest reason, as a message has it. */
#define REASON_BYTES_MAX 1024u

enum { OPTION_CONFIG = 0x4d00 };

static const struct option prune_options[] = {
	LEDGER_CHOICE_OPTIONS,
	{ "config", required_argument, NULL, OPTION_CONFIG },
	CLIENT_OPTIONS,
	{ 0 },
};

static const struct option redact_options[] = {
	LEDGER_CHOICE_OPTIONS,
	CLIENT_OPTIONS,
	{ "reason", required_argument, NULL, 'r' },
	{ 0 },
};

static const struct args_command prune_command = {
	.name = "hark ledger prune",
	.usage =
		"usage: hark ledger prune INDEX\n"
		"\n"
		"Drops the segments all of whose leaves are below INDEX. Their hashes stay, so "
		"that\n"
		"old proofs and checkpoints still verify, and an operations record says it. What "
		"an\n"
		"observer has not read is not dropped. Without a daemon those are known that one "
		"has\n"
		"run with; a configuration that none has seen yet is named with --config.\n"
		"\n" LEDGER_CHOICE_USAGE "      --config FILE     with --dir: what its observers "
		"have not read stays, too\n" CLIENT_USAGE "      --help            print this\n"
		"      --version         print the version\n"
		"\n"
		"exit: 0 done, 2 usage, 5 the daemon does not answer, 65 the ledger is damaged,\n"
		"      66 so many leaves are not there, 74 writing failed, 75 an observer has not "
		"read\n"
		"      so far, or the daemon runs and --dir was given, 77 not allowed, 78 FILE is\n"
		"      no configuration, or another directory's\n",
	.options = prune_options,
};

static const struct args_command redact_command = {
	.name = "hark ledger redact",
	.usage = "usage: hark ledger redact INDEX [--reason TEXT]\n"
		 "\n"
		 "Blanks one leaf and keeps its hash, so that the rest still verifies; an "
		 "operations\n"
		 "record says it. It cannot be undone.\n"
		 "\n"
		 "  -r, --reason TEXT     written into that record\n" LEDGER_CHOICE_USAGE
			 CLIENT_USAGE "      --help            print this\n"
		 "      --version         print the version\n"
		 "\n"
		 "exit: 0 done, 2 usage, 5 the daemon does not answer, 65 it is redacted already, "
		 "or\n"
		 "      the ledger is damaged, 66 there is no such leaf, or it was pruned,\n"
		 "      74 writing failed, 75 the daemon runs, and --dir was given, 77 not "
		 "allowed\n",
	.options = redact_options,
};

struct change {
	struct ledger_choice choice;
	uint64_t index;
	const char *reason; /* NULL: none */
	const char *config; /* NULL: none */
};

/* Options and INDEX; *ready where it can go on. */
static int
read_arguments(const struct args_command *command, int argc, char **argv, struct change *c,
	       bool *ready)
{
	const char *index = NULL;
	struct args args;
	int code = EXIT_OK;
	int option;

	args_init(&args, command, argc, argv);
	for (;;) {
		option = args_next(&args, &code);
		if (option == ARGS_STOP)
			return code;
		if (option == ARGS_END && index == NULL && (index = args_operand(&args)) != NULL)
			continue;
		if (option == ARGS_END)
			break;
		if (option == CLIENT_OPTION_CONTROL)
			client_set_control(optarg);
		else if (option == 'r')
			c->reason = optarg;
		else if (option == OPTION_CONFIG)
			c->config = optarg;
		else if (!ledger_choice_option(&c->choice, option, optarg))
			return EXIT_USAGE;
	}
	if (index == NULL || args_operand(&args) != NULL ||
	    num_read_u64(index, strlen(index), UINT64_MAX - 1, &c->index) != ERR_OK)
		return args_mistake(&args, "expected one INDEX, a decimal number");
	if (c->config != NULL && c->choice.dir == NULL)
		return args_mistake(&args, "--config goes with --dir: a daemon knows its own");
	if (c->reason != NULL &&
	    (strlen(c->reason) > REASON_BYTES_MAX || !text_is_utf8(c->reason, strlen(c->reason))))
		return args_mistake(&args, "a reason is UTF-8 of at most %u bytes",
				    REASON_BYTES_MAX);
	*ready = true;
	return EXIT_OK;
}

/* Asks the daemon; *index_out is what its answer has, else the one that was asked for. */
static int
ask(const struct change *c, enum message_type type, uint64_t *index_out)
{
	cleanup(client_closep) struct client *client = NULL;
	struct message question, last;
	int code = client_open(&client);

	if (code != EXIT_OK)
		return code;
	message_init(&question, type, 0);
	message_set_number(&question, FIELD_LEDGER, c->choice.ledger);
	message_set_number(&question, FIELD_INDEX, c->index);
	if (c->reason != NULL)
		message_set_text(&question, FIELD_TEXT, c->reason);
	code = client_ask(client, &question, NULL, NULL, &last);
	if (code != EXIT_OK)
		return code;
	*index_out = message_number(&last, FIELD_INDEX, c->index);
	message_close(&last);
	return EXIT_OK;
}

int
command_ledger_prune(int argc, char **argv)
{
	struct change c = { .reason = NULL };
	uint64_t first = 0;
	bool ready = false;
	int code;

	log_init(prune_command.name);
	code = read_arguments(&prune_command, argc, argv, &c, &ready);
	if (!ready)
		return code;
	code = c.choice.dir != NULL ? ledger_offline_prune(c.choice.dir, c.config, c.choice.ledger,
							   c.index, &first)
				    : ask(&c, MESSAGE_ASK_PRUNE, &first);
	if (code == EXIT_OK)
		log_info("the first leaf that is here is %" PRIu64, first);
	return code;
}

int
command_ledger_redact(int argc, char **argv)
{
	struct change c = { .reason = NULL };
	uint64_t index = 0;
	bool ready = false;
	int code;

	log_init(redact_command.name);
	code = read_arguments(&redact_command, argc, argv, &c, &ready);
	if (!ready)
		return code;
	code = c.choice.dir != NULL
		       ? ledger_offline_redact(c.choice.dir, c.choice.ledger, c.index, c.reason)
		       : ask(&c, MESSAGE_ASK_REDACT, &index);
	if (code == EXIT_OK)
		log_info("leaf %" PRIu64 " is redacted", c.index);
	return code;
}
