/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Base64 (RFC 4648), read strictly: no blanks, no line breaks, no set bits behind the last byte.
 * The standard alphabet is written and read with its padding, so that bytes have one text.  The
 * alphabet for URLs is written without, and read with whole padding or none, as CellOS does.
 * Neither looks into a table: keys pass here, and which line of a cache was touched must not tell
 * of them.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The characters of `size` bytes, without terminator. */
#define BASE64_SIZE(size)     (((size) + 2u) / 3u * 4u)
#define BASE64_URL_SIZE(size) (((size)*4u + 2u) / 3u)
/* The most bytes that a text of so many characters means. */
#define BASE64_BYTES_MAX(text_size) ((text_size) / 4u * 3u + 3u)

/* Writes BASE64_SIZE(size) characters, no terminator. */
void base64_write(const void *data, size_t size, char *text);
/* Writes BASE64_URL_SIZE(size) characters, no terminator. */
void base64_write_url(const void *data, size_t size, char *text);

/* ERR_FORMAT; ERR_LIMIT where it has more than `capacity` bytes.  What was written into `out` then
 * is not to be used. */
MUST_USE enum err base64_read(const char *text, size_t size, void *out, size_t capacity,
			      size_t *size_out);
MUST_USE enum err base64_read_url(const char *text, size_t size, void *out, size_t capacity,
				  size_t *size_out);

#endif
