/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the projector is given, before it gives up its rights. */
#ifndef HARK_PROJECTOR_START_H
#define HARK_PROJECTOR_START_H

#include <stdbool.h>

#include "base/err.h"
#include "project/config.h"
#include "proto/message.h"

struct start {
	struct project_config config;
	int database_dirfd;
	int metric_dirfd;
	int receipt_dirfd;
	int observer_fd;
	bool require_confinement;
	uint64_t lookup_s; /* its server's address was looked up: after so long it may be another */
};

/*
 * Reads PROJECTOR_SETUP and takes its descriptors.  *out is to be finished whatever comes back.
 * ERR_FORMAT: it is none of harkd's; ERR_REFUSED with *why: the manifest does not go together;
 * ERR_MEMORY.
 */
MUST_USE enum err start_read(struct message *m, struct start *out, struct project_failure *why);
void start_finish(struct start *s);

#endif
