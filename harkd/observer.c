/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The observers that harkd knows, and the one function that changes their state.  How their
 * processes are started and what they say is elsewhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "harkd/harkd.h"
#include "prog/exit.h"
#include "prog/log.h"

/* Which step is legal. */
static const bool steps[OBSERVER_STATE_COUNT][OBSERVER_STATE_COUNT] = {
	[OBSERVER_WAITING] = { [OBSERVER_STARTING] = true,
			       [OBSERVER_REFUSED] = true,
			       [OBSERVER_STOPPED] = true,
			       [OBSERVER_QUARANTINED] = true,
			       [OBSERVER_DISABLED] = true },
	[OBSERVER_STARTING] = { [OBSERVER_WAITING] = true,
				[OBSERVER_RUNNING] = true,
				[OBSERVER_AWAY] = true,
				[OBSERVER_REFUSED] = true,
				[OBSERVER_STOPPED] = true,
				[OBSERVER_QUARANTINED] = true,
				[OBSERVER_DISABLED] = true },
	[OBSERVER_RUNNING] = { [OBSERVER_WAITING] = true,
			       [OBSERVER_AWAY] = true,
			       [OBSERVER_REFUSED] = true,
			       [OBSERVER_STOPPED] = true,
			       [OBSERVER_QUARANTINED] = true,
			       [OBSERVER_DISABLED] = true },
	[OBSERVER_AWAY] = { [OBSERVER_WAITING] = true,
			    [OBSERVER_RUNNING] = true,
			    [OBSERVER_REFUSED] = true,
			    [OBSERVER_STOPPED] = true,
			    [OBSERVER_QUARANTINED] = true,
			    [OBSERVER_DISABLED] = true },
	[OBSERVER_REFUSED] = { [OBSERVER_WAITING] = true, [OBSERVER_DISABLED] = true },
	[OBSERVER_STOPPED] = { [OBSERVER_WAITING] = true,
			       [OBSERVER_QUARANTINED] = true,
			       [OBSERVER_DISABLED] = true },
	[OBSERVER_QUARANTINED] = { [OBSERVER_WAITING] = true, [OBSERVER_DISABLED] = true },
	[OBSERVER_DISABLED] = { [OBSERVER_WAITING] = true },
};

const char *
observer_state_text(enum observer_state s)
{
	static const char *const texts[] = {
#define STATE(name, text) [OBSERVER_##name] = text,
		OBSERVER_STATES(STATE)
#undef STATE
	};

	MUST((unsigned int)s < OBSERVER_STATE_COUNT);
	return texts[s];
}

/* True of the states in which its processes run. */
static bool
has_processes(enum observer_state s)
{
	return s == OBSERVER_STARTING || s == OBSERVER_RUNNING || s == OBSERVER_AWAY;
}

bool
observer_may_enter(const struct observer *o, enum observer_state next)
{
	return o->state == next || steps[o->state][next];
}

void
observer_enter(struct observer *o, enum observer_state next, const char *why)
{
	MUST(observer_may_enter(o, next));

	o->state = next;
	if (why != o->why)
		(void)snprintf(o->why, sizeof(o->why), "%s", why);
	if (!has_processes(next)) {
		loop_timer_clear(o->h->loop, &o->retry);
		observer_end(o);
	}
}

void
observer_again(struct observer *o, const char *why)
{
	o->failures = 0;
	o->failed_loads = 0;
	o->was_loaded = false;
	if (o->state != OBSERVER_DISABLED)
		observer_enter(o, OBSERVER_WAITING, why);
	observer_begin(o); /* nothing while its old pair ends, which goes on */
}

struct observer *
observer_find(struct harkd *h, const char *name)
{
	struct observer *o = h->observers;

	while (o != NULL && strcmp(o->manifest.name, name) != 0)
		o = o->next;
	return o;
}

/* ---- coming -------------------------------------------------------------------------------- */

static void
on_retry(void *ctx, uint64_t now_ns)
{
	struct observer *o = ctx;

	(void)now_ns;
	observer_begin(o);
}

static void
on_asked_too_long(void *ctx, uint64_t now_ns)
{
	struct observer *o = ctx;

	(void)now_ns;
	observer_answer_asked(o, EXIT_TEMPORARY,
			      "it does not run yet; `hark observer show` says how it is");
}

static struct observer *
observer_new(struct harkd *h, struct config_observer *manifest, bool from_config)
{
	struct observer *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->h = h;
	o->manifest = *manifest;
	*manifest = (struct config_observer){ .name = NULL };
	o->from_config = from_config;
	o->link_end = o->report_end = -1;
	child_init(&o->module, &role_module, h);
	child_init(&o->projector, &role_projector, h);
	o->module.label = o->projector.label = o->manifest.name;
	o->retry = (struct loop_timer){ .fn = on_retry, .ctx = o };
	o->ping = (struct loop_timer){ .fn = observer_ping, .ctx = o };
	o->asked_limit = (struct loop_timer){ .fn = on_asked_too_long, .ctx = o };
	return o;
}

/* Another whose file is one of this one's: both would write it. */
static const struct observer *
shares_file(const struct harkd *h, const struct config_observer *m)
{
	const struct observer *o;

	for (o = h->observers; o != NULL; o = o->next) {
		if (m->metric_file != NULL && o->manifest.metric_file != NULL &&
		    strcmp(m->metric_file, o->manifest.metric_file) == 0)
			return o;
		if (m->receipt_file != NULL && o->manifest.receipt_file != NULL &&
		    strcmp(m->receipt_file, o->manifest.receipt_file) == 0)
			return o;
	}
	return NULL;
}

