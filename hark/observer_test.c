/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hark observer test: one module over events, here, with nothing behind its effects.  All is read
 * first; then the process gives up files, sockets and privileges, and only then looks into the
 * module.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/observer_host.h>

#include "base/bytes.h"
#include "base/num.h"
#include "base/text.h"
#include "crypto/sha256.h"
#include "hark/commands.h"
#include "os/confine.h"
#include "os/file.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "json/writer.h"

#define MODULE_BYTES_MAX (64u * 1024u * 1024u)
#define EVENTS_BYTES_MAX (64u * 1024u * 1024u)
#define EVENTS_MAX       65536u
#define DIGEST_TEXT      72u
#define PAYLOADS_BYTES   (256u * 1024u * 1024u)
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
	uint32_t tokens;
	struct hark_observer_limits limits;
	bool as_json;
	struct buf module, lines;
	struct hark_observer_event *events;
	char *storage;
	size_t count;
	struct buf payloads; /* a token's byte, a u32 size, the bytes; and so on */
};

enum { OPTION_EVENTS = 256, OPTION_GRANT, OPTION_FUEL, OPTION_JSON };

static const struct option options[] = {
	{ "events", required_argument, NULL, OPTION_EVENTS },
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
		"      --events FILE  events of Hark's, a line each; without it one that is built "
		"in\n"
		"      --grant TOKEN  PgWrite, MetricEmit, KmsReceipt or Log; may be given again\n"
		"      --fuel N       instead of 100000000\n"
		"      --json         one object\n"
		"      --help         print this\n"
		"      --version      print the version\n"
		"\n"
		"exit: 0 it ran, 2 usage, 65 refused, trapped, or not an event, 66 not there,\n"
		"      69 this build has no engine, 70 no memory, 71 not confined, 74 cannot be "
		"read\n",
	.options = options,
};

