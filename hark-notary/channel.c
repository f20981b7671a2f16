/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Channels of receivers: which incarnation sends, which cells its slots are, which record number
 * comes next.  A message is taken record by record, as far as the batch has room.
 */
#include <stdlib.h>

#include "base/must.h"
#include "hark-notary/notary_internal.h"

enum err
channel_create(struct notary *n, uint64_t number, uint64_t incarnation, struct channel **out)
{
	struct channel *c;
	enum err e;

	if (n->incarnations.count >= NOTARY_CHANNELS_MAX)
		return ERR_LIMIT;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return ERR_MEMORY;
	c->incarnation = incarnation;
	e = table_set(&n->incarnations, incarnation, c);
	if (e == ERR_OK && number != 0) {
		e = table_set(&n->channels, number, c);
		if (e != ERR_OK)
			(void)table_remove(&n->incarnations, incarnation);
	}
	if (e != ERR_OK) {
		free(c);
		return e;
	}
	c->number = number;
	*out = c;
	return ERR_OK;
}

void
channel_destroy(struct notary *n, struct channel *c)
{
	struct channel **at;
	size_t i = 0;
	void *slot;

	MUST(c->connections.count == 0);

	for (at = &n->dirty_channels; *at != NULL && *at != c;)
		at = &(*at)->next_dirty;
	if (*at != NULL) {
		*at = c->next_dirty;
		n->dirty_count--;
	}
	for (at = &n->flight_channels; *at != NULL && *at != c;)
		at = &(*at)->next_flight;
	if (*at != NULL)
		*at = c->next_flight;
	(void)table_remove(&n->incarnations, c->incarnation);
	if (c->number != 0)
		(void)table_remove(&n->channels, c->number);
	while ((slot = table_next(&c->slots, &i)) != NULL)
		free(slot);
	table_finish(&c->slots);
	table_finish(&c->connections);
	free(c);
}

void
channel_touch(struct notary *n, struct channel *c)
{
	if (c->is_dirty)
		return;
	c->is_dirty = true;
	c->next_dirty = n->dirty_channels;
	n->dirty_channels = c;
	n->dirty_count++;
}

enum err
notary_channel_add(struct notary *n, uint64_t number, uint64_t incarnation)
{
	struct channel *c;
	enum err e;

	if (number == 0 || incarnation == 0)
		return ERR_ARGUMENT;
	if (table_get(&n->channels, number) != NULL)
		return ERR_EXISTS;
	c = table_get(&n->incarnations, incarnation);
	if (c == NULL)
		return channel_create(n, number, incarnation, &c);
	if (c->number != 0)
		return ERR_EXISTS;
	e = table_set(&n->channels, number, c);
	if (e == ERR_OK)
		c->number = number;
	return e;
}

enum err
notary_channel_slot(struct notary *n, uint64_t number, uint16_t slot_number, uint64_t cell_number)
{
	struct channel *c = table_get(&n->channels, number);
	struct cell *cell = table_get(&n->cell_numbers, cell_number);
	struct slot *slot;
	enum err e;

	if (c == NULL || cell == NULL)
		return ERR_MISSING;
	slot = table_get(&c->slots, slot_number);
	if (slot != NULL) {
		/* A slot that was a removed cell's is free. */
		if (slot->cell != NULL)
			return ERR_EXISTS;
		*slot = (struct slot){ .number = slot_number, .cell = cell };
		return ERR_OK;
	}
	slot = calloc(1, sizeof(*slot));
	if (slot == NULL)
		return ERR_MEMORY;
	*slot = (struct slot){ .number = slot_number, .cell = cell };
	e = table_set(&c->slots, slot_number, slot);
	if (e != ERR_OK)
		free(slot);
	return e;
}

void
channels_forget_cell(struct notary *n, const struct cell *cell)
{
	struct channel *c;
	size_t i = 0;

	while ((c = table_next(&n->incarnations, &i)) != NULL) {
		struct slot *slot;
		size_t j = 0;

		while ((slot = table_next(&c->slots, &j)) != NULL) {
			if (slot->cell == cell)
				slot->cell = NULL;
		}
	}
}

/* The channel's next connection to end.  By number, lest the order of leaves hang on a table's. */
static struct connection *
first_connection(const struct channel *c)
{
	struct connection *first = NULL;
	struct connection *other;
	size_t i = 0;

	while ((other = table_next(&c->connections, &i)) != NULL) {
		if (first == NULL || other->number < first->number)
			first = other;
	}
	return first;
}

static struct channel *
next_gone(const struct notary *n)
{
	struct channel *first = NULL;
	struct channel *c;
	size_t i = 0;

	while ((c = table_next(&n->incarnations, &i)) != NULL) {
		if (c->is_gone && (first == NULL || c->incarnation < first->incarnation))
			first = c;
	}
	return first;
}

void
channels_end_gone(struct notary *n)
{
	struct channel *c;

	while (n->has_gone) {
		c = next_gone(n);
		if (c == NULL) {
			n->has_gone = false;
			return;
		}
		while (c->connections.count > 0) {
			struct connection *k = first_connection(c);

			if (!book_has_room(n, PROTO_EVIDENCE))
				return;
			connection_end(n, k, CONNECTION_LOST, k->frames);
		}
		if (!book_has_room(n, PROTO_EVIDENCE))
			return;
		store_channel_gone(n, c);
		channel_destroy(n, c);
	}
}

