/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Silence: of a cell, and of one wire 2 stream beside others that speak.  All cells are looked at
 * in one walk when the earliest of their deadlines has passed, and not more often than
 * SCAN_INTERVAL_NS; a frame only moves deadlines back, so the earliest is never later than true.
 * But a cell that is silent has no deadline: the frame that ends its silence gives it one again.
 */
#include "base/must.h"
#include "hark-notary/notary_internal.h"

void
silence_sooner(struct notary *n, uint64_t at_ns)
{
	if (at_ns < n->scan_ns)
		n->scan_ns = at_ns;
}

/* The end of the cell's silence, and of the stream's. */
void
silence_frame(struct notary *n, struct connection *c)
{
	struct cell *cell = c->cell;
	struct event_place to;
	uint64_t stream_since_ns = c->silent_since_ns;
	uint64_t silence_ns = 0;
	size_t size = 0;
	enum err e = ERR_OK;

	if (hark_notify_frame(&cell->keepalive, &cell->trigger, n->now.monotonic_ns, &silence_ns) ==
	    HARK_SILENCE_ENDED) {
		silence_sooner(n, hark_keepalive_deadline(&cell->keepalive));
		to = book_place(EVIDENCE(n));
		if (hark_event_agent_resumed(silence_ns, cell_stamp(n, cell, 0), to.origin, to.json,
					     to.capacity, &size) != HARK_TELEMETRY_OK)
			e = ERR_RANGE;
		cell_written(n, cell, e, size);
		store_cell_changes(n, cell);
	}
	if (c->is_silenced && cell->trigger.rearm) {
		c->is_silenced = false;
		connection_touch(n, c);
		to = book_place(EVIDENCE(n));
		e = event_stream_resumed(n->now.monotonic_ns - stream_since_ns, c->session.stream,
					 cell_stamp(n, cell, c->epoch), &to, &size);
		cell_written(n, cell, e, size);
	}
}

static enum hark_silence_cause
cause_of(const struct notary *n, const struct cell *c)
{
	if (n->now.monotonic_ns - n->scan_ns > WATCH_LATE_NS && n->now.monotonic_ns > n->scan_ns)
		return HARK_SILENCE_WATCHER_LATE;
	if (n->blocked_ns > c->keepalive.last_seen_ns || c->limited_ns > c->keepalive.last_seen_ns)
		return HARK_SILENCE_HOST_OVERLOADED;
	if (c->connections != NULL)
		return HARK_SILENCE_MUTE;
	return c->ever_connected ? HARK_SILENCE_DISCONNECTED : HARK_SILENCE_NEVER_CONNECTED;
}

static void
look_at_cell(struct notary *n, struct cell *c)
{
	struct hark_agent_silenced_signal signal;
	uint64_t silent_ns;
	struct event_place to;
	size_t size = 0;
	enum err e = ERR_OK;

	if (hark_watch_for_silence(&c->keepalive, &c->trigger, cell_stamp(n, c, 0), cause_of(n, c),
				   n->now.monotonic_ns, &signal) != HARK_SILENCE_BEGAN)
		return;
	silent_ns = n->now.monotonic_ns - c->keepalive.last_seen_ns;
	c->silent_since = n->now.real;
	c->silent_since.seconds -= (int64_t)(silent_ns / HEARTBEAT_NS);
	store_cell_changes(n, c);
	to = book_place(EVIDENCE(n));
	if (hark_event_agent_silenced(&signal, cell_stamp(n, c, 0), to.origin, to.json, to.capacity,
				      &size) != HARK_TELEMETRY_OK)
		e = ERR_RANGE;
	cell_written(n, c, e, size);
}

/* True for a stream that should speak and whose silence would be hidden by others that do. */
static bool
is_watched(const struct connection *c)
{
	return c->session.mode == HARK_WIRE_HARK && !c->is_draining && !c->is_superseded &&
	       !c->said_goodbye && !c->is_silenced && c->cell->connection_count > 1;
}

