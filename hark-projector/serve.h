/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The projector's channels: to harkd, and to the observer whose effects it commits. */
#ifndef HARK_PROJECTOR_SERVE_H
#define HARK_PROJECTOR_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ipc/ipc.h"
#include "loop/loop.h"
#include "prog/exit.h"
#include "project/project.h"

/* From one try to reach the database to the next: at first, and at the most, in ms. */
#define SERVE_RETRY_FIRST_MS 50u
#define SERVE_RETRY_MOST_MS  5000u
/* harkd is told the cursor no more often than this, in ms. */
#define SERVE_STATE_MS 1000u

/* So long a server is away before it is looked for at another address, in s: this process cannot,
 * the next one does. */
#define SERVE_LOOKUP_S 60u
/* The same where it was not found. */
#define SERVE_UNFOUND_S 10u

struct serve {
	struct loop *loop;
	struct project *project;
	int supervisor_fd;
	int observer_fd;
	uint64_t lookup_s; /* set before serve_init: one of these, where its server has a name */
	bool begun;        /* CURSOR has been said */
	bool listens;      /* to the observer */
	bool away;         /* the database, as harkd was told last */
	bool told;         /* harkd was told anything */
	uint64_t said_cursor, said_dead_letters; /* to harkd */
	uint64_t said_ns;
	uint64_t reached_ns; /* when the database was not away, the last time that it was looked at
			      */
	uint32_t retry_ms;
	struct loop_timer retry; /* to connect, or to commit */
	struct loop_timer turn;  /* capabilities, and what harkd is told */
	enum exit_code exit_code;
	uint8_t bytes[IPC_BYTES_MAX];
};

/* Zeroed before, but for lookup_s; borrows all.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err serve_init(struct serve *s, struct loop *loop, struct project *project,
			     int supervisor_fd, int observer_fd);
/* Until harkd ends it, or something does: how the program is to end. */
enum exit_code serve_run(struct serve *s);
void serve_finish(struct serve *s);

#endif
