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

#define NOTE_BYTES_MAX           65536u
#define NOTE_SIGNATURES_MAX      64u
#define NOTE_NAME_BYTES_MAX      255u
#define NOTE_SIGNATURE_BYTES_MAX 256u

struct note_signature {
	struct bytes name; /* borrowed from the note */
	uint32_t key_id;
	uint8_t bytes[NOTE_SIGNATURE_BYTES_MAX];
	size_t size;
};

struct note {
	struct bytes text; /* what is signed, with its last newline; borrowed */
	size_t count;
	struct note_signature signatures[NOTE_SIGNATURES_MAX];
};

/* Reads all of `data` strictly.  ERR_FORMAT, ERR_LIMIT. */
MUST_USE enum err note_read(const void *data, size_t size, struct note *out);
/* Appends text and its empty line, to which signature lines are then appended.  ERR_FORMAT where
 * the text is empty, has a control character other than a newline, is not UTF-8 or does not end
 * with a newline; ERR_LIMIT, ERR_MEMORY. */
MUST_USE enum err note_write_text(const void *text, size_t size, struct buf *out);
MUST_USE enum err note_write_signature(const char *name, uint32_t key_id, const void *signature,
				       size_t size, struct buf *out);

#endif
