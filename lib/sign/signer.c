/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The key that signs, from CellOS's environment names or from bytes.  Every mistake is told and
 * refused: there is no way from a wrong setting to an unsigned start.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/must.h"
#include "base/text.h"
#include "sign/sign_internal.h"

#define ENV_ALG     "CELLOS_HOST_TELEMETRY_SIGN_ALG"
#define ENV_KID     "CELLOS_HOST_TELEMETRY_SIGN_KID"
#define ENV_HMAC    "CELLOS_HOST_TELEMETRY_SIGN_HMAC_KEY"
#define ENV_ED25519 "CELLOS_HOST_TELEMETRY_SIGN_ED25519_SK"

/* The longest HMAC key in bytes: a key is a secret, not a file. */
#define HMAC_KEY_BYTES_MAX 65536u

static bool
is_blank(struct hark_text text)
{
	size_t at = 0;
	uint32_t v;

	while (at < text.size) {
		size_t step = text_code_point(text.data + at, text.size - at, &v);

		if (step == 0 || text_is_id(text.data + at, step, step))
			return false;
		at += step;
	}
	return true;
}

enum hark_sign_error
sign_check_kid(struct hark_text kid, const char *name, struct hark_failure *why)
{
	if (kid.size > HARK_SIGN_KID_BYTES_MAX)
		return sign_fail(HARK_SIGN_CONFIG, why,
				 "%s: a key id has at most %u bytes, not %zu", name,
				 HARK_SIGN_KID_BYTES_MAX, kid.size);
	if (!text_is_utf8(kid.data, kid.size))
		return sign_fail(HARK_SIGN_CONFIG, why, "%s: the key id is not valid UTF-8", name);
	if (is_blank(kid))
		return sign_fail(HARK_SIGN_CONFIG, why, "%s: the key id is missing or blank", name);
	return HARK_SIGN_OK;
}

static void
signer_destroyp(struct hark_signer **signer)
{
	hark_signer_destroy(*signer);
	*signer = NULL;
}

static enum hark_sign_error
signer_new(enum hark_sign_algorithm algorithm, struct hark_text kid, struct hark_signer **out,
	   struct hark_failure *why)
{
	struct hark_signer *signer = calloc(1, sizeof(*signer));

	if (signer == NULL)
		return sign_fail(HARK_SIGN_MEMORY, why, "out of memory");
	MUST(kid.size <= sizeof(signer->kid));
	signer->algorithm = algorithm;
	signer->kid_size = kid.size;
	if (kid.size > 0)
		memcpy(signer->kid, kid.data, kid.size);
	*out = signer;
	return HARK_SIGN_OK;
}

/* Makes of the raw key the form that signs. */
static enum hark_sign_error
take_key(struct hark_signer *signer, struct secret *raw, const char *name, struct hark_failure *why)
{
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
	enum err e;

	if (signer->algorithm == HARK_SIGN_ALGORITHM_HMAC_SHA256) {
		if (raw->size == 0)
			return sign_fail(HARK_SIGN_CONFIG, why, "%s: the key is empty", name);
		e = signature_hmac_key(raw, &signer->key);
		if (e != ERR_OK)
			return sign_fail_internal(e, why);
		secret_seal(&signer->key);
		return HARK_SIGN_OK;
	}
	if (raw->size != crypto_sign_SEEDBYTES)
		return sign_fail(HARK_SIGN_CONFIG, why, "%s: an Ed25519 seed has 32 bytes, not %zu",
				 name, raw->size);
	e = secret_init(&signer->key, crypto_sign_SECRETKEYBYTES);
	if (e != ERR_OK)
		return sign_fail_internal(e, why);
	MUST(crypto_sign_seed_keypair(public_key, signer->key.bytes, raw->bytes) == 0);
	signer->key.size = crypto_sign_SECRETKEYBYTES;
	secret_seal(&signer->key);
	return HARK_SIGN_OK;
}

