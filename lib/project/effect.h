/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The effects of one batch, put together from the pieces in which they come, within the bounds of
 * the manifest.  Who sends them may have been taken over: what is out of bounds or out of order is
 * refused.
 */
#ifndef PROJECT_EFFECT_H
#define PROJECT_EFFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "project/config.h"

struct effect {
	uint8_t token;
	uint32_t ordinal; /* in its batch, from 0 */
	size_t offset;    /* until the batch is whole; then `payload` counts */
	struct bytes payload;
};

/* Zeroed is empty.  effects have their payloads once the batch is whole. */
struct effects {
	struct effect *items;
	size_t count;
	size_t capacity;
	struct buf bytes;
	bool goes_on; /* the last one is not whole */
};

/*
 * Takes what one EFFECTS message says.  ERR_FORMAT: malformed, a token that is not granted, an
 * effect that goes on as another; ERR_LIMIT: more than the manifest allows; ERR_MEMORY.
 */
MUST_USE enum err effects_take(struct effects *s, struct bytes data,
			       const struct project_config *config);
/* The batch is whole: fills in the payloads.  ERR_FORMAT: not so many, or the last goes on. */
MUST_USE enum err effects_end(struct effects *s, uint64_t count);
/* Forgets them and keeps small storage. */
void effects_clear(struct effects *s);
void effects_finish(struct effects *s);

#endif
