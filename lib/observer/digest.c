/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A module's digest as people write it, and whether bytes have it. */
#include <string.h>

#include "base/text.h"
#include "crypto/sha256.h"

#include "observer/observer_internal.h"

#define DIGEST_BYTES 32u
#define NAME_BYTES   7u /* "blake3:", "sha256:" */

static bool
is_named(struct hark_text digest, const char name[static NAME_BYTES])
{
	return memcmp(digest.data, name, NAME_BYTES) == 0;
}

bool
digest_is_well_formed(struct hark_text digest)
{
	return digest.data != NULL && digest.size == NAME_BYTES + 2 * DIGEST_BYTES &&
	       (is_named(digest, "blake3:") || is_named(digest, "sha256:")) &&
	       text_is_hex(digest.data + NAME_BYTES, 2 * DIGEST_BYTES, 2 * DIGEST_BYTES);
}

static uint8_t
value_of(char digit)
{
	return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* True where it was SHA-256. */
static bool
hash(struct hark_text like, const void *bytes, size_t size, uint8_t out[DIGEST_BYTES])
{
	bool is_sha256 = like.data != NULL && like.size >= NAME_BYTES && is_named(like, "sha256:");

	if (is_sha256)
		sha256_of(bytes, size, out);
	else
		engine_blake3(bytes, size, out);
	return is_sha256;
}

void
digest_write(struct hark_text like, const void *bytes, size_t size,
	     char out[HARK_OBSERVER_DIGEST_TEXT])
{
	uint8_t its[DIGEST_BYTES];

	memcpy(out, hash(like, bytes, size, its) ? "sha256:" : "blake3:", NAME_BYTES);
	out[NAME_BYTES + text_write_hex(its, DIGEST_BYTES, out + NAME_BYTES)] = '\0';
}

enum err
digest_check(struct hark_text digest, const void *bytes, size_t size)
{
	uint8_t its[DIGEST_BYTES];
	volatile uint8_t difference = 0; /* volatile: no early way out may be made of it */
	size_t i;

	if (!digest_is_well_formed(digest))
		return ERR_FORMAT;
	(void)hash(digest, bytes, size, its);
	for (i = 0; i < DIGEST_BYTES; i++) {
		const char *digits = digest.data + NAME_BYTES + 2 * i;

		difference = (uint8_t)(difference |
				       (its[i] ^ (value_of(digits[0]) << 4 | value_of(digits[1]))));
	}
	return difference == 0 ? ERR_OK : ERR_REFUSED;
}