/* Takes *raw whatever comes of it. */
static enum hark_sign_error
create(enum hark_sign_algorithm algorithm, struct hark_text kid, struct secret *raw,
       const char *key_name, struct hark_signer **out, struct hark_failure *why)
{
	cleanup(signer_destroyp) struct hark_signer *signer = NULL;
	enum hark_sign_error e;

	e = signer_new(algorithm, kid, &signer, why);
	if (e == HARK_SIGN_OK)
		e = take_key(signer, raw, key_name, why);
	secret_finish(raw);
	if (e == HARK_SIGN_OK)
		*out = steal(&signer);
	return e;
}

enum hark_sign_error
hark_signer_create(enum hark_sign_algorithm algorithm, struct hark_text kid, const void *key,
		   size_t key_size, struct hark_signer **out, struct hark_failure *why)
{
	struct secret raw = { 0 };
	enum hark_sign_error e;
	enum err internal;

	if (out == NULL || (kid.data == NULL && kid.size > 0) || (key == NULL && key_size > 0))
		return sign_fail(HARK_SIGN_ARGUMENT, why, "a pointer is missing");
	if (algorithm == HARK_SIGN_ALGORITHM_OFF)
		return signer_new(algorithm, (struct hark_text){ 0 }, out, why);
	if (algorithm != HARK_SIGN_ALGORITHM_HMAC_SHA256 &&
	    algorithm != HARK_SIGN_ALGORITHM_ED25519)
		return sign_fail(HARK_SIGN_ARGUMENT, why, "no such algorithm");
	e = sign_check_kid(kid, "kid", why);
	if (e != HARK_SIGN_OK)
		return e;
	if (key_size > HMAC_KEY_BYTES_MAX)
		return sign_fail(HARK_SIGN_CONFIG, why, "key: over %u bytes", HMAC_KEY_BYTES_MAX);
	internal = secret_init(&raw, key_size);
	if (internal != ERR_OK)
		return sign_fail_internal(internal, why);
	if (key_size > 0)
		memcpy(raw.bytes, key, key_size);
	raw.size = key_size;
	return create(algorithm, kid, &raw, "key", out, why);
}

/* ---- from the environment ------------------------------------------------------------------ */

static const char *
lookup_environment(void *context, const char *name)
{
	(void)context;
	return getenv(name);
}

/* Case and blanks around it are ignored, as in CellOS. */
static bool
is_word(const char *text, const char *word)
{
	static const char blanks[] = " \t\r\n\v\f";
	size_t size;

	text += strspn(text, blanks);
	size = strlen(text);
	while (size > 0 && strchr(blanks, text[size - 1]) != NULL)
		size--;
	return size == strlen(word) && strncasecmp(text, word, size) == 0;
}

static bool
read_algorithm(const char *text, enum hark_sign_algorithm *out)
{
	static const struct {
		const char *word;
		enum hark_sign_algorithm algorithm;
	} words[] = {
		{ "", HARK_SIGN_ALGORITHM_OFF },
		{ "off", HARK_SIGN_ALGORITHM_OFF },
		{ "hmac-sha256", HARK_SIGN_ALGORITHM_HMAC_SHA256 },
		{ "hmac", HARK_SIGN_ALGORITHM_HMAC_SHA256 },
		{ "ed25519", HARK_SIGN_ALGORITHM_ED25519 },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_word(text, words[i].word)) {
			*out = words[i].algorithm;
			return true;
		}
	}
	return false;
}

