/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The two processes of an observer: started together, ended together, started again together.  They
 * are linked anew for each pair, because what one has half said is nothing to another.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "harkd/harkd.h"
#include "os/file.h"
#include "prog/exit.h"
#include "prog/log.h"

#define NS_PER_MS UINT64_C(1000000)

struct observer *
observer_of_module(struct child *c)
{
	return (struct observer *)((char *)c - offsetof(struct observer, module));
}

struct observer *
observer_of_projector(struct child *c)
{
	return (struct observer *)((char *)c - offsetof(struct observer, projector));
}

bool
observer_has_pair(const struct observer *o)
{
	return child_exists(&o->module) || child_exists(&o->projector);
}

void
observer_drop_ends(struct observer *o)
{
	/* What was asked of this pair.  What was asked of the observer goes on: the next pair does
	 * not ask it again. */
	pending_forget(o->h, &o->pair);
	file_close(&o->link_end);
	file_close(&o->report_end);
}

void
observer_end(struct observer *o)
{
	o->was_told = true;
	loop_timer_clear(o->h->loop, &o->ping);
	child_stop(&o->module);
	child_stop(&o->projector);
}

/* ---- setups -------------------------------------------------------------------------------- */

static void
set_up(struct observer *o, struct message *m, enum message_type type, const struct buf *options,
       int *fds, size_t count)
{
	size_t i;

	message_init(m, type, 0);
	message_set_text(m, FIELD_OBSERVER, o->manifest.name);
	message_set_text(m, FIELD_ORIGIN, o->h->ledgers[PROTO_EVIDENCE].origin);
	message_set_bytes(m, FIELD_OPTIONS, options->data, options->size);
	message_set_number(m, FIELD_CONFINE, o->h->config.require_confinement);
	for (i = 0; i < count; i++)
		m->fds[m->fd_count++] = file_steal(&fds[i]);
}

static bool
set_up_module(struct child *c, struct message *m)
{
	struct observer *o = observer_of_module(c);

	MUST(o->gear != NULL);
	set_up(o, m, MESSAGE_OBSERVER_SETUP, &o->gear->module_options, o->gear->module_fds, 3);
	return true;
}

static bool
set_up_projector(struct child *c, struct message *m)
{
	struct observer *o = observer_of_projector(c);

	MUST(o->gear != NULL);
	set_up(o, m, MESSAGE_PROJECTOR_SETUP, &o->gear->projector_options, o->gear->projector_fds,
	       4);
	return true;
}

/* ---- a start ------------------------------------------------------------------------------- */

/* Again, but not too often. */
static void
plan_start(struct observer *o)
{
	uint64_t now = loop_now_ns(o->h->loop);
	bool proven = o->ready_ns != 0 && now - o->ready_ns >= CHILD_PROVEN_MS * NS_PER_MS;

	o->failures = proven ? 1 : o->failures + 1;
	o->ready_ns = 0;
	loop_timer_set(o->h->loop, &o->retry, now + child_backoff_ms(o->failures) * NS_PER_MS);
}

static void
begin_with(struct observer *o, struct observer_gear *gear)
{
	o->pair++;
	o->module.restarts = o->projector.restarts = o->pair - 1;
	o->was_started = true;
	o->is_trapped = false;
	o->went = o->was_asked = o->database_said = o->ping_waits = false;
	o->was_told = o->was_hung = o->ended_unasked = o->dropped_link = false;
	o->projector_was_killed = false;
	o->notes[0] = '\0';
	o->events = 0;
	o->link_end = file_steal(&gear->link_end);
	observer_enter(o, OBSERVER_STARTING, "");
	o->gear = gear;
	child_start(&o->projector);
	if (child_exists(&o->projector))
		child_start(&o->module);
	o->gear = NULL;
	if (child_exists(&o->module))
		return;
	observer_drop_ends(o);
	observer_enter(o, OBSERVER_WAITING, "its processes cannot be started");
	if (!observer_has_pair(o))
		plan_start(o); /* else the end of the one that runs does it */
}

void
observer_begin(struct observer *o)
{
	struct harkd *h = o->h;
	struct observer_refusal why = { 0 };
	struct observer_gear gear;

	if (h->life != LIFE_RUNNING || !notary_hears(h) || o->leaving ||
	    o->state != OBSERVER_WAITING || observer_has_pair(o))
		return;
	loop_timer_clear(h->loop, &o->retry);
	if (observer_gear_make(h, &o->manifest, &gear, &why)) {
		begin_with(o, &gear);
	} else if (why.code == EXIT_TEMPORARY) {
		(void)snprintf(o->why, sizeof(o->why), "%s", why.text);
		plan_start(o);
	} else {
		observer_refuse(o, "setup", why.text);
	}
	observer_gear_finish(&gear);
}

/* ---- an end -------------------------------------------------------------------------------- */

