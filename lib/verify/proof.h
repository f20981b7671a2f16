/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * C2SP tlog-proof@v1: one leaf, the hashes that lead from it to a root, and the signed checkpoint
 * of that root.  The leaf's own bytes are the "extra" line.  docs/format/proof.md.
 */
#ifndef VERIFY_PROOF_H
#define VERIFY_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "checkpoint/note.h"
#include "merkle/merkle.h"

#define PROOF_FIRST_LINE "c2sp.org/tlog-proof@v1"
/* A leaf of 65,535 bytes in base64, 64 hashes, a note. */
#define PROOF_LEAF_BYTES_MAX 65535u
#define PROOF_BYTES_MAX      (200000u + NOTE_BYTES_MAX)

struct proof {
	uint64_t index;
	bool has_extra;
	struct buf extra; /* owned */
	size_t count;
	struct merkle_hash hashes[MERKLE_PROOF_MAX];
	struct bytes note; /* borrowed from what was read */
};

/* ERR_FORMAT with *why, static, where it is none; ERR_UNSUPPORTED for another version; ERR_MEMORY.
 */
MUST_USE enum err proof_read(struct bytes data, struct proof *out, const char **why);
/* Appends its text.  ERR_LIMIT, ERR_MEMORY. */
MUST_USE enum err proof_write(uint64_t index, struct bytes extra, const struct merkle_hash *hashes,
			      size_t count, struct bytes note, struct buf *out);
void proof_finish(struct proof *p);

#endif
