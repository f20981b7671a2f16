/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The page on which a notary publishes what is committed and what is sealed: a memfd of 4 KiB, two
 * slots and a counter.  The writer fills the slot that nobody reads and then counts up, so a writer
 * that is killed leaves no odd lock; readers map it read-only and sleep on the counter by futex.
 */
#ifndef FOLLOW_PAGE_H
#define FOLLOW_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "merkle/merkle.h"

#define PAGE_BYTES 4096u

/* What is published.  sealed_size <= committed_size. */
struct page_state {
	uint64_t committed_size;
	struct merkle_hash committed_root;
	uint64_t serial; /* where the next frame begins */
	uint64_t offset;
	uint64_t sealed_size;
	struct merkle_hash sealed_root;
	bool is_failing; /* the ledger cannot be written just now */
};

struct page;

/* Maps the descriptor, which stays the caller's.  ERR_FORMAT (another size), ERR_MEMORY,
 * ERR_SYSTEM. */
MUST_USE enum err page_map_writer(int fd, struct page **out);
MUST_USE enum err page_map_reader(int fd, struct page **out);
void page_unmap(struct page *p);

/* Publishes and wakes everybody who waits. */
void page_publish(struct page *p, const struct page_state *state);
/* The state, and the counter to wait on (set in any case).  False where nothing was published yet,
 * or the page is not one. */
bool page_read(const struct page *p, struct page_state *out, uint32_t *counter_out);
/* Waits until the counter is another one, or timeout_ms (-1: for ever) has passed, or a signal
 * came.  Returns at once where it is another one already. */
void page_wait(const struct page *p, uint32_t counter, int timeout_ms);

#endif
