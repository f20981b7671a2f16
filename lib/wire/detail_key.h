/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a detail's key may be, and how keys are ordered: one rule for the wire, records and events.
 */
#ifndef WIRE_DETAIL_KEY_H
#define WIRE_DETAIL_KEY_H

#include <stdbool.h>
#include <string.h>

#include <hark/telemetry.h>

/* a-z, 0-9, underscore and point, 1 to 64 of them. */
static inline bool
detail_key_is_good(struct hark_text key)
{
	size_t i;

	if (key.size == 0 || key.size > HARK_DETAIL_KEY_BYTES_MAX)
		return false;
	for (i = 0; i < key.size; i++) {
		char c = key.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.'))
			return false;
	}
	return true;
}

/* By bytes, a prefix first.  Good keys are ASCII, so that this is the order of RFC 8785. */
static inline int
detail_key_compare(struct hark_text a, struct hark_text b)
{
	size_t shared = a.size < b.size ? a.size : b.size;
	int order = shared > 0 ? memcmp(a.data, b.data, shared) : 0;

	if (order != 0)
		return order;
	return (a.size > b.size) - (a.size < b.size);
}

#endif
