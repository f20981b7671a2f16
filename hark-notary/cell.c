/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The runs of cells: registered by harkd's word, found again after a restart, removed in the end.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "crypto/sha256.h"
#include "hark-notary/notary_internal.h"
#include "prog/exit.h"
#include "telemetry/event_word.h"

#define NANOSECONDS_PER_MILLISECOND UINT64_C(1000000)

void
cell_key(struct hark_text cell_id, struct hark_text run_id, uint8_t key[CELL_KEY_BYTES])
{
	uint8_t hash[SHA256_BYTES];
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, cell_id.data, cell_id.size);
	sha256_update(&h, "", 1); /* no id has a NUL */
	sha256_update(&h, run_id.data, run_id.size);
	sha256_final(&h, hash);
	memcpy(key, hash, CELL_KEY_BYTES);
}

/* The front of a key, by which the table finds it. */
static uint64_t
key_number(const uint8_t key[CELL_KEY_BYTES])
{
	uint64_t number;

	memcpy(&number, key, sizeof(number));
	return number;
}

static struct hark_text
keep(char *to, struct hark_text text)
{
	MUST(text.size <= HARK_ID_BYTES_MAX);
	if (text.size > 0)
		memcpy(to, text.data, text.size);
	to[text.size] = '\0';
	return (struct hark_text){ to, text.size };
}

enum err
cell_create(struct notary *n, struct hark_text cell_id, struct hark_text run_id,
	    struct hark_text spec_hash, struct cell **out)
{
	struct hark_host_stamp stamp;
	struct cell *c;
	enum err e;

	if (hark_host_stamp_init(cell_id, run_id, spec_hash, &stamp) != HARK_TELEMETRY_OK)
		return ERR_ARGUMENT;
	if (n->cell_count == NOTARY_CELLS_MAX)
		return ERR_LIMIT;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return ERR_MEMORY;
	cell_key(cell_id, run_id, c->key);
	if (hark_host_stamp_init(keep(c->cell_id, cell_id), keep(c->run_id, run_id),
				 keep(c->spec_hash, spec_hash), &c->stamp) != HARK_TELEMETRY_OK)
		MUST_NOT_REACH("a copy of good texts is refused");
	e = table_get(&n->cell_keys, key_number(c->key)) != NULL
		    ? ERR_EXISTS
		    : table_set(&n->cell_keys, key_number(c->key), c);
	if (e != ERR_OK) {
		free(c);
		return e;
	}
	c->next = n->cells;
	if (n->cells != NULL)
		n->cells->before = c;
	n->cells = c;
	n->cell_count++;
	*out = c;
	return ERR_OK;
}

struct cell *
cell_find(const struct notary *n, const uint8_t key[CELL_KEY_BYTES])
{
	struct cell *c = table_get(&n->cell_keys, key_number(key));

	return c != NULL && memcmp(c->key, key, CELL_KEY_BYTES) == 0 ? c : NULL;
}

void
cell_destroy(struct notary *n, struct cell *c)
{
	MUST(c->connections == NULL);

	while (c->streams != NULL)
		stream_destroy(n, c->streams);
	if (c->next != NULL)
		c->next->before = c->before;
	if (c->before != NULL)
		c->before->next = c->next;
	else
		n->cells = c->next;
	n->cell_count--;
	(void)table_remove(&n->cell_keys, key_number(c->key));
	if (c->number != 0)
		(void)table_remove(&n->cell_numbers, c->number);
	free(c);
}

const struct hark_host_stamp *
cell_stamp(struct notary *n, struct cell *c, uint32_t epoch)
{
	c->stamp.host_received_at = n->now.real;
	c->stamp.has_epoch = epoch != 0;
	c->stamp.epoch = epoch;
	return &c->stamp;
}

void
cell_written(struct notary *n, struct cell *c, enum err built, size_t size)
{
	book_written(n, EVIDENCE(n), built, size);
	if (built == ERR_OK)
		c->bytes += size;
}

uint32_t
cell_next_epoch(struct notary *n, struct cell *c)
{
	/* 2^32 streams of one run take longer than the run. */
	MUST(c->last_epoch < UINT32_MAX);
	c->last_epoch++;
	store_cell_changes(n, c);
	return c->last_epoch;
}

/* The window begins now: while we were away is not the guest's silence.  A silence that was
 * reported goes on, though, since when it was. */
static enum err
watch(struct notary *n, struct cell *c, uint64_t window_ns)
{
	struct hark_time since = c->silent_since;
	uint64_t now_ns = n->now.monotonic_ns;
	int64_t elapsed_s;

	if (hark_keepalive_init(&c->keepalive, window_ns, now_ns) != HARK_TELEMETRY_OK)
		return ERR_ARGUMENT;
	if (c->trigger.fired) {
		elapsed_s = n->now.real.seconds - since.seconds;
		if (elapsed_s > 0 && (uint64_t)elapsed_s < now_ns / HEARTBEAT_NS)
			c->keepalive.last_seen_ns = now_ns - (uint64_t)elapsed_s * HEARTBEAT_NS;
		c->trigger.silent_since_ns = c->keepalive.last_seen_ns;
	}
	silence_sooner(n, hark_keepalive_deadline(&c->keepalive));
	return ERR_OK;
}

