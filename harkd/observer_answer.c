/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What people ask of observers, by way of hark-control, and how these are shown. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "harkd/harkd.h"
#include "os/spawn.h"
#include "prog/exit.h"
#include "prog/log.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

static void
refuse(struct harkd *h, const struct message *ask, int code, const char *text)
{
	answer_done(h, ask->id, h->control.generation, code, text);
}

/* ---- who waits ----------------------------------------------------------------------------- */

static void
let_wait(struct observer *o, const struct message *ask)
{
	MUST(o->asked_id == 0);

	o->asked_id = ask->id;
	o->asked_generation = o->h->control.generation;
	loop_timer_set(o->h->loop, &o->asked_limit,
		       loop_now_ns(o->h->loop) + OBSERVER_ASK_MS * NS_PER_MS);
}

/* It was never one: who asked hears so once nothing of it is left, and may try again at once. */
static void
turn_away(struct observer *o, int code, const char *text)
{
	o->is_new = false;
	o->is_unrecorded = true;
	o->last_code = code;
	(void)snprintf(o->last_text, sizeof(o->last_text), "%s", text);
	loop_timer_clear(o->h->loop, &o->asked_limit);
	observer_remove(o);
}

void
observer_answer_asked(struct observer *o, int code, const char *text)
{
	uint64_t id = o->asked_id;

	if (id == 0)
		return;
	if (o->is_new && code != EXIT_OK && code != EXIT_TEMPORARY) {
		turn_away(o, code, text);
		return;
	}
	o->asked_id = 0;
	o->asked_to_end = false;
	o->is_new = false;
	loop_timer_clear(o->h->loop, &o->asked_limit);
	answer_done(o->h, id, o->asked_generation, code, text);
}

void
observer_answer_runs(struct observer *o, int code, const char *text)
{
	if (!o->asked_to_end)
		observer_answer_asked(o, code, text);
}

/* ---- changes ------------------------------------------------------------------------------- */

static void
add(struct harkd *h, const struct message *ask)
{
	struct bytes text = message_bytes(ask, FIELD_MANIFEST);
	struct config_observer manifest = { .name = NULL };
	struct observer_refusal why = { 0 };
	struct config_failure failure = { { 0 } };
	char name[CONFIG_OBSERVER_NAME_BYTES_MAX + 1];
	struct observer *o;
	enum err e = config_observer_read("the manifest", text.data, text.size, h->config.data,
					  &manifest, &failure);

	if (e != ERR_OK) {
		refuse(h, ask, e == ERR_MEMORY ? EXIT_SOFTWARE : EXIT_CONFIG, failure.text);
		return;
	}
	if (message_text(ask, FIELD_OBSERVER, name, sizeof(name)) != ERR_OK ||
	    strcmp(name, manifest.name) != 0) {
		config_observer_finish(&manifest);
		refuse(h, ask, EXIT_USAGE, "the manifest has another name");
		return;
	}
	if (options_may_observe(&h->options, &manifest, why.text, sizeof(why.text)) != EXIT_OK) {
		config_observer_finish(&manifest);
		refuse(h, ask, EXIT_UNAVAILABLE, why.text);
		return;
	}
	o = observer_add(h, &manifest, false, &why);
	if (o == NULL) {
		refuse(h, ask, why.code, why.text);
		return;
	}
	if (!observer_keep(o, &why)) {
		refuse(h, ask, why.code, why.text);
		observer_unkeep(h, o->manifest.name);
		observer_destroy(o);
		return;
	}
	o->is_new = true;
	let_wait(o, ask);
	observer_begin(o); /* it may be freed by that */
}

static void
take_out(struct harkd *h, const struct message *ask, struct observer *o)
{
	if (o->from_config) {
		refuse(h, ask, EXIT_CONFIG,
		       "the observer stands in the configuration: take it out there and reload "
		       "harkd");
		return;
	}
	let_wait(o, ask);
	o->asked_to_end = true;
	observer_remove(o);
}

/* The record is durable: now it is done. */
static void
on_disabled(struct harkd *h, void *ctx, const struct message *done)
{
	struct observer *o = ctx;
	struct observer_refusal why = { 0 };

	(void)h;
	if (done == NULL)
		observer_answer_asked(o, EXIT_TEMPORARY,
				      "the notary does not run just now; try again");
	else if (!observer_keep_off(o, true, &why))
		observer_answer_asked(o, why.code, why.text);
	else {
		observer_enter(o, OBSERVER_DISABLED, "");
		observer_answer_asked(o, EXIT_OK, "");
	}
}

