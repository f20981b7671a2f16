/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* harkd's channel: cells come and go, the notary's channel comes, the end is asked for. */
#ifndef RECEIVER_SUPERVISOR_H
#define RECEIVER_SUPERVISOR_H

#include "base/err.h"

struct receiver;

/* Watches r->supervisor from now on.  ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err supervisor_open(struct receiver *r);
/* Watches it no more, and closes every cell without a word. */
void supervisor_close(struct receiver *r);
/* Cells that were told to stop go when all of theirs is said and durable; harkd hears of it. */
void supervisor_drop_stopped(struct receiver *r);

#endif
