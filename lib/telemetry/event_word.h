/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Words of closed lists that other programs of ours bring: they need no escape. */
#ifndef TELEMETRY_EVENT_WORD_H
#define TELEMETRY_EVENT_WORD_H

#include <stdbool.h>
#include <stddef.h>

#include "event/types.h"

/* True for 1 to EVENT_WORD_BYTES_MAX of a-z, 0-9 and underscore. */
static inline bool
event_word_is_good(const char *word, size_t size)
{
	size_t i;

	if (size == 0 || size > EVENT_WORD_BYTES_MAX)
		return false;
	for (i = 0; i < size; i++) {
		char c = word[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
	}
	return true;
}

#endif
