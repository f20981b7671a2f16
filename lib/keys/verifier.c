/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Verifier keys: their text, their id, and what a signature is checked by. */
#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/must.h"
#include "base/text.h"
#include "keys/keys_internal.h"

static_assert(KEYS_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
static_assert(KEYS_SIGNATURE_BYTES == crypto_sign_BYTES, "Ed25519 signature");
static_assert(KEYS_ENCODED_LETTERS == BASE64_SIZE(KEYS_ENCODED_BYTES), "letters of a key");
static_assert(KEYS_VERIFIER_TEXT_MAX == KEYS_NAME_BYTES_MAX + KEYS_TAIL_BYTES, "text of a key");

enum err
keys_start(void)
{
	return sodium_init() < 0 ? ERR_SYSTEM : ERR_OK;
}

void
keys_tell(struct keys_failure *why, const char *format, ...)
{
	int kept = errno;
	va_list args;

	if (why == NULL)
		return;
	va_start(args, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	errno = kept;
}

bool
keys_is_name(const char *name, size_t size)
{
	return text_is_id(name, size, KEYS_NAME_BYTES_MAX) && memchr(name, '+', size) == NULL;
}

uint32_t
keys_id(const char *name, size_t name_size, const uint8_t public_key[KEYS_PUBLIC_BYTES])
{
	static const uint8_t between[] = { '\n', KEYS_ALGORITHM_ED25519 };
	uint8_t hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;

	(void)crypto_hash_sha256_init(&state);
	(void)crypto_hash_sha256_update(&state, (const uint8_t *)name, name_size);
	(void)crypto_hash_sha256_update(&state, between, sizeof(between));
	(void)crypto_hash_sha256_update(&state, public_key, KEYS_PUBLIC_BYTES);
	(void)crypto_hash_sha256_final(&state, hash);
	return (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];
}

static uint32_t
read_hex(const char *digits)
{
	uint32_t v = 0;
	size_t i;

	for (i = 0; i < 8; i++)
		v = v << 4 | (uint32_t)(digits[i] <= '9' ? digits[i] - '0' : digits[i] - 'a' + 10);
	return v;
}

enum err
keys_part(const char *text, size_t size, struct bytes *name, uint32_t *id,
	  uint8_t bytes[KEYS_ENCODED_BYTES])
{
	size_t name_size;
	const char *tail;
	size_t decoded;

	if (size <= KEYS_TAIL_BYTES)
		return ERR_FORMAT;
	name_size = size - KEYS_TAIL_BYTES;
	tail = text + name_size;
	if (!keys_is_name(text, name_size) || tail[0] != '+' || tail[9] != '+' ||
	    !text_is_hex(tail + 1, 8, 8))
		return ERR_FORMAT;
	if (base64_read(tail + 10, KEYS_ENCODED_LETTERS, bytes, KEYS_ENCODED_BYTES, &decoded) !=
		    ERR_OK ||
	    decoded != KEYS_ENCODED_BYTES || bytes[0] != KEYS_ALGORITHM_ED25519)
		return ERR_FORMAT;
	*name = (struct bytes){ .data = (const uint8_t *)text, .size = name_size };
	*id = read_hex(tail + 1);
	return ERR_OK;
}

size_t
keys_join(const char *name, uint32_t id, const uint8_t bytes[KEYS_ENCODED_BYTES], char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t size = strlen(name);
	size_t i;

	memcpy(text, name, size);
	text[size++] = '+';
	for (i = 0; i < 8; i++)
		text[size++] = digits[id >> (28 - 4 * i) & 15];
	text[size++] = '+';
	base64_write(bytes, KEYS_ENCODED_BYTES, text + size);
	return size + KEYS_ENCODED_LETTERS;
}

enum err
keys_verifier_read(const char *text, size_t size, struct keys_verifier *out)
{
	struct keys_verifier key = { 0 };
	uint8_t bytes[KEYS_ENCODED_BYTES];
	struct bytes name;
	enum err e;

	MUST(text != NULL || size == 0);
	MUST(out != NULL);

	e = keys_part(text, size, &name, &key.id, bytes);
	if (e != ERR_OK)
		return e;
	memcpy(key.name, name.data, name.size);
	memcpy(key.public_key, bytes + 1, KEYS_PUBLIC_BYTES);
	if (key.id != keys_id(text, name.size, key.public_key) ||
	    crypto_core_ed25519_is_valid_point(key.public_key) == 0)
		return ERR_FORMAT;

	*out = key;
	return ERR_OK;
}

void
keys_verifier_write(const struct keys_verifier *key, char *text)
{
	uint8_t bytes[KEYS_ENCODED_BYTES] = { KEYS_ALGORITHM_ED25519 };

	MUST(key != NULL && text != NULL);
	MUST(keys_is_name(key->name, strlen(key->name)));

	memcpy(bytes + 1, key->public_key, KEYS_PUBLIC_BYTES);
	text[keys_join(key->name, key->id, bytes, text)] = '\0';
}

bool
keys_verify(const struct keys_verifier *key, const void *data, size_t size,
	    const uint8_t signature[KEYS_SIGNATURE_BYTES])
{
	MUST(key != NULL && signature != NULL);
	MUST(data != NULL || size == 0);

	/* libsodium refuses S >= L, and keys and R of small order. */
	return crypto_sign_verify_detached(signature, data, size, key->public_key) == 0;
}
