/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark observer test: one module over events, here; what was loaded, how it ran, what it asked for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "hark/commands.h"
#include "hark/observer_run.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "json/tree.h"
#include "json/writer.h"

#define EVENTS_FILE_BYTES_MAX (64u * 1024u * 1024u)
/* As an event's reader has it. */
#define EVENT_DEPTH_MAX 66u
/* What it prints of one payload for people. */
#define SHOWN_BYTES 1024u

/* What a module gets that is run without --events. */
static const char built_in[] =
	"{\"data\":{\"cellId\":\"example\",\"declared\":{\"detail\":{\"exe\":\"/bin/"
	"true\",\"ppid\":1,"
	"\"uid\":0},\"guestComm\":\"true\",\"guestMonotonicNs\":\"123456789012\",\"guestPid\":42,"
	"\"probeSource\":\"process.exec\",\"seq\":\"0\"},\"epoch\":1,\"runId\":\"run-1\"},"
	"\"id\":\"host.example/evidence/0\",\"source\":\"/hark/host.example/evidence\","
	"\"specversion\":\"1.0\",\"subject\":\"urn:cellos:cell:example\","
	"\"time\":\"2026-11-21T13:20:00.123456789Z\","
	"\"type\":\"dev.hark.events.cell.v1.guest.process_exec\"}";

struct test {
	const char *module_path;
	const char *events_path;
	const char *digest; /* NULL: the one that the module has */
	bool as_json;
	struct observer_run run;
};

enum { OPTION_DIGEST = 256, OPTION_EVENTS, OPTION_FAIL, OPTION_FUEL, OPTION_GRANT, OPTION_JSON };

static const struct option options[] = {
	{ "digest", required_argument, NULL, OPTION_DIGEST },
	{ "events", required_argument, NULL, OPTION_EVENTS },
	{ "fail", required_argument, NULL, OPTION_FAIL },
	{ "grant", required_argument, NULL, OPTION_GRANT },
	{ "fuel", required_argument, NULL, OPTION_FUEL },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark observer test",
	.usage =
		"usage: hark observer test MODULE [OPTION]...\n"
		"\n"
		"Loads a module as an observer and runs it once, with nothing behind its effects.\n"
		"\n"
		"      --digest DIGEST  blake3: or sha256: and 64 hex digits: refused if it "
		"has another\n"
		"      --events FILE    events of Hark's, a line each; without it one that is "
		"built in\n"
		"      --grant TOKEN    PgWrite, MetricEmit, KmsReceipt or Log; may be given "
		"again\n"
		"      --fail TOKEN     what stands behind it fails, as where a database is away; "
		"may be\n"
		"                       given again\n"
		"      --fuel N         instead of 100000000\n"
		"      --json           one object\n"
		"      --help           print this\n"
		"      --version        print the version\n"
		"\n"
		"exit: 0 it ran, 2 usage, 65 refused, trapped, or not an event, 66 not there,\n"
		"      69 this build has no engine, 70 no memory, 71 not confined, 74 cannot be "
		"read,\n"
		"      75 it is to be tried again\n",
	.options = options,
};

static bool
read_token(struct args *args, uint32_t *tokens, int *code)
{
	enum hark_observer_cap_token token;

	if (!hark_observer_cap_token_of(hark_text_of(optarg), &token)) {
		*code = args_mistake(args, "there is no such token; there are PgWrite, MetricEmit, "
					   "KmsReceipt and Log");
		return false;
	}
	*tokens |= HARK_OBSERVER_TOKEN_BIT(token);
	return true;
}

static bool
read_option(struct test *t, struct args *args, int option, int *code)
{
	switch (option) {
	case OPTION_DIGEST:
		t->digest = optarg;
		if (hark_observer_digest_check(hark_text_of(optarg), "", 0) !=
		    HARK_OBSERVER_ARGUMENT)
			return true;
		*code = args_mistake(args, "a digest is blake3: or sha256: and 64 lower-case hex "
					   "digits");
		return false;
	case OPTION_EVENTS:
		t->events_path = optarg;
		return true;
	case OPTION_JSON:
		t->as_json = true;
		return true;
	case OPTION_FAIL:
		return read_token(args, &t->run.failing, code);
	case OPTION_GRANT:
		return read_token(args, &t->run.tokens, code);
	case OPTION_FUEL:
		if (num_read_u64(optarg, strlen(optarg), UINT64_MAX, &t->run.limits.fuel) == ERR_OK)
			return true;
		*code = args_mistake(args, "--fuel takes a decimal number");
		return false;
	default:
		return false;
	}
}

