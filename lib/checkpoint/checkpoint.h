/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* C2SP tlog-checkpoint: the text of a signed tree head: origin, size, root, a line each. */
#ifndef CHECKPOINT_CHECKPOINT_H
#define CHECKPOINT_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "merkle/merkle.h"

#define CHECKPOINT_ORIGIN_BYTES_MAX 255u
/* Origin, 20 digits, 44 of base64, three newlines. */
#define CHECKPOINT_TEXT_MAX (CHECKPOINT_ORIGIN_BYTES_MAX + 20u + 44u + 3u)

struct checkpoint {
	/* Terminated; 1 to 255 bytes, no blank, control or '+'. */
	char origin[CHECKPOINT_ORIGIN_BYTES_MAX + 1];
	uint64_t size;
	struct merkle_hash root;
};

/* Writes at most CHECKPOINT_TEXT_MAX bytes, no terminator. */
void checkpoint_write(const struct checkpoint *c, char *text, size_t *size_out);
/* Reads a note's text strictly; extension lines after the third are allowed and ignored.
 * ERR_FORMAT; ERR_LIMIT for a size of 2^64 or more. */
MUST_USE enum err checkpoint_read(struct bytes text, struct checkpoint *out);

#endif
