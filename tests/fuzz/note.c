/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Signed notes: what is read lies inside the bytes and within its limits, and what was read,
 * written again, is the same bytes, because a note has one form.
 */
#include <string.h>

#include "checkpoint/note.h"
#include "fuzz.h"

static void
check_limits(const uint8_t *data, size_t size, const struct note *n)
{
	size_t i;

	FUZZ_CLAIM(n->text.data == data && n->text.size > 0 && n->text.size < size);
	FUZZ_CLAIM(data[n->text.size - 1] == '\n' && data[n->text.size] == '\n');
	FUZZ_CLAIM(n->count > 0 && n->count <= NOTE_SIGNATURES_MAX);
	for (i = 0; i < n->count; i++) {
		const struct note_signature *s = &n->signatures[i];

		FUZZ_CLAIM(s->name.size > 0 && s->name.size <= NOTE_NAME_BYTES_MAX);
		FUZZ_CLAIM(s->name.data > data + n->text.size);
		FUZZ_CLAIM(s->name.data + s->name.size < data + size);
		FUZZ_CLAIM(s->size > 0 && s->size <= NOTE_SIGNATURE_BYTES_MAX);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct note n;
	struct buf again = { 0 };
	char name[NOTE_NAME_BYTES_MAX + 1];
	size_t i;

	if (note_read(data, size, &n) != ERR_OK)
		return 0;
	check_limits(data, size, &n);
	FUZZ_CLAIM(note_write_text(n.text.data, n.text.size, &again) == ERR_OK);
	for (i = 0; i < n.count; i++) {
		const struct note_signature *s = &n.signatures[i];

		if (s->size > sizeof(s->bytes))
			break;
		memcpy(name, s->name.data, s->name.size);
		name[s->name.size] = '\0';
		FUZZ_CLAIM(note_write_signature(name, s->key_id, s->bytes, s->size, &again) ==
			   ERR_OK);
	}
	FUZZ_CLAIM(again.size <= size && memcmp(again.data, data, again.size) == 0);
	FUZZ_CLAIM(i < n.count || again.size == size);
#ifdef FUZZ_TWIN
	FUZZ_CLAIM(n.count < 2); /* wrong: others may have signed as well */
#endif
	buf_finish(&again);
	return 0;
}
