/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * BLAKE3 of bytes that are all there, without a key: how a module is named.  Portable and of one
 * thread, for builds that have no engine, whose own is faster.  Cannot fail.
 */
#ifndef CRYPTO_BLAKE3_H
#define CRYPTO_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

#define BLAKE3_BYTES 32u

/* NULL is fine where size is 0. */
void blake3_of(const void *data, size_t size, uint8_t out[BLAKE3_BYTES]);

#endif