static void
disable(struct observer *o, const struct message *ask)
{
	char json[256];
	struct message m;

	let_wait(o, ask);
	o->asked_to_end = true;
	(void)snprintf(json, sizeof(json), "{\"digest\":\"%s\",\"observer\":\"%s\"}",
		       o->manifest.digest, o->manifest.name);
	message_init(&m, MESSAGE_OPERATION, 0);
	message_set_text(&m, FIELD_KIND, "observer_disabled");
	message_set_text(&m, FIELD_JSON, json);
	pending_ask(o->h, &m, on_disabled, o, 0, 0);
}

static void
enable(struct harkd *h, struct observer *o, const struct message *ask)
{
	struct observer_refusal why = { 0 };

	if (o->state == OBSERVER_QUARANTINED) {
		refuse(h, ask, EXIT_NO_PERMISSION,
		       "its digest is quarantined: `hark observer release` lets it run again");
		return;
	}
	if (o->state == OBSERVER_RUNNING || o->state == OBSERVER_AWAY) {
		refuse(h, ask, EXIT_OK, "");
		return;
	}
	if (!observer_keep_off(o, false, &why)) {
		refuse(h, ask, why.code, why.text);
		return;
	}
	/* Before its registration in the same ledger, whose answer is waited for. */
	if (o->state == OBSERVER_DISABLED)
		observer_record(o, "observer_enabled");
	let_wait(o, ask);
	if (o->state != OBSERVER_STARTING && o->state != OBSERVER_WAITING)
		observer_enter(o, OBSERVER_WAITING, "");
	o->failures = 0;
	observer_begin(o); /* it may be answered by that */
}

static void
on_released(struct harkd *h, void *ctx, const struct message *done)
{
	const struct observer *released = ctx;
	struct observer *o;
	struct observer *next;

	if (done == NULL || message_number(done, FIELD_CODE, EXIT_SOFTWARE) != EXIT_OK)
		return; /* who asked hears it */
	if (released == NULL)
		return; /* nobody here runs that module */
	for (o = h->observers; o != NULL; o = next) {
		next = o->next;
		if (o != released && (!o->has_digest || !released->has_digest ||
				      memcmp(o->digest, released->digest, sizeof(o->digest)) != 0))
			continue;
		o->strikes = 0;
		if (o->state == OBSERVER_QUARANTINED ||
		    (o == released && o->state == OBSERVER_STOPPED)) {
			observer_enter(o, OBSERVER_WAITING, "");
			o->failures = 0;
			observer_begin(o);
		}
	}
}

/* One that has this digest; NULL. */
static struct observer *
find_digest(struct harkd *h, struct bytes digest)
{
	struct observer *o;

	for (o = h->observers; o != NULL; o = o->next) {
		if (o->has_digest && memcmp(o->digest, digest.data, sizeof(o->digest)) == 0)
			return o;
	}
	return NULL;
}

/* Of a digest that was given there may be no observer any more: it would stay as it is for ever. */
static void
release(struct harkd *h, const struct message *ask, struct observer *o)
{
	struct bytes digest = message_bytes(ask, FIELD_DIGEST);
	struct bytes name = message_bytes(ask, FIELD_OBSERVER);
	struct bytes text = message_bytes(ask, FIELD_TEXT);
	struct message m;

	if (message_has(ask, FIELD_DIGEST) && digest.size != OBSERVER_DIGEST_BYTES) {
		refuse(h, ask, EXIT_USAGE, "a digest has 32 bytes");
		return;
	}
	if (digest.size > 0)
		o = find_digest(h, digest);
	else if (o != NULL && o->has_digest)
		digest = (struct bytes){ o->digest, sizeof(o->digest) };
	message_init(&m, MESSAGE_OBSERVER_RELEASE, 0);
	message_set_bytes(&m, FIELD_OBSERVER, name.data, name.size);
	if (digest.size > 0)
		message_set_bytes(&m, FIELD_DIGEST, digest.data, digest.size);
	if (text.size > 0)
		message_set_bytes(&m, FIELD_TEXT, text.data, text.size);
	pending_ask(h, &m, on_released, o, ask->id, h->control.generation);
}

static void
change(struct harkd *h, const struct message *ask)
{
	char name[CONFIG_OBSERVER_NAME_BYTES_MAX + 1];
	struct observer *o = NULL;

	if (message_text(ask, FIELD_OBSERVER, name, sizeof(name)) == ERR_OK)
		o = observer_find(h, name);
	if (ask->type == MESSAGE_ASK_OBSERVER_RELEASE && message_has(ask, FIELD_DIGEST))
		release(h, ask, o);
	else if (o == NULL)
		refuse(h, ask, EXIT_NO_INPUT, "there is no observer of that name");
	else if (o->leaving)
		refuse(h, ask, EXIT_TEMPORARY, "the observer is being removed already");
	else if (ask->type == MESSAGE_ASK_OBSERVER_RELEASE)
		release(h, ask, o);
	else if (o->asked_id != 0)
		refuse(h, ask, EXIT_TEMPORARY, "somebody else is changing it; try again");
	else if (ask->type == MESSAGE_ASK_OBSERVER_REMOVE)
		take_out(h, ask, o);
	else if (message_number(ask, FIELD_MODE, 0) != 0)
		enable(h, o, ask);
	else if (o->state == OBSERVER_DISABLED)
		refuse(h, ask, EXIT_OK, "");
	else
		disable(o, ask);
}