static bool
read_option(struct test *t, struct args *args, int option, int *code)
{
	enum hark_observer_cap_token token;

	switch (option) {
	case OPTION_EVENTS:
		t->events_path = optarg;
		return true;
	case OPTION_JSON:
		t->as_json = true;
		return true;
	case OPTION_GRANT:
		if (hark_observer_cap_token_of(hark_text_of(optarg), &token)) {
			t->tokens |= HARK_OBSERVER_TOKEN_BIT(token);
			return true;
		}
		*code = args_mistake(args, "there is no such token; there are PgWrite, MetricEmit, "
					   "KmsReceipt and Log");
		return false;
	case OPTION_FUEL:
		if (num_read_u64(optarg, strlen(optarg), UINT64_MAX, &t->limits.fuel) == ERR_OK)
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
	hark_observer_limits_default(&t->limits);
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

static int
read_file(const char *path, size_t size_max, struct buf *out)
{
	char shown[256];
	int fd = -1;
	enum err e = file_open_read(path, &fd);

	(void)text_escape(path, strlen(path), shown, sizeof(shown));
	if (e == ERR_OK)
		e = file_read_all(fd, size_max, out);
	file_close(&fd);
	if (e == ERR_OK)
		return EXIT_OK;
	log_error("%s: %s", shown, e == ERR_SYSTEM ? strerror(errno) : err_text(e));
	return e == ERR_MISSING ? EXIT_NO_INPUT : e == ERR_MEMORY ? EXIT_SOFTWARE : EXIT_IO;
}

/* One event of a line, behind those before it. */
static int
add_event(struct test *t, const char *line, size_t size)
{
	char *storage = t->storage + t->count * HARK_OBSERVER_EVENT_STORAGE;
	struct hark_text json = { line, size };

	if (hark_observer_event_of(json, storage, &t->events[t->count]) != HARK_OBSERVER_OK) {
		log_error("line %zu is not an event of Hark's", t->count + 1);
		return EXIT_DATA;
	}
	t->count++;
	return EXIT_OK;
}

static int
read_events(struct test *t)
{
	const char *at, *end;
	size_t lines = 1;
	int code = EXIT_OK;

	if (t->events_path != NULL)
		code = read_file(t->events_path, EVENTS_BYTES_MAX, &t->lines);
	else if (buf_append(&t->lines, built_in, sizeof(built_in) - 1, EVENTS_BYTES_MAX) != ERR_OK)
		code = EXIT_SOFTWARE;
	if (code != EXIT_OK)
		return code;
	at = (const char *)t->lines.data;
	end = at + t->lines.size;
	for (size_t i = 0; i < t->lines.size; i++)
		lines += at[i] == '\n';
	if (lines > EVENTS_MAX) {
		log_error("more than %u events: give it fewer at a time", EVENTS_MAX);
		return EXIT_DATA;
	}
	t->events = calloc(lines, sizeof(*t->events));
	t->storage = calloc(lines, HARK_OBSERVER_EVENT_STORAGE);
	if (t->events == NULL || t->storage == NULL)
		return EXIT_SOFTWARE;
	while (at < end && code == EXIT_OK) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((stop != NULL ? stop : end) - at);

		code = add_event(t, at, size);
		at += size + 1;
	}
	return code;
}

/* No file can be opened after this, no address connected to, nothing gained by executing. */
static int
confine(void)
{
	enum err e = confine_not_dumpable();

	if (e == ERR_OK)
		e = confine_no_new_privileges();
	if (e != ERR_OK) {
		log_error("the process cannot be confined: %s", err_text(e));
		return EXIT_OS;
	}
	if (confine_landlock(NULL, 0) != ERR_OK)
		log_warning("this kernel has no Landlock: the module runs without that wall");
	return EXIT_OK;
}

struct keep {
	struct test *test;
	uint8_t token;
};

static int
keep_payload(void *self, const void *bytes, size_t size)
{
	const struct keep *k = self;
	uint32_t head = (uint32_t)size;

	return buf_append(&k->test->payloads, &k->token, 1, PAYLOADS_BYTES) != ERR_OK ||
	       buf_append(&k->test->payloads, &head, sizeof(head), PAYLOADS_BYTES) != ERR_OK ||
	       buf_append(&k->test->payloads, bytes, size, PAYLOADS_BYTES) != ERR_OK;
}

/* The next payload; false past the last. */
static bool
next_payload(const struct test *t, size_t *at, uint8_t *token, struct bytes *out)
{
	uint32_t size;

	if (*at >= t->payloads.size)
		return false;
	*token = t->payloads.data[*at];
	memcpy(&size, t->payloads.data + *at + 1, sizeof(size));
	*out = (struct bytes){ t->payloads.data + *at + 1 + sizeof(size), size };
	*at += 1 + sizeof(size) + size;
	return true;
}

struct verdict {
	bool loaded;
	struct hark_observer_refusal why;
	enum hark_observer_error run;
	struct hark_observer_outcome outcome;
};

static const char *
run_word(const struct verdict *v)
{
	return v->run == HARK_OBSERVER_OK           ? "ok"
	       : v->run == HARK_OBSERVER_CAPABILITY ? "retried"
						    : "trapped";
}

static void
print_text(const struct test *t, const struct verdict *v)
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
		     v->outcome.events_taken, t->count, v->outcome.fuel_used, v->outcome.effects,
		     v->run != HARK_OBSERVER_OK && v->outcome.effects > 0 ? ", all dropped" : "");
	while (next_payload(t, &at, &token, &payload)) {
		(void)text_escape((const char *)payload.data, payload.size, shown, sizeof(shown));
		(void)printf("  %-10s %s\n",
			     hark_observer_cap_token_name((enum hark_observer_cap_token)token),
			     shown);
	}
}

/* A string for JSON: payloads that are no UTF-8 are shown as for people. */
static void
put_payload(FILE *to, struct bytes payload)
{
	size_t capacity = 6 * payload.size + 16;
	char *text = malloc(capacity);
	char *shown = malloc(4 * payload.size + 16);
	struct json_writer w;
	size_t size = 0;

	if (text != NULL && shown != NULL) {
		json_writer_init(&w, text, capacity);
		if (text_is_utf8((const char *)payload.data, payload.size)) {
			json_write_string(&w, (const char *)payload.data, payload.size);
		} else {
			size = text_escape((const char *)payload.data, payload.size, shown,
					   4 * payload.size + 16);
			json_write_string(&w, shown, size);
		}
		if (json_writer_finish(&w, &size) == ERR_OK)
			(void)fwrite(text, 1, size, to);
	}
	free(text);
	free(shown);
}

