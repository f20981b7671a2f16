/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ed25519 keys of checkpoints as C2SP signed-note names them: a signer key that lives in guarded
 * memory and in one file, and verifier keys "<name>+<hex key id>+<base64 of 0x01 || public key>".
 * By libsodium.  Linked by hark-signer, hark and libhark-verify, never by what reads guest bytes.
 */
#ifndef KEYS_KEYS_H
#define KEYS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define KEYS_NAME_BYTES_MAX  255u
#define KEYS_PUBLIC_BYTES    32u
#define KEYS_SIGNATURE_BYTES 64u
/* The longest text of a verifier key without terminator. */
#define KEYS_VERIFIER_TEXT_MAX (KEYS_NAME_BYTES_MAX + 1u + 8u + 1u + 44u)

struct keys_verifier {
	char name[KEYS_NAME_BYTES_MAX + 1]; /* terminated; no blank, no '+' */
	uint32_t id; /* first four bytes, big-endian, of SHA-256(name || '\n' || 0x01 || public) */
	uint8_t public_key[KEYS_PUBLIC_BYTES];
};

struct keys_signer;

/* Why a key was not read or made, for a person: the file, what was found, what to do. */
#define KEYS_FAILURE_BYTES 512u
struct keys_failure {
	char text[KEYS_FAILURE_BYTES];
};

/* To be called before anything else here.  ERR_SYSTEM. */
MUST_USE enum err keys_start(void);

/* Makes a new key.  ERR_ARGUMENT for a name that a note cannot have, ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err keys_signer_create(const char *name, struct keys_signer **out);
/*
 * Reads `file` below dirfd: "PRIVATE+KEY+<name>+<hex key id>+<base64 of 0x01 || seed>", with or
 * without a newline at its end.  ERR_MISSING; ERR_REFUSED where it is no regular file, not the
 * caller's (its euid's or root's), or others or its group have any right to it; ERR_FORMAT;
 * ERR_MEMORY; ERR_SYSTEM.  On failure *why (may be NULL) is filled.
 */
MUST_USE enum err keys_signer_read(int dirfd, const char *file, struct keys_signer **out,
				   struct keys_failure *why);
/* Writes it as `file`, 0600, never over an existing one, and syncs it and the directory: after a
 * crash it is there whole or not at all.  ERR_EXISTS, ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err keys_signer_write(const struct keys_signer *key, int dirfd, const char *file);
void keys_signer_verifier(const struct keys_signer *key, struct keys_verifier *out);
MUST_USE enum err keys_signer_sign(const struct keys_signer *key, const void *data, size_t size,
				   uint8_t signature[KEYS_SIGNATURE_BYTES]);
/* Wipes.  NULL is fine. */
void keys_signer_destroy(struct keys_signer *key);
void keys_signer_destroyp(struct keys_signer **key);

/* Reads exactly one key without a newline.  ERR_FORMAT also where the id is not that of name and
 * key, or the key is no point of the curve's main subgroup. */
MUST_USE enum err keys_verifier_read(const char *text, size_t size, struct keys_verifier *out);
/* Writes at most KEYS_VERIFIER_TEXT_MAX characters and a terminator. */
void keys_verifier_write(const struct keys_verifier *key, char *text);
/* Strict Ed25519: no S >= L, no key or R of small order. */
bool keys_verify(const struct keys_verifier *key, const void *data, size_t size,
		 const uint8_t signature[KEYS_SIGNATURE_BYTES]);

#endif
