/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rim of a frame, for whoever reads a stream: its length prefix, and where a stream may end. */
#ifndef WIRE_PREFIX_H
#define WIRE_PREFIX_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#include <hark/telemetry.h>

/*
 * Judges a whole length prefix: ERR_OK and the size of the body, 1 to HARK_MAX_FRAME_BYTES, or
 * ERR_REFUSED with length_zero or length_over_4096.  Nothing may be read or reserved before.
 */
MUST_USE enum err frame_prefix_read(const uint8_t prefix[HARK_FRAME_PREFIX_BYTES],
				    uint32_t *body_size_out, struct hark_rejection *rejection);

/*
 * Judges the end of a stream after `begun_bytes` of an unfinished frame, its prefix among them:
 * ERR_OK at 0, else ERR_REFUSED with short_length_prefix or short_body.
 */
MUST_USE enum err frame_end_read(size_t begun_bytes, struct hark_rejection *rejection);

/* Writes a prefix. */
void frame_prefix_write(uint32_t body_size, uint8_t prefix[HARK_FRAME_PREFIX_BYTES]);

#endif
