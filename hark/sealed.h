/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A ledger at its latest checkpoint, live by the daemon's descriptors or offline: what proofs and
 * exports are made from. */
#ifndef HARK_SEALED_H
#define HARK_SEALED_H

#include "base/bytes.h"
#include "checkpoint/checkpoint.h"
#include "follow/page.h"
#include "hark/ledger_choice.h"
#include "ledger/reader.h"
#include "os/disk.h"

/* Zeroed by sealed_init.  head is what the checkpoint says; its signature is not judged here. */
struct sealed {
	struct ledger_choice choice;
	struct client *client; /* NULL where it is offline */
	int dirfd;
	int page_fd;
	struct page *page; /* of a live one */
	struct disk disk;
	bool has_disk;
	struct ledger_reader *reader;
	struct buf note;
	struct checkpoint head;
	bool has_head; /* false: no checkpoint was signed yet */
};

void sealed_init(struct sealed *s);
/* Opens the ledger that the choice means, and reads its checkpoint.  EXIT_OK, or told. */
MUST_USE int sealed_open(struct sealed *s);
/* Leaves that are committed.  EXIT_OK, or told. */
MUST_USE int sealed_committed(struct sealed *s, uint64_t *out);
/*
 * Sees that the checkpoint has at least `size` leaves: asks the daemon for a new one where it has
 * not.  EXIT_OK, or told: EXIT_NO_INPUT where so many are not sealed and nobody is there to do it.
 */
MUST_USE int sealed_want(struct sealed *s, uint64_t size);
/* Tells what a reader failed at; gives the exit code. */
int sealed_fail(enum err e, const struct ledger_failure *why);
void sealed_finish(struct sealed *s);

#endif
