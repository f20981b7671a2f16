/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A module's run in the process of a command.  It decides nothing and prints nothing of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "hark/observer_run.h"
#include "os/confine.h"
#include "os/file.h"
#include "prog/exit.h"
#include "prog/log.h"

/* All events of a run, and all payloads, in bytes. */
#define EVENTS_BYTES_MAX (64u * 1024u * 1024u)
#define PAYLOADS_BYTES   (256u * 1024u * 1024u)

/* An event's JSON among the others: they move while they grow. */
struct observer_run_place {
	size_t at, size;
};

int
observer_run_read(const char *path, size_t size_max, struct buf *out)
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

/* ---- events -------------------------------------------------------------------------------- */

static int
tell_memory(void)
{
	log_error("%s", err_text(ERR_MEMORY));
	return EXIT_SOFTWARE;
}

int
observer_run_add(struct observer_run *r, struct bytes json)
{
	static char storage[HARK_OBSERVER_EVENT_STORAGE];
	struct hark_observer_event event;
	struct hark_text text = { (const char *)json.data, json.size };

	if (hark_observer_event_of(text, storage, &event) != HARK_OBSERVER_OK)
		return EXIT_DATA;
	if (r->count == OBSERVER_EVENTS_MAX) {
		log_error("more than %u events: give it fewer at a time", OBSERVER_EVENTS_MAX);
		return EXIT_SOFTWARE;
	}
	if (r->count == r->capacity) {
		size_t capacity = r->capacity > 0 ? r->capacity * 2 : 64;
		struct observer_run_place *places = realloc(r->places, capacity * sizeof(*places));

		if (places == NULL)
			return tell_memory();
		r->places = places;
		r->capacity = capacity;
	}
	r->places[r->count] = (struct observer_run_place){ r->jsons.size, json.size };
	if (buf_append(&r->jsons, json.data, json.size, EVENTS_BYTES_MAX) != ERR_OK)
		return tell_memory();
	r->count++;
	return EXIT_OK;
}

/* Where no JSON moves any more. */
static bool
make_events(const struct observer_run *r, struct hark_observer_event **events_out,
	    char **storage_out)
{
	size_t count = r->count > 0 ? r->count : 1;
	struct hark_observer_event *events = calloc(count, sizeof(*events));
	char *storage = calloc(count, HARK_OBSERVER_EVENT_STORAGE);
	size_t i;

	*events_out = events;
	*storage_out = storage;
	if (events == NULL || storage == NULL)
		return false;
	for (i = 0; i < r->count; i++) {
		struct hark_text json = { (const char *)r->jsons.data + r->places[i].at,
					  r->places[i].size };

		/* It was one when it was added. */
		MUST(hark_observer_event_of(json, storage + i * HARK_OBSERVER_EVENT_STORAGE,
					    &events[i]) == HARK_OBSERVER_OK);
	}
	return true;
}

/* ---- effects ------------------------------------------------------------------------------- */

struct keep {
	struct observer_run *run;
	uint8_t token;
};

static int
keep_payload(void *self, const void *bytes, size_t size)
{
	const struct keep *k = self;
	uint32_t head = (uint32_t)size;

	if ((k->run->failing & HARK_OBSERVER_TOKEN_BIT(k->token)) != 0)
		return -1;
	return buf_append(&k->run->payloads, &k->token, 1, PAYLOADS_BYTES) != ERR_OK ||
	       buf_append(&k->run->payloads, &head, sizeof(head), PAYLOADS_BYTES) != ERR_OK ||
	       buf_append(&k->run->payloads, bytes, size, PAYLOADS_BYTES) != ERR_OK;
}

bool
observer_run_payload(const struct observer_run *r, size_t *at, uint8_t *token, struct bytes *out)
{
	uint32_t size;

	if (*at >= r->payloads.size)
		return false;
	*token = r->payloads.data[*at];
	memcpy(&size, r->payloads.data + *at + 1, sizeof(size));
	*out = (struct bytes){ r->payloads.data + *at + 1 + sizeof(size), size };
	*at += 1 + sizeof(size) + size;
	return true;
}

/* ---- the run ------------------------------------------------------------------------------- */

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

static int
load(struct observer_run *r, const char *digest, struct hark_observer_host *host,
     struct keep keeps[HARK_OBSERVER_TOKEN_COUNT], struct observer_verdict *v)
{
	struct hark_observer_capability capabilities[HARK_OBSERVER_TOKEN_COUNT];
	struct hark_observer_manifest manifest = { .tokens = r->tokens };
	char own[HARK_OBSERVER_DIGEST_TEXT];
	enum hark_observer_error e;
	uint8_t i;

	for (i = 0; i < HARK_OBSERVER_TOKEN_COUNT; i++) {
		keeps[i] = (struct keep){ r, i };
		capabilities[i] =
			(struct hark_observer_capability){ (enum hark_observer_cap_token)i,
							   keep_payload, &keeps[i] };
	}
	MUST(hark_observer_digest_write(hark_text_of(NULL), r->module.data, r->module.size, own) ==
	     HARK_OBSERVER_OK);
	manifest.digest = hark_text_of(digest != NULL ? digest : own);
	e = hark_observer_host_open_wasmtime(&r->limits, capabilities, HARK_OBSERVER_TOKEN_COUNT,
					     host, &v->why.failure);
	if (e != HARK_OBSERVER_OK) {
		log_error("%s: %s", hark_observer_error_text(e), v->why.failure.text);
		return e == HARK_OBSERVER_ENGINE ? EXIT_UNAVAILABLE : EXIT_SOFTWARE;
	}
	e = hark_observer_host_register(host, r->module.data, r->module.size, &manifest, &v->why);
	v->loaded = e == HARK_OBSERVER_OK;
	if (v->loaded || v->why.reason != HARK_OBSERVER_REASON_NONE)
		return EXIT_OK;
	log_error("%s", hark_observer_error_text(e));
	return EXIT_SOFTWARE;
}

int
observer_run_go(struct observer_run *r, const char *digest, struct observer_verdict *v)
{
	const struct hark_observer_context context = { r->tokens };
	struct hark_observer_host host = { NULL, NULL };
	struct keep keeps[HARK_OBSERVER_TOKEN_COUNT];
	struct hark_observer_event *events = NULL;
	char *storage = NULL;
	int code = EXIT_OK;

	*v = (struct observer_verdict){ .loaded = false };
	if (!make_events(r, &events, &storage))
		code = tell_memory();
	if (code == EXIT_OK)
		code = confine();
	if (code == EXIT_OK)
		code = load(r, digest, &host, keeps, v);
	if (code == EXIT_OK && v->loaded) {
		v->run = hark_observer_host_invoke(&host, &context, events, r->count, &v->outcome);
		if (v->run == HARK_OBSERVER_MEMORY || v->run == HARK_OBSERVER_EVENT) {
			log_error("%s", hark_observer_error_text(v->run));
			code = EXIT_SOFTWARE;
		}
		if (v->run == HARK_OBSERVER_CAPABILITY) {
			/* As a projector, which keeps all of a batch or nothing. */
			r->payloads.size = 0;
			if ((r->failing & HARK_OBSERVER_TOKEN_BIT(v->outcome.token)) == 0)
				code = tell_memory();
		}
	}
	hark_observer_host_close(&host);
	free(events);
	free(storage);
	return code;
}

void
observer_run_finish(struct observer_run *r)
{
	buf_finish(&r->module);
	buf_finish(&r->jsons);
	buf_finish(&r->payloads);
	free(r->places);
	r->places = NULL;
	r->count = r->capacity = 0;
}