/* False where the program must end, with *code. */
static bool
read_arguments(int argc, char **argv, struct test *t, int *code)
{
	struct args args;
	int option;

	log_init(command.name);
	hark_observer_limits_default(&t->run.limits);
	args_init(&args, &command, argc, argv);
	do {
		while ((option = args_next(&args, code)) != ARGS_END) {
			if (!read_option(t, &args, option, code))
				return false;
		}
		if (t->module_path == NULL) {
			t->module_path = args_operand(&args);
			if (t->module_path != NULL)
				continue;
		}
		break;
	} while (true);
	if (t->module_path == NULL || args_operand(&args) != NULL) {
		*code = args_mistake(&args, "expected one MODULE");
		return false;
	}
	return true;
}

/* From where on a line is other than its canonical form; its size where it is that. */
static size_t
canonical_up_to(struct bytes line, const struct json_node *root)
{
	size_t capacity = 6 * line.size + 16;
	char *text = malloc(capacity);
	struct json_writer w;
	size_t at = 0, size = 0;

	json_writer_init(&w, text, text != NULL ? capacity : 0);
	if (text != NULL &&
	    json_node_write(root, JSON_ORDER_UTF16, JSON_NUMBERS_AS_WRITTEN, &w) == ERR_OK &&
	    json_writer_finish(&w, &size) == ERR_OK) {
		while (at < line.size && at < size && line.data[at] == (uint8_t)text[at])
			at++;
	}
	free(text);
	return at;
}

/* For who wrote the line by hand.  What it is not is said in the order of its reader. */
static void
tell_no_event(size_t number, struct bytes line)
{
	struct json_tree *tree = NULL;
	struct json_failure why = { 0 };
	char more[160] = "";
	size_t at;

	if (line.size == 0) {
		(void)snprintf(more, sizeof(more), "it is empty");
	} else if (line.data[line.size - 1] == '\r') {
		(void)snprintf(more, sizeof(more), "it ends in a carriage return");
	} else if (line.size > HARK_OBSERVER_JSON_BYTES_MAX) {
		(void)snprintf(more, sizeof(more), "it has more than %u bytes",
			       HARK_OBSERVER_JSON_BYTES_MAX);
	} else if (json_tree_read((const char *)line.data, line.size, EVENT_DEPTH_MAX, &tree,
				  &why) != ERR_OK) {
		(void)snprintf(more, sizeof(more), "no JSON at byte %zu: %s", why.offset,
			       why.text != NULL ? why.text : "no memory for it");
	} else if ((at = canonical_up_to(line, json_tree_root(tree))) < line.size) {
		(void)snprintf(more, sizeof(more),
			       "it is not in canonical form (RFC 8785) from byte %zu on", at);
	} else {
		(void)snprintf(more, sizeof(more),
			       "it wants an \"id\" that ends in /INDEX, a \"type\", and a "
			       "\"time\" with nine digits of a second and Z");
	}
	log_error("line %zu is not an event of Hark's: %s", number, more);
	json_tree_destroy(tree);
}

/* The events of a file, a line each. */
static int
read_lines(struct observer_run *r, const struct buf *lines)
{
	const char *at = (const char *)lines->data;
	const char *end = at + lines->size;
	size_t number = 1;
	int code = EXIT_OK;

	for (; at < end && code == EXIT_OK; number++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((stop != NULL ? stop : end) - at);
		struct bytes line = { (const uint8_t *)at, size };

		code = observer_run_add(r, line);
		if (code == EXIT_DATA)
			tell_no_event(number, line);
		at += size + 1;
	}
	return code;
}

static int
read_events(struct test *t)
{
	struct buf lines = { 0 };
	int code;

	if (t->events_path == NULL)
		return observer_run_add(
			&t->run, (struct bytes){ (const uint8_t *)built_in, sizeof(built_in) - 1 });
	code = observer_run_read(t->events_path, EVENTS_FILE_BYTES_MAX, &lines);
	if (code == EXIT_OK)
		code = read_lines(&t->run, &lines);
	buf_finish(&lines);
	return code;
}

static const char *
run_word(const struct observer_verdict *v)
{
	return v->run == HARK_OBSERVER_OK           ? "ok"
	       : v->run == HARK_OBSERVER_CAPABILITY ? "retried"
						    : "trapped";
}