static void
look_at_stream(struct notary *n, struct connection *c)
{
	struct cell *cell = c->cell;
	uint64_t silent_ns = n->now.monotonic_ns - c->last_ns;
	struct hark_agent_silenced_signal signal;
	struct event_place to;
	size_t size = 0;
	enum err e;

	if (silent_ns < cell->keepalive.window_ns ||
	    hark_is_silenced(&cell->keepalive, n->now.monotonic_ns))
		return;
	signal = (struct hark_agent_silenced_signal){
		.cell_id = cell->stamp.cell_id,
		.run_id = cell->stamp.run_id,
		.keepalive_window_ms = (uint32_t)(cell->keepalive.window_ns / 1000000),
		.elapsed_ms = silent_ns / 1000000 > UINT32_MAX ? UINT32_MAX
							       : (uint32_t)(silent_ns / 1000000),
		.cause = HARK_SILENCE_MUTE,
	};
	c->is_silenced = true;
	c->silent_since_ns = c->last_ns;
	connection_touch(n, c);
	to = book_place(EVIDENCE(n));
	e = event_stream_silenced(&signal, c->session.stream, cell_stamp(n, cell, c->epoch), &to,
				  &size);
	cell_written(n, cell, e, size);
}

static void
sooner(uint64_t *deadline, uint64_t at_ns)
{
	if (at_ns < *deadline)
		*deadline = at_ns;
}

/* Looks at one cell and everything of it; *deadline: when something of it may be due again. */
static void
look(struct notary *n, struct cell *c, uint64_t *deadline)
{
	struct connection *k;

	look_at_cell(n, c);
	if (!c->trigger.fired)
		sooner(deadline, hark_keepalive_deadline(&c->keepalive));
	for (k = c->connections; k != NULL; k = k->next) {
		conflict_due(n, k);
		if (k->is_challenger)
			sooner(deadline, k->challenge_until_ns);
		if (!is_watched(k))
			continue;
		look_at_stream(n, k);
		/* While the cell is silent as a whole, its end is what makes it due. */
		if (!k->is_silenced && k->last_ns + c->keepalive.window_ns > n->now.monotonic_ns)
			sooner(deadline, k->last_ns + c->keepalive.window_ns);
		else if (!k->is_silenced)
			sooner(deadline, n->now.monotonic_ns + c->keepalive.window_ns);
	}
}

/* True while nothing is read.  Where that lasted, what the guests wrote meanwhile is read before
 * anything is taken for silence, and silence that is found then is perhaps not theirs. */
static bool
is_blocked(struct notary *n)
{
	bool lasts;

	if (n->pending.is_there || !book_takes_records(n)) {
		if (n->blocked_since_ns == 0)
			n->blocked_since_ns = n->now.monotonic_ns;
		return true;
	}
	if (n->blocked_since_ns == 0)
		return false;
	lasts = n->now.monotonic_ns - n->blocked_since_ns >= BLOCKED_NS;
	n->blocked_since_ns = 0;
	if (!lasts)
		return false;
	n->blocked_ns = n->now.monotonic_ns;
	if (n->scan_ns < n->now.monotonic_ns + SCAN_INTERVAL_NS)
		n->scan_ns = n->now.monotonic_ns + SCAN_INTERVAL_NS;
	return true;
}

void
silence_step(struct notary *n)
{
	uint64_t deadline = UINT64_MAX;
	struct cell *c;

	if (is_blocked(n) || n->now.monotonic_ns < n->scan_ns)
		return;
	for (c = n->cells; c != NULL; c = c->next) {
		if (c->number == 0 || c->is_removing)
			continue;
		/* The rest is looked at when a commit has ended. */
		if (!book_has_room(n, PROTO_EVIDENCE))
			return;
		look(n, c, &deadline);
	}
	if (deadline < n->now.monotonic_ns + SCAN_INTERVAL_NS)
		deadline = n->now.monotonic_ns + SCAN_INTERVAL_NS;
	n->scan_ns = deadline;
}
