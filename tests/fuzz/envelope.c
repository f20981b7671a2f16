/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Envelopes: an input is judged, and is signed as if it were an event.  What was signed verifies,
 * also in its transport event; whatever the answer, its texts are printable and terminated.
 */
#include <string.h>

#include "fuzz.h"

#include <hark/sign.h>

static struct hark_verify_keys *keys;
static struct hark_signer *signer;

static void
set_up(void)
{
	static const char file[] =
		"{\"kid-ed-07\":\"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw\"}";
	uint8_t seed[32];

	memset(seed, 7, sizeof(seed));
	FUZZ_CLAIM(hark_verify_keys_create(&keys) == HARK_SIGN_OK);
	FUZZ_CLAIM(hark_verify_keys_add(keys, HARK_SIGN_ALGORITHM_ED25519,
					(struct hark_text){ file, sizeof(file) - 1 },
					NULL) == HARK_SIGN_OK);
	FUZZ_CLAIM(hark_signer_create(HARK_SIGN_ALGORITHM_ED25519,
				      (struct hark_text){ "kid-ed-07", 9 }, seed, sizeof(seed),
				      &signer, NULL) == HARK_SIGN_OK);
}

static void
check_shown(const char *text, size_t capacity)
{
	size_t size = strnlen(text, capacity);
	size_t i;

	FUZZ_CLAIM(size < capacity);
	for (i = 0; i < size; i++)
		FUZZ_CLAIM(text[i] >= 0x20 && text[i] < 0x7f);
}

static enum hark_verify_reason
judge(struct hark_text json)
{
	static const struct hark_time now = { .seconds = 1762348800 };
	struct hark_verify_result result;

	FUZZ_CLAIM(hark_verify_host_stamped_envelope(keys, json, &now, &result) == HARK_SIGN_OK);
	FUZZ_CLAIM((unsigned int)result.reason < HARK_VERIFY_REASON_COUNT);
	check_shown(result.kid, sizeof(result.kid));
	check_shown(result.event_id, sizeof(result.event_id));
	check_shown(result.event_type, sizeof(result.event_type));
	check_shown(result.detail, sizeof(result.detail));
	return result.reason;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hark_text input = { .data = (const char *)data, .size = size };
	struct hark_host_stamped_envelope inner = { 0 };
	struct hark_host_stamped_envelope outer = { 0 };
	enum hark_verify_reason reason;

	if (signer == NULL)
		set_up();
	reason = judge(input);
#ifdef FUZZ_TWIN
	FUZZ_CLAIM(reason != HARK_VERIFY_NONE); /* wrong: a seed is good */
#endif
	(void)reason;
	if (hark_sign_host_stamped_envelope(signer, input, &inner, NULL) == HARK_SIGN_OK) {
		struct hark_text json = { inner.json, inner.size };

		FUZZ_CLAIM(judge(json) == HARK_VERIFY_NONE);
		FUZZ_CLAIM(hark_sign_transport_event(json, &outer, NULL) == HARK_SIGN_OK);
		json = (struct hark_text){ outer.json, outer.size };
		FUZZ_CLAIM(judge(json) == HARK_VERIFY_NONE);
	}
	hark_host_stamped_envelope_finish(&inner);
	hark_host_stamped_envelope_finish(&outer);
	return 0;
}
