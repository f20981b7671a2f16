/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Messages between our processes: what is accepted has one form, so it is written back as the same
 * bytes, and every text in it can be copied out or says why not.
 */
#include <string.h>

#include "fuzz.h"

#include "proto/message.h"

static void
check_texts(const struct message *m)
{
	enum message_field texts[] = { FIELD_TEXT, FIELD_CELL, FIELD_UDS_BASE, FIELD_JSON };
	static char text[IPC_BYTES_MAX];
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!message_has(m, texts[i]))
			continue;
		FUZZ_CLAIM(message_text(m, texts[i], text, sizeof(text)) == ERR_OK);
		FUZZ_CLAIM(strlen(text) == message_bytes(m, texts[i]).size);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[IPC_BYTES_MAX];
	struct message m;
	size_t again_size;
	uint8_t *exact;

	/* A copy of exactly its size, so that one byte read past it is seen. */
	exact = malloc(size + 1);
	if (exact == NULL)
		return 0;
	if (size > 0)
		memcpy(exact + 1, data, size);
	if (message_read(exact + 1, size, &m) == ERR_OK) {
#ifdef FUZZ_TWIN
		if (message_has(&m, FIELD_SIZE))
			message_set_number(&m, FIELD_SIZE, 0);
#endif
		check_texts(&m);
		FUZZ_CLAIM(message_name(m.type)[0] != '\0');
		FUZZ_CLAIM(message_write(&m, again, sizeof(again), &again_size) == ERR_OK);
		FUZZ_CLAIM(again_size == size && memcmp(again, exact + 1, size) == 0);
	}
	free(exact);
	return 0;
}
