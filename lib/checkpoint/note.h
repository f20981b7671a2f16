/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * C2SP signed-note: a text, an empty line, and signature lines
 * "\xe2\x80\x94 <name> <base64 of key id || signature>\n".  Pure: who verifies brings the keys.
 */
#ifndef CHECKPOINT_NOTE_H
#define CHECKPOINT_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define NOTE_BYTES_MAX      65536u
#define NOTE_SIGNATURES_MAX 64u
#define NOTE_NAME_BYTES_MAX 255u
/* Others may have signed as well: post-quantum signatures have nearly 5 kB. */
#define NOTE_SIGNATURE_BYTES_MAX 8192u
/* What is kept of a signature: all of one by Ed25519. */
#define NOTE_SIGNATURE_KEPT_BYTES 64u

struct note_signature {
	struct bytes name; /* borrowed from the note; 1 to 255 bytes, no blank, control or '+' */
	uint32_t key_id;
	size_t size;                              /* of the whole signature without the key id */
	uint8_t bytes[NOTE_SIGNATURE_KEPT_BYTES]; /* its first bytes, then zeroes */
};

struct note {
	struct bytes text; /* what is signed, with its last newline; borrowed */
	size_t count;
	struct note_signature signatures[NOTE_SIGNATURES_MAX];
};

/*
 * Reads all of `data` strictly.  Text and signatures are parted by the last empty line.  One key
 * may have signed twice.  ERR_FORMAT; ERR_LIMIT where it is over one of the limits above.
 */
MUST_USE enum err note_read(const void *data, size_t size, struct note *out);
/* Appends text and its empty line, to which signature lines are then appended.  ERR_FORMAT where
 * the text is empty, has a control character other than a newline, is not UTF-8 or does not end
 * with a newline; ERR_LIMIT, ERR_MEMORY. */
MUST_USE enum err note_write_text(const void *text, size_t size, struct buf *out);
/* Appends one line.  ERR_FORMAT for a name that a note cannot have, or a signature that is empty or
 * too long; ERR_LIMIT, ERR_MEMORY. */
MUST_USE enum err note_write_signature(const char *name, uint32_t key_id, const void *signature,
				       size_t size, struct buf *out);

#endif
