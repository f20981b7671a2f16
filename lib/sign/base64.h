/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * base64url (RFC 4648, section 5), for keys and signatures.  Written without padding.  Read with
 * whole padding or none, as CellOS does; anything else (the standard alphabet, blanks, bits left
 * over that are not 0) is refused, so that bytes have one text but for the padding.
 */
#ifndef SIGN_BASE64_H
#define SIGN_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What a text of `size` at most means, and how long the text of `size` bytes is. */
#define BASE64_BYTES_MAX(size) ((size) / 4 * 3 + 3)
#define BASE64_TEXT_SIZE(size) (((size)*4 + 2) / 3)

/* Into `bytes` of BASE64_BYTES_MAX(size).  ERR_FORMAT; what was written then is not to be used. */
MUST_USE enum err base64_read(const char *text, size_t size, uint8_t *bytes, size_t *size_out);
/* Into `text` of BASE64_TEXT_SIZE(size), without terminator. */
void base64_write(const uint8_t *bytes, size_t size, char *text);

#endif
