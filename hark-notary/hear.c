/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a record means.  Its slot was checked; here its connection and what that has agreed on are,
 * because a receiver that was taken over may say anything.
 */
#include <string.h>

#include "base/must.h"
#include "hark-notary/notary_internal.h"

static bool
source_is(const struct hark_guest_declaration *d, const char *name)
{
	size_t size = strlen(name);

	return d->probe_source.size == size && memcmp(d->probe_source.data, name, size) == 0;
}

/* A number for the text of a hello's boot_id; 0 where it has none.  Two guests of one mind may make
 * them equal: they gain nothing by it. */
static uint64_t
boot_of(const struct hark_guest_declaration *d)
{
	static const char name[] = "boot_id";
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	uint32_t i;
	size_t j;

	for (i = 0; i < d->detail_count; i++) {
		const struct hark_detail *entry = &d->detail[i];

		if (entry->type != HARK_DETAIL_TEXT || entry->key.size != sizeof(name) - 1 ||
		    memcmp(entry->key.data, name, sizeof(name) - 1) != 0)
			continue;
		for (j = 0; j < entry->value.text.size; j++)
			hash = (hash ^ (uint8_t)entry->value.text.data[j]) *
			       UINT64_C(0x100000001b3);
		return hash | 1;
	}
	return 0;
}

static void
write_declaration(struct notary *n, struct connection *c, const struct hark_guest_declaration *d)
{
	struct event_place to = book_place(EVIDENCE(n));
	struct hark_stamped_declaration stamped;
	size_t size = 0;
	enum err e = ERR_OK;

	if (hark_stamp(d, cell_stamp(n, c->cell, c->epoch), &stamped) != HARK_TELEMETRY_OK ||
	    hark_event_from_stamped(&stamped, to.origin, to.json, to.capacity, &size) !=
		    HARK_TELEMETRY_OK)
		e = ERR_RANGE;
	cell_written(n, c->cell, e, size);
}

static void
write_finding(struct notary *n, struct connection *c, const struct sequence_finding *f)
{
	struct event_place to;
	size_t size = 0;
	enum err e = ERR_OK;

	if (f->verdict == SEQUENCE_GAP) {
		to = book_place(EVIDENCE(n));
		if (hark_event_gap(c->session.stream, f->gap.first, f->gap.last,
				   cell_stamp(n, c->cell, c->epoch), to.origin, to.json,
				   to.capacity, &size) != HARK_TELEMETRY_OK)
			e = ERR_RANGE;
		cell_written(n, c->cell, e, size);
	}
	if (f->newly_dropped > 0) {
		to = book_place(EVIDENCE(n));
		if (hark_event_dropped(c->session.stream, f->newly_dropped,
				       cell_stamp(n, c->cell, c->epoch), to.origin, to.json,
				       to.capacity, &size) != HARK_TELEMETRY_OK)
			e = ERR_RANGE;
		cell_written(n, c->cell, e, size);
	}
}

/* The first frame of a connection says what it speaks, and gives it its epoch. */
static const char *
begin_speaking(struct notary *n, struct connection *c, const struct record *r)
{
	const struct hark_guest_declaration *d = &r->declaration;

	if (r->session.mode == HARK_WIRE_HARK) {
		if (!source_is(d, "agent.hello"))
			return "no_hello";
		c->stream = stream_of_name(n, c->cell, r->session.stream);
		if (c->stream == NULL) {
			notary_fail(n, ERR_MEMORY);
			return NULL;
		}
		c->stream->users++;
		c->epoch = c->stream->epoch;
		c->boot = boot_of(d);
	} else {
		c->epoch = cell_next_epoch(n, c->cell);
	}
	c->session = r->session;
	c->first_guest_ns = d->guest_monotonic_ns;
	conflict_begin(n, c);
	connection_touch(n, c);
	return NULL;
}

/* What was agreed on stays so. */
static bool
session_holds(const struct connection *c, const struct record *r)
{
	if (r->session.mode != c->session.mode || r->session.stream != c->session.stream)
		return false;
	return c->session.mode != HARK_WIRE_HARK || !source_is(&r->declaration, "agent.hello");
}

/* Wire 2: what the number shows comes first, then the declaration itself, unless it was heard
 * before, or is a heartbeat that has changed nothing. */