/* Both have ended. */
static void
pair_is_over(struct observer *o)
{
	struct harkd *h = o->h;

	observer_tell_gone(o);
	observer_drop_ends(o);
	observer_keep_cursor(o);
	if (o->leaving)
		observer_remove(o); /* it may be freed by that */
	else if (o->state == OBSERVER_WAITING && h->life == LIFE_RUNNING && !observer_judge_load(o))
		plan_start(o);
}

/* What a process said last, or how it ended. */
static void
take_words(struct observer *o, const struct child *c)
{
	char name[192];

	(void)snprintf(o->why, sizeof(o->why), "%.120s: %.800s", child_name(c, name, sizeof(name)),
		       c->last_words);
}

/* One that was not told to end has ended: its state is the pair's. */
static void
judge_end(struct observer *o, struct child *c)
{
	struct harkd *h = o->h;
	char name[192];

	if (o->is_trapped && (c == &o->module || o->dropped_link)) {
		observer_enter(o, o->after, o->after_why);
		return;
	}
	take_words(o, c);
	if (c->failed_code != 0)
		log_warning("%s: %s", child_name(c, name, sizeof(name)), c->last_words);
	/* A build without the engine, seen at harkd's start: nobody must take silence for work. */
	if (c == &o->module && c->failed_code == EXIT_CONFIG && o->from_config && o->pair == 1 &&
	    !o->went && h->life == LIFE_RUNNING) {
		observer_enter(o, OBSERVER_REFUSED, o->why);
		life_fail(h, EXIT_CONFIG, "observer %s: %s", o->manifest.name, c->last_words);
	} else if (child_code_is_final(c->failed_code)) {
		observer_refuse(o, "failed", c->last_words);
	} else if (c == &o->module && c->was_late && o->went) {
		observer_refuse(o, "compile_time",
				"it did not compile within its compile_ms; raise the limit, or "
				"make the module smaller");
	} else {
		observer_enter(o, OBSERVER_WAITING, o->why);
	}
}

static void
on_ended(struct observer *o, struct child *c)
{
	bool unasked = o->state == OBSERVER_STARTING || o->state == OBSERVER_RUNNING ||
		       o->state == OBSERVER_AWAY;

	if (unasked && !o->leaving)
		judge_end(o, c);
	observer_end(o);
}

static void
on_module_ended(struct child *c)
{
	struct observer *o = observer_of_module(c);

	o->ended_unasked = !o->was_told;
	o->projector_was_killed = !o->was_told && o->projector.was_killed;
	on_ended(o, c);
}

static void
on_projector_ended(struct child *c)
{
	struct observer *o = observer_of_projector(c);

	/* It ends with 0 only when its link has ended, and so where that was not our doing. */
	o->dropped_link = !o->was_told && !c->was_killed && !c->end.by_signal &&
			  (c->end.number == EXIT_OK || c->end.number == EXIT_PROTOCOL);
	on_ended(o, c);
}

static void
on_gone(struct observer *o)
{
	if (!observer_has_pair(o))
		pair_is_over(o);
}

static void
on_module_gone(struct child *c)
{
	on_gone(observer_of_module(c));
}

static void
on_projector_gone(struct child *c)
{
	on_gone(observer_of_projector(c));
}

/* ---- the kinds ----------------------------------------------------------------------------- */

static void
on_module_ready(struct child *c, const struct message *ready)
{
	struct observer *o = observer_of_module(c);

	(void)ready;
	if (!o->went) {
		child_kill(c, "it said READY before it was told GO");
		return;
	}
	loop_timer_set(c->h->loop, &o->ping, loop_now_ns(c->h->loop));
	observer_look(o);
}

static void
on_projector_ready(struct child *c, const struct message *ready)
{
	(void)ready;
	observer_look(observer_of_projector(c));
}

/* A start has time to read a module and to hear the notary; GO sets its own limit. */
const struct child_kind role_module = {
	.role = "observer",
	.program = "hark-observer",
	.once = true,
	.owner_records = true, /* a receipt of the notary's */
	.messages_per_s = OBSERVER_MESSAGES_PER_S,
	.start_limit_s = 60,
	.stop_limit_s = 5,
	.stop = MESSAGE_STOP,
	.setup = set_up_module,
	.ready = on_module_ready,
	.hear = observer_hear_module,
	.ended = on_module_ended,
	.gone = on_module_gone,
};

const struct child_kind role_projector = {
	.role = "projector",
	.program = "hark-projector",
	.once = true,
	.messages_per_s = OBSERVER_MESSAGES_PER_S,
	.start_limit_s = 60,
	.stop_limit_s = 5,
	.stop = MESSAGE_STOP,
	.setup = set_up_projector,
	.ready = on_projector_ready,
	.hear = observer_hear_projector,
	.ended = on_projector_ended,
	.gone = on_projector_gone,
};
