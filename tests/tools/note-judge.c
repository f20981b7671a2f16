/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Opens notes as who verifies them does: note-judge VKEY...  On standard input are notes, each
 * after its size as u32, little-endian.  For each a line: "refused", or how many of the keys have
 * signed and the text in hex.  A note that a known key's signature does not fit, or no known key
 * has signed, is refused.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/note.h"
#include "keys/keys.h"

#define KEYS_MAX 32

static struct keys_verifier keys[KEYS_MAX];
static size_t key_count;

static const struct keys_verifier *
find(const struct note_signature *s)
{
	size_t i;

	for (i = 0; i < key_count; i++)
		if (keys[i].id == s->key_id && strlen(keys[i].name) == s->name.size &&
		    memcmp(keys[i].name, s->name.data, s->name.size) == 0)
			return &keys[i];
	return NULL;
}

/* How many known keys have signed; -1 where one of them has not. */
static int
count_signers(const struct note *n)
{
	bool seen[KEYS_MAX] = { false };
	int count = 0;
	size_t i;

	for (i = 0; i < n->count; i++) {
		const struct note_signature *s = &n->signatures[i];
		const struct keys_verifier *key = find(s);

		/* A key's second signature is not looked at. */
		if (key == NULL || seen[key - keys])
			continue;
		seen[key - keys] = true;
		if (s->size != KEYS_SIGNATURE_BYTES ||
		    !keys_verify(key, n->text.data, n->text.size, s->bytes))
			return -1;
		count++;
	}
	return count;
}

static void
judge(const uint8_t *data, size_t size)
{
	static struct note n;
	int count;
	size_t i;

	count = note_read(data, size, &n) == ERR_OK ? count_signers(&n) : 0;
	if (count <= 0) {
		(void)puts("refused");
		return;
	}
	(void)printf("%d ", count);
	for (i = 0; i < n.text.size; i++)
		(void)printf("%02x", n.text.data[i]);
	(void)putchar('\n');
}

int
main(int argc, char **argv)
{
	static uint8_t data[1 << 20];
	uint8_t head[4];
	int i;

	if (keys_start() != ERR_OK || argc < 2 || argc > KEYS_MAX)
		return 2;
	for (i = 1; i < argc; i++)
		if (keys_verifier_read(argv[i], strlen(argv[i]), &keys[key_count++]) != ERR_OK)
			return 2;
	while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
		size_t size = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 |
			      (size_t)head[3] << 24;

		if (size > sizeof(data) || fread(data, 1, size, stdin) != size)
			return 2;
		judge(data, size);
	}
	return fflush(stdout) != 0;
}
