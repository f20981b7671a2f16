/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Following a ledger: its reader and, where the ledger is hot, the page of its writer.  What is
 * past the committed size is never given, whatever lies in the files.  Without a page the ledger is
 * cold, and ends with its last frame that holds.
 */
#ifndef FOLLOW_FOLLOW_H
#define FOLLOW_FOLLOW_H

#include "follow/page.h"
#include "ledger/reader.h"

struct follow;

/*
 * Both descriptors stay the caller's; page_fd is -1 for a cold ledger.  Errors of
 * ledger_reader_open and page_map_reader, with *why.
 */
MUST_USE enum err follow_open(int dirfd, int page_fd, struct follow **out,
			      struct ledger_failure *why);
/* NULL is fine. */
void follow_close(struct follow *f);
void follow_closep(struct follow **f);

const char *follow_origin(const struct follow *f);
/* The first leaf that is still there. */
uint64_t follow_first(const struct follow *f);
/* How many leaves are committed.  Of a hot ledger: 0 before its writer has published.  ERR_FORMAT,
 * ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err follow_size(struct follow *f, uint64_t *out, struct ledger_failure *why);

/* The next follow_next gives `index`.  ERR_AGAIN: it is not committed yet; else as
 * ledger_reader_seek. */
MUST_USE enum err follow_seek(struct follow *f, uint64_t index, struct ledger_failure *why);
/* The next committed leaf, good until the next call.  ERR_AGAIN: there is none yet; else as
 * ledger_reader_next. */
MUST_USE enum err follow_next(struct follow *f, struct ledger_leaf *out,
			      struct ledger_failure *why);
/* Waits until more may be committed than follow_next saw last, or timeout_ms has passed, or a
 * signal came.  A cold ledger waits for the time alone. */
void follow_wait(struct follow *f, int timeout_ms);

#endif
