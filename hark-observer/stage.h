/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The effects of one call on their way out: written one after the other as they will be sent, in
 * payloads of EFFECTS messages.  Nothing leaves before the call has returned.
 */
#ifndef HARK_OBSERVER_STAGE_H
#define HARK_OBSERVER_STAGE_H

#include <stddef.h>
#include <stdint.h>

#include <hark/observer_host.h>

#include "base/bytes.h"
#include "base/err.h"

/* Where each payload begins: so many bytes, but for the last. */
struct stage {
	struct buf bytes;
	size_t payload_begin; /* of the one that is being filled */
	size_t *ends;         /* of the payloads before it */
	size_t end_count, end_capacity;
	size_t effects;
	size_t bytes_max;
};

/* bytes_max: of a call's effects with their heads.  Zeroed is a stage that takes none. */
void stage_init(struct stage *s, const struct hark_observer_limits *limits);
/* Forgets the effects and keeps the storage, up to a size. */
void stage_clear(struct stage *s);
void stage_finish(struct stage *s);

/* Takes an effect.  ERR_MEMORY. */
MUST_USE enum err stage_take(struct stage *s, uint8_t token, const void *bytes, size_t size);
size_t stage_payload_count(const struct stage *s);
/* The index-th payload. */
struct bytes stage_payload(const struct stage *s, size_t index);

#endif
