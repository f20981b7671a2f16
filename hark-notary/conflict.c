/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Two speakers in one cell.  A newcomer challenges whoever speaks already; that is reported once it
 * is sure that both live: the other speaks after the newcomer's first frame by the guest's own
 * clock, or its end was not read in time, or the newcomer ends first.  An agent that was started
 * again, whose old connection's end is read a moment later, is no conflict.
 */
#include "base/must.h"
#include "hark-notary/notary_internal.h"

/* It has spoken, and nothing says that it has stopped. */
static bool
is_speaker(const struct connection *c)
{
	return c->session.mode != HARK_WIRE_FIRST && !c->is_draining && !c->is_superseded &&
	       !c->said_goodbye;
}

/* Who speaks in c's cell beside c, those of its stream and `but`: the one of the largest epoch. */
static struct connection *
other_speaker(const struct connection *c, const struct connection *but)
{
	struct connection *found = NULL;
	struct connection *k;

	for (k = c->cell->connections; k != NULL; k = k->next) {
		if (k == c || k == but || !is_speaker(k) ||
		    (c->stream != NULL && k->stream == c->stream))
			continue;
		if (found == NULL || k->epoch > found->epoch)
			found = k;
	}
	return found;
}

/* Who has the name of c's stream now. */
static struct connection *
owner_of_stream(const struct connection *c)
{
	struct connection *k;

	for (k = c->cell->connections; k != NULL; k = k->next) {
		if (k != c && k->stream == c->stream && !k->is_draining)
			return k;
	}
	return NULL;
}

static void
write_conflict(struct notary *n, struct connection *c, enum event_conflict cause,
	       uint32_t other_epoch)
{
	struct event_place to = book_place(EVIDENCE(n));
	size_t size = 0;
	enum err e;

	e = event_conflict(cell_stamp(n, c->cell, c->epoch), cause, other_epoch, &c->session, &to,
			   &size);
	cell_written(n, c->cell, e, size);
}

static void
report_challenge(struct notary *n, struct connection *c)
{
	MUST(c->is_challenger);
	c->is_challenger = false;
	connection_touch(n, c);
	write_conflict(n, c, EVENT_CONFLICT_SECOND_SPEAKER, c->other_epoch);
}

/* A hello of another boot: who was silent for two heartbeats was of the boot before. */
static void
supersede(struct notary *n, const struct connection *c)
{
	struct connection *k;

	for (k = c->cell->connections; k != NULL; k = k->next) {
		if (k == c || !is_speaker(k) || k->boot == 0 || k->boot == c->boot)
			continue;
		if (n->now.monotonic_ns - k->last_ns < SILENT_SPEAKER_NS)
			continue;
		k->is_superseded = true;
		connection_touch(n, k);
	}
}

void
conflict_begin(struct notary *n, struct connection *c)
{
	struct connection *k;

	/* The same stream on another connection: what that one had sent before is still read. */
	for (k = c->cell->connections; c->stream != NULL && k != NULL; k = k->next) {
		if (k == c || k->stream != c->stream || k->is_draining)
			continue;
		k->is_draining = true;
		k->is_challenger = false;
		k->drain_until_ns = n->now.monotonic_ns + DRAIN_NS;
		connection_touch(n, k);
	}
	if (c->boot != 0)
		supersede(n, c);
	k = other_speaker(c, NULL);
	if (k == NULL)
		return;
	c->is_challenger = true;
	c->other_epoch = k->epoch;
	c->challenge_until_ns = n->now.monotonic_ns + CHALLENGE_NS;
	silence_sooner(n, c->challenge_until_ns);
}

/* Both use the stream's name and both speak: from here on c's numbers are counted apart. */
static void
part(struct notary *n, struct connection *c, const struct connection *owner, uint64_t seq)
{
	struct stream *s = stream_fork(n, c->cell, c->session.stream, seq);

	if (s == NULL) {
		notary_fail(n, ERR_MEMORY);
		return;
	}
	stream_release(n, c->stream);
	c->stream = s;
	s->users++;
	c->epoch = s->epoch;
	c->is_draining = false;
	connection_touch(n, c);
	write_conflict(n, c, EVENT_CONFLICT_STREAM_SHARED, owner->epoch);
}

static void
speak_while_draining(struct notary *n, struct connection *c, const struct hark_guest_declaration *d)
{
	const struct connection *owner = owner_of_stream(c);

	if (owner == NULL) {
		c->is_draining = false;
		connection_touch(n, c);
		return;
	}
	/* What it sent before the other's hello is older by the guest's clock. */
	if (d->guest_monotonic_ns <= owner->first_guest_ns &&
	    n->now.monotonic_ns < c->drain_until_ns)
		return;
	part(n, c, owner, d->has_seq ? d->seq : c->stream->seq.expected);
}

void
conflict_frame(struct notary *n, struct connection *c, const struct hark_guest_declaration *d)
{
	struct connection *k;

	if (c->is_draining)
		speak_while_draining(n, c, d);
	if (c->is_draining || n->failure != ERR_OK)
		return;
	if (c->is_superseded) {
		c->is_superseded = false;
		connection_touch(n, c);
		k = other_speaker(c, NULL);
		if (k != NULL)
			write_conflict(n, c, EVENT_CONFLICT_SECOND_SPEAKER, k->epoch);
	}
	for (k = c->cell->connections; k != NULL; k = k->next) {
		if (k != c && k->is_challenger && k->other_epoch == c->epoch &&
		    d->guest_monotonic_ns > k->first_guest_ns)
			report_challenge(n, k);
	}
}

void
conflict_end(struct notary *n, struct connection *c, enum connection_end how)
{
	struct connection *k;

	/* It came and went beside another: that would be seen nowhere else. */
	if (c->is_challenger && how == CONNECTION_CLOSED)
		report_challenge(n, c);
	c->is_challenger = false;
	for (k = c->cell->connections; k != NULL; k = k->next) {
		const struct connection *other;

		if (k == c || !k->is_challenger || k->other_epoch != c->epoch)
			continue;
		/* Whom it challenged has ended; there may be a third. */
		other = other_speaker(k, c);
		if (other == NULL)
			k->is_challenger = false;
		else
			k->other_epoch = other->epoch;
		connection_touch(n, k);
	}
}

void
conflict_due(struct notary *n, struct connection *c)
{
	if (c->is_challenger && n->now.monotonic_ns >= c->challenge_until_ns)
		report_challenge(n, c);
}
