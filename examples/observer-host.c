/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Embeds libhark-observer in a page: runs one module over the events on standard input, a line
 * each, as one batch, and prints what it asks for.  All tokens are granted, because nothing is done
 * with them.
 *
 *     observer-host MODULE.wasm blake3:... <events.jsonl
 *     cc observer-host.c $(pkg-config --cflags --libs hark-observer)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/observer_host.h>

#define EVENTS_MAX 1024u
#define MODULE_MAX 1048576u

static const char *const names[] = { "PgWrite", "MetricEmit", "KmsReceipt", "Log" };

static int
print(void *self, const void *bytes, size_t size)
{
	return printf("%s %.*s\n", (const char *)self, (int)size, (const char *)bytes) < 0;
}

/* The events of standard input; their lines and texts stay until the end. */
static size_t
read_events(struct hark_observer_event *events)
{
	size_t count = 0, capacity = 0;
	char *line = NULL;
	ssize_t size;

	while (count < EVENTS_MAX && (size = getline(&line, &capacity, stdin)) > 1) {
		char *storage = malloc(HARK_OBSERVER_EVENT_STORAGE);
		struct hark_text json = { line, (size_t)size - (line[size - 1] == '\n') };

		if (storage == NULL ||
		    hark_observer_event_of(json, storage, &events[count]) != HARK_OBSERVER_OK) {
			fprintf(stderr, "line %zu is not an event of Hark's\n", count + 1);
			exit(65);
		}
		count++;
		line = NULL;
		capacity = 0;
	}
	free(line);
	return count;
}

static enum hark_observer_error
open_host(const char *path, const char *digest, struct hark_observer_host *out)
{
	const struct hark_observer_manifest manifest = { hark_text_of(digest),
							 HARK_OBSERVER_TOKENS_ALL };
	struct hark_observer_capability capabilities[HARK_OBSERVER_TOKEN_COUNT];
	struct hark_observer_refusal why = { 0 };
	static char module[MODULE_MAX];
	enum hark_observer_error e;
	FILE *file = fopen(path, "rb");
	size_t size, i;

	if (file == NULL)
		return HARK_OBSERVER_ARGUMENT;
	size = fread(module, 1, sizeof(module), file);
	fclose(file);
	for (i = 0; i < HARK_OBSERVER_TOKEN_COUNT; i++)
		capabilities[i] =
			(struct hark_observer_capability){ (enum hark_observer_cap_token)i, print,
							   (void *)names[i] };
	e = hark_observer_host_open_wasmtime(NULL, capabilities, HARK_OBSERVER_TOKEN_COUNT, out,
					     &why.failure);
	if (e == HARK_OBSERVER_OK)
		e = hark_observer_host_register(out, module, size, &manifest, &why);
	if (e != HARK_OBSERVER_OK)
		fprintf(stderr, "refused: %s: %s\n", hark_observer_reason_name(why.reason),
			why.failure.text);
	return e;
}

int
main(int argc, char **argv)
{
	static struct hark_observer_event events[EVENTS_MAX];
	const struct hark_observer_context context = { HARK_OBSERVER_TOKENS_ALL };
	struct hark_observer_host host = { NULL, NULL };
	struct hark_observer_outcome outcome;
	enum hark_observer_error e;
	size_t count;

	if (argc != 3) {
		fprintf(stderr, "usage: observer-host MODULE.wasm DIGEST <events.jsonl\n");
		return 64;
	}
	if (open_host(argv[1], argv[2], &host) != HARK_OBSERVER_OK)
		return 1;
	count = read_events(events);
	e = hark_observer_host_invoke(&host, &context, events, count, &outcome);
	if (e != HARK_OBSERVER_OK)
		fprintf(stderr, "%s: %s, %s\n", hark_observer_error_text(e),
			hark_observer_trap_class_name(outcome.trap_class),
			hark_observer_reason_name(outcome.reason));
	hark_observer_host_close(&host);
	return e != HARK_OBSERVER_OK;
}
