/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The running process: what harkd and the projector say, the sleep on the ledger's page, and a step
 * of deliver.h whenever nothing has to be waited for.
 */
#ifndef HARK_OBSERVER_DAEMON_H
#define HARK_OBSERVER_DAEMON_H

#include <hark/observer_host.h>

#include "hark-observer/deliver.h"
#include "hark-observer/start.h"
#include "ipc/ipc.h"
#include "loop/loop.h"

struct daemon_capability {
	struct deliver *deliver;
	uint8_t token;
};

struct daemon {
	struct settings settings;
	struct start start;
	struct hark_observer_host host;
	struct daemon_capability selves[HARK_OBSERVER_TOKEN_COUNT];
	struct deliver deliver;
	struct deliver_ports ports;
	struct loop *loop;
	struct loop_timer wake;  /* the cursor alone may be sent then */
	struct loop_timer state; /* OBSERVER_STATE */
	enum { DAEMON_CURSOR, DAEMON_SEEK, DAEMON_RUNS } stage;
	uint64_t cursor;        /* where the projector stands, until DAEMON_RUNS */
	enum deliver_next next; /* what is waited for */
	bool is_waiting;        /* the waiter sleeps on the page, and has the follower */
	bool wants_space;       /* of the projector's descriptor */
	struct ledger_failure ledger_why;
	char notes[512]; /* what OBSERVER_STATE says beside numbers */
	uint64_t said_index, said_shown;
	bool has_said;
	bool is_ended;
	int code;
	uint8_t bytes[IPC_BYTES_MAX];
};

/* Fills *d; the setup's descriptors are taken.  Gives how to end, which may be EXIT_OK. */
int daemon_live(struct daemon *d, struct message *setup);

#endif
