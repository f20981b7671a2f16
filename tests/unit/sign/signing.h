/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Keys, slices and an event for the tests of this room. */
#ifndef TESTS_SIGN_SIGNING_H
#define TESTS_SIGN_SIGNING_H

#include <string.h>

#include <hark/sign.h>

#include "unit.h"

/* The seed of 32 bytes 07 and its public key: for tests alone. */
#define SEED_TEXT   "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"
#define PUBLIC_TEXT "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"
#define KEY_FILE    "{\"k\":\"" PUBLIC_TEXT "\"}"
#define EVENT                                                                             \
	"{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"t\",\"data\":" \
	"{\"b\":[1,{\"c\":null}],\"a\":\"x\\n\"},\"time\":\"2025-11-05T13:20:00Z\"}"
/* 2025-11-05T13:20:00Z */
#define NOW ((struct hark_time){ .seconds = 1762348800 })

static inline struct hark_text
slice(const char *text)
{
	return (struct hark_text){ .data = text, .size = strlen(text) };
}

static inline struct hark_signer *
ed25519_signer(void)
{
	struct hark_signer *signer = NULL;
	uint8_t seed[32];

	memset(seed, 7, sizeof(seed));
	assert_int_equal(hark_signer_create(HARK_SIGN_ALGORITHM_ED25519, slice("k"), seed,
					    sizeof(seed), &signer, NULL),
			 HARK_SIGN_OK);
	return signer;
}

#endif