/* A run that the state does not have. */
static enum err
register_new(struct notary *n, const struct notary_cell *words, struct cell **out)
{
	struct event_place to;
	struct cell *c = NULL;
	size_t size = 0;
	enum err e;

	e = cell_create(n, words->cell_id, words->run_id, words->spec_hash, &c);
	if (e != ERR_OK)
		return e;
	c->trigger.rearm = words->rearm;
	e = watch(n, c, words->keepalive_ms * NANOSECONDS_PER_MILLISECOND);
	if (e == ERR_OK)
		e = table_set(&n->cell_numbers, words->number, c);
	if (e != ERR_OK) {
		cell_destroy(n, c);
		return e;
	}
	c->number = words->number;
	c->last_epoch = gone_take(n, c->key);
	store_cell(n, c);
	store_cell_changes(n, c);
	to = book_place(EVIDENCE(n));
	e = event_registered(cell_stamp(n, c, 0), (uint32_t)words->keepalive_ms, words->rearm, &to,
			     &size);
	cell_written(n, c, e, size);
	*out = c;
	return ERR_OK;
}

/* A run that the state has: it is bound to harkd's number, and nothing is said again. */
static enum err
bind_known(struct notary *n, const struct notary_cell *words, struct cell *c)
{
	enum err e;

	if (c->number != 0)
		return ERR_EXISTS;
	c->trigger.rearm = words->rearm;
	e = watch(n, c, words->keepalive_ms * NANOSECONDS_PER_MILLISECOND);
	if (e == ERR_OK)
		e = table_set(&n->cell_numbers, words->number, c);
	if (e != ERR_OK)
		return e;
	c->number = words->number;
	return ERR_OK;
}

enum err
notary_cell_add(struct notary *n, const struct notary_cell *words, uint64_t id,
		const struct event_clock *now)
{
	const struct waiter w = { .kind = WAIT_ANSWER, .id = id };
	uint8_t key[CELL_KEY_BYTES];
	struct cell *c;
	enum err e;

	if (!book_has_room(n, PROTO_EVIDENCE) || n->waiter_count == NOTARY_ANSWERS_MAX)
		return ERR_AGAIN;
	if (words->number == 0 || words->keepalive_ms == 0 || words->keepalive_ms > UINT32_MAX)
		return ERR_ARGUMENT;
	if (table_get(&n->cell_numbers, words->number) != NULL)
		return ERR_EXISTS;
	host_time(n, now);
	cell_key(words->cell_id, words->run_id, key);
	c = cell_find(n, key);
	if (c == NULL)
		e = register_new(n, words, &c);
	else
		e = bind_known(n, words, c);
	if (e != ERR_OK)
		return e;
	if (id != 0)
		(void)book_wait(n, &w);
	return ERR_OK;
}

/* Writes `removed` and forgets the cell. */
static void
finish_removal(struct notary *n, struct cell *c)
{
	const struct waiter w = { .kind = WAIT_ANSWER, .id = c->remove_id };
	struct event_place to = book_place(EVIDENCE(n));
	size_t size = 0;
	enum err e;

	e = event_removed(cell_stamp(n, c, 0), c->remove_reason, &to, &size);
	cell_written(n, c, e, size);
	channels_forget_cell(n, c);
	while (c->streams != NULL) {
		store_stream_gone(n, c->streams);
		stream_destroy(n, c->streams);
	}
	store_cell_gone(n, c);
	gone_add(n, c->key, c->last_epoch);
	if (c->remove_id != 0)
		(void)book_wait(n, &w);
	cell_destroy(n, c);
}

/* Ends what did not end by itself in time, and finishes where nothing is left. */
static bool
remove_one(struct notary *n, struct cell *c)
{
	if (n->now.monotonic_ns >= c->remove_until_ns) {
		while (c->connections != NULL && book_has_room(n, PROTO_EVIDENCE))
			connection_end(n, c->connections, CONNECTION_REMOVED,
				       c->connections->frames);
	}
	if (c->connections != NULL || !book_has_room(n, PROTO_EVIDENCE) ||
	    n->waiter_count == NOTARY_ANSWERS_MAX)
		return false;
	finish_removal(n, c);
	return true;
}

void
cells_remove_due(struct notary *n)
{
	uint64_t next_ns = 0;
	struct cell *c = n->cells;

	if (n->removing_ns == 0 || n->now.monotonic_ns < n->removing_ns)
		return;
	while (c != NULL) {
		struct cell *next = c->next;
		bool is_left = c->is_removing && !remove_one(n, c);

		if (is_left && (next_ns == 0 || c->remove_until_ns < next_ns))
			next_ns = c->remove_until_ns;
		c = next;
	}
	/* What found no room comes again when a commit has ended: then this is called anyway. */
	n->removing_ns = next_ns;
}

enum err
notary_cell_remove(struct notary *n, uint64_t number, struct bytes reason_word, uint64_t id,
		   const struct event_clock *now)
{
	struct cell *c = table_get(&n->cell_numbers, number);

	if (c == NULL || c->is_removing)
		return ERR_MISSING;
	if (!book_has_room(n, PROTO_EVIDENCE) || n->waiter_count == NOTARY_ANSWERS_MAX)
		return ERR_AGAIN;
	if (reason_word.size == 0)
		reason_word = (struct bytes){ (const uint8_t *)"asked", 5 };
	if (!event_word_is_good((const char *)reason_word.data, reason_word.size))
		return ERR_ARGUMENT;
	host_time(n, now);
	c->is_removing = true;
	c->remove_id = id;
	c->remove_until_ns = n->now.monotonic_ns + REMOVE_NS;
	memcpy(c->remove_reason, reason_word.data, reason_word.size);
	c->remove_reason[reason_word.size] = '\0';
	if (c->connections == NULL)
		finish_removal(n, c);
	else if (n->removing_ns == 0 || c->remove_until_ns < n->removing_ns)
		n->removing_ns = c->remove_until_ns;
	return ERR_OK;
}
