/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a key signed last: size and root of one origin's tree, kept durably before the signature
 * leaves.  Two slots are written in turn, so that a torn write leaves the one before.  The bytes
 * are in docs/format/checkpoint.md.
 */
#ifndef KEYS_HEAD_H
#define KEYS_HEAD_H

#include <stdint.h>

#include "base/err.h"
#include "keys/keys.h"

#define HEAD_ROOT_BYTES 32u
/* Slots are so far apart that no torn write reaches both. */
#define HEAD_SLOT_STEP  4096u
#define HEAD_SLOT_BYTES 128u

/* An open head: what it holds is what is durable.  fd is -1 where it is closed. */
struct head {
	int fd;
	uint64_t sequence; /* of the slot that holds it; its lowest bit is the slot */
	uint64_t size;
	uint8_t root[HEAD_ROOT_BYTES];
	uint8_t origin[32]; /* its SHA-256 */
};

/* Makes the file, 0600, for a tree that nothing was signed of.  ERR_EXISTS, ERR_SYSTEM. */
MUST_USE enum err head_create(int dirfd, const char *file, const char *origin,
			      const uint8_t empty_root[HEAD_ROOT_BYTES]);
/*
 * Opens it and keeps the descriptor.  ERR_MISSING; ERR_REFUSED where it is no regular file, not
 * ours or others may write it, or is of another origin; ERR_FORMAT where neither slot holds;
 * ERR_SYSTEM. On failure *why (may be NULL) is filled.
 */
MUST_USE enum err head_open(int dirfd, const char *file, const char *origin, struct head *out,
			    struct keys_failure *why);
/* Durable when it returns; on ERR_SYSTEM, *h is what it was, and the file has the one or the other.
 */
MUST_USE enum err head_advance(struct head *h, uint64_t size, const uint8_t root[HEAD_ROOT_BYTES]);
/* Closed already is fine. */
void head_close(struct head *h);

#endif
