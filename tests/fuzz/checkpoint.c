/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Texts of checkpoints and of verifier keys: what is read has one form, but for others' lines. */
#include <string.h>

#include "checkpoint/checkpoint.h"
#include "fuzz.h"
#include "keys/keys.h"

static void
one_key(const uint8_t *data, size_t size)
{
	char again[KEYS_VERIFIER_TEXT_MAX + 1];
	struct keys_verifier key;

	if (keys_verifier_read((const char *)data, size, &key) != ERR_OK)
		return;
	keys_verifier_write(&key, again);
	FUZZ_CLAIM(strlen(again) == size && memcmp(again, data, size) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = { .data = data, .size = size };
	char again[CHECKPOINT_TEXT_MAX];
	struct checkpoint c;
	size_t written;

	one_key(data, size);
	if (checkpoint_read(text, &c) != ERR_OK)
		return 0;
	FUZZ_CLAIM(strlen(c.origin) > 0 && strlen(c.origin) <= CHECKPOINT_ORIGIN_BYTES_MAX);
	FUZZ_CLAIM(data[size - 1] == '\n');
	checkpoint_write(&c, again, &written);
	FUZZ_CLAIM(written <= size && memcmp(again, data, written) == 0);
#ifdef FUZZ_TWIN
	FUZZ_CLAIM(c.size < 1000000); /* wrong: logs grow */
#endif
	return 0;
}
