/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One step does one thing, so that whoever drives it can listen in between. */
#include "hark-observer/deliver.h"

#include "base/must.h"

static size_t
first_limit(const struct settings *s)
{
	uint64_t most = 1 + DELIVER_PATIENCE_MS / s->limits.wall_ms;

	if (most > DELIVER_FIRST_EVENTS)
		most = DELIVER_FIRST_EVENTS;
	return (size_t)(s->batch < most ? s->batch : most);
}

enum err
deliver_init(struct deliver *d, const struct settings *settings, const struct deliver_ports *ports)
{
	MUST(d != NULL && settings != NULL && settings->limits.wall_ms > 0 && ports != NULL);

	*d = (struct deliver){ .settings = settings, .ports = ports };
	d->limit = first_limit(settings);
	stage_init(&d->stage, &settings->limits);
	return gather_init(&d->batch, settings);
}

void
deliver_finish(struct deliver *d)
{
	if (d == NULL)
		return;
	gather_finish(&d->batch);
	stage_finish(&d->stage);
}

void
deliver_begin(struct deliver *d, uint64_t cursor, uint64_t first)
{
	MUST(d != NULL && d->cursor == 0 && d->sent_count == 0 && first >= cursor);

	d->cursor = first;
	d->sent = cursor;
	d->committed = cursor;
	d->sent_ns = d->ports->now_ns(d->ports->ctx);
}

static enum deliver_next
fail(struct deliver *d, enum err e, enum hark_observer_error failure)
{
	d->error = e;
	d->failure = failure;
	return DELIVER_FAIL;
}

/* ---- sending ------------------------------------------------------------------------------- */

/* The next message of what is staged: its payloads, then the batch that they are of. */
static void
next_message(const struct deliver *d, struct message *m)
{
	if (d->sent_pieces < stage_payload_count(&d->stage)) {
		struct bytes payload = stage_payload(&d->stage, d->sent_pieces);

		message_init(m, MESSAGE_EFFECTS, 0);
		message_set_bytes(m, FIELD_EFFECTS, payload.data, payload.size);
		return;
	}
	message_init(m, MESSAGE_BATCH, 0);
	message_set_number(m, FIELD_INDEX, d->sent);
	message_set_number(m, FIELD_SIZE, d->cursor);
	message_set_number(m, FIELD_COUNT, d->stage.effects);
}

static enum deliver_next
send_step(struct deliver *d)
{
	struct message m;
	enum err e;

	if (d->sent_count == DELIVER_SENT_MAX)
		return DELIVER_COMMIT;
	next_message(d, &m);
	e = d->ports->send(d->ports->ctx, &m);
	if (e == ERR_AGAIN)
		return DELIVER_SPACE;
	if (e != ERR_OK)
		return fail(d, e, HARK_OBSERVER_OK);
	if (m.type == MESSAGE_EFFECTS) {
		d->sent_pieces++;
		return DELIVER_GO_ON;
	}
	d->sent_next[d->sent_count++] = d->cursor;
	d->sent = d->cursor;
	d->sent_ns = d->ports->now_ns(d->ports->ctx);
	d->is_sending = false;
	d->sent_pieces = 0;
	stage_clear(&d->stage);
	return DELIVER_GO_ON;
}

/* Deals with all up to there: effects leave at once, a cursor alone once a while. */
static enum deliver_next
pass(struct deliver *d, uint64_t cursor)
{
	d->cursor = cursor;
	d->is_sending = d->stage.effects > 0;
	return DELIVER_GO_ON;
}

enum err
deliver_committed(struct deliver *d, uint64_t cursor)
{
	size_t i = 0;
	size_t left = 0;

	MUST(d != NULL);

	while (i < d->sent_count && d->sent_next[i] != cursor)
		i++;
	if (i == d->sent_count)
		return ERR_FORMAT;
	d->committed = cursor;
	for (i++; i < d->sent_count; i++)
		d->sent_next[left++] = d->sent_next[i];
	d->sent_count = left;
	return ERR_OK;
}

/* ---- calls --------------------------------------------------------------------------------- */

static enum hark_observer_error
call(struct deliver *d, size_t from, size_t count, struct hark_observer_outcome *out)
{
	enum hark_observer_error e;

	MUST(d->stage.effects == 0);
	e = d->ports->invoke(d->ports->ctx, d->batch.events + from, count, out);
	if (e == HARK_OBSERVER_OK)
		d->shown += count;
	else
		stage_clear(&d->stage);
	return e;
}

/* What there is to say of a trap; once that is durable, what is left is to pass over it, where that
 * is wanted, and to end. */
