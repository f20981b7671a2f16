/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Staged effects on their way from hark-observer to hark-projector: the bytes of FIELD_EFFECTS.
 * Pieces follow one another: a u8 token, a u8 that is 1 where the effect goes on in the next piece,
 * two bytes of 0, a u32 size, and so many bytes.  An effect that does not fit into what is left of
 * a message goes on in the next message.  docs/format/proto.md has the bytes.
 */
#ifndef PROTO_STAGED_H
#define PROTO_STAGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define STAGED_HEAD_BYTES  8u
#define STAGED_BYTES_MAX   61440u /* of one message */
#define STAGED_TOKEN_COUNT 4u     /* enum hark_observer_cap_token */

struct staged_piece {
	uint8_t token;
	bool goes_on;
	struct bytes bytes; /* borrowed; may be empty */
};

/*
 * Appends the effect, or what fits of it, to `data`, of which *used bytes are written already, and
 * moves `rest` on.  True: all of it is in.  False: the message is full; send it, and call again
 * with what is left.
 */
bool staged_write(uint8_t token, struct bytes *rest, void *data, size_t capacity, size_t *used);

/* The next piece, from *at on.  ERR_END behind the last; ERR_FORMAT: cut, an unknown token, bytes
 * that should be 0, a piece that goes on and is not the last of its message. */
MUST_USE enum err staged_read(struct bytes data, size_t *at, struct staged_piece *out);

#endif
