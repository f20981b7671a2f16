/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The texts of a configuration as harkd hands them to the notary, in memory by descriptor: a count,
 * then each text with its path.  Pure.  docs/format/proto.md has the bytes.
 */
#ifndef PROTO_TEXTS_H
#define PROTO_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* A path without its terminator: a configuration's, and the name of a drop-in below it. */
#define TEXTS_PATH_BYTES_MAX 4607u
/* All together: what lib/config reads at the most, and the paths of all drop-ins. */
#define TEXTS_BYTES_MAX (40u << 20)

/* Begins a list of no texts in *b, which is empty.  ERR_MEMORY. */
MUST_USE enum err texts_begin(struct buf *b);
/* Appends one.  ERR_LIMIT, ERR_MEMORY: the list is as it was. */
MUST_USE enum err texts_add(struct buf *b, const char *path, struct bytes text);

/* Where a reader is; it borrows the bytes. */
struct texts {
	struct bytes rest;
	uint32_t left;
};

/* ERR_FORMAT. */
MUST_USE enum err texts_open(struct bytes all, struct texts *out);
/* The next, or ERR_END where that was all.  ERR_FORMAT also where bytes are left over. */
MUST_USE enum err texts_take(struct texts *t, struct bytes *path, struct bytes *text);

#endif
