/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4) by libcrypto's low-level calls, which are linked from libcrypto.a alone and
 * bring no signing symbol.  The one room that sees openssl/.  Cannot fail.
 */
#ifndef CRYPTO_SHA256_H
#define CRYPTO_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32u

/* A hash under way; copied freely. */
struct sha256 {
	uint64_t state[14]; /* holds a SHA256_CTX */
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t size);
void sha256_final(struct sha256 *h, uint8_t out[SHA256_BYTES]);
/* All at once. */
void sha256_of(const void *data, size_t size, uint8_t out[SHA256_BYTES]);

#endif
