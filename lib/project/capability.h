/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What an observer may ask for, once each: a capability is a file and a row of the table
 * (capability.c).  It sees itself, bytes and the transaction that commits them; never an event, a
 * module or a ledger.
 */
#ifndef PROJECT_CAPABILITY_H
#define PROJECT_CAPABILITY_H

#include <stdint.h>

#include <hark/observer_host.h>

#include "base/err.h"
#include "project/database.h"
#include "project/effect.h"
#include "project/project.h"

/* What a capability is handed; borrowed. */
struct capability_context {
	const struct project_config *config;
	const struct project_environment *environment;
	struct database *db;
	uint64_t now_ns;
	bool begins; /* of open: this observer has no cursor yet, all of it is to be made anew */
	/* Puts an effect among the dead letters of this transaction.  ERR_MEMORY. */
	database_refused_fn *refuse;
	void *refuse_ctx;
	/* As in struct database_rows; of before_commit. */
	bool checks_late;
	enum err (*begin_again)(void *refuse_ctx, struct project_failure *why);
};

/*
 * Errors as in database.h.  A state belongs to one connection: it is read from the database by
 * open, and what fails closes it, so that nothing in memory outlives a transaction that did not
 * happen.  Members but the first two may be NULL.
 */
struct capability {
	enum hark_observer_cap_token token;
	const char *name;
	/* In a transaction of its own, after the cursor was read. */
	enum err (*open)(const struct capability_context *c, void **state,
			 struct project_failure *why);
	/* One effect, in its order. */
	enum err (*execute)(const struct capability_context *c, void *state,
			    const struct effect *effect, struct project_failure *why);
	/* All effects of the batch have been executed: what it kept goes into the transaction. */
	enum err (*before_commit)(const struct capability_context *c, void *state,
				  struct project_failure *why);
	void (*after_commit)(const struct capability_context *c, void *state);
	/* Does what is due now; gives when it wants to be called again, UINT64_MAX for never. */
	uint64_t (*turn)(const struct capability_context *c, void *state);
	void (*close)(void *state);
};

/* HARK_OBSERVER_TOKEN_COUNT rows, by their token. */
extern const struct capability *const capabilities[HARK_OBSERVER_TOKEN_COUNT];

extern const struct capability capability_rows;
extern const struct capability capability_metrics;
extern const struct capability capability_receipts;
extern const struct capability capability_log;

#endif
