/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What signer and verifier keys share: names, ids, and "<name>+<hex key id>+<base64>". */
#ifndef KEYS_KEYS_INTERNAL_H
#define KEYS_KEYS_INTERNAL_H

#include <stdbool.h>

#include "base/bytes.h"
#include "keys/keys.h"

/* Before the bytes of every key: an Ed25519 key of notes. */
#define KEYS_ALGORITHM_ED25519 1u

/* Bytes and letters of the last part. */
#define KEYS_ENCODED_BYTES   (1u + KEYS_PUBLIC_BYTES)
#define KEYS_ENCODED_LETTERS 44u
/* "+", 8 hex digits, "+", and the last part: what stands behind a name. */
#define KEYS_TAIL_BYTES (1u + 8u + 1u + KEYS_ENCODED_LETTERS)

/* Fills *why, which may be NULL; keeps errno. */
__attribute__((format(printf, 2, 3))) void keys_tell(struct keys_failure *why, const char *format,
						     ...);

bool keys_is_name(const char *name, size_t size);

/* The key id of name and public key. */
uint32_t keys_id(const char *name, size_t name_size, const uint8_t public_key[KEYS_PUBLIC_BYTES]);

/* Parts such a text, and decodes its last part behind the algorithm into `bytes`.  ERR_FORMAT. */
MUST_USE enum err keys_part(const char *text, size_t size, struct bytes *name, uint32_t *id,
			    uint8_t bytes[KEYS_ENCODED_BYTES]);
/* Writes name, id and encoded bytes, without terminator; gives the size. */
size_t keys_join(const char *name, uint32_t id, const uint8_t bytes[KEYS_ENCODED_BYTES],
		 char *text);

#endif
