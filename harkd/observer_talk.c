/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the processes of an observer say, and what the notary says of them.  The notary decides
 * whether a digest may run; what a module's process says of itself is shown and nothing more.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "harkd/harkd.h"
#include "os/file.h"
#include "os/packet.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "json/writer.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)
/* A record of a refusal: words of 1,024 bytes, each at most six, and what stands around them. */
#define RECORD_BYTES 8192u
/* As FIELD_JSON has it. */
#define MANIFEST_BYTES 60000u

/* ---- records ------------------------------------------------------------------------------- */

void
observer_record(struct observer *o, const char *kind)
{
	char json[256];
	struct message m;

	/* A name and a digest need no escapes. */
	(void)snprintf(json, sizeof(json), "{\"digest\":\"%s\",\"observer\":\"%s\"}",
		       o->manifest.digest, o->manifest.name);
	message_init(&m, MESSAGE_OPERATION, 0);
	message_set_text(&m, FIELD_KIND, kind);
	message_set_text(&m, FIELD_JSON, json);
	child_send(&o->h->notary, &m);
}

/* The record is durable, or cannot be had now: who waits hears why it does not run. */
static void
on_refusal_recorded(struct harkd *h, void *ctx, const struct message *done)
{
	struct observer *o = ctx;

	(void)h;
	(void)done;
	if (o->state == OBSERVER_REFUSED)
		observer_answer_runs(o, EXIT_DATA, o->why); /* it may be freed by that */
}

static void
record_refusal(struct observer *o, const char *reason, const char *text)
{
	static char json[RECORD_BYTES];
	struct json_writer w;
	struct message m;
	size_t size = 0;

	json_writer_init(&w, json, sizeof(json));
	json_write_literal(&w, "{\"digest\":");
	json_write_string(&w, o->manifest.digest, strlen(o->manifest.digest));
	json_write_literal(&w, ",\"observer\":");
	json_write_string(&w, o->manifest.name, strlen(o->manifest.name));
	json_write_literal(&w, ",\"reason\":");
	json_write_string(&w, reason, strlen(reason));
	json_write_literal(&w, ",\"text\":");
	json_write_string(&w, text, strlen(text));
	json_write_literal(&w, "}");
	MUST(json_writer_finish(&w, &size) == ERR_OK);
	message_init(&m, MESSAGE_OPERATION, 0);
	message_set_text(&m, FIELD_KIND, "observer_refused");
	message_set_bytes(&m, FIELD_JSON, json, size);
	pending_ask(o->h, &m, on_refusal_recorded, o, 0, 0);
}

void
observer_refuse(struct observer *o, const char *reason, const char *text)
{
	char words[sizeof(o->why)];

	(void)snprintf(words, sizeof(words), "%.40s: %.900s", reason, text);
	log_error("observer %s is refused: %s", o->manifest.name, words);
	observer_enter(o, OBSERVER_REFUSED, words);
	record_refusal(o, reason, text); /* it may be freed by that */
}

/* ---- may it run ---------------------------------------------------------------------------- */

static void
go(struct observer *o)
{
	struct message m;

	message_init(&m, MESSAGE_OBSERVER_GO, 0);
	m.fds[0] = file_steal(&o->link_end);
	m.fds[1] = file_steal(&o->report_end);
	m.fd_count = 2;
	o->went = true;
	child_limit_start(&o->module, o->manifest.limits.compile_ms + OBSERVER_START_MS);
	child_send(&o->module, &m);
}

/* The digest stands in the remedy, because whoever is refused here may not stay. */
static void
quarantine(struct observer *o)
{
	char hex[2 * OBSERVER_DIGEST_BYTES];
	char words[512];

	(void)text_write_hex(o->digest, OBSERVER_DIGEST_BYTES, hex);
	(void)snprintf(words, sizeof(words),
		       "its module is quarantined: `hark observer release %s --digest blake3:%.*s` "
		       "lets it run again",
		       o->manifest.name, (int)sizeof(hex), hex);
	observer_enter(o, OBSERVER_QUARANTINED, words);
}

static void
on_judged(struct harkd *h, void *ctx, const struct message *done)
{
	struct observer *o = (struct observer *)((char *)ctx - offsetof(struct observer, pair));
	uint64_t code =
		done != NULL ? message_number(done, FIELD_CODE, EXIT_SOFTWARE) : EXIT_TEMPORARY;
	struct bytes text = { NULL, 0 };
	char shown[512];

	(void)h;
	/* Told to end meanwhile, or ended: the next pair asks for itself. */
	if (o->state != OBSERVER_STARTING || o->module.state != CHILD_STARTING)
		return;
	if (done != NULL)
		o->strikes = message_number(done, FIELD_COUNT, o->strikes);
	if (code == EXIT_OK) {
		go(o);
		return;
	}
	if (done != NULL)
		text = message_bytes(done, FIELD_TEXT);
	(void)text_escape((const char *)text.data, text.size, shown, sizeof(shown));
	if (code == EXIT_NO_PERMISSION) {
		quarantine(o);
		observer_answer_runs(o, EXIT_NO_PERMISSION, o->why);
	} else if (child_code_is_final((int)code)) {
		observer_refuse(o, "notary", shown);
	} else {
		observer_enter(o, OBSERVER_WAITING, shown[0] != '\0' ? shown : "no notary runs");
	}
}

