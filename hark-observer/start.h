/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From harkd's setup to a module that may run: its file and digest, the rights that are given up,
 * the ledger, the engine.  Each refusal is one line for a person.
 */
#ifndef HARK_OBSERVER_START_H
#define HARK_OBSERVER_START_H

#include <hark/observer_host.h>

#include "base/bytes.h"
#include "follow/follow.h"
#include "hark-observer/settings.h"
#include "os/worker.h"
#include "proto/message.h"
#include "role/role.h"

struct start {
	int module_fd, directory_fd, page_fd; /* -1 once they are used up */
	int projector_fd, trap_fd;            /* of OBSERVER_GO */
	char origin[256];
	bool require_confinement;
	struct role_report report;
	struct buf module;
	struct follow *follow;
	struct worker *waiter; /* the thread that sleeps on the page */
};

/*
 * All of it up to READY, in its order.  `capabilities` are those of the host that is opened.  Gives
 * EXIT_OK, or how to end; then all is said, to harkd or to the log.  STOP, or the end of harkd, is
 * *stopped.
 */
int start_all(struct start *s, struct message *setup, struct settings *settings,
	      const struct hark_observer_capability *capabilities, size_t capability_count,
	      struct hark_observer_host *host, bool *stopped_out);
void start_finish(struct start *s);

#endif
