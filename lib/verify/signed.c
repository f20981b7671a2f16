/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Checkpoints as notes that a given key must have signed.  A key speaks for the ledger that has its
 * name and for no other: the key of operations does not sign evidence.
 */
#include <string.h>

#include "base/must.h"

#include "verify/verify_internal.h"

static bool
is_line_of(const struct note_signature *line, const struct keys_verifier *key)
{
	return line->key_id == key->id && line->name.size == strlen(key->name) &&
	       memcmp(line->name.data, key->name, line->name.size) == 0;
}

enum signed_answer
signed_open(struct hark_verifier *v, struct bytes note, struct checkpoint *out)
{
	enum signed_answer answer = SIGNED_OTHER_KEY;
	size_t i, k;

	MUST(v != NULL && out != NULL);
	if (note_read(note.data, note.size, &v->note) != ERR_OK ||
	    checkpoint_read(v->note.text, out) != ERR_OK)
		return SIGNED_MALFORMED;
	for (i = 0; i < v->note.count; i++) {
		const struct note_signature *line = &v->note.signatures[i];

		for (k = 0; k < v->key_count; k++) {
			const struct keys_verifier *key = &v->keys[k];

			if (strcmp(key->name, out->origin) != 0 || !is_line_of(line, key))
				continue;
			if (line->size != KEYS_SIGNATURE_BYTES ||
			    !keys_verify(key, v->note.text.data, v->note.text.size, line->bytes))
				return SIGNED_BAD;
			answer = SIGNED_GOOD;
		}
	}
	return answer;
}

bool
keys_for(struct hark_verifier *v, const char *origin)
{
	bool found = false;
	size_t k;

	for (k = 0; k < v->key_count; k++) {
		if (strcmp(v->keys[k].name, origin) != 0)
			continue;
		v->key_used[k] = true;
		found = true;
	}
	return found;
}
