/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Group commit: a batch is closed when it is full or its oldest event has waited long enough, and
 * one is written while the next is filled.  Whatever anybody is told follows its fdatasync.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "hark-notary/notary_internal.h"
#include "prog/exit.h"
#include "proto/origin.h"

/* State that changed without a leaf, such as the number of a heartbeat, waits for one so long. */
#define LAZY_NS UINT64_C(250000000)

void
book_enter(struct notary *n, enum proto_ledger ledger, enum notary_ledger_state state,
	   const char *text)
{
	struct book *b = &n->books[ledger];

	if (b->state == state)
		return;
	b->state = state;
	n->ops.ledger_state(n->ctx, ledger, state, text);
}

void
commit_publish(struct notary *n, enum proto_ledger ledger)
{
	const struct book *b = &n->books[ledger];
	struct page_state page = {
		.committed_size = ledger_committed_size(b->ledger),
		.sealed_size = b->sealed_size,
		.sealed_root = b->sealed_root,
		.is_failing = b->state == NOTARY_LEDGER_FAILING || b->state == NOTARY_LEDGER_FULL,
	};

	ledger_committed_root(b->ledger, &page.committed_root);
	ledger_position(b->ledger, &page.serial, &page.offset);
	n->ops.publish(n->ctx, ledger, &page);
}

/* ---- receipts ---- */

static void
send_receipt(struct notary *n, struct channel *c)
{
	struct record_receipt *r = &n->receipt;
	struct slot *slot;
	size_t i = 0;

	/* The state may have it from before harkd spoke of it. */
	if (c->number == 0 || c->is_violated || c->is_gone)
		return;
	r->next = c->durable_next;
	r->count = 0;
	while (r->count < RECORD_RECEIPT_SLOTS_MAX && (slot = table_next(&c->slots, &i)) != NULL) {
		if (slot->cell == NULL || slot->cell->bytes == slot->reported)
			continue;
		r->slots[r->count++] =
			(struct record_receipt_slot){ slot->number, slot->cell->bytes };
	}
	c->is_owed = !n->ops.receipt(n->ctx, c->number, r);
	if (c->is_owed) {
		n->receipts_at_ns = n->now.monotonic_ns + RECEIPT_RETRY_NS;
		return;
	}
	for (i = 0; i < r->count; i++) {
		slot = table_get(&c->slots, r->slots[i].slot);
		slot->reported = r->slots[i].bytes;
	}
}

static void
send_owed_receipts(struct notary *n)
{
	struct channel *c;
	size_t i = 0;

	if (n->receipts_at_ns == 0 || n->now.monotonic_ns < n->receipts_at_ns)
		return;
	n->receipts_at_ns = 0;
	while ((c = table_next(&n->incarnations, &i)) != NULL) {
		if (c->is_owed)
			send_receipt(n, c);
	}
}

static void
channels_are_durable(struct notary *n)
{
	while (n->flight_channels != NULL) {
		struct channel *c = n->flight_channels;

		n->flight_channels = c->next_flight;
		c->durable_next = c->closed_next;
		send_receipt(n, c);
	}
}

/* ---- waiters ---- */

static void
answer(struct notary *n, const struct waiter *w)
{
	const struct notary_answer said = { .id = w->id,
					    .code = w->code,
					    .text = w->text,
					    .has_count = w->has_count,
					    .count = w->count };

	if (w->id != 0)
		n->ops.answer(n->ctx, &said);
}

static bool
serve(struct notary *n, struct waiter *w)
{
	struct book *b = &n->books[w->ledger];

	if (w->kind == WAIT_ANSWER) {
		answer(n, w);
		return true;
	}
	if (w->kind != WAIT_SEAL) {
		operations_act(n, w);
		return true;
	}
	w->is_durable = true;
	w->size = ledger_committed_size(b->ledger);
	b->wants_seal = true;
	return false;
}

static void
serve_waiters(struct notary *n, enum proto_ledger ledger)
{
	size_t kept = 0;
	size_t i;

	for (i = 0; i < n->waiter_count; i++) {
		struct waiter w = n->waiters[i];
		bool is_due = w.book == ledger && !w.is_durable &&
			      w.batch <= n->books[ledger].durable_batch;

		if (!is_due || !serve(n, &w))
			n->waiters[kept++] = w;
	}
	n->waiter_count = kept;
}

