/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the notary says of the host: starts, ticks, steps of its clock, the end; and what it finds
 * after a start that nobody speaks of any more. */
#include <string.h>

#include "base/must.h"
#include "hark-notary/notary_internal.h"
#include "prog/exit.h"

#define NANOSECONDS_PER_SECOND INT64_C(1000000000)

/* How much further the real clock went than the monotonic one, between two readings. */
static int64_t
step_between(const struct event_clock *from, const struct event_clock *to)
{
	int64_t seconds = to->real.seconds - from->real.seconds;
	int64_t real;

	/* Beyond a century in nanoseconds it does not fit, and is a step in any case. */
	if (seconds > INT64_C(3155760000))
		seconds = INT64_C(3155760000);
	if (seconds < -INT64_C(3155760000))
		seconds = -INT64_C(3155760000);
	real = seconds * NANOSECONDS_PER_SECOND + (int64_t)to->real.nanoseconds -
	       (int64_t)from->real.nanoseconds;
	return real - (int64_t)(to->monotonic_ns - from->monotonic_ns);
}

void
host_time(struct notary *n, const struct event_clock *clock)
{
	/* A reading from before another of the same turn, such as that of a channel's end, counts
	 * as that one: for the core time never runs backwards. */
	const bool is_older = n->has_clock && clock->monotonic_ns < n->last.monotonic_ns;
	const struct event_clock at = is_older ? n->last : *clock;
	const struct event_clock *now = &at;
	struct event_place to;
	int64_t step;
	size_t size = 0;
	enum err e;

	n->now = *now;
	if (!n->has_clock) {
		n->has_clock = true;
		n->last = *now;
		return;
	}
	step = step_between(&n->last, now);
	if (step > -CLOCK_STEP_NS && step < CLOCK_STEP_NS) {
		n->last = *now;
		return;
	}
	/* Where there is no room the comparison is made again later, and the step is still seen. */
	if (!book_has_room(n, PROTO_EVIDENCE))
		return;
	n->last = *now;
	to = book_place(EVIDENCE(n));
	e = event_clock_stepped(now, step, &to, &size);
	book_written(n, EVIDENCE(n), e, size);
}

void
host_glance(struct notary *n, const struct event_clock *clock)
{
	n->now = n->has_clock && clock->monotonic_ns < n->last.monotonic_ns ? n->last : *clock;
}

void
notary_counts(const struct notary *n, struct event_counts *out)
{
	*out = n->counts;
	out->cells = n->cell_count;
	out->connections = n->connection_count;
}

static void
record_operation(struct notary *n, const char *kind, const char *members)
{
	enum err e = operations_write(n, (struct bytes){ (const uint8_t *)kind, strlen(kind) },
				      (struct bytes){ (const uint8_t *)members, strlen(members) });

	if (e != ERR_OK)
		notary_fail(n, e);
}

/* harkd has started anew: the receivers that the state knows ended with the harkd before. */
static void
all_channels_are_gone(struct notary *n)
{
	struct channel *c;
	size_t i = 0;

	while ((c = table_next(&n->incarnations, &i)) != NULL) {
		if (c->number == 0) {
			c->is_gone = true;
			n->has_gone = true;
		}
	}
	channels_end_gone(n);
}

static void
write_started(struct notary *n)
{
	struct event_place to = book_place(EVIDENCE(n));
	size_t size = 0;
	enum err e;

	if (n->options.restarts > 0)
		e = event_notary_restarted(&n->now, n->options.restarts, &to, &size);
	else
		e = event_started(&n->now, n->options.clean, &to, &size);
	book_written(n, EVIDENCE(n), e, size);
	if (n->options.restarts == 0) {
		record_operation(n, "started",
				 n->options.clean ? "{\"clean\":true}" : "{\"clean\":false}");
		all_channels_are_gone(n);
	}
	n->tick_ns = n->now.monotonic_ns + n->options.tick_ms * UINT64_C(1000000);
	n->settle_ns = n->now.monotonic_ns + SETTLE_NS;
}

bool
notary_is_barred(const struct notary *n)
{
	/* Later a ledger grows on, and is not sealed: harkd lives, and so do its guests. */
	return !n->is_begun && n->options.restarts == 0 &&
	       (n->books[PROTO_EVIDENCE].is_refused || n->books[PROTO_OPERATIONS].is_refused);
}

/* It has not begun, and will. */
static bool
may_begin(const struct notary *n)
{
	return !n->is_begun && !n->is_stopping && n->begin_ns != 0 && !notary_is_barred(n);
}

