/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The texts of a configuration as the notary gets them: what is read lies inside the bytes, one
 * behind the other, and a whole list, written again, is the same bytes.
 */
#include <string.h>

#include "fuzz.h"
#include "proto/texts.h"

/* True where all of it was read. */
static int
read_and_write(struct bytes all, struct buf *again)
{
	char name[TEXTS_PATH_BYTES_MAX + 1];
	struct bytes path;
	struct bytes text;
	struct texts t;
	uint32_t count = 0;
	enum err e = texts_open(all, &t);

	if (e != ERR_OK)
		return 0;
	FUZZ_CLAIM(texts_begin(again) == ERR_OK);
	while ((e = texts_take(&t, &path, &text)) == ERR_OK) {
		FUZZ_CLAIM(path.size > 0 && path.size <= TEXTS_PATH_BYTES_MAX);
		FUZZ_CLAIM(path.data >= all.data && path.data + path.size == text.data);
		FUZZ_CLAIM(text.data + text.size <= all.data + all.size);
		memcpy(name, path.data, path.size);
		name[path.size] = '\0';
		FUZZ_CLAIM(texts_add(again, name, text) == ERR_OK);
		count++;
#ifdef FUZZ_TWIN
		FUZZ_CLAIM(count < 3); /* wrong: there may be many */
#endif
	}
	return e == ERR_END;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf again = { 0 };
	uint8_t *copy = malloc(size + 1);

	if (copy == NULL)
		return 0;
	/* To the end of its storage, so that one byte read past it is seen. */
	memcpy(copy + 1, data, size);
	if (read_and_write((struct bytes){ copy + 1, size }, &again) != 0) {
		FUZZ_CLAIM(again.size == size);
		FUZZ_CLAIM(memcmp(again.data, data, size) == 0);
	}
	buf_finish(&again);
	free(copy);
	return 0;
}