static void
hear_numbered(struct notary *n, struct connection *c, const struct hark_guest_declaration *d,
	      bool has_changed)
{
	struct sequence_finding f;

	sequence_take_stream(&c->stream->seq, d, &f);
	c->stream->frames = c->frames;
	stream_touch(n, c->stream);
	write_finding(n, c, &f);
	if (f.verdict == SEQUENCE_DUPLICATE) {
		n->counts.duplicates++;
		return;
	}
	if (source_is(d, "agent.goodbye")) {
		c->said_goodbye = true;
		connection_touch(n, c);
	}
	has_changed = has_changed || f.verdict == SEQUENCE_GAP || f.newly_dropped > 0;
	if (has_changed || !source_is(d, "agent.heartbeat"))
		write_declaration(n, c, d);
}

static const char *
hear_declared(struct notary *n, struct connection *c, const struct record *r)
{
	const struct hark_guest_declaration *d = &r->declaration;
	uint64_t size_before;

	if (c->session.mode == HARK_WIRE_FIRST) {
		const char *reason = begin_speaking(n, c, r);

		if (reason != NULL || n->failure != ERR_OK)
			return reason;
	} else {
		if (!session_holds(c, r))
			return "session_changed";
		conflict_frame(n, c, d);
		if (n->failure != ERR_OK)
			return NULL;
	}
	c->frames++;
	c->last_ns = n->now.monotonic_ns;
	n->counts.declarations++;
	size_before = ledger_next_index(EVIDENCE(n)->ledger);
	silence_frame(n, c);
	if (c->session.mode == HARK_WIRE_HARK) {
		hear_numbered(n, c, d, ledger_next_index(EVIDENCE(n)->ledger) != size_before);
	} else {
		write_declaration(n, c, d);
		connection_touch(n, c); /* its frames */
	}
	return NULL;
}

static const char *
hear_opened(struct notary *n, struct channel *channel, struct cell *cell, const struct record *r)
{
	struct connection *c;

	if (table_get(&channel->connections, r->connection) != NULL)
		return "connection_repeated";
	if (cell->connection_count >= 2 * HARK_CONNECTIONS_MAX)
		return "too_many_connections";
	if (connection_create(n, channel, cell, r->slot, r->connection, &c) != ERR_OK) {
		notary_fail(n, ERR_MEMORY);
		return NULL;
	}
	c->last_ns = n->now.monotonic_ns;
	if (!cell->ever_connected) {
		cell->ever_connected = true;
		store_cell_changes(n, cell);
	}
	connection_touch(n, c);
	return NULL;
}

static void
hear_rejected(struct notary *n, struct cell *cell, const struct record *r)
{
	struct event_place to = book_place(EVIDENCE(n));
	size_t size = 0;
	enum err e = ERR_OK;

	n->counts.rejected += r->count;
	if (hark_event_rejected(&r->rejection, r->count, cell_stamp(n, cell, 0), to.origin, to.json,
				to.capacity, &size) != HARK_TELEMETRY_OK)
		e = ERR_RANGE;
	cell_written(n, cell, e, size);
}

static void
hear_limited(struct notary *n, struct cell *cell, const struct record *r)
{
	struct event_place to = book_place(EVIDENCE(n));
	size_t size = 0;
	enum err e;

	cell->limited_ns = n->now.monotonic_ns;
	e = event_limited(cell_stamp(n, cell, 0), r->count, &to, &size);
	cell_written(n, cell, e, size);
}

const char *
hear_record(struct notary *n, struct channel *channel, struct cell *cell)
{
	const struct record *r = &n->record;
	struct connection *c;

	if (r->type == RECORD_OPENED)
		return hear_opened(n, channel, cell, r);
	if (r->type == RECORD_REJECTED) {
		hear_rejected(n, cell, r);
		return NULL;
	}
	if (r->type == RECORD_LIMITED) {
		hear_limited(n, cell, r);
		return NULL;
	}
	c = table_get(&channel->connections, r->connection);
	if (c == NULL)
		/* A removed cell's connections were ended for it. */
		return cell->is_removing ? NULL : "connection_unknown";
	if (c->cell != cell)
		return "connection_of_another";
	if (r->type == RECORD_DECLARED)
		return hear_declared(n, c, r);
	if (r->session.mode != c->session.mode || r->session.stream != c->session.stream)
		return "session_changed";
	connection_end(n, c, CONNECTION_CLOSED, r->frames);
	return NULL;
}
