/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A notary that opens what another has left: the entries of its state, one of them changed, and
 * allocations that fail. */
#ifndef UNIT_HARK_NOTARY_REOPEN_H
#define UNIT_HARK_NOTARY_REOPEN_H

#include "world.h"

#define REOPEN_ENTRIES_MAX 32u

/* The Nth allocation from now fails; 0: none does.  Linked with malloc and calloc wrapped. */
extern unsigned int reopen_fail_at;

/* Entries as they were written. */
struct reopen_entries {
	uint8_t keys[REOPEN_ENTRIES_MAX][256];
	uint8_t values[REOPEN_ENTRIES_MAX][1024];
	size_t key_sizes[REOPEN_ENTRIES_MAX];
	size_t value_sizes[REOPEN_ENTRIES_MAX];
	size_t count;
};

void reopen_ledgers(struct world *w, struct ledger *ledgers[PROTO_LEDGERS]);
/* Makes a notary of them and ends it again; closes them either way. */
enum err reopen_try(struct ledger *ledgers[PROTO_LEDGERS]);
/* Tries with one entry changed in memory; the ledger itself keeps what it has. */
enum err reopen_try_with(struct world *w, enum proto_ledger ledger, const void *key,
			 size_t key_size, const void *value, size_t size);
void reopen_read(struct world *w, enum proto_ledger ledger, struct reopen_entries *e);

#endif
