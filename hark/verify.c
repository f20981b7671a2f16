/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark verify: judges a record by keys that a person brings; what it prints is in verify_show.c. */
#include <string.h>
#include <unistd.h>

#include <hark/verify.h>

#include "base/bytes.h"
#include "hark/commands.h"
#include "hark/verify_input.h"
#include "hark/verify_show.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

/* No letters but for the common one: these are values beyond them. */
enum {
	OPTION_KEY = 256,
	OPTION_SINCE,
	OPTION_COMPLETE,
};

static const struct option options[] = {
	{ "key", required_argument, NULL, OPTION_KEY },
	{ "since", required_argument, NULL, OPTION_SINCE },
	{ "complete", no_argument, NULL, OPTION_COMPLETE },
	{ "json", no_argument, NULL, 'j' },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark verify",
	.usage =
		"usage: hark verify PATH --key VKEY|FILE [--since FILE] [--complete] [--json]\n"
		"       hark verify --envelope ... [FILE]...  (see hark verify --envelope --help)\n"
		"\n"
		"Judges a data directory, a ledger, an export or a proof, with no daemon. All is\n"
		"recomputed; no key that lies beside it is trusted.\n"
		"\n"
		"      --key VKEY|FILE  a verifier key, or a file with one a line; again for more\n"
		"      --since FILE     a signed checkpoint that was seen elsewhere: what is "
		"judged\n"
		"                       must have grown from it\n"
		"      --complete       whatever is missing, or may be, is incomplete (3)\n"
		"  -j, --json           one JSON object\n"
		"      --help           print this\n"
		"      --version        print the version\n"
		"\n"
		"exit: 0 intact, 1 tampered, 2 usage, 3 incomplete, 4 unverifiable, 65 to 78 as "
		"in\n"
		"      sysexits.h\n",
	.options = options,
};

static void
destroy_verifier(struct hark_verifier **v)
{
	hark_verifier_destroy(*v);
}

/* Options into *v; *ready where it can go on. */
static int
read_arguments(int argc, char **argv, struct hark_verifier *v, struct show *show, const char **path,
	       bool *ready)
{
	struct args args;
	int code = EXIT_OK;
	int option;

	args_init(&args, &command, argc, argv);
	for (;;) {
		option = args_next(&args, &code);
		if (option == ARGS_STOP)
			return code;
		if (option == ARGS_END && *path == NULL && (*path = args_operand(&args)) != NULL)
			continue;
		if (option == ARGS_END)
			break;
		if (option == OPTION_KEY)
			code = verify_input_key(v, optarg);
		else if (option == OPTION_SINCE)
			code = verify_input_checkpoint(v, optarg);
		else if (option == OPTION_COMPLETE)
			hark_verifier_require_complete(v, true);
		else if (option == 'j')
			show->as_json = true;
		if (code != EXIT_OK)
			return code;
	}
	if (*path == NULL || args_operand(&args) != NULL)
		return args_mistake(&args, "expected one PATH");
	*ready = true;
	return EXIT_OK;
}

static bool
asks_for_envelopes(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--envelope") == 0 || strcmp(argv[i], "-e") == 0)
			return true;
	}
	return false;
}

int
command_verify(int argc, char **argv)
{
	cleanup(destroy_verifier) struct hark_verifier *v = NULL;
	cleanup(show_finish) struct show show = { .progress = isatty(STDERR_FILENO) == 1 };
	struct hark_failure why = { 0 };
	const char *path = NULL;
	enum hark_answer answer;
	enum hark_verifier_error e;
	bool ready = false;
	int code;

	if (asks_for_envelopes(argc, argv))
		return command_verify_envelope(argc, argv);
	log_init(command.name);
	e = hark_verifier_create(&v);
	if (e != HARK_VERIFIER_OK)
		return verify_input_fail(e, &why);
	code = read_arguments(argc, argv, v, &show, &path, &ready);
	if (!ready)
		return code;
	hark_verifier_on_finding(v, show_finding, &show);
	hark_verifier_on_progress(v, show_progress, &show);
	e = hark_verifier_judge(v, path, &answer, &why);
	if (e != HARK_VERIFIER_OK) {
		show.as_json = false;
		return verify_input_fail(e, &why);
	}
	show_answer(&show, v, answer);
	return (int)answer;
}
