/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <endian.h>
#include <string.h>

#include "base/must.h"
#include "proto/staged.h"

bool
staged_write(uint8_t token, struct bytes *rest, void *data, size_t capacity, size_t *used)
{
	uint8_t *at = data;
	uint32_t size;
	size_t room;
	size_t part;

	MUST(token < STAGED_TOKEN_COUNT && rest != NULL && data != NULL && used != NULL);
	MUST(*used <= capacity && capacity > STAGED_HEAD_BYTES);

	room = capacity - *used;
	/* A head with none of its effect's bytes would say nothing. */
	if (room < STAGED_HEAD_BYTES + (rest->size > 0 ? 1 : 0))
		return false;
	room -= STAGED_HEAD_BYTES;
	part = rest->size < room ? rest->size : room;
	at += *used;
	at[0] = token;
	at[1] = part < rest->size ? 1 : 0;
	at[2] = at[3] = 0;
	size = htole32((uint32_t)part);
	memcpy(at + 4, &size, sizeof(size));
	if (part > 0)
		bytes_copy(at + STAGED_HEAD_BYTES, rest->data, part);
	*used += STAGED_HEAD_BYTES + part;
	if (part == rest->size) {
		*rest = (struct bytes){ NULL, 0 };
		return true;
	}
	rest->data += part;
	rest->size -= part;
	return false;
}

enum err
staged_read(struct bytes data, size_t *at, struct staged_piece *out)
{
	const uint8_t *head;
	uint32_t size;

	MUST(at != NULL && out != NULL && *at <= data.size);

	if (*at == data.size)
		return ERR_END;
	if (data.size - *at < STAGED_HEAD_BYTES)
		return ERR_FORMAT;
	head = data.data + *at;
	memcpy(&size, head + 4, sizeof(size));
	size = le32toh(size);
	if (head[0] >= STAGED_TOKEN_COUNT || head[1] > 1 || head[2] != 0 || head[3] != 0 ||
	    size > data.size - *at - STAGED_HEAD_BYTES)
		return ERR_FORMAT;
	/* Only the end of a message interrupts an effect, and not without a byte of it. */
	if (head[1] == 1 && (size == 0 || size != data.size - *at - STAGED_HEAD_BYTES))
		return ERR_FORMAT;
	*at += STAGED_HEAD_BYTES + size;
	*out = (struct staged_piece){ .token = head[0],
				      .goes_on = head[1] == 1,
				      .bytes = { head + STAGED_HEAD_BYTES, size } };
	return ERR_OK;
}
