/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From leaves to commits: gathers a batch, runs the module over it, sends what it staged, and knows
 * what a trap leads to.  It makes no system call: what it needs of its surroundings is a table of
 * functions, and time is given to it.
 *
 * A batch that traps is run again event by event, each a batch of its own.  The event that traps
 * alone is reported and ends the process: a fresh one is the reload.  It is passed over only when
 * its receipt is durable, so that none is lost.  Where none traps alone, a budget was too small for
 * our cut, which is halved; any other class is reported without an event.
 */
#ifndef HARK_OBSERVER_DELIVER_H
#define HARK_OBSERVER_DELIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <hark/observer_host.h>

#include "hark-observer/gather.h"
#include "hark-observer/settings.h"
#include "hark-observer/stage.h"
#include "proto/message.h"
#include "proto/trap.h"

/* Batches that were sent and not committed: one that is being committed, and one behind it. */
#define DELIVER_SENT_MAX 2u
/* The cursor of events without effects is sent so often, at the most. */
#define DELIVER_CURSOR_NS UINT64_C(1000000000)
/* The first batches are small: a module that is called for each event by itself may need its whole
 * time for each, and harkd waits so much longer than wall_ms for a sign of life between calls. */
#define DELIVER_FIRST_EVENTS 16u
#define DELIVER_PATIENCE_MS  5000u
/* A batch that took less than this part of wall_ms is quick: the next one may be twice as large. */
#define DELIVER_QUICK_PART 8u
/* But after a cut that was too large so many quick ones come first, and after each further one
 * twice as many. */
#define DELIVER_REST_FIRST 16u
#define DELIVER_REST_MOST  65536u

struct deliver_ports {
	void *ctx;
	/* The next leaf: ERR_AGAIN, or what ends the process. */
	gather_leaf_fn *leaf;
	/* Runs the module; what it does is staged. */
	enum hark_observer_error (*invoke)(void *ctx, const struct hark_observer_event *events,
					   size_t count, struct hark_observer_outcome *out);
	/* To the projector: ERR_AGAIN where there is no room now. */
	enum err (*send)(void *ctx, const struct message *m);
	/* To the notary. */
	enum err (*report)(void *ctx, const struct trap_report *report);
	uint64_t (*now_ns)(void *ctx);
};

/* What a step came to, and what the next one waits for. */
enum deliver_next {
	DELIVER_GO_ON,  /* at once */
	DELIVER_LEAF,   /* more leaves, or `wake_ns` where that is not 0 */
	DELIVER_SPACE,  /* the projector takes more */
	DELIVER_COMMIT, /* deliver_committed */
	DELIVER_RECORD, /* deliver_recorded */
	DELIVER_END,    /* all is said and committed; the process ends */
	DELIVER_FAIL,   /* `error` and `failure` say why */
};

struct deliver {
	const struct settings *settings;
	const struct deliver_ports *ports;
	struct gather batch;
	struct stage stage;
	size_t limit;       /* events of a batch now: 1 to settings->batch */
	size_t rest;        /* full and quick batches before a larger one is tried */
	size_t quick;       /* those since the limit was changed last */
	uint64_t cursor;    /* the leaf after the last that is dealt with */
	uint64_t sent;      /* what the projector was told last */
	uint64_t sent_ns;   /* when */
	uint64_t committed; /* what it has made durable */
	uint64_t sent_next[DELIVER_SENT_MAX]; /* of those that are not committed, in order */
	size_t sent_count;
	bool is_sending;    /* the stage holds what is to be sent, up to the cursor */
	size_t sent_pieces; /* payloads of it that have left */
	bool is_retrying;   /* event by event: `retried` of the batch are done */
	size_t retried;
	struct hark_observer_outcome trap; /* of the whole batch, while it is retried */
	bool is_reported;                  /* and nobody has said yet that it is durable */
	uint64_t after_trap;               /* the cursor once it is */
	bool is_ending;
	uint64_t wake_ns;
	uint64_t shown; /* events, to calls that returned */
	enum err error;
	enum hark_observer_error failure; /* of invoke, where error is ERR_OK */
};

/* Borrows all.  ERR_MEMORY. */
MUST_USE enum err deliver_init(struct deliver *d, const struct settings *settings,
			       const struct deliver_ports *ports);
void deliver_finish(struct deliver *d);
/* Where to begin: the projector's cursor, and the leaf to read first, which is later where leaves
 * are not there any more.  Before any step. */
void deliver_begin(struct deliver *d, uint64_t cursor, uint64_t first);
/* One thing: a call of the module, or a message, at the most. */
enum deliver_next deliver_step(struct deliver *d);
/* The projector says that it has committed up to there.  ERR_FORMAT: that was not sent. */
MUST_USE enum err deliver_committed(struct deliver *d, uint64_t cursor);
/* A report of a batch that ended before `next` is durable.  False: it is none of this process. */
bool deliver_recorded(struct deliver *d, uint64_t next);

#endif