/* ---- commits ---- */

static void
flush_state(struct notary *n)
{
	while (n->dirty_streams != NULL) {
		struct stream *s = n->dirty_streams;

		n->dirty_streams = s->next_dirty;
		s->is_dirty = false;
		store_stream(n, s);
	}
	while (n->dirty_connections != NULL) {
		struct connection *c = n->dirty_connections;

		n->dirty_connections = c->next_dirty;
		c->is_dirty = false;
		store_connection(n, c);
	}
	while (n->dirty_channels != NULL) {
		struct channel *c = n->dirty_channels;

		n->dirty_channels = c->next_dirty;
		c->is_dirty = false;
		c->closed_next = c->next;
		c->next_flight = n->flight_channels;
		n->flight_channels = c;
		store_channel(n, c);
	}
	n->dirty_count = 0;
	n->lazy_ns = 0;
}

/* What is written though nothing changed, so that a commit tries to reserve space again. */
static const char low_key[] = "L";

/* Each ledger says it of itself: nothing that is written to the operations changes the evidence. */
static void
write_full(struct notary *n, enum proto_ledger ledger)
{
	static const char kind[] = "ledger_full";
	struct event_place to;
	size_t size = 0;
	enum err e;

	if (!book_has_room(n, ledger))
		return;
	if (ledger == PROTO_OPERATIONS) {
		e = operations_write(n, (struct bytes){ (const uint8_t *)kind, sizeof(kind) - 1 },
				     (struct bytes){ (const uint8_t *)"{}", 2 });
		if (e != ERR_OK)
			notary_fail(n, e);
		return;
	}
	to = book_place(EVIDENCE(n));
	e = event_ledger_full(&n->now, origin_ledger_name(ledger), &to, &size);
	book_written(n, EVIDENCE(n), e, size);
}

/* Writing failed: the batch is kept in memory and is written again, whole. */
static void
failed(struct notary *n, enum proto_ledger ledger)
{
	struct book *b = &n->books[ledger];
	bool is_full = errno == ENOSPC || errno == EDQUOT;
	const char *text = strerror(errno);

	b->retry_wait_ns = b->retry_wait_ns == 0 ? RETRY_FIRST_NS : 2 * b->retry_wait_ns;
	if (b->retry_wait_ns > RETRY_MAX_NS)
		b->retry_wait_ns = RETRY_MAX_NS;
	b->retry_ns = n->now.monotonic_ns + b->retry_wait_ns;
	if (is_full && b->state != NOTARY_LEDGER_FULL)
		write_full(n, ledger);
	book_enter(n, ledger, is_full ? NOTARY_LEDGER_FULL : NOTARY_LEDGER_FAILING, text);
	commit_publish(n, ledger);
}

/* Space beyond the segment that is written is reserved, or is not. */
static void
look_at_space(struct notary *n, enum proto_ledger ledger)
{
	struct book *b = &n->books[ledger];
	bool was_low = b->is_low;

	b->is_low = ledger_space_is_low(b->ledger);
	if (b->is_low && !was_low)
		write_full(n, ledger);
	if (b->is_low) {
		b->low_ns = n->now.monotonic_ns + RETRY_MAX_NS;
		book_enter(n, ledger, NOTARY_LEDGER_FULL, "no space for the next segment");
		return;
	}
	if (b->state == NOTARY_LEDGER_FAILING || b->state == NOTARY_LEDGER_FULL)
		book_enter(n, ledger, b->is_refused ? NOTARY_LEDGER_REFUSED : NOTARY_LEDGER_OK,
			   NULL);
}

static void
try_space_again(struct notary *n, enum proto_ledger ledger)
{
	struct book *b = &n->books[ledger];

	if (!b->is_low || n->now.monotonic_ns < b->low_ns || b->in_flight ||
	    !ledger_batch_is_empty(b->ledger))
		return;
	b->low_ns = n->now.monotonic_ns + RETRY_MAX_NS;
	book_state_of(n, b, low_key, sizeof(low_key) - 1, &b->batch, sizeof(b->batch));
}