/* The notary gets the other end of the reports, and says whether this digest may run. */
static void
ask_notary(struct observer *o)
{
	static char json[MANIFEST_BYTES];
	struct json_writer w;
	struct message m;
	size_t size = 0;
	int pair[2];

	json_writer_init(&w, json, sizeof(json));
	config_observer_json(&o->manifest, &w);
	if (json_writer_finish(&w, &size) != ERR_OK) {
		observer_refuse(o, "setup", "its manifest is too large for a record");
		return;
	}
	if (packet_pair_one_way(pair) != ERR_OK) {
		child_kill(&o->module, "it can have no channel to the notary");
		return;
	}
	message_init(&m, MESSAGE_OBSERVER, 0);
	message_set_text(&m, FIELD_OBSERVER, o->manifest.name);
	message_set_bytes(&m, FIELD_DIGEST, o->digest, sizeof(o->digest));
	message_set_bytes(&m, FIELD_JSON, json, size);
	message_set_number(&m, FIELD_COUNT, o->manifest.strikes);
	m.fds[0] = pair[0];
	m.fd_count = 1;
	o->report_end = pair[1];
	o->was_asked = true;
	pending_ask(o->h, &m, on_judged, &o->pair, 0, 0);
}

/* ---- the module's process ------------------------------------------------------------------ */

static bool
hear_digest(struct observer *o, const struct message *m)
{
	struct bytes digest = message_bytes(m, FIELD_DIGEST);

	/* Told to end meanwhile, it may have said it before. */
	if (o->was_asked || o->module.state != CHILD_STARTING || digest.size != sizeof(o->digest))
		return o->module.state == CHILD_STOPPING;
	memcpy(o->digest, digest.data, sizeof(o->digest));
	o->has_digest = true;
	ask_notary(o);
	return true;
}

/* True for what a record may have as a word. */
static bool
is_word(struct bytes text)
{
	size_t i;

	for (i = 0; i < text.size; i++) {
		if ((text.data[i] < 'a' || text.data[i] > 'z') && text.data[i] != '_')
			return false;
	}
	return text.size > 0 && text.size <= 40;
}

static bool
hear_refused(struct observer *o, const struct message *m)
{
	struct bytes reason = message_bytes(m, FIELD_REASON);
	struct bytes text = message_bytes(m, FIELD_TEXT);
	char word[64];
	char shown[CHILD_TEXT_BYTES];

	if (o->module.state != CHILD_STARTING || !is_word(reason))
		return o->module.state == CHILD_STOPPING;
	(void)snprintf(word, sizeof(word), "%.*s", (int)reason.size, (const char *)reason.data);
	(void)text_escape((const char *)text.data, text.size, shown, sizeof(shown));
	if (o->state == OBSERVER_STARTING)
		observer_refuse(o, word, shown);
	return true;
}

/* Once a second: a process that was taken over would fill the log. */
static bool
may_log(const struct observer *o, uint64_t *logged_ns)
{
	uint64_t now = loop_now_ns(o->h->loop);

	if (*logged_ns != 0 && now - *logged_ns < NS_PER_S)
		return false;
	*logged_ns = now;
	return true;
}

static void
hear_state(struct observer *o, const struct message *m)
{
	struct bytes text = message_bytes(m, FIELD_TEXT);
	char notes[CHILD_TEXT_BYTES];

	o->events = message_number(m, FIELD_COUNT, 0);
	(void)text_escape((const char *)text.data, text.size, notes, sizeof(notes));
	if (strcmp(notes, o->notes) == 0)
		return;
	memcpy(o->notes, notes, sizeof(notes));
	if (may_log(o, &o->notes_logged_ns))
		log_warning("observer %s says: %s", o->manifest.name, notes);
}

bool
observer_hear_module(struct child *c, struct message *m)
{
	struct observer *o = observer_of_module(c);

	switch (m->type) {
	case MESSAGE_OBSERVER_DIGEST:
		return hear_digest(o, m);
	case MESSAGE_OBSERVER_REFUSED:
		return hear_refused(o, m);
	case MESSAGE_OBSERVER_STATE:
		hear_state(o, m);
		return true;
	case MESSAGE_DONE:
		if (m->id != o->ping_id || !o->ping_waits)
			return c->state == CHILD_STOPPING;
		o->ping_waits = false;
		return true;
	default:
		return false;
	}
}

