/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark probe read: one reading of one host probe, as a line of JSON or as a table for people. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/probe.h>

#include "base/bytes.h"
#include "base/text.h"
#include "hark/commands.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "telemetry/probe_options.h"
#include "json/tree.h"
#include "json/writer.h"

/* The deepest reading is fc_metrics: output, metrics, device, aggregate, value; foreign ones may go
   deeper, and are then shown as JSON. */
#define SHOWN_DEPTH_MAX 64u

struct read_arguments {
	struct probe_options options;
	const char *source;
	bool as_json;
};

/* No letters: these are values beyond them. */
enum {
	OPTION_CGROUP = 256,
	OPTION_TAP,
	OPTION_NFT,
	OPTION_FC_METRICS,
	OPTION_JSON,
};

static const struct option options[] = {
	{ "cgroup", required_argument, NULL, OPTION_CGROUP },
	{ "tap", required_argument, NULL, OPTION_TAP },
	{ "nft", required_argument, NULL, OPTION_NFT },
	{ "fc-metrics", required_argument, NULL, OPTION_FC_METRICS },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark probe read",
	.usage = "usage: hark probe read SOURCE [--json]\n"
		 "\n"
		 "Takes one reading of a host probe and shows it as a table.\n"
		 "\n"
		 "  host.cgroup      --cgroup PATH\n"
		 "  host.tap_link    --tap IF\n"
		 "  host.nftables    --nft FAMILY/TABLE\n"
		 "  host.fc_metrics  --fc-metrics FILE\n"
		 "\n"
		 "SOURCE may be given without \"host.\".\n"
		 "\n"
		 "      --json     one line of JSON\n"
		 "      --help     print this\n"
		 "      --version  print the version\n"
		 "\n"
		 "exit: 0 read, 2 usage, 65 malformed, 66 not there, 69 not supported,\n"
		 "      71 no memory, 74 other failure to read, 77 not allowed\n",
	.options = options,
};

/* False where the program must end, with *code. */
static bool
read_arguments(int argc, char **argv, struct read_arguments *out, int *code)
{
	struct args args;
	int option;
	int rest;

	log_init(command.name);
	/* SOURCE stands before its options or behind them. */
	if (argc > 1 && argv[1][0] != '-') {
		out->source = argv[1];
		argc--;
		argv++;
	}
	args_init(&args, &command, argc, argv);
	while ((option = args_next(&args, code)) != ARGS_END) {
		switch (option) {
		case OPTION_CGROUP:
			out->options.cgroup = optarg;
			break;
		case OPTION_TAP:
			out->options.tap = optarg;
			break;
		case OPTION_NFT:
			out->options.nft = optarg;
			break;
		case OPTION_FC_METRICS:
			out->options.fc_metrics = optarg;
			break;
		case OPTION_JSON:
			out->as_json = true;
			break;
		default:
			return false;
		}
	}
	rest = args_rest(&args);
	if (out->source == NULL && rest < argc)
		out->source = argv[rest++];
	if (out->source == NULL || rest < argc) {
		*code = args_mistake(&args, "expected one SOURCE, such as host.tap_link");
		return false;
	}
	return true;
}

static void
print_json(const struct hark_probe_reading *reading)
{
	/* Four texts of at most 160 bytes, each byte at most six in JSON. */
	char missing[HARK_PROBE_MISSING_MAX * (HARK_PROBE_TEXT_BYTES * 6 + 64)];
	struct json_writer w;
	size_t size = 0;
	uint32_t i;

	json_writer_init(&w, missing, sizeof(missing));
	for (i = 0; i < reading->missing_count; i++) {
		const struct hark_probe_missing *m = &reading->missing[i];
		const char *name = hark_probe_error_name(m->error);

		json_write_raw(&w, i > 0 ? "," : ",\"missing\":[", i > 0 ? 1 : 12);
		json_write_literal(&w, "{\"error\":");
		json_write_string(&w, name, strlen(name));
		json_write_literal(&w, ",\"text\":");
		json_write_string(&w, m->text, strlen(m->text));
		json_write_literal(&w, "}");
	}
	if (reading->missing_count > 0)
		json_write_literal(&w, "]");
	if (json_writer_finish(&w, &size) != ERR_OK)
		abort(); /* the buffer is sized for the worst */
	(void)printf("{\"inputs\":%.*s%.*s,\"output\":%.*s,\"probeSource\":\"%s\"}\n",
		     (int)reading->inputs.size, reading->inputs.data, (int)size, missing,
		     (int)reading->output.size, reading->output.data, reading->probe_source);
}