static void
ended(struct notary *n, enum proto_ledger ledger)
{
	struct book *b = &n->books[ledger];

	b->in_flight = false;
	b->retry_wait_ns = 0;
	b->durable_batch = b->batch - 1;
	look_at_space(n, ledger);
	commit_publish(n, ledger);
	if (ledger == PROTO_EVIDENCE)
		channels_are_durable(n);
	else
		observers_are_durable(n);
	serve_waiters(n, ledger);
}

/* Where the commit that is under way has come to. */
static void
look_at_commit(struct notary *n, enum proto_ledger ledger)
{
	struct book *b = &n->books[ledger];
	enum err e;

	if (b->retry_ns != 0) {
		if (n->now.monotonic_ns < b->retry_ns)
			return;
		b->retry_ns = 0;
		e = ledger_commit_retry(b->ledger);
		if (e == ERR_SYSTEM) {
			failed(n, ledger);
			return;
		}
	}
	e = ledger_commit_end(b->ledger);
	if (e == ERR_OK)
		ended(n, ledger);
	else if (e == ERR_SYSTEM)
		failed(n, ledger);
	else if (e != ERR_AGAIN)
		notary_fail(n, e);
}

static bool
is_due(const struct notary *n, enum proto_ledger ledger)
{
	const struct book *b = &n->books[ledger];

	if (ledger == PROTO_EVIDENCE && n->lazy_ns != 0 && n->now.monotonic_ns >= n->lazy_ns)
		return true;
	if (ledger_batch_is_empty(b->ledger))
		return false;
	return n->is_stopping || !book_has_room(n, ledger) ||
	       n->now.monotonic_ns >= b->oldest_ns + n->options.commit_us * 1000;
}

static void
begin(struct notary *n, enum proto_ledger ledger)
{
	struct book *b = &n->books[ledger];
	enum err e;

	if (ledger == PROTO_EVIDENCE)
		flush_state(n);
	e = ledger_commit_begin(b->ledger, n->now.real, n->now.monotonic_ns);
	if (e == ERR_OK || e == ERR_SYSTEM) {
		b->in_flight = true;
		b->batch++;
	}
	if (e == ERR_SYSTEM)
		failed(n, ledger);
	else if (e != ERR_OK)
		notary_fail(n, e);
}

void
commit_step(struct notary *n)
{
	unsigned int i;

	if (n->dirty_count > 0 && n->lazy_ns == 0)
		n->lazy_ns = n->now.monotonic_ns + LAZY_NS;
	for (i = 0; i < PROTO_LEDGERS && n->failure == ERR_OK; i++) {
		enum proto_ledger ledger = (enum proto_ledger)i;
		struct book *b = &n->books[i];

		if (b->in_flight)
			look_at_commit(n, ledger);
		try_space_again(n, ledger);
		if (!b->in_flight && n->failure == ERR_OK && is_due(n, ledger)) {
			begin(n, ledger);
			if (b->in_flight && b->retry_ns == 0)
				look_at_commit(n, ledger);
		}
		/* Where nothing is to be written, what is asked for is durable already. */
		if (n->waiter_count > 0 && n->failure == ERR_OK)
			serve_waiters(n, ledger);
	}
	send_owed_receipts(n);
}

uint64_t
commit_deadline(const struct notary *n)
{
	uint64_t deadline = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		const struct book *b = &n->books[i];
		uint64_t at_ns = UINT64_MAX;

		if (b->retry_ns != 0)
			at_ns = b->retry_ns;
		else if (!b->in_flight && !ledger_batch_is_empty(b->ledger))
			at_ns = n->is_stopping || !book_has_room(n, (enum proto_ledger)i)
					? 0
					: b->oldest_ns + n->options.commit_us * 1000;
		else if (!b->in_flight && b->is_low)
			at_ns = b->low_ns;
		if (at_ns < deadline)
			deadline = at_ns;
	}
	if (n->dirty_count > 0 && !EVIDENCE(n)->in_flight) {
		uint64_t at_ns = n->lazy_ns != 0 ? n->lazy_ns : n->now.monotonic_ns + LAZY_NS;

		if (at_ns < deadline)
			deadline = at_ns;
	}
	if (n->receipts_at_ns != 0 && n->receipts_at_ns < deadline)
		deadline = n->receipts_at_ns;
	return deadline;
}

int
notary_commit_fd(const struct notary *n, enum proto_ledger ledger)
{
	return ledger_commit_fd(n->books[ledger].ledger);
}
