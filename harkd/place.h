/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where harkd lives: the data directory with its lock, host name, keys, cells and ledgers, and the
 * run directory with its control socket.  It opens and makes; it writes no ledger and sees no key.
 */
#ifndef HARKD_PLACE_H
#define HARKD_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "config/config.h"
#include "os/host.h"
#include "proto/message.h"
#include "proto/origin.h"

struct place {
	int data_fd;
	int lock_fd;
	int keys_fd;
	int cells_fd;
	int observers_fd;
	int ledger_fds[PROTO_LEDGERS];
	int run_fd;
	char host[HOST_NAME_BYTES];
	bool was_clean;              /* the last end was orderly, or this is the first start */
	bool has_key[PROTO_LEDGERS]; /* when it was opened */
	bool has_ledger[PROTO_LEDGERS];
	char origins[PROTO_LEDGERS][ORIGIN_TEXT_BYTES]; /* what the ledgers are called */
};

/* What went wrong, in one line, and the exit code that is due. */
struct place_failure {
	int code;
	char text[768];
};

void place_init(struct place *p);
/*
 * Makes and opens all of it, takes the lock, compares the host's name, and judges keys and ledgers
 * by their being there.  group: who may read, -1: nobody.  False with *why.
 */
MUST_USE bool place_open(struct place *p, const struct config *config, int64_t group,
			 struct place_failure *why);
/* Marks that harkd runs; what ends without place_mark_clean was no orderly end. */
MUST_USE bool place_mark_running(const struct place *p, struct place_failure *why);
void place_mark_clean(const struct place *p);
/* Binds RUN/control.sock and listens.  A socket on which nobody listens is replaced. */
MUST_USE bool place_bind_control(const struct place *p, const char *run, int64_t group, int *fd_out,
				 struct place_failure *why);
void place_remove_control(const struct place *p);
void place_close(struct place *p);

#endif
