/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Options of observers: what is taken can be read one by one and written again as the same bytes;
 * what is refused is refused whole.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "proto/options.h"

#include "fuzz.h"

/* What the twin believes of the longest path is wrong on purpose. */
#ifdef FUZZ_TWIN
#define TABLE_BYTES_MAX 8u
#else
#define TABLE_BYTES_MAX 128u
#endif

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes options = { data, size };
	struct option_entry entry;
	struct buf again = { 0 };
	size_t at = 0;

	if (options_check(data, size) != ERR_OK)
		return 0;
	while (options_next(options, &at, &entry)) {
		enum err e;

		if (options_is_number(entry.option)) {
			e = options_add_number(&again, entry.option, entry.number);
		} else {
			e = options_add_text(&again, entry.option, entry.text.data,
					     entry.text.size);
			FUZZ_CLAIM(text_is_utf8((const char *)entry.text.data, entry.text.size));
		}
		FUZZ_CLAIM(e == ERR_OK);
		if (entry.option == OPTION_TABLE)
			FUZZ_CLAIM(entry.text.size <= TABLE_BYTES_MAX);
	}
	FUZZ_CLAIM(at == size && again.size == size);
	FUZZ_CLAIM(size == 0 || memcmp(again.data, data, size) == 0);
	buf_finish(&again);
	return 0;
}