void
observer_ping(void *ctx, uint64_t now_ns)
{
	struct observer *o = ctx;
	uint64_t limit_ns = (o->manifest.limits.wall_ms + OBSERVER_HUNG_MS) * NS_PER_MS;
	struct message m;

	if (!child_runs(&o->module))
		return;
	observer_watch_lag(o);
	if (o->ping_waits && now_ns - o->ping_sent_ns >= limit_ns &&
	    !child_is_starved(&o->module, o->ping_cpu_ms)) {
		o->was_hung = true;
		child_kill(&o->module, "it does not answer");
		return;
	}
	if (o->is_trapped && now_ns - o->trapped_ns >= OBSERVER_LAST_MS * NS_PER_MS) {
		observer_enter(o, o->after, o->after_why);
		return;
	}
	loop_timer_set(o->h->loop, &o->ping, now_ns + OBSERVER_PING_MS * NS_PER_MS);
	if (o->ping_waits)
		return;
	o->ping_waits = true;
	o->ping_sent_ns = now_ns;
	o->ping_cpu_ms = child_cpu_ms(&o->module) + limit_ns / NS_PER_MS;
	message_init(&m, MESSAGE_PING, ++o->ping_id);
	child_send(&o->module, &m);
}

/* ---- the projector ------------------------------------------------------------------------- */

/*
 * Nobody has read what is not there: an observer that was taken over said so, to have passed over
 * it once it is, or the projection is another ledger's.
 */
static bool
is_beyond(const struct observer *o, uint64_t *size_out)
{
	struct page_state state;
	uint32_t counter;

	if (!page_read(o->h->ledgers[PROTO_EVIDENCE].page, &state, &counter) ||
	    state.committed_size == 0)
		return false;
	*size_out = state.committed_size;
	return o->cursor > state.committed_size && o->cursor > o->manifest.from;
}

static void
refuse_beyond(struct observer *o, uint64_t size)
{
	char words[256];

	(void)snprintf(words, sizeof(words),
		       "the projection's cursor is leaf %llu, and the ledger has %llu: is it the "
		       "projection of another ledger? Else begin it anew",
		       (unsigned long long)o->cursor, (unsigned long long)size);
	observer_refuse(o, "cursor", words);
}

bool
observer_hear_projector(struct child *c, struct message *m)
{
	struct observer *o = observer_of_projector(c);
	struct bytes state = message_bytes(m, FIELD_STATE);
	struct bytes text = message_bytes(m, FIELD_TEXT);
	uint64_t size = 0;
	bool away;

	if (m->type != MESSAGE_PROJECTOR_STATE)
		return false;
	away = state.size == 4 && memcmp(state.data, "away", 4) == 0;
	if (!away && (state.size != 2 || memcmp(state.data, "ok", 2) != 0))
		return false;
	o->database_is_away = away;
	(void)text_escape((const char *)text.data, text.size, o->database_text,
			  sizeof(o->database_text));
	/* Where it is away from the start, its cursor is not known. */
	if (!away) {
		if (!o->has_cursor || o->cursor != message_number(m, FIELD_INDEX, 0))
			o->still_ns = loop_now_ns(c->h->loop);
		o->has_cursor = true;
		o->cursor = message_number(m, FIELD_INDEX, 0);
		o->dead_letters = message_number(m, FIELD_COUNT, 0);
		if (loop_now_ns(c->h->loop) - o->kept_ns >= OBSERVER_CURSOR_MS * NS_PER_MS)
			observer_keep_cursor(o);
	}
	o->database_said = true;
	if (!away && observer_may_enter(o, OBSERVER_REFUSED) && is_beyond(o, &size))
		refuse_beyond(o, size);
	else
		observer_look(o);
	return true;
}

static void
log_database(struct observer *o, bool is_back)
{
	if (!may_log(o, &o->database_logged_ns))
		return;
	if (is_back)
		log_info("observer %s: its database is back", o->manifest.name);
	else
		log_warning("observer %s: its database is away: %s", o->manifest.name,
			    o->database_text);
}

void
observer_look(struct observer *o)
{
	enum observer_state next = o->database_is_away ? OBSERVER_AWAY : OBSERVER_RUNNING;
	bool first = o->state == OBSERVER_STARTING;
	char words[sizeof(o->why)];

	if (!child_runs(&o->module) || !child_runs(&o->projector) || !o->database_said)
		return;
	if (o->state != OBSERVER_STARTING && o->state != OBSERVER_RUNNING &&
	    o->state != OBSERVER_AWAY)
		return;
	if (o->state != next || first) {
		observer_enter(o, next,
			       next == OBSERVER_AWAY ? o->database_text
			       : o->manifest.noop    ? "engine: noop: it passes over every event "
						       "and runs nothing"
						     : "");
		if (next == OBSERVER_AWAY || !first)
			log_database(o, next == OBSERVER_RUNNING);
	}
	if (first) {
		o->ready_ns = o->still_ns = loop_now_ns(o->h->loop);
		o->is_new = false;
		(void)snprintf(words, sizeof(words), "%s%.1000s",
			       next == OBSERVER_AWAY ? "its database is away: " : "", o->why);
		observer_answer_runs(o, EXIT_OK, words);
	}
}
