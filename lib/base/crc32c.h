/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CRC-32C (Castagnoli; RFC 3720, appendix B.4): finds torn and damaged bytes, no ill will. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc`, which is 0 at the beginning: pieces in turn give what they give together. */
uint32_t crc32c_update(uint32_t crc, const void *data, size_t size);
/* All at once. */
uint32_t crc32c_of(const void *data, size_t size);

#endif
