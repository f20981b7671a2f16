/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A data directory that no daemon uses: its lock, and its ledgers opened for writing. */
#ifndef HARK_LEDGER_DATA_H
#define HARK_LEDGER_DATA_H

#include <stdbool.h>

#include "base/bytes.h"
#include "ledger/ledger.h"
#include "proto/message.h"
#include "telemetry/event_ledger.h"

struct ledger_data {
	char shown[512]; /* the directory, escaped */
	int fd;
	int lock_fd;
	int ledger_fds[PROTO_LEDGERS];
	struct disk disks[PROTO_LEDGERS];
	bool has_disk[PROTO_LEDGERS];
	struct ledger *ledgers[PROTO_LEDGERS];
};

/*
 * Opens and locks.  EXIT_OK, or told: EXIT_TEMPORARY where a daemon runs, EXIT_NO_INPUT,
 * EXIT_NO_PERMISSION where it belongs to another user: what would be made in it would not be its
 * owner's.  To be closed in any case.
 */
MUST_USE int ledger_data_open(struct ledger_data *d, const char *path);
/* Opens one ledger that is there; its tail is mended as at the start of a daemon. */
MUST_USE int ledger_data_load(struct ledger_data *d, enum proto_ledger ledger);
/* Begins one of that name in an empty directory. */
MUST_USE int ledger_data_begin(struct ledger_data *d, enum proto_ledger ledger, const char *origin);
/* Appends a record to the operations ledger, durably; the evidence must be loaded. */
MUST_USE int ledger_data_record(struct ledger_data *d, const char *kind, struct bytes members);
/* Closes a batch of a ledger, durably. */
MUST_USE int ledger_data_commit(struct ledger_data *d, enum proto_ledger ledger);
/* Where the next event of a ledger is written; source is of 512 bytes. */
struct event_place ledger_data_place(struct ledger_data *d, enum proto_ledger ledger,
				     struct hark_event_origin *origin, char *source);
struct event_clock ledger_data_clock(void);
void ledger_data_close(struct ledger_data *d);

#endif