/* ---- how they are -------------------------------------------------------------------------- */

static uint64_t
committed_size(const struct harkd *h)
{
	struct page_state state;
	uint32_t counter;

	return page_read(h->ledgers[PROTO_EVIDENCE].page, &state, &counter) ? state.committed_size
									    : 0;
}

void
observer_watch_lag(struct observer *o)
{
	if (!o->has_cursor || committed_size(o->h) <= o->cursor)
		o->still_ns = loop_now_ns(o->h->loop);
}

/* Why it is as it is, or what its process says; or else that nothing comes of it. */
static const char *
note_of(const struct observer *o, char *words, size_t capacity)
{
	uint64_t still_ns = loop_now_ns(o->h->loop) - o->still_ns;

	if (o->why[0] != '\0' || o->notes[0] != '\0')
		return o->why[0] != '\0' ? o->why : o->notes;
	if (o->state != OBSERVER_RUNNING || !o->has_cursor || committed_size(o->h) <= o->cursor ||
	    still_ns < OBSERVER_STILL_MS * NS_PER_MS)
		return "";
	(void)snprintf(
		words, capacity,
		"nothing has come through for %" PRIu64
		" s: it is at work still, or its projection waits, as for a lock of its table",
		still_ns / NS_PER_S);
	return words;
}

static void
send_item(struct harkd *h, uint64_t id, const struct observer *o, bool whole)
{
	cleanup(buf_finish) struct buf text = { 0 };
	char words[160];
	const char *note = note_of(o, words, sizeof(words));
	struct message m;

	message_init(&m, MESSAGE_ITEM_OBSERVER, id);
	message_set_text(&m, FIELD_OBSERVER, o->manifest.name);
	message_set_text(&m, FIELD_STATE, observer_state_text(o->state));
	if (o->has_digest)
		message_set_bytes(&m, FIELD_DIGEST, o->digest, sizeof(o->digest));
	if (o->has_cursor)
		message_set_number(&m, FIELD_INDEX, o->cursor);
	message_set_number(&m, FIELD_SIZE, committed_size(h));
	message_set_number(&m, FIELD_COUNT, o->strikes);
	if (o->module.pid > 0)
		message_set_number(&m, FIELD_PID, (uint64_t)o->module.pid);
	message_set_number(&m, FIELD_RESTARTS, o->pair > 0 ? o->pair - 1 : 0);
	if (note[0] != '\0')
		message_set_text(&m, FIELD_TEXT, note);
	message_set_number(&m, FIELD_DEAD_LETTERS, o->dead_letters);
	if (whole && config_observer_write(&o->manifest, false, &text) == ERR_OK)
		message_set_bytes(&m, FIELD_MANIFEST, text.data, text.size);
	answer_message(h, h->control.generation, &m);
}

void
observer_send_items(struct harkd *h, uint64_t id)
{
	const struct observer *o;

	for (o = h->observers; o != NULL; o = o->next)
		send_item(h, id, o, false);
}

static void
list(struct harkd *h, const struct message *ask)
{
	char name[CONFIG_OBSERVER_NAME_BYTES_MAX + 1];
	const struct observer *o = NULL;

	if (!message_has(ask, FIELD_OBSERVER)) {
		observer_send_items(h, ask->id);
		refuse(h, ask, EXIT_OK, "");
		return;
	}
	if (message_text(ask, FIELD_OBSERVER, name, sizeof(name)) == ERR_OK)
		o = observer_find(h, name);
	if (o == NULL) {
		refuse(h, ask, EXIT_NO_INPUT, "there is no observer of that name");
		return;
	}
	send_item(h, ask->id, o, true);
	refuse(h, ask, EXIT_OK, "");
}

const struct observer *
observer_holds(const struct harkd *h, uint64_t index, bool *known_out, uint64_t *next_out)
{
	const struct observer *o;

	for (o = h->observers; o != NULL; o = o->next) {
		uint64_t cursor = o->has_cursor ? o->cursor : o->manifest.from;

		if (o->leaving || cursor >= index)
			continue;
		*known_out = o->has_cursor;
		*next_out = cursor;
		return o;
	}
	return NULL;
}

void
observer_answer(struct harkd *h, const struct message *ask)
{
	switch (ask->type) {
	case MESSAGE_ASK_OBSERVERS:
		list(h, ask);
		break;
	case MESSAGE_ASK_OBSERVER_ADD:
		add(h, ask);
		break;
	default:
		change(h, ask);
		break;
	}
}
