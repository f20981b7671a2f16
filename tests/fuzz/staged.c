/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Staged effects, as a message from an observer that was taken over: what is read lies inside it,
 * and is written again as the same bytes.
 */
#include <string.h>

#include "fuzz.h"
#include "proto/staged.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	uint8_t *again = malloc(size + STAGED_HEAD_BYTES + 1);
	uint8_t *rest_bytes = malloc(size + 1);
	struct staged_piece piece = { .token = 0 };
	size_t used = 0;
	size_t at = 0;
	enum err e;

	if (copy == NULL || again == NULL || rest_bytes == NULL)
		abort();
	/* To the end of its storage, so that one byte read past it is seen. */
	if (size > 0)
		memcpy(copy + 1, data, size);
	while ((e = staged_read((struct bytes){ copy + 1, size }, &at, &piece)) == ERR_OK) {
		struct bytes rest = { rest_bytes, piece.bytes.size + piece.goes_on };

		FUZZ_CLAIM(piece.token < STAGED_TOKEN_COUNT && at <= size);
		FUZZ_CLAIM(!piece.goes_on || at == size);
		if (piece.bytes.size > 0)
			memcpy(rest_bytes, piece.bytes.data, piece.bytes.size);
		rest_bytes[piece.bytes.size] = 0;
		/* One that goes on ends where the message is full. */
		FUZZ_CLAIM(staged_write(piece.token, &rest, again,
					piece.goes_on ? size : size + STAGED_HEAD_BYTES + 1,
					&used) == !piece.goes_on);
	}
	FUZZ_CLAIM(e == ERR_END || e == ERR_FORMAT);
	FUZZ_CLAIM(e != ERR_END || at == size);
#ifdef FUZZ_TWIN
	FUZZ_CLAIM(e != ERR_END || !piece.goes_on || size == 0); /* wrong: the last may go on */
#endif
	if (e == ERR_END)
		FUZZ_CLAIM(used == size && (size == 0 || memcmp(again, copy + 1, size) == 0));
	free(rest_bytes);
	free(again);
	free(copy);
	return 0;
}
