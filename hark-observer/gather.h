/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Leaves of the ledger, gathered into the events of one call.  What the filter holds back, and what
 * no module can be shown, moves the cursor alone.
 */
#ifndef HARK_OBSERVER_GATHER_H
#define HARK_OBSERVER_GATHER_H

#include <stdint.h>

#include <hark/observer_host.h>

#include "hark-observer/settings.h"
#include "ledger/reader.h"
#include "observer/event_reader.h"

/* The JSON of a batch, and its texts that had escapes; with less left than one event may need, the
 * batch is full.  A standard observer is within the usual fuel by a third at least over the worst
 * of so much, and a batch that is not is run again event by event. */
#define GATHER_JSON_BYTES    (2u * 1024u * 1024u)
#define GATHER_STORAGE_BYTES (256u * 1024u)
/* Leaves that are looked at in one turn, whatever the filter says of them: harkd's questions are
 * answered between turns. */
#define GATHER_LEAVES_MAX 65536u

struct gather {
	const struct settings *settings;
	struct hark_observer_event *events; /* of settings->batch */
	size_t count;
	uint64_t first, next; /* leaves: the first that was looked at, and the one after the last */
	/* totals */
	uint64_t passed_over; /* leaves that are no events of Hark's; a guest cannot make one */
	uint64_t passed_last; /* the last of them */
	char *json;
	char *storage;
	size_t json_used, storage_used;
	struct event_reader reader;
};

typedef enum err gather_leaf_fn(void *ctx, struct ledger_leaf *out);

/* ERR_MEMORY. */
MUST_USE enum err gather_init(struct gather *b, const struct settings *settings);
void gather_finish(struct gather *b);
/*
 * Empties it, and gathers at most `most` events from leaf `next` on, of what is there.  ERR_OK also
 * where there was nothing: then first is next.  Where `leaf` fails with another code than
 * ERR_AGAIN: ERR_OK for what came before, and that code where it is the first.
 */
MUST_USE enum err gather_events(struct gather *b, size_t most, uint64_t next, gather_leaf_fn *leaf,
				void *ctx);

#endif