static bool
may_come(struct harkd *h, const struct config_observer *m, struct observer_refusal *why)
{
	const struct observer *other = observer_find(h, m->name);
	const struct observer *o;
	size_t count = 0;

	for (o = h->observers; o != NULL; o = o->next)
		count++;
	if (other != NULL) {
		why->code = other->from_config ? EXIT_CONFIG : EXIT_CANT_CREATE;
		(void)snprintf(why->text, sizeof(why->text), "there is an observer %s already%s",
			       m->name,
			       other->from_config ? ", in the configuration: change it there and "
						    "reload harkd"
						  : ": remove it first");
		return false;
	}
	other = shares_file(h, m);
	if (other != NULL) {
		why->code = EXIT_CANT_CREATE;
		(void)snprintf(why->text, sizeof(why->text),
			       "observer %s writes that file of metrics or receipts already",
			       other->manifest.name);
		return false;
	}
	if (count < CONFIG_OBSERVERS_MAX)
		return true;
	why->code = EXIT_TEMPORARY;
	(void)snprintf(why->text, sizeof(why->text),
		       "there are %u observers, as many as one harkd "
		       "takes",
		       CONFIG_OBSERVERS_MAX);
	return false;
}

struct observer *
observer_add(struct harkd *h, struct config_observer *manifest, bool from_config,
	     struct observer_refusal *why)
{
	struct observer **link = &h->observers;
	struct observer *o = NULL;

	if (may_come(h, manifest, why)) {
		o = observer_new(h, manifest, from_config);
		if (o == NULL) {
			why->code = EXIT_SOFTWARE;
			(void)snprintf(why->text, sizeof(why->text), "%s", err_text(ERR_MEMORY));
		}
	}
	if (o == NULL) {
		config_observer_finish(manifest);
		return NULL;
	}
	/* By name, as people and programs are shown them. */
	while (*link != NULL && strcmp((*link)->manifest.name, o->manifest.name) < 0)
		link = &(*link)->next;
	o->next = *link;
	*link = o;
	observer_read_cursor(o);
	observer_keep_from(o);
	if (observer_is_off(h, o->manifest.name))
		observer_enter(o, OBSERVER_DISABLED, "");
	return o;
}

/* ---- going --------------------------------------------------------------------------------- */

void
observer_destroy(struct observer *o)
{
	struct observer **link = &o->h->observers;

	while (*link != o)
		link = &(*link)->next;
	*link = o->next;
	pending_forget(o->h, o);
	pending_forget(o->h, &o->pair);
	loop_timer_clear(o->h->loop, &o->retry);
	loop_timer_clear(o->h->loop, &o->ping);
	loop_timer_clear(o->h->loop, &o->asked_limit);
	observer_drop_ends(o);
	child_finish(&o->module);
	child_finish(&o->projector);
	config_observer_finish(&o->manifest);
	free(o);
}

static void
on_removed(struct harkd *h, void *ctx, const struct message *done)
{
	struct observer *o = ctx;

	if (done == NULL || message_number(done, FIELD_CODE, EXIT_SOFTWARE) != EXIT_OK)
		return; /* the next notary is asked again */
	log_info("observer %s is removed", o->manifest.name);
	observer_unkeep(h, o->manifest.name);
	observer_answer_asked(o, EXIT_OK, "");
	observer_destroy(o);
}

/* Recorded before it is forgotten: a crash between leaves the observer, which can be removed again.
 */
static void
send_removal(struct observer *o)
{
	struct message m;
	char json[256];

	/* A name needs no escapes. */
	(void)snprintf(json, sizeof(json), "{\"observer\":\"%s\"}", o->manifest.name);
	message_init(&m, MESSAGE_OPERATION, 0);
	message_set_text(&m, FIELD_KIND, "observer_removed");
	message_set_text(&m, FIELD_JSON, json);
	pending_ask(o->h, &m, on_removed, o, 0, 0);
}

void
observer_remove(struct observer *o)
{
	o->leaving = true;
	loop_timer_clear(o->h->loop, &o->retry);
	if (observer_has_pair(o)) {
		observer_end(o); /* its end goes on */
	} else if (o->is_unrecorded) {
		observer_unkeep(o->h, o->manifest.name);
		answer_done(o->h, o->asked_id, o->asked_generation, o->last_code, o->last_text);
		observer_destroy(o);
	} else if (notary_hears(o->h)) {
		send_removal(o);
	}
}

/* ---- all of them --------------------------------------------------------------------------- */

void
observer_start_all(struct harkd *h)
{
	struct observer *o;
	struct observer *next;

	for (o = h->observers; o != NULL; o = next) {
		next = o->next; /* removal may free it at once */
		if (o->leaving)
			observer_remove(o);
		else
			observer_begin(o);
	}
}

void
observer_stop_all(struct harkd *h, const char *why)
{
	struct observer *o;

	for (o = h->observers; o != NULL; o = o->next) {
		if (has_processes(o->state))
			observer_enter(o, OBSERVER_WAITING, why);
		loop_timer_clear(h->loop, &o->retry);
		o->failures = 0;
	}
}

bool
observer_exist(const struct harkd *h)
{
	const struct observer *o;

	for (o = h->observers; o != NULL; o = o->next) {
		if (observer_has_pair(o))
			return true;
	}
	return false;
}

void
observer_kill_all(struct harkd *h, const char *why)
{
	struct observer *o;

	for (o = h->observers; o != NULL; o = o->next) {
		child_kill(&o->module, why);
		child_kill(&o->projector, why);
	}
}

void
observer_forget_all(struct harkd *h)
{
	while (h->observers != NULL)
		observer_destroy(h->observers);
}
