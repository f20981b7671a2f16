/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Base64 (RFC 4648), standard alphabet with padding, read strictly: no blanks, no line breaks, no
 * set bits behind the last byte. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The characters of `size` bytes, without terminator. */
#define BASE64_SIZE(size) (((size) + 2u) / 3u * 4u)

/* Writes BASE64_SIZE(size) characters, no terminator. */
void base64_write(const void *data, size_t size, char *text);
/* ERR_FORMAT; ERR_LIMIT where it has more than `capacity` bytes. */
MUST_USE enum err base64_read(const char *text, size_t size, void *out, size_t capacity,
			      size_t *size_out);

#endif