static void
print_json(const struct test *t, const struct verdict *v)
{
	struct bytes payload;
	uint8_t token;
	size_t at = 0;

	if (!v->loaded) {
		(void)printf("{\"detail\":");
		put_payload(stdout, (struct bytes){ (const uint8_t *)v->why.failure.text,
						    strlen(v->why.failure.text) });
		(void)printf(",\"load\":\"refused\",\"reason\":\"%s\"}\n",
			     hark_observer_reason_name(v->why.reason));
		return;
	}
	(void)printf("{\"effects\":%zu,\"fuel\":%" PRIu64 ",\"load\":\"ok\",\"payloads\":[",
		     v->run == HARK_OBSERVER_OK ? v->outcome.effects : 0, v->outcome.fuel_used);
	while (next_payload(t, &at, &token, &payload)) {
		(void)printf("{\"bytes\":");
		put_payload(stdout, payload);
		(void)printf(",\"token\":\"%s\"}%s",
			     hark_observer_cap_token_name((enum hark_observer_cap_token)token),
			     at < t->payloads.size ? "," : "");
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

/* The digest of what was read: who tests a module has it in hand. */
static void
write_digest(const struct buf *module, char out[DIGEST_TEXT])
{
	uint8_t digest[SHA256_BYTES];
	size_t i;

	sha256_of(module->data, module->size, digest);
	(void)snprintf(out, DIGEST_TEXT, "sha256:");
	for (i = 0; i < SHA256_BYTES; i++)
		(void)snprintf(out + 7 + 2 * i, 3, "%02x", digest[i]);
}

static int
load_and_run(struct test *t, struct hark_observer_host *host, struct verdict *v)
{
	const struct hark_observer_context context = { t->tokens };
	struct hark_observer_capability capabilities[HARK_OBSERVER_TOKEN_COUNT];
	struct keep keeps[HARK_OBSERVER_TOKEN_COUNT];
	struct hark_observer_manifest manifest = { .tokens = t->tokens };
	char digest[DIGEST_TEXT];
	enum hark_observer_error e;
	uint8_t i;

	for (i = 0; i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		keeps[i] = (struct keep){ t, i };
		capabilities[i] =
			(struct hark_observer_capability){ (enum hark_observer_cap_token)i,
							   keep_payload, &keeps[i] };
	}
	write_digest(&t->module, digest);
	manifest.digest = hark_text_of(digest);
	e = hark_observer_host_open_wasmtime(&t->limits, capabilities, HARK_OBSERVER_TOKEN_COUNT,
					     host, &v->why.failure);
	if (e != HARK_OBSERVER_OK) {
		log_error("%s: %s", hark_observer_error_text(e), v->why.failure.text);
		return e == HARK_OBSERVER_ENGINE ? EXIT_UNAVAILABLE : EXIT_SOFTWARE;
	}
	e = hark_observer_host_register(host, t->module.data, t->module.size, &manifest, &v->why);
	v->loaded = e == HARK_OBSERVER_OK;
	if (!v->loaded && v->why.reason == HARK_OBSERVER_REASON_NONE) {
		log_error("%s", hark_observer_error_text(e));
		return EXIT_SOFTWARE;
	}
	if (!v->loaded)
		return EXIT_OK;
	v->run = hark_observer_host_invoke(host, &context, t->events, t->count, &v->outcome);
	if (v->run == HARK_OBSERVER_MEMORY || v->run == HARK_OBSERVER_EVENT) {
		log_error("%s", hark_observer_error_text(v->run));
		return EXIT_SOFTWARE;
	}
	return EXIT_OK;
}

static int
test_module(struct test *t)
{
	struct hark_observer_host host = { NULL, NULL };
	struct verdict v = { 0 };
	int code = read_file(t->module_path, MODULE_BYTES_MAX, &t->module);

	if (code == EXIT_OK)
		code = read_events(t);
	if (code == EXIT_OK)
		code = confine();
	if (code == EXIT_OK)
		code = load_and_run(t, &host, &v);
	hark_observer_host_close(&host);
	if (code != EXIT_OK)
		return code;
	if (t->as_json)
		print_json(t, &v);
	else
		print_text(t, &v);
	if (fflush(stdout) != 0)
		return EXIT_IO;
	return v.loaded && v.run == HARK_OBSERVER_OK ? EXIT_OK : EXIT_DATA;
}

int
command_observer_test(int argc, char **argv)
{
	struct test t = { 0 };
	int code = EXIT_OK;

	if (read_arguments(argc, argv, &t, &code))
		code = test_module(&t);
	buf_finish(&t.module);
	buf_finish(&t.lines);
	buf_finish(&t.payloads);
	free(t.events);
	free(t.storage);
	return code;
}
