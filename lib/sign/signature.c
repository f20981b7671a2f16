/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The two algorithms, by libsodium. */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/must.h"
#include "sign/sign_internal.h"

static_assert(ED25519_BYTES == crypto_sign_BYTES, "Ed25519 signature");
static_assert(ED25519_KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
static_assert(HMAC_BYTES == crypto_auth_hmacsha256_BYTES, "HMAC-SHA256");

const char *
signature_algorithm_name(enum hark_sign_algorithm algorithm)
{
	switch (algorithm) {
	case HARK_SIGN_ALGORITHM_HMAC_SHA256:
		return "hmac-sha256";
	case HARK_SIGN_ALGORITHM_ED25519:
		return "ed25519";
	case HARK_SIGN_ALGORITHM_OFF:
		break;
	}
	return "off";
}

size_t
signature_size(enum hark_sign_algorithm algorithm)
{
	MUST(algorithm != HARK_SIGN_ALGORITHM_OFF);
	return algorithm == HARK_SIGN_ALGORITHM_ED25519 ? ED25519_BYTES : HMAC_BYTES;
}

/*
 * A key's two blocks are hashed once for all messages.  The state stands in guarded memory as the
 * key did, and ends where its pages end: its size must keep it aligned.
 */
static_assert(sizeof(crypto_auth_hmacsha256_state) % 16 == 0, "alignment of a guarded state");

enum err
signature_hmac_key(const struct secret *key, struct secret *out)
{
	struct secret state = { 0 };
	enum err e;

	MUST(key != NULL && key->bytes != NULL && out != NULL);

	e = secret_init(&state, sizeof(crypto_auth_hmacsha256_state));
	if (e != ERR_OK)
		return e;
	(void)crypto_auth_hmacsha256_init((crypto_auth_hmacsha256_state *)(void *)state.bytes,
					  key->bytes, key->size);
	state.size = sizeof(crypto_auth_hmacsha256_state);
	*out = state;
	return ERR_OK;
}

/* Plain RFC 2104: libsodium hashes a key of more than a block (64 bytes) first. */
static void
mac(const uint8_t *key, size_t key_size, const void *message, size_t size, uint8_t out[HMAC_BYTES])
{
	crypto_auth_hmacsha256_state state;

	(void)crypto_auth_hmacsha256_init(&state, key, key_size);
	(void)crypto_auth_hmacsha256_update(&state, message, size);
	(void)crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state)); /* it is as good as the key */
}

void
signature_make(enum hark_sign_algorithm algorithm, const struct secret *key, const void *message,
	       size_t size, uint8_t signature[SIGNATURE_BYTES_MAX])
{
	crypto_auth_hmacsha256_state state;

	MUST(key != NULL && key->bytes != NULL);

	if (algorithm == HARK_SIGN_ALGORITHM_ED25519) {
		MUST(key->size == crypto_sign_SECRETKEYBYTES);
		MUST(crypto_sign_detached(signature, NULL, message, size, key->bytes) == 0);
		return;
	}
	MUST(algorithm == HARK_SIGN_ALGORITHM_HMAC_SHA256);
	MUST(key->size == sizeof(state));
	memcpy(&state, key->bytes, sizeof(state));
	(void)crypto_auth_hmacsha256_update(&state, message, size);
	(void)crypto_auth_hmacsha256_final(&state, signature);
	sodium_memzero(&state, sizeof(state)); /* it is as good as the key */
}

bool
signature_holds(enum hark_sign_algorithm algorithm, const uint8_t *key, size_t key_size,
		const void *message, size_t size, const uint8_t *signature)
{
	uint8_t own[HMAC_BYTES];
	bool same;

	if (algorithm == HARK_SIGN_ALGORITHM_ED25519) {
		MUST(key_size == ED25519_KEY_BYTES);
		/* libsodium refuses S >= L and points of small order, in key and signature. */
		return crypto_sign_verify_detached(signature, message, size, key) == 0;
	}
	MUST(algorithm == HARK_SIGN_ALGORITHM_HMAC_SHA256);
	mac(key, key_size, message, size, own);
	same = sodium_memcmp(own, signature, HMAC_BYTES) == 0;
	sodium_memzero(own, sizeof(own)); /* the right MAC of a forged text is not for others */
	return same;
}
