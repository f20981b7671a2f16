/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Changes of ledgers without a daemon: DATA is locked as the daemon locks it, what is done is
 * recorded in the operations ledger durably before it is done, and the next start of the daemon
 * seals that record.
 */
#ifndef HARK_LEDGER_OFFLINE_H
#define HARK_LEDGER_OFFLINE_H

#include <stdint.h>

#include "base/err.h"
#include "proto/message.h"

/*
 * Each gives EXIT_OK or what was told: EXIT_TEMPORARY where a daemon runs, EXIT_NO_INPUT, EXIT_DATA
 * and the like.  `data` is the data directory, not a ledger's own.
 */
/* config: the file whose observers hold what they have not read, too; NULL: none. */
MUST_USE int ledger_offline_prune(const char *data, const char *config, enum proto_ledger ledger,
				  uint64_t index, uint64_t *first_out);
/* reason may be NULL. */
MUST_USE int ledger_offline_redact(const char *data, enum proto_ledger ledger, uint64_t index,
				   const char *reason);
#endif
