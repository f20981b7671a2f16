/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Commits what an observer asked for: all effects of a batch and the observer's cursor in one
 * transaction, so that each happens once, whoever is killed when.  It owns no clock, does not log
 * and does not retry: its caller does, by what it answers.
 *
 *   project_create
 *   project_connect        until it is ERR_OK; again after each ERR_AGAIN of the others
 *   project_take_effects   ... of a batch
 *   project_take_batch     it is whole, and held
 *   project_commit         until it is ERR_OK: it is committed, once
 */
#ifndef PROJECT_PROJECT_H
#define PROJECT_PROJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "project/config.h"

/* From a commit to one of batches that have no effects, at the least, in ns. */
#define PROJECT_QUIET_NS UINT64_C(1000000000)

/* A line for the log of the program: printable ASCII. */
typedef void project_line_fn(void *ctx, const char *line);

/* Borrowed for as long as the project. */
struct project_environment {
	int wake_fd;       /* readable: this process is to end; waits for a database end with it */
	bool is_inside;    /* the process stands in the folder of a database that is a file */
	int metric_dirfd;  /* of the directory of the metrics' file */
	int receipt_dirfd; /* of that of the receipts */
	project_line_fn *line;
	void *line_ctx;
};

struct project;

/* Borrows both.  ERR_MEMORY. */
MUST_USE enum err project_create(const struct project_config *config,
				 const struct project_environment *environment,
				 struct project **out);
void project_destroy(struct project *p);

/*
 * Opens the database anew, makes what is not there, reads the cursor.  A batch that is held and was
 * committed all the same is held no more.  ERR_AGAIN, ERR_REFUSED, ERR_END, ERR_MEMORY as in
 * database.h; ERR_REFUSED also where the cursor is of another ledger's; ERR_EXISTS: the cursor is
 * neither before nor behind what is held: somebody else moves it.
 */
MUST_USE enum err project_connect(struct project *p, uint64_t now_ns, struct project_failure *why);
bool project_is_connected(const struct project *p);
/* What is durable: the next leaf, once it has been connected; dead letters in all. */
uint64_t project_cursor(const struct project *p);
uint64_t project_dead_letters(const struct project *p);

/* What an EFFECTS message says.  ERR_FORMAT, ERR_LIMIT: its sender breaks the rules; ERR_MEMORY. */
MUST_USE enum err project_take_effects(struct project *p, struct bytes data);
/* What BATCH says: leaves first to next - 1 with so many effects.  ERR_FORMAT: it does not follow
 * on the one before, or there are not so many. */
MUST_USE enum err project_take_batch(struct project *p, uint64_t first, uint64_t next,
				     uint64_t count, uint64_t now_ns);
/* True while a batch is held that is not known to be committed; then no effects may be taken,
 * unless it has none itself. */
bool project_holds(const struct project *p);
bool project_holds_effects(const struct project *p);
/* When what is held is to be committed; UINT64_MAX where nothing is. */
uint64_t project_due_ns(const struct project *p);
/*
 * Commits what is held.  After any failure the connection is closed.  ERR_AGAIN: whether it was
 * committed is not known; ERR_END, ERR_MEMORY; ERR_EXISTS: somebody else has moved the cursor.
 */
MUST_USE enum err project_commit(struct project *p, uint64_t now_ns, struct project_failure *why);
/* Lets capabilities do what is due; gives when to call again, UINT64_MAX for never. */
uint64_t project_turn(struct project *p, uint64_t now_ns);
/* The same where nobody will call again. */
void project_end(struct project *p);

#endif
