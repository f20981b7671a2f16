/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark ledger stat: how large a ledger is, what of it is sealed, and what is there. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/text.h"
#include "hark/commands.h"
#include "hark/sealed.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "json/writer.h"

static const struct option options[] = {
	LEDGER_CHOICE_OPTIONS,
	CLIENT_OPTIONS,
	{ "json", no_argument, NULL, 'j' },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark ledger stat",
	.usage = "usage: hark ledger stat [--json]\n"
		 "\n"
		 "Says how many leaves a ledger has, how many of them are sealed, and what is "
		 "there.\n"
		 "Nothing is judged: hark verify does that.\n"
		 "\n"
		 "  -j, --json            one JSON object\n" LEDGER_CHOICE_USAGE CLIENT_USAGE
		 "      --help            print this\n"
		 "      --version         print the version\n"
		 "\n"
		 "exit: 0 shown, 2 usage, 5 the daemon does not answer, 65 the ledger is damaged,\n"
		 "      66 there is none, 74 reading failed, 77 not allowed\n",
	.options = options,
};

struct stat {
	struct sealed sealed;
	bool as_json;
	uint64_t committed;
	uint64_t segments;
	uint64_t bytes;
	char root[BASE64_SIZE(MERKLE_HASH_BYTES) + 1]; /* of what is sealed */
};

static int
gather(struct stat *s)
{
	struct ledger_failure why = { 0 };
	uint64_t lowest = 0;
	uint64_t highest = 0;
	uint64_t serial;
	bool any = false;
	enum err e;
	int code = sealed_open(&s->sealed);

	if (code == EXIT_OK)
		code = sealed_committed(&s->sealed, &s->committed);
	if (code != EXIT_OK)
		return code;
	e = ledger_reader_segments(s->sealed.reader, &lowest, &highest, &any);
	for (serial = lowest; e == ERR_OK && any && serial <= highest; serial++) {
		struct ledger_segment segment;

		e = ledger_reader_segment(s->sealed.reader, serial, &segment, &why);
		if (e == ERR_OK) {
			s->segments++;
			s->bytes += segment.bytes;
		}
		if (e == ERR_MISSING) /* made ahead, or pruned this moment */
			e = ERR_OK;
	}
	if (s->sealed.has_head)
		base64_write(s->sealed.head.root.bytes, MERKLE_HASH_BYTES, s->root);
	return e == ERR_OK ? EXIT_OK : sealed_fail(e, &why);
}

static void
print_json(const struct stat *s)
{
	char text[8 * LEDGER_ORIGIN_BYTES_MAX + 512];
	struct json_writer w;
	size_t size = 0;

	json_writer_init(&w, text, sizeof(text));
	json_write_literal(&w, "{\"bytes\":");
	json_write_u64_string(&w, s->bytes);
	json_write_literal(&w, ",\"committed\":");
	json_write_u64_string(&w, s->committed);
	json_write_literal(&w, ",\"first\":");
	json_write_u64_string(&w, ledger_reader_first(s->sealed.reader));
	json_write_literal(&w, ",\"origin\":");
	json_write_string(&w, ledger_reader_origin(s->sealed.reader),
			  strlen(ledger_reader_origin(s->sealed.reader)));
	if (s->sealed.has_head) {
		json_write_literal(&w, ",\"root\":");
		json_write_string(&w, s->root, strlen(s->root));
	}
	json_write_literal(&w, ",\"sealed\":");
	json_write_u64_string(&w, s->sealed.has_head ? s->sealed.head.size : 0);
	json_write_literal(&w, ",\"segments\":");
	json_write_u64_string(&w, s->segments);
	json_write_literal(&w, "}\n");
	if (json_writer_finish(&w, &size) == ERR_OK)
		(void)fwrite(text, 1, size, stdout);
}

static void
print_table(const struct stat *s)
{
	const char *origin = ledger_reader_origin(s->sealed.reader);
	char shown[4 * LEDGER_ORIGIN_BYTES_MAX + 8];

	(void)text_escape(origin, strlen(origin), shown, sizeof(shown));
	(void)printf("origin     %s\ncommitted  %" PRIu64 "\n", shown, s->committed);
	if (s->sealed.has_head)
		(void)printf("sealed     %" PRIu64 "\nroot       %s\n", s->sealed.head.size,
			     s->root);
	else
		(void)printf("sealed     none yet\n");
	(void)printf("first      %" PRIu64 "\nsegments   %" PRIu64 "\nbytes      %" PRIu64 "\n",
		     ledger_reader_first(s->sealed.reader), s->segments, s->bytes);
}

int
command_ledger_stat(int argc, char **argv)
{
	struct stat s = { .as_json = false };
	struct args args;
	int code = EXIT_OK;
	int option;

	log_init(command.name);
	sealed_init(&s.sealed);
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, &code)) != ARGS_END) {
		if (option == ARGS_STOP)
			return code;
		if (option == CLIENT_OPTION_CONTROL)
			client_set_control(optarg);
		else if (option == 'j')
			s.as_json = true;
		else if (!ledger_choice_option(&s.sealed.choice, option, optarg))
			return EXIT_USAGE;
	}
	if (args_operand(&args) != NULL)
		return args_mistake(&args, "it takes no argument");
	code = gather(&s);
	if (code == EXIT_OK && s.as_json)
		print_json(&s);
	else if (code == EXIT_OK)
		print_table(&s);
	sealed_finish(&s.sealed);
	return code;
}