static void
print_text(const struct test *t, const struct observer_verdict *v)
{
	char shown[SHOWN_BYTES];
	struct bytes payload;
	uint8_t token;
	size_t at = 0;

	if (!v->loaded) {
		(void)printf("load     refused: %s\n         %s\n",
			     hark_observer_reason_name(v->why.reason), v->why.failure.text);
		return;
	}
	(void)printf("load     ok\nrun      %s", run_word(v));
	if (v->run == HARK_OBSERVER_TRAPPED)
		(void)printf(": %s, %s", hark_observer_trap_class_name(v->outcome.trap_class),
			     hark_observer_reason_name(v->outcome.reason));
	(void)printf("\nevents   %zu of %zu\nfuel     %" PRIu64 "\neffects  %zu%s\n",
		     v->outcome.events_taken, t->run.count, v->outcome.fuel_used,
		     v->outcome.effects,
		     v->run != HARK_OBSERVER_OK && v->outcome.effects > 0 ? ", all dropped" : "");
	while (observer_run_payload(&t->run, &at, &token, &payload)) {
		(void)text_escape((const char *)payload.data, payload.size, shown, sizeof(shown));
		(void)printf("  %-10s %s\n",
			     hark_observer_cap_token_name((enum hark_observer_cap_token)token),
			     shown);
	}
}

/* A member of JSON: the text, or, where it is no UTF-8, its bytes under another name. */
static void
put_payload(const char *name, struct bytes payload)
{
	size_t capacity = 6 * payload.size + 16;
	char *text = malloc(capacity);
	struct json_writer w;
	size_t size = 0;
	size_t i;

	if (!text_is_utf8((const char *)payload.data, payload.size)) {
		(void)printf("\"hex\":\"");
		for (i = 0; i < payload.size; i++)
			(void)printf("%02x", payload.data[i]);
		(void)printf("\"");
	} else if (text != NULL) {
		json_writer_init(&w, text, capacity);
		json_write_string(&w, (const char *)payload.data, payload.size);
		if (json_writer_finish(&w, &size) == ERR_OK)
			(void)printf("\"%s\":%.*s", name, (int)size, text);
	}
	free(text);
}

static void
print_json(const struct test *t, const struct observer_verdict *v)
{
	struct bytes payload;
	uint8_t token;
	size_t at = 0;

	if (!v->loaded) {
		(void)printf("{");
		put_payload("detail", (struct bytes){ (const uint8_t *)v->why.failure.text,
						      strlen(v->why.failure.text) });
		(void)printf(",\"load\":\"refused\",\"reason\":\"%s\"}\n",
			     hark_observer_reason_name(v->why.reason));
		return;
	}
	(void)printf("{\"effects\":%zu,\"fuel\":%" PRIu64 ",\"load\":\"ok\",\"payloads\":[",
		     v->run == HARK_OBSERVER_OK ? v->outcome.effects : 0, v->outcome.fuel_used);
	while (observer_run_payload(&t->run, &at, &token, &payload)) {
		(void)printf("{");
		put_payload("bytes", payload);
		(void)printf(",\"token\":\"%s\"}%s",
			     hark_observer_cap_token_name((enum hark_observer_cap_token)token),
			     at < t->run.payloads.size ? "," : "");
	}
	(void)printf("]");
	if (v->run != HARK_OBSERVER_OK)
		(void)printf(",\"reason\":\"%s\"", hark_observer_reason_name(v->outcome.reason));
	(void)printf(",\"run\":\"%s\"", run_word(v));
	if (v->run == HARK_OBSERVER_TRAPPED)
		(void)printf(",\"trap_class\":\"%s\"",
			     hark_observer_trap_class_name(v->outcome.trap_class));
	(void)printf("}\n");
}

static int
test_module(struct test *t)
{
	struct observer_verdict v;
	int code = observer_run_read(t->module_path, OBSERVER_MODULE_BYTES_MAX, &t->run.module);

	if (code == EXIT_OK)
		code = read_events(t);
	if (code == EXIT_OK)
		code = observer_run_go(&t->run, t->digest, &v);
	if (code != EXIT_OK)
		return code;
	if (t->as_json)
		print_json(t, &v);
	else
		print_text(t, &v);
	if (fflush(stdout) != 0)
		return EXIT_IO;
	if (!v.loaded || v.run == HARK_OBSERVER_TRAPPED)
		return EXIT_DATA;
	return v.run == HARK_OBSERVER_CAPABILITY ? EXIT_TEMPORARY : EXIT_OK;
}

int
command_observer_test(int argc, char **argv)
{
	struct test t = { 0 };
	int code = EXIT_OK;

	if (read_arguments(argc, argv, &t, &code))
		code = test_module(&t);
	observer_run_finish(&t.run);
	return code;
}