enum err
notary_channel_gone(struct notary *n, uint64_t number, const struct event_clock *now)
{
	struct channel *c = table_get(&n->channels, number);

	if (c == NULL)
		return ERR_MISSING;
	host_time(n, now);
	/* What it had sent and was not taken yet is taken first, unless it broke the rules. */
	if (n->pending.is_there && n->pending.channel == number)
		c->is_gone_after = true;
	else
		c->is_gone = true;
	n->has_gone = n->has_gone || c->is_gone;
	channels_end_gone(n);
	return ERR_OK;
}

bool
notary_channel_is_read(const struct notary *n, uint64_t number)
{
	const struct channel *c = table_get(&n->channels, number);

	return c != NULL && !c->is_violated && !c->is_gone;
}

/* Ends the channel's part in this, and tells harkd and the ledger. */
static void
violated(struct notary *n, struct channel *c, const char *reason)
{
	struct event_place to = book_place(EVIDENCE(n));
	const struct hark_host_stamp *stamp = NULL;
	size_t size = 0;
	size_t i = 0;
	enum err e;

	if (c->slots.count == 1) {
		const struct slot *slot = table_next(&c->slots, &i);

		if (slot->cell != NULL)
			stamp = cell_stamp(n, slot->cell, 0);
	}
	c->is_violated = true;
	e = event_protocol_violation(&n->now, reason, stamp, &to, &size);
	book_written(n, EVIDENCE(n), e, size);
	n->ops.violation(n->ctx, c->number, reason);
}

void *
notary_buffer(struct notary *n)
{
	return n->pending.is_there || !book_takes_records(n) ? NULL : n->buffer;
}

bool
notary_is_stalled(const struct notary *n)
{
	return n->pending.is_there;
}

/* Takes one record.  NULL, or why it is a violation; *wants_control: its slot is not known. */
static const char *
take_record(struct notary *n, struct channel *c, bool *wants_control)
{
	struct pending *p = &n->pending;
	uint64_t number = p->batch.first + p->index;
	struct slot *slot;
	const char *reason = NULL;
	size_t used = 0;

	if (record_read(n->buffer + p->at, p->size - p->at, &n->record, &used) != ERR_OK)
		return "malformed_record";
	if (number < c->next) {
		/* It was sent again to a notary that has it.  The receipt may have been lost with
		 * the notary before, and no commit need follow from which another would come. */
		c->is_owed = true;
		n->receipts_at_ns = n->now.monotonic_ns;
	} else {
		slot = table_get(&c->slots, n->record.slot);
		if (slot == NULL && !p->was_asked) {
			p->was_asked = true;
			*wants_control = true;
			return NULL;
		}
		if (slot == NULL)
			return "slot_not_given";
		if (slot->cell != NULL)
			reason = hear_record(n, c, slot->cell);
		if (reason != NULL)
			return reason;
		c->next = number + 1;
		channel_touch(n, c);
	}
	p->was_asked = false;
	p->at += used;
	p->index++;
	return NULL;
}

static enum notary_take
finish_message(struct notary *n, struct channel *c, const char *reason)
{
	n->pending.is_there = false;
	if (reason != NULL)
		violated(n, c, reason);
	if (c->is_gone_after) {
		c->is_gone = true;
		n->has_gone = true;
		channels_end_gone(n);
	}
	return NOTARY_TAKEN;
}

enum notary_take
notary_resume(struct notary *n)
{
	struct pending *p = &n->pending;
	const char *reason = NULL;
	bool wants_control = false;
	struct channel *c;

	if (!p->is_there)
		return NOTARY_TAKEN;
	c = table_get(&n->channels, p->channel);
	MUST(c != NULL);
	/* What waited is still of the moment when it came. */
	n->now = p->clock;
	while (reason == NULL && p->index < p->batch.count) {
		if (!book_takes_records(n))
			return NOTARY_STALLED;
		reason = take_record(n, c, &wants_control);
		if (wants_control)
			return NOTARY_WANTS_CONTROL;
	}
	if (reason == NULL && p->at != p->size)
		reason = "malformed_batch";
	if (reason != NULL && !book_has_room(n, PROTO_EVIDENCE))
		return NOTARY_STALLED;
	return finish_message(n, c, reason);
}

enum notary_take
notary_message(struct notary *n, uint64_t number, size_t size, const struct event_clock *now)
{
	struct pending *p = &n->pending;
	struct channel *c = table_get(&n->channels, number);

	MUST(!p->is_there);
	MUST(c != NULL && !c->is_violated && !c->is_gone);
	MUST(size <= RECORD_BATCH_BYTES_MAX);

	host_time(n, now);
	*p = (struct pending){
		.is_there = true,
		.channel = number,
		.size = size,
		.at = RECORD_BATCH_HEAD_BYTES,
		.clock = n->now,
	};
	if (record_batch_read(n->buffer, size, &p->batch) != ERR_OK)
		return finish_message(n, c, "malformed_batch");
	if (p->batch.first > c->next)
		return finish_message(n, c, "number_skipped");
	return notary_resume(n);
}
