/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a judged operations ledger says of the evidence: its size and root at each operation, and
 * which leaves were pruned or redacted by whom it may.  Only operations that are sealed count: who
 * has no key can write behind the checkpoint.  Bounded; what is beyond the bound is not held
 * against the evidence, and that is remembered.
 */
#ifndef VERIFY_OPERATIONS_H
#define VERIFY_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "merkle/merkle.h"
#include "verify/leaf.h"

#define OPERATIONS_MAX 65536u

/* The evidence as an operation of that index saw it. */
struct operation_witness {
	uint64_t size;
	struct merkle_hash root;
	uint64_t index;
};

/* witnesses rise by size.  Zeroed is empty and not judged. */
struct operations {
	bool is_judged;     /* an operations ledger was read to its end and is not tampered with */
	bool is_whole;      /* and nothing of it was pruned, redacted or left out here */
	bool is_overfull;   /* there was more than is kept */
	bool is_superseded; /* an operation that is not sealed yet retired the evidence */
	struct operation_witness *witnesses;
	size_t witness_count;
	size_t witness_capacity;
	uint64_t pruned[2]; /* by PROTO_LEDGER: below this index it may be gone */
	uint64_t *redacted[2];
	size_t redacted_count[2];
	size_t redacted_capacity[2];
};

/* One event of the operations ledger, sealed or not.  What was said of evidence that was then
 * retired is forgotten.  ERR_MEMORY. */
MUST_USE enum err operations_take(struct operations *o, uint64_t index,
				  const struct leaf_event *event, bool sealed);
/* All was taken: from now on operations_redacted may be asked. */
void operations_close(struct operations *o);
/* True where a leaf of a ledger (0 evidence, 1 operations) was redacted by an operation. */
bool operations_redacted(const struct operations *o, unsigned int ledger, uint64_t index);
void operations_finish(struct operations *o);

#endif