/*
 * A ledger that its signer refuses at the start is not the one that was here, and harkd ends.  Were
 * anything written before, each such start would make it longer.  So the heads are heard first; but
 * for a signer that ends or is slow nobody waits for long.
 */
void
host_begin(struct notary *n)
{
	unsigned int i;

	if (!may_begin(n))
		return;
	for (i = 0; i < PROTO_LEDGERS; i++) {
		if (n->books[i].awaits_head && n->now.monotonic_ns < n->begin_ns)
			return;
	}
	n->is_begun = true;
	write_started(n);
}

uint64_t
host_begin_deadline(const struct notary *n)
{
	return may_begin(n) ? n->begin_ns : UINT64_MAX;
}

void
notary_begin(struct notary *n, const struct event_clock *now)
{
	if (n->begin_ns != 0)
		return;
	host_time(n, now);
	n->begin_ns = n->now.monotonic_ns + NOTARY_HEAD_LIMIT_NS;
	host_begin(n);
}

/* Cells and receivers that harkd has not named since the start are no more: it removed them, or
 * they ended, while nobody was here to hear of it. */
static bool
settle(struct notary *n)
{
	static const char reason[] = "removed_while_down";
	struct cell *c;

	all_channels_are_gone(n);
	if (n->has_gone)
		return false;
	for (c = n->cells; c != NULL; c = c->next) {
		if (c->number != 0 || c->is_removing)
			continue;
		c->is_removing = true;
		c->remove_until_ns = n->now.monotonic_ns;
		memcpy(c->remove_reason, reason, sizeof(reason));
		n->removing_ns = n->now.monotonic_ns;
	}
	cells_remove_due(n);
	return true;
}

static void
write_tick(struct notary *n)
{
	struct event_place to = book_place(EVIDENCE(n));
	struct event_counts counts;
	size_t size = 0;
	enum err e;

	notary_counts(n, &counts);
	e = event_tick(&n->now, &counts, &to, &size);
	book_written(n, EVIDENCE(n), e, size);
}

static void
write_stopped(struct notary *n)
{
	struct event_place to = book_place(EVIDENCE(n));
	struct event_counts counts;
	size_t size = 0;
	enum err e;

	notary_counts(n, &counts);
	e = event_stopped(&n->now, &counts, &to, &size);
	book_written(n, EVIDENCE(n), e, size);
	record_operation(n, "stopped", "{}");
}

/* What was sent is taken first; where space is low, the next notary takes it. */
static bool
may_stop(const struct notary *n)
{
	return n->is_stopping && !n->stop_is_written &&
	       (!n->pending.is_there || EVIDENCE(n)->is_low) && book_has_room(n, PROTO_EVIDENCE) &&
	       book_has_room(n, PROTO_OPERATIONS);
}

void
host_step(struct notary *n)
{
	uint64_t tick_ns = n->options.tick_ms * UINT64_C(1000000);

	channels_end_gone(n);
	cells_remove_due(n);
	if (!book_has_room(n, PROTO_EVIDENCE) || n->stop_is_written)
		return;
	if (n->settle_ns != 0 && n->now.monotonic_ns >= n->settle_ns && settle(n))
		n->settle_ns = 0;
	if (!book_has_room(n, PROTO_EVIDENCE))
		return;
	if (n->now.monotonic_ns >= n->tick_ns) {
		write_tick(n);
		/* A tick that was missed is not made up for: that it is missing says something. */
		n->tick_ns = n->now.monotonic_ns + tick_ns;
	}
	if (may_stop(n)) {
		write_stopped(n);
		n->stop_is_written = true;
		EVIDENCE(n)->wants_seal = true;
		OPERATIONS(n)->wants_seal = true;
		n->stop_limit_ns = n->now.monotonic_ns + SIGN_LIMIT_NS;
	}
}

uint64_t
host_deadline(const struct notary *n)
{
	uint64_t deadline = n->tick_ns;

	if (n->settle_ns != 0 && n->settle_ns < deadline)
		deadline = n->settle_ns;
	if (n->removing_ns != 0 && n->removing_ns < deadline)
		deadline = n->removing_ns;
	if (may_stop(n))
		deadline = 0;
	return deadline;
}

enum err
notary_stop(struct notary *n, uint64_t id, const struct event_clock *now)
{
	if (n->is_stopping)
		return ERR_EXISTS;
	host_time(n, now);
	n->is_stopping = true;
	n->stop_id = id;
	if (!n->is_begun) {
		n->stop_is_told = true;
		notary_say(n, id, EXIT_TEMPORARY, "nothing was begun");
		n->ops.stopped(n->ctx);
		return ERR_OK;
	}
	host_step(n);
	return ERR_OK;
}
