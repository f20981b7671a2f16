/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"

/* As often as a story may need a step. */
#define STEPS_MAX 100000

__attribute__((format(printf, 2, 3))) static void
say(struct world *w, const char *format, ...)
{
	va_list list;
	int size;

	va_start(list, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the line above has begun it */
	size = vsnprintf(w->said + w->said_size, sizeof(w->said) - w->said_size, format, list);
	va_end(list);
	MUST(size >= 0);
	w->said_size += (size_t)size;
	MUST(w->said_size < sizeof(w->said));
}

static enum err
leaf(void *ctx, struct ledger_leaf *out)
{
	static char json[256];
	struct world *w = ctx;
	int size;

	if (w->at == w->size)
		return w->leaf_error != ERR_OK ? w->leaf_error : ERR_AGAIN;
	size = snprintf(json, sizeof(json),
			"{\"data\":{\"cellId\":\"c%" PRIu64 "\"},\"id\":\"h/%" PRIu64
			"\",\"time\":\"2026-11-21T13:20:00.123456789Z\",\"type\":\"%s\"}",
			w->at % 2, w->at, w->at == w->broken ? "" : "t");
	*out = (struct ledger_leaf){ .index = w->at,
				     .redacted = w->at == w->redacted,
				     .data = { (const uint8_t *)json, (size_t)size } };
	if (out->redacted)
		out->data = (struct bytes){ NULL, 0 };
	w->at++;
	return ERR_OK;
}

static bool
has(const struct hark_observer_event *events, size_t count, uint64_t index)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (events[i].index == index)
			return true;
	}
	return false;
}

static enum hark_observer_error
invoke(void *ctx, const struct hark_observer_event *events, size_t count,
       struct hark_observer_outcome *out)
{
	struct world *w = ctx;
	size_t i;

	say(w, "call %" PRIu64, events[0].index);
	if (count > 1)
		say(w, "-%" PRIu64, events[count - 1].index);
	w->now_ns += count * w->event_ns;
	*out = (struct hark_observer_outcome){ .trap_class = w->trap_class };
	if (w->error != HARK_OBSERVER_OK) {
		say(w, " fails; ");
		return w->error;
	}
	if ((has(events, count, w->traps_at) &&
	     (w->traps_with == WORLD_NOBODY || has(events, count, w->traps_with))) ||
	    (w->traps_over > 0 && count > w->traps_over)) {
		say(w, " traps; ");
		return HARK_OBSERVER_TRAPPED;
	}
	for (i = 0; i < count * w->effects; i++)
		MUST(stage_take(&w->deliver.stage, 0, "effect", 6) == ERR_OK);
	say(w, "; ");
	return HARK_OBSERVER_OK;
}

static enum err
take(void *ctx, const struct message *m)
{
	struct world *w = ctx;

	if (w->send_error != ERR_OK)
		return w->send_error;
	if (w->is_full)
		return ERR_AGAIN;
	if (m->type == MESSAGE_EFFECTS)
		return ERR_OK;
	MUST(m->type == MESSAGE_BATCH);
	say(w, "batch %" PRIu64 " %" PRIu64, message_number(m, FIELD_INDEX, 0),
	    message_number(m, FIELD_SIZE, 0));
	if (message_number(m, FIELD_COUNT, 0) > 0)
		say(w, " +%" PRIu64, message_number(m, FIELD_COUNT, 0));
	say(w, "; ");
	return ERR_OK;
}

static enum err
report(void *ctx, const struct trap_report *r)
{
	struct world *w = ctx;
	uint8_t bytes[TRAP_REPORT_BYTES];

	if (w->report_error != ERR_OK)
		return w->report_error;
	w->reported_next = r->next;
	trap_report_write(r, bytes); /* it holds what a report must */
	say(w, "report %s %" PRIu64 " %" PRIu64,
	    hark_observer_trap_class_name((enum hark_observer_trap_class)r->trap_class), r->first,
	    r->next);
	if (r->has_event)
		say(w, " at %" PRIu64, r->event);
	say(w, "; ");
	return ERR_OK;
}

static uint64_t
now_ns(void *ctx)
{
	const struct world *w = ctx;

	return w->now_ns;
}

void
world_init(struct world *w, uint64_t size, uint64_t cursor)
{
	*w = (struct world){ .at = cursor,
			     .size = size,
			     .redacted = WORLD_NOBODY,
			     .broken = WORLD_NOBODY,
			     .traps_at = WORLD_NOBODY,
			     .traps_with = WORLD_NOBODY,
			     .effects = 1,
			     .now_ns = UINT64_C(1000000000000) };
	w->settings = (struct settings){ .batch = 1024 };
	hark_observer_limits_default(&w->settings.limits);
	w->ports = (struct deliver_ports){ .ctx = w,
					   .leaf = leaf,
					   .invoke = invoke,
					   .send = take,
					   .report = report,
					   .now_ns = now_ns };
}

void
world_finish(struct world *w)
{
	deliver_finish(&w->deliver);
}

enum deliver_next
world_run(struct world *w)
{
	struct deliver *d = &w->deliver;
	int steps;

	for (steps = 0; steps < STEPS_MAX; steps++) {
		enum deliver_next next = deliver_step(d);

		if (next == DELIVER_COMMIT && !w->keeps) {
			say(w, "commit %" PRIu64 "; ", d->sent_next[0]);
			MUST(deliver_committed(d, d->sent_next[0]) == ERR_OK);
		} else if (next == DELIVER_RECORD && !w->keeps_record) {
			say(w, "recorded; ");
			MUST(deliver_recorded(d, w->reported_next));
		} else if (next != DELIVER_GO_ON) {
			return next;
		}
	}
	MUST_NOT_REACH("a story without an end");
}

const char *
world_said(struct world *w)
{
	/* A blank is behind each word. */
	w->said[w->said_size > 0 ? w->said_size - 2 : 0] = '\0';
	w->said_size = 0;
	return w->said;
}
