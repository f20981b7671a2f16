/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Traps: whether the end of a pair is one, which the notary is told, and what becomes of an
 * observer once the receipt is durable.  An end before READY is none: nothing of the module has
 * run.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "harkd/harkd.h"
#include "prog/exit.h"
#include "prog/log.h"

/* ---- an end -------------------------------------------------------------------------------- */

/* It has ended for a reason of its own. */
static bool
projector_failed(const struct observer *o)
{
	const struct child *c = &o->projector;

	/* What ends it because the other has ended is no failure of its own. */
	return o->projector_was_killed ||
	       (!c->was_killed &&
		(c->end.by_signal || (c->end.number != EXIT_OK && c->end.number != EXIT_PROTOCOL)));
}

/*
 * The end of a module's process that nobody asked for is a trap, with words or without: what it
 * says of itself may be a lie.  It is none where it says what is for a person to mend, because then
 * it is refused and runs no more until somebody has acted; and none where its projector failed
 * first.
 */
static bool
has_trapped(const struct observer *o)
{
	const struct child *c = &o->module;

	if (!o->went || !c->said_ready)
		return false;
	if (o->was_hung || o->dropped_link)
		return true;
	if (!o->ended_unasked)
		return false;
	if (c->failed_code == 0)
		return true;
	return !child_code_is_final(c->failed_code) && !projector_failed(o);
}

void
observer_tell_gone(struct observer *o)
{
	struct message m;

	if (!o->was_asked)
		return;
	o->was_asked = false;
	message_init(&m, MESSAGE_OBSERVER_GONE, 0);
	message_set_text(&m, FIELD_OBSERVER, o->manifest.name);
	if (has_trapped(o))
		message_set_text(&m, FIELD_REASON, o->was_hung ? "hung" : "died");
	child_send(&o->h->notary, &m);
}

/* ---- a load -------------------------------------------------------------------------------- */

/* What a process does to itself, and would do each time. */
static bool
is_fault(const struct child *c)
{
	static const int faults[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };
	size_t i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (c->end.by_signal && c->end.number == faults[i])
			return true;
	}
	return false;
}

/*
 * A fault is the module's, where it never was loaded: the next try would end as this one.  Any
 * other end, as by SIGKILL, may be somebody's doing, and is tried again, but not for ever: else a
 * module that makes its process end in some other way would have it started without end, and no
 * strike.
 */
bool
observer_judge_load(struct observer *o)
{
	const struct child *c = &o->module;
	char text[CHILD_TEXT_BYTES];

	if (c->said_ready) {
		o->was_loaded = true;
		o->failed_loads = 0;
	}
	if (!o->went || c->said_ready || (!o->ended_unasked && !o->dropped_link))
		return false;
	o->failed_loads++;
	if (is_fault(c) && !o->was_loaded && c->end.number == SIGABRT) {
		observer_refuse(
			o, "compile_aborted",
			"its process aborted while it loaded the module: the engine does so "
			"where its compiler gets no more memory, and where it has a mistake. "
			"Make the module smaller, or raise module_bytes, by which that memory "
			"goes; where neither helps, build it in another way");
	} else if (is_fault(c) && !o->was_loaded) {
		(void)snprintf(
			text, sizeof(text),
			"its process ended by signal %d while it loaded the module, which this "
			"engine cannot compile: build it in another way",
			c->end.number);
		observer_refuse(o, "compile_died", text);
	} else if (o->failed_loads >= OBSERVER_LOADS_MAX) {
		(void)snprintf(text, sizeof(text),
			       "its process ended %u times in a row while it loaded the module, at "
			       "last: %.800s",
			       o->failed_loads, c->last_words);
		observer_refuse(o, "load_failed", text);
	} else {
		return false;
	}
	return true;
}

/* ---- a receipt ----------------------------------------------------------------------------- */

static const char *
class_name(uint64_t number)
{
	static const char *const names[] = {
#define NAME(text) text,
		HARK_OBSERVER_TRAP_CLASS_NAMES(NAME)
#undef NAME
	};

	return number < sizeof(names) / sizeof(names[0]) ? names[number] : "of no known class";
}

/* Its report is durable: it may pass over what it was about. */
static void
tell_recorded(struct observer *o, uint64_t next)
{
	struct message m;

	message_init(&m, MESSAGE_OBSERVER_RECORDED, 0);
	message_set_number(&m, FIELD_SIZE, next);
	child_send(&o->module, &m);
}

/* Its process goes on to its end, so that what came before the trap is committed. */
static void
take_trap(struct observer *o, enum observer_state after, const char *why)
{
	if (child_runs(&o->module) && observer_may_enter(o, after)) {
		o->is_trapped = true;
		o->after = after;
		o->trapped_ns = loop_now_ns(o->h->loop);
		(void)snprintf(o->after_why, sizeof(o->after_why), "%s", why);
	} else if (after != OBSERVER_WAITING && observer_may_enter(o, after)) {
		observer_enter(o, after, why);
	}
}

/* Each other that runs this digest, whatever its name. */
static void
quarantine_others(struct harkd *h, const struct observer *first, const char *why)
{
	struct observer *o;

	for (o = h->observers; o != NULL; o = o->next) {
		if (o != first && o->has_digest && first->has_digest &&
		    memcmp(o->digest, first->digest, sizeof(o->digest)) == 0 &&
		    observer_may_enter(o, OBSERVER_QUARANTINED))
			observer_enter(o, OBSERVER_QUARANTINED, why);
	}
}

void
observer_hear_trapped(struct harkd *h, const struct message *m)
{
	struct bytes state = message_bytes(m, FIELD_STATE);
	struct observer *o = NULL;
	char name[CONFIG_OBSERVER_NAME_BYTES_MAX + 1];
	char why[256];

	if (message_text(m, FIELD_OBSERVER, name, sizeof(name)) == ERR_OK)
		o = observer_find(h, name);
	if (o == NULL || o->leaving)
		return;
	o->strikes = message_number(m, FIELD_COUNT, 0);
	(void)snprintf(why, sizeof(why),
		       "trap %s, strike %llu of %u; operations record %llu has the receipt",
		       class_name(message_number(m, FIELD_CLASS, UINT64_MAX)),
		       (unsigned long long)o->strikes, o->manifest.strikes,
		       (unsigned long long)message_number(m, FIELD_INDEX, 0));
	log_warning("observer %s: %s", o->manifest.name, why);
	if (message_has(m, FIELD_SIZE) && child_runs(&o->module))
		tell_recorded(o, message_number(m, FIELD_SIZE, 0));
	if (state.size == 11 && memcmp(state.data, "quarantined", 11) == 0) {
		take_trap(o, OBSERVER_QUARANTINED, why);
		quarantine_others(h, o, why);
	} else {
		take_trap(o, o->manifest.stop_on_trap ? OBSERVER_STOPPED : OBSERVER_WAITING, why);
	}
}
