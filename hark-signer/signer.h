/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is signed, and what never: one ledger's trees, each shown to have grown from the last. */
#ifndef HARK_SIGNER_SIGNER_H
#define HARK_SIGNER_SIGNER_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "checkpoint/checkpoint.h"
#include "keys/keyring.h"
#include "merkle/merkle.h"

struct signer {
	char origin[CHECKPOINT_ORIGIN_BYTES_MAX + 1];
	struct keyring ring;
	struct buf note;     /* the last one that was made */
	struct buf rotation; /* of the last change of the key; empty where there was none */
	struct checkpoint rotation_head; /* what that note says */
};

/* A tree that somebody wants signed, and the proof that it has grown from the head. */
struct signer_request {
	uint64_t size;
	struct merkle_hash root;
	struct merkle_hash proof[MERKLE_PROOF_MAX];
	size_t proof_count;
};

void signer_head(const struct signer *s, struct checkpoint *out);
/*
 * Checks the proof, keeps the tree as the new head durably, then signs: s->note holds the note. The
 * head itself is signed again without a write.  ERR_RANGE: smaller than the head; ERR_EXISTS:
 * another tree of the head's size; ERR_REFUSED: the proof does not show it; ERR_SYSTEM: the head
 * cannot be kept; ERR_MEMORY.  What is not signed leaves the head as it was.
 */
MUST_USE enum err signer_sign(struct signer *s, const struct signer_request *request);
/* Words for what signer_sign refused. */
const char *signer_refusal(enum err e);

/* Makes the note of a tree head by these keys, in turn, into an empty buffer.  ERR_MEMORY,
 * ERR_SYSTEM. */
MUST_USE enum err signer_note(const struct checkpoint *c, const struct keys_signer *const *keys,
			      size_t count, struct buf *out);
/* Wipes.  NULL and zeroed are fine. */
void signer_finish(struct signer *s);

#endif
