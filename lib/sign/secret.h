/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Guarded memory for keys: pages of their own that are locked, not in core dumps, with canaries and
 * unmapped neighbours, and wiped when they are freed.  A key is never anywhere else of ours.
 */
#ifndef SIGN_SECRET_H
#define SIGN_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* bytes: `capacity` of them; the first `size` are the key. */
struct secret {
	uint8_t *bytes;
	size_t size;
	size_t capacity;
};

/* Makes room, size 0.  ERR_MEMORY; ERR_SYSTEM where the crypto library cannot start. */
MUST_USE enum err secret_init(struct secret *s, size_t capacity);
/* From now on no write may reach it: a stray one ends the process. */
void secret_seal(struct secret *s);
/* Wipes and frees.  NULL and zeroed are fine.  Keeps errno. */
void secret_finish(struct secret *s);

#endif