/* A path of names with its value, a line each. */
static void
print_node(const struct json_node *node, const char *path, size_t depth)
{
	const struct json_node *child;
	char shown[1024];
	size_t i = 0;

	if (node->type != JSON_OBJECT && node->type != JSON_ARRAY) {
		const char *text = node->text_size > 0 ? node->text : "";

		if (node->type == JSON_NULL || node->type == JSON_TRUE || node->type == JSON_FALSE)
			text = node->type == JSON_NULL   ? "null"
			       : node->type == JSON_TRUE ? "true"
							 : "false";
		(void)text_escape(text, node->text_size > 0 ? node->text_size : strlen(text), shown,
				  sizeof(shown));
		(void)printf("  %-40s %s\n", path, shown);
		return;
	}
	for (child = node->child; child != NULL && depth < SHOWN_DEPTH_MAX; child = child->next) {
		char name[256];
		char longer[1024];

		if (node->type == JSON_OBJECT)
			(void)text_escape(child->name, child->name_size, name, sizeof(name));
		else
			(void)snprintf(name, sizeof(name), "%zu", i++);
		(void)snprintf(longer, sizeof(longer), "%.700s%s%s", path,
			       path[0] != '\0' ? "." : "", name);
		print_node(child, longer, depth + 1);
	}
}

static int
print_part(const char *title, struct hark_text part)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	enum err e;

	e = json_tree_read(part.data, part.size, SHOWN_DEPTH_MAX, &tree, NULL);
	if (e != ERR_OK) {
		(void)fprintf(stderr, "hark probe read: %s: %s\n", title, err_text(e));
		return 71; /* EX_OSERR: our own bytes; only memory can lack */
	}
	(void)printf("%s\n", title);
	print_node(json_tree_root(tree), "", 0);
	return 0;
}

static int
print_table(const struct hark_probe_reading *reading)
{
	uint32_t i;
	int code;

	(void)printf("%s\n", reading->probe_source);
	code = print_part("inputs", reading->inputs);
	if (code == 0)
		code = print_part("output", reading->output);
	if (reading->missing_count > 0)
		(void)printf("missing\n");
	for (i = 0; i < reading->missing_count; i++)
		(void)printf("  %s: %s\n", hark_probe_error_name(reading->missing[i].error),
			     reading->missing[i].text);
	return code;
}

int
command_probe_read(int argc, char **argv)
{
	static char json[HARK_PROBE_READING_BYTES];
	struct read_arguments arguments = { .source = NULL };
	struct hark_probe_reading reading = { .json = json, .json_capacity = sizeof(json) };
	struct hark_host_probe probe = { NULL, NULL };
	struct hark_failure why = { 0 };
	enum hark_probe_error e;
	int code = EXIT_OK;

	if (!read_arguments(argc, argv, &arguments, &code))
		return code;
	e = probe_from_options(arguments.source, &arguments.options, &probe, &why);
	if (e == HARK_PROBE_OK)
		e = hark_probe_read(&probe, &reading, &why);
	if (e != HARK_PROBE_OK) {
		(void)fprintf(stderr, "hark probe read: %s: %s\n", hark_probe_error_name(e),
			      why.text);
		code = probe_exit_code(e);
	} else if (arguments.as_json) {
		print_json(&reading);
	} else {
		code = print_table(&reading);
	}
	hark_probe_close(&probe);
	return code;
}
