/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * state/<serial>: all that recovery needs at the beginning of a segment.  Pure: bytes in and bytes
 * out; docs/format/ledger.md has them.
 */
#ifndef LEDGER_SNAPSHOT_H
#define LEDGER_SNAPSHOT_H

#include "ledger/format.h"
#include "ledger/state.h"

/* More than a notary's state ever has; a bound for who reads a file that may be anything. */
#define SNAPSHOT_BYTES_MAX (UINT32_C(1) << 28)

struct snapshot {
	uint64_t serial;
	uint8_t salt[FORMAT_SALT_BYTES];
	struct merkle_frontier frontier;
	struct bytes entries; /* changes without removals; borrowed */
};

/* Appends the file's bytes.  ERR_LIMIT, ERR_MEMORY. */
MUST_USE enum err snapshot_write(uint64_t serial, const uint8_t salt[FORMAT_SALT_BYTES],
				 const struct merkle_frontier *frontier,
				 const struct state_map *state, struct buf *out);
/* ERR_UNSUPPORTED: a newer format; ERR_FORMAT. */
MUST_USE enum err snapshot_read(struct bytes data, struct snapshot *out, format_complaint *why);
/* Puts the entries into an empty map.  ERR_FORMAT: a key comes twice; ERR_MEMORY. */
MUST_USE enum err snapshot_apply(const struct snapshot *s, struct state_map *state,
				 format_complaint *why);

#endif
