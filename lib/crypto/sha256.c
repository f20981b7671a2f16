/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * SHA-256 by the low-level calls of libcrypto.  OpenSSL 3 calls them deprecated in favour of EVP,
 * which costs 70 ns a leaf more and brings all signing code into the link; so the warning is
 * silenced here, for this file alone.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/sha256.h"

#include <assert.h>
#include <openssl/sha.h>

#include "base/must.h"

static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "a context fits");
static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct sha256), "and stands where it may");
static_assert(SHA256_BYTES == SHA256_DIGEST_LENGTH, "one size");

static SHA256_CTX *
context(struct sha256 *h)
{
	/* cppcheck-suppress ctuuninitvar ; the begin is handed what it fills */
	return (SHA256_CTX *)(void *)h->state;
}

/* In 3.0 none of the three can fail; a later libcrypto that says so is not one to go on with. */

void
sha256_init(struct sha256 *h)
{
	int ok = SHA256_Init(context(h));

	MUST(ok == 1);
}

void
sha256_update(struct sha256 *h, const void *data, size_t size)
{
	int ok = size == 0 ? 1 : SHA256_Update(context(h), data, size);

	MUST(ok == 1);
}

void
sha256_final(struct sha256 *h, uint8_t out[SHA256_BYTES])
{
	int ok = SHA256_Final(out, context(h));

	MUST(ok == 1);
}

void
sha256_of(const void *data, size_t size, uint8_t out[SHA256_BYTES])
{
	SHA256_CTX c;
	int ok = SHA256_Init(&c);

	if (size > 0)
		ok &= SHA256_Update(&c, data, size);
	ok &= SHA256_Final(out, &c);
	MUST(ok == 1);
}
