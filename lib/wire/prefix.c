/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The length prefix, read and written. */
#include "wire/prefix.h"
#include "base/must.h"
#include "wire/wire_internal.h"

enum err
frame_prefix_read(const uint8_t prefix[HARK_FRAME_PREFIX_BYTES], uint32_t *body_size_out,
		  struct hark_rejection *rejection)
{
	uint32_t size;

	MUST(prefix != NULL);
	MUST(body_size_out != NULL && rejection != NULL);

	size = (uint32_t)prefix[0] | (uint32_t)prefix[1] << 8 | (uint32_t)prefix[2] << 16 |
	       (uint32_t)prefix[3] << 24;
	if (size == 0)
		return wire_refuse(rejection, HARK_REJECT_LENGTH_ZERO, HARK_FIELD_NONE);
	if (size > HARK_MAX_FRAME_BYTES)
		return wire_refuse(rejection, HARK_REJECT_LENGTH_OVER_4096, HARK_FIELD_NONE);
	*body_size_out = size;
	return ERR_OK;
}

enum err
frame_end_read(size_t begun_bytes, struct hark_rejection *rejection)
{
	MUST(rejection != NULL);

	if (begun_bytes == 0)
		return ERR_OK;
	if (begun_bytes < HARK_FRAME_PREFIX_BYTES)
		return wire_refuse(rejection, HARK_REJECT_SHORT_LENGTH_PREFIX, HARK_FIELD_NONE);
	return wire_refuse(rejection, HARK_REJECT_SHORT_BODY, HARK_FIELD_NONE);
}

void
frame_prefix_write(uint32_t body_size, uint8_t prefix[HARK_FRAME_PREFIX_BYTES])
{
	MUST(body_size > 0 && body_size <= HARK_MAX_FRAME_BYTES);
	MUST(prefix != NULL);

	prefix[0] = (uint8_t)body_size;
	prefix[1] = (uint8_t)(body_size >> 8);
	prefix[2] = (uint8_t)(body_size >> 16);
	prefix[3] = (uint8_t)(body_size >> 24);
}