/* Decodes straight into guarded memory: the key is in no buffer of ours besides. */
static enum hark_sign_error
read_key(const char *text, const char *name, struct secret *out, struct hark_failure *why)
{
	size_t size = strlen(text);
	struct secret raw = { 0 };
	enum err e;

	if (size > HMAC_KEY_BYTES_MAX)
		return sign_fail(HARK_SIGN_CONFIG, why, "%s: over %u characters", name,
				 HMAC_KEY_BYTES_MAX);
	e = secret_init(&raw, BASE64_BYTES_MAX(size));
	if (e != ERR_OK)
		return sign_fail_internal(e, why);
	e = base64_read_url(text, size, raw.bytes, raw.capacity, &raw.size);
	if (e != ERR_OK) {
		secret_finish(&raw);
		return sign_fail(HARK_SIGN_CONFIG, why, "%s: not base64url", name);
	}
	*out = raw;
	return HARK_SIGN_OK;
}

/* The one key that the algorithm needs; a second one, or any while off, is a mistake. */
static enum hark_sign_error
find_key(hark_sign_lookup_fn *lookup, void *context, enum hark_sign_algorithm algorithm,
	 const char **name_out, const char **text_out, struct hark_failure *why)
{
	bool is_ed25519 = algorithm == HARK_SIGN_ALGORITHM_ED25519;
	const char *name = is_ed25519 ? ENV_ED25519 : ENV_HMAC;
	const char *other = is_ed25519 ? ENV_HMAC : ENV_ED25519;
	const char *text = lookup(context, name);

	if (algorithm == HARK_SIGN_ALGORITHM_OFF && text != NULL)
		return sign_fail(HARK_SIGN_CONFIG, why, "%s is set while " ENV_ALG " is off", name);
	if (lookup(context, other) != NULL)
		return sign_fail(HARK_SIGN_CONFIG, why, "%s is set while " ENV_ALG " is %s", other,
				 signature_algorithm_name(algorithm));
	if (algorithm != HARK_SIGN_ALGORITHM_OFF && text == NULL)
		return sign_fail(HARK_SIGN_CONFIG, why, "%s: the key is missing", name);
	*name_out = name;
	*text_out = text;
	return HARK_SIGN_OK;
}

enum hark_sign_error
hark_signer_from_environment(hark_sign_lookup_fn *lookup, void *context, struct hark_signer **out,
			     struct hark_failure *why)
{
	enum hark_sign_algorithm algorithm = HARK_SIGN_ALGORITHM_OFF;
	struct secret raw = { 0 };
	const char *alg;
	const char *name = NULL;
	const char *text = NULL;
	struct hark_text kid;
	enum hark_sign_error e;

	if (out == NULL)
		return sign_fail(HARK_SIGN_ARGUMENT, why, "a pointer is missing");
	if (lookup == NULL)
		lookup = lookup_environment;
	alg = lookup(context, ENV_ALG);
	if (alg != NULL && !read_algorithm(alg, &algorithm))
		return sign_fail(HARK_SIGN_CONFIG, why,
				 ENV_ALG ": expected off, hmac-sha256 or ed25519");
	e = find_key(lookup, context, algorithm, &name, &text, why);
	if (e != HARK_SIGN_OK)
		return e;
	if (algorithm == HARK_SIGN_ALGORITHM_OFF)
		return signer_new(algorithm, (struct hark_text){ 0 }, out, why);
	kid = hark_text_of(lookup(context, ENV_KID));
	e = sign_check_kid(kid, ENV_KID, why);
	if (e != HARK_SIGN_OK)
		return e;
	e = read_key(text, name, &raw, why);
	if (e != HARK_SIGN_OK)
		return e;
	return create(algorithm, kid, &raw, name, out, why);
}

enum hark_sign_algorithm
hark_signer_algorithm(const struct hark_signer *signer)
{
	return signer != NULL ? signer->algorithm : HARK_SIGN_ALGORITHM_OFF;
}

struct hark_text
hark_signer_kid(const struct hark_signer *signer)
{
	struct hark_text kid = { 0 };

	if (signer != NULL)
		kid = (struct hark_text){ .data = signer->kid, .size = signer->kid_size };
	return kid;
}

void
hark_signer_destroy(struct hark_signer *signer)
{
	if (signer == NULL)
		return;
	secret_finish(&signer->key);
	free(signer);
}
