/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A ledger as the notary writes it: a leaf is built in the place where the batch will be written
 * from. */
#include <string.h>

#include "base/must.h"
#include "hark-notary/notary_internal.h"

const char *
notary_ledger_state_name(enum notary_ledger_state state)
{
	static const char *const names[] = {
		[NOTARY_LEDGER_OK] = "ok",
		[NOTARY_LEDGER_FAILING] = "failing",
		[NOTARY_LEDGER_FULL] = "full",
		[NOTARY_LEDGER_REFUSED] = "refused",
	};

	MUST((unsigned int)state < sizeof(names) / sizeof(names[0]));
	return names[state];
}

void
notary_fail(struct notary *n, enum err e)
{
	MUST(e != ERR_OK);
	if (n->failure == ERR_OK)
		n->failure = e;
}

void
book_init(struct book *b, struct ledger *l, const struct event_clock *now)
{
	const char *origin = ledger_origin(l);
	size_t size = strlen(origin);

	MUST(size > 0 && size <= LEDGER_ORIGIN_BYTES_MAX);

	*b = (struct book){ .ledger = l, .batch = 1, .seal_at_ns = now->monotonic_ns };
	memcpy(b->source, "/hark/", 6);
	memcpy(b->source + 6, origin, size + 1);
	b->origin.source = (struct hark_text){ b->source, size + 6 };
	b->origin.id_prefix = (struct hark_text){ b->source + 6, size };
	b->kept_s = INT64_MIN;
}

bool
book_has_room(const struct notary *n, enum proto_ledger ledger)
{
	struct ledger *l = n->books[ledger].ledger;
	size_t changes = STATE_RESERVE_BYTES;

	if (ledger == PROTO_EVIDENCE)
		changes += n->dirty_count * DIRTY_ENTRY_BYTES;
	if (!n->is_begun)
		return false;
	return ledger_batch_bytes(l) + changes + BATCH_RESERVE_BYTES <= n->options.batch_bytes &&
	       changes <= ledger_state_room(l) && ledger_reserve(l) != NULL;
}

bool
book_takes_records(const struct notary *n)
{
	return book_has_room(n, PROTO_EVIDENCE) && !EVIDENCE(n)->is_low && !n->stop_is_written;
}

struct event_place
book_place(struct book *b)
{
	char *json = ledger_reserve(b->ledger);

	/* Who builds a leaf has asked for room before. */
	MUST(json != NULL);
	b->origin.number = ledger_next_index(b->ledger);
	return (struct event_place){ &b->origin, json, LEDGER_LEAF_BYTES_MAX };
}

/* The open batch has something in it since now. */
static void
begun(struct notary *n, struct book *b)
{
	if (ledger_batch_is_empty(b->ledger))
		b->oldest_ns = n->now.monotonic_ns;
}

void
book_written(struct notary *n, struct book *b, enum err built, size_t size)
{
	if (built != ERR_OK) {
		notary_fail(n, built);
		return;
	}
	begun(n, b);
	ledger_append(b->ledger, size);
}

void
book_state_of(struct notary *n, struct book *b, const void *key, size_t key_size, const void *value,
	      size_t value_size)
{
	enum err e;

	begun(n, b);
	e = ledger_state_set(b->ledger, key, key_size, value, value_size);
	if (e != ERR_OK)
		notary_fail(n, e);
}

void
book_state(struct notary *n, const void *key, size_t key_size, const void *value, size_t value_size)
{
	book_state_of(n, EVIDENCE(n), key, key_size, value, value_size);
}

bool
book_wait(struct notary *n, const struct waiter *w)
{
	struct waiter *place;

	if (n->waiter_count == NOTARY_ANSWERS_MAX)
		return false;
	place = &n->waiters[n->waiter_count++];
	*place = *w;
	place->batch = n->books[w->book].batch;
	/* Nothing is in the batch: what is asked for is durable with the one before. */
	if (ledger_batch_is_empty(n->books[w->book].ledger))
		place->batch--;
	return true;
}