static enum deliver_next
report(struct deliver *d, const struct hark_observer_outcome *outcome, bool has_event,
       uint64_t event)
{
	const struct trap_report r = {
		.trap_class = (uint8_t)outcome->trap_class,
		.first = d->batch.first,
		.next = d->batch.next,
		.has_event = has_event,
		.event = has_event ? event : 0,
	};
	enum err e = d->ports->report(d->ports->ctx, &r);

	if (e != ERR_OK)
		return fail(d, e, HARK_OBSERVER_OK);
	d->is_reported = true;
	d->after_trap = has_event && !d->settings->stop_on_trap ? event + 1 : d->cursor;
	return DELIVER_GO_ON;
}

bool
deliver_recorded(struct deliver *d, uint64_t next)
{
	MUST(d != NULL);

	if (!d->is_reported || next != d->batch.next)
		return false;
	d->is_reported = false;
	d->cursor = d->after_trap;
	d->is_ending = true;
	d->is_sending = d->cursor > d->sent;
	return true;
}

/* A batch of so many events was too large. */
static void
cut_smaller(struct deliver *d, size_t count)
{
	d->limit = count > 1 ? count / 2 : 1;
	d->quick = 0;
	d->rest = d->rest == 0 ? DELIVER_REST_FIRST : 2 * d->rest;
	if (d->rest > DELIVER_REST_MOST)
		d->rest = DELIVER_REST_MOST;
}

/* What the next batch may learn from one that returned. */
static void
adapt(struct deliver *d, size_t count, uint64_t took_ns)
{
	uint64_t most_ns = d->settings->limits.wall_ms * UINT64_C(1000000);

	if (took_ns > most_ns)
		cut_smaller(d, count);
	if (count < d->limit || d->limit == d->settings->batch ||
	    took_ns >= most_ns / DELIVER_QUICK_PART)
		return;
	if (++d->quick <= d->rest)
		return;
	d->quick = 0;
	d->limit = d->limit < d->settings->batch / 2 ? 2 * d->limit : d->settings->batch;
}

/* The next event of a batch that trapped, by itself. */
static enum deliver_next
retry_step(struct deliver *d)
{
	struct hark_observer_outcome outcome;
	enum hark_observer_error e;
	uint64_t event;

	if (d->retried == d->batch.count) {
		d->is_retrying = false;
		d->cursor = d->batch.next;
		if (d->trap.trap_class != HARK_OBSERVER_TRAP_BUDGET_EXCEEDED)
			return report(d, &d->trap, false, 0);
		cut_smaller(d, d->batch.count);
		return DELIVER_GO_ON;
	}
	event = d->batch.events[d->retried].index;
	e = call(d, d->retried, 1, &outcome);
	if (e == HARK_OBSERVER_TRAPPED)
		return report(d, &outcome, true, event);
	if (e != HARK_OBSERVER_OK)
		return fail(d, ERR_OK, e);
	d->retried++;
	return pass(d, event + 1);
}

static enum deliver_next
batch_step(struct deliver *d)
{
	struct hark_observer_outcome outcome;
	enum hark_observer_error e;
	uint64_t began_ns;

	began_ns = d->ports->now_ns(d->ports->ctx);
	e = call(d, 0, d->batch.count, &outcome);
	if (e == HARK_OBSERVER_OK) {
		adapt(d, d->batch.count, d->ports->now_ns(d->ports->ctx) - began_ns);
		return pass(d, d->batch.next);
	}
	if (e != HARK_OBSERVER_TRAPPED)
		return fail(d, ERR_OK, e);
	if (d->batch.count == 1)
		return report(d, &outcome, true, d->batch.events[0].index);
	d->trap = outcome;
	d->is_retrying = true;
	d->retried = 0;
	return DELIVER_GO_ON;
}

/* ---- the order of all ---------------------------------------------------------------------- */

static enum deliver_next
gather_step(struct deliver *d)
{
	const struct deliver_ports *p = d->ports;
	uint64_t now_ns = p->now_ns(p->ctx);
	enum err e;

	if (d->cursor > d->sent && now_ns - d->sent_ns >= DELIVER_CURSOR_NS) {
		d->is_sending = true;
		return DELIVER_GO_ON;
	}
	e = gather_events(&d->batch, d->limit, d->cursor, p->leaf, p->ctx);
	if (e != ERR_OK)
		return fail(d, e, HARK_OBSERVER_OK);
	if (d->batch.count > 0)
		return batch_step(d);
	d->cursor = d->batch.next;
	if (d->batch.next > d->batch.first)
		return DELIVER_GO_ON;
	d->wake_ns = d->cursor > d->sent ? d->sent_ns + DELIVER_CURSOR_NS : 0;
	return DELIVER_LEAF;
}

enum deliver_next
deliver_step(struct deliver *d)
{
	MUST(d != NULL);

	if (d->is_sending)
		return send_step(d);
	if (d->is_reported)
		return DELIVER_RECORD;
	if (d->is_ending)
		return d->sent_count > 0 ? DELIVER_COMMIT : DELIVER_END;
	return d->is_retrying ? retry_step(d) : gather_step(d);
}
