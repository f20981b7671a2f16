/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The core as a whole: made from two ledgers, moved by time, taken apart again. */
#include <stdlib.h>

#include "base/must.h"
#include "hark-notary/observers.h"

enum err
notary_create(struct ledger *ledgers[PROTO_LEDGERS], const struct notary_options *options,
	      const struct notary_ops *ops, void *ctx, const struct event_clock *now,
	      struct notary **out)
{
	struct notary *n = calloc(1, sizeof(*n));
	enum err e;

	MUST(ledgers[PROTO_EVIDENCE] != NULL && ledgers[PROTO_OPERATIONS] != NULL);

	if (n == NULL)
		return ERR_MEMORY;
	n->options = *options;
	n->ops = *ops;
	n->ctx = ctx;
	book_init(EVIDENCE(n), ledgers[PROTO_EVIDENCE], now);
	book_init(OPERATIONS(n), ledgers[PROTO_OPERATIONS], now);
	n->buffer = malloc(RECORD_BATCH_BYTES_MAX);
	n->waiters = calloc(NOTARY_ANSWERS_MAX, sizeof(n->waiters[0]));
	n->gone = calloc(GONE_RUNS_MAX, sizeof(n->gone[0]));
	n->observers = calloc(1, sizeof(*n->observers));
	n->scan_ns = UINT64_MAX;
	e = n->buffer == NULL || n->waiters == NULL || n->gone == NULL || n->observers == NULL
		    ? ERR_MEMORY
		    : ERR_OK;
	if (e == ERR_OK) {
		host_time(n, now);
		e = store_load_observers(n);
	}
	if (e == ERR_OK)
		e = store_load(n);
	if (e != ERR_OK) {
		/* The ledgers stay the caller's where this fails. */
		EVIDENCE(n)->ledger = NULL;
		OPERATIONS(n)->ledger = NULL;
		notary_destroy(n);
		return e;
	}
	ledgers[PROTO_EVIDENCE] = NULL;
	ledgers[PROTO_OPERATIONS] = NULL;
	commit_publish(n, PROTO_EVIDENCE);
	commit_publish(n, PROTO_OPERATIONS);
	*out = n;
	return ERR_OK;
}

void
notary_destroy(struct notary *n)
{
	struct channel *c;
	struct cell *cell;
	size_t i;

	if (n == NULL)
		return;
	for (cell = n->cells; cell != NULL; cell = cell->next) {
		while (cell->connections != NULL)
			connection_destroy(n, cell->connections);
	}
	while (n->cells != NULL)
		cell_destroy(n, n->cells);
	for (i = 0; (c = table_next(&n->incarnations, &i)) != NULL; i = 0)
		channel_destroy(n, c);
	table_finish(&n->incarnations);
	table_finish(&n->channels);
	table_finish(&n->cell_numbers);
	table_finish(&n->cell_keys);
	ledger_close(EVIDENCE(n)->ledger);
	ledger_close(OPERATIONS(n)->ledger);
	free(n->buffer);
	free(n->waiters);
	free(n->gone);
	free(n->observers);
	free(n);
}

enum err
notary_failure(const struct notary *n)
{
	return n->failure;
}

void
notary_tick(struct notary *n, const struct event_clock *now)
{
	host_time(n, now);
	if (n->failure != ERR_OK)
		return;
	host_begin(n);
	commit_step(n);
	observers_step(n);
	host_step(n);
	silence_step(n);
	/* What these wrote may fill the batch. */
	commit_step(n);
	seal_step(n);
}

uint64_t
notary_deadline(const struct notary *n)
{
	uint64_t deadline = commit_deadline(n);
	uint64_t at_ns = seal_deadline(n);

	if (at_ns < deadline)
		deadline = at_ns;
	at_ns = host_begin_deadline(n);
	if (at_ns < deadline)
		deadline = at_ns;
	/* What needs room is looked at when a commit has ended. */
	at_ns = book_has_room(n, PROTO_EVIDENCE) ? host_deadline(n) : UINT64_MAX;
	if (at_ns < deadline)
		deadline = at_ns;
	at_ns = book_takes_records(n) && !n->pending.is_there ? n->scan_ns : UINT64_MAX;
	return at_ns < deadline ? at_ns : deadline;
}

static bool
cell_check(const struct notary *n, const struct cell *c)
{
	const struct connection *k;
	const struct stream *s;
	uint32_t connections = 0;
	uint32_t streams = 0;

	for (k = c->connections; k != NULL; k = k->next) {
		connections++;
		if (k->cell != c || table_get(&k->channel->connections, k->number) != k)
			return false;
		if ((k->stream != NULL) != (k->session.mode == HARK_WIRE_HARK))
			return false;
		if ((k->epoch != 0) != (k->session.mode != HARK_WIRE_FIRST) ||
		    k->epoch > c->last_epoch)
			return false;
		if (k->stream != NULL && k->stream->epoch != k->epoch)
			return false;
	}
	for (s = c->streams; s != NULL; s = s->next) {
		uint32_t users = 0;

		for (k = c->connections; k != NULL; k = k->next)
			users += k->stream == s;
		if (s->users != users || s->epoch == 0 || s->epoch > c->last_epoch)
			return false;
		streams += !s->is_forked;
	}
	return connections == c->connection_count && streams == c->stream_count &&
	       streams <= CELL_STREAMS_MAX && cell_find(n, c->key) == c;
}

bool
notary_check(const struct notary *n)
{
	const struct cell *c;
	uint64_t connections = 0;
	size_t cells = 0;
	size_t i = 0;
	const struct channel *channel;

	for (c = n->cells; c != NULL; c = c->next) {
		if (!cell_check(n, c))
			return false;
		connections += c->connection_count;
		cells++;
	}
	while ((channel = table_next(&n->incarnations, &i)) != NULL) {
		if (channel->durable_next > channel->next)
			return false;
		if (channel->number != 0 && table_get(&n->channels, channel->number) != channel)
			return false;
	}
	return cells == n->cell_count && connections == n->connection_count &&
	       n->waiter_count <= NOTARY_ANSWERS_MAX && n->gone_count <= GONE_RUNS_MAX &&
	       observers_check(n);
}
