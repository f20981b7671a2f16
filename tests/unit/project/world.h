/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A projection in a folder of the test's, with a real SQLite and time of its own. */
#ifndef PROJECT_WORLD_H
#define PROJECT_WORLD_H

#include "project/database.h"
#include "project/project.h"
#include "proto/options.h"
#include "unit.h"

#define WORLD_ROWS     "CREATE TABLE kept (n BIGINT PRIMARY KEY, word TEXT CHECK (word <> 'bad'))"
#define WORLD_ALL      15u
#define WORLD_SAID_MAX 8192u

struct world {
	char folder[64];
	char database[96], metrics[96], receipts[96];
	int dirfd;
	struct project_config config;
	struct project_environment environment;
	struct project *project;
	struct project_failure why;
	char said[WORLD_SAID_MAX]; /* lines of the log, each with its end */
	uint64_t now_ns;
};

/* A folder, and a config with these grants. */
void world_init(struct world *w, uint32_t tokens);
void world_finish(struct world *w);

/* A process begins, and ends without a word. */
void world_begin(struct world *w);
void world_die(struct world *w);

/* One effect of the batch that is coming, as staged.h has it. */
enum err world_effect(struct world *w, unsigned int token, const char *bytes);
/* Ends the batch, of so many leaves and effects. */
enum err world_batch(struct world *w, uint64_t leaves, uint64_t count);
/* Connects and commits until it is done, whatever stands in the way. */
void world_commit(struct world *w);

/* The answer's columns and rows, as "a|b;c|d".  Static. */
const char *world_ask(struct world *w, const char *sql);
/* Statements of somebody else. */
void world_change(struct world *w, const char *sql);
/* A file's content.  Static; NULL: it is not there. */
const char *world_read(const char *path);

#endif
