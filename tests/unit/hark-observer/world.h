/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What surrounds deliver.h, as a test has it: leaves, a module that does as a row says, a
 * projector, a notary, and time that stands still until it is moved.  All that happens is one text.
 */
#ifndef HARK_OBSERVER_WORLD_H
#define HARK_OBSERVER_WORLD_H

#include "hark-observer/deliver.h"

#define WORLD_NOBODY UINT64_MAX

struct world {
	/* the ledger: leaves from `at` to size - 1; the one of that index is redacted, or no event
	 */
	uint64_t at, size;
	uint64_t redacted, broken;
	enum err leaf_error; /* at the end, instead of ERR_AGAIN */
	/* the module */
	uint64_t traps_at;   /* with this event in the batch */
	uint64_t traps_with; /* and this one, or WORLD_NOBODY */
	size_t traps_over;   /* with more events than that; 0: never */
	enum hark_observer_trap_class trap_class;
	enum hark_observer_error error; /* of each call, where it is not OK */
	size_t effects;                 /* of each event */
	uint64_t event_ns;              /* how long it takes */
	/* the others */
	bool is_full;           /* the projector takes nothing */
	bool keeps;             /* it commits nothing by itself */
	bool keeps_record;      /* nobody says that a report is durable */
	uint64_t reported_next; /* of the last report */
	enum err send_error, report_error;
	uint64_t now_ns;
	char said[16384];
	size_t said_size;
	struct settings settings;
	struct deliver_ports ports;
	struct deliver deliver;
};

/* A world of so many leaves, from a cursor on. */
void world_init(struct world *w, uint64_t size, uint64_t cursor);
void world_finish(struct world *w);
/* Steps until something has to be waited for that the world does not do by itself. */
enum deliver_next world_run(struct world *w);
/* What was said since, which begins anew. */
const char *world_said(struct world *w);

#endif
