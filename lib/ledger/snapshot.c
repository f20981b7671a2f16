/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The snapshot's writer and reader. */
#include "ledger/snapshot.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/must.h"

#define MAGIC       "HARKSTA"
#define MAGIC_BYTES 7u
#define VERSION     '1'
/* Up to the frontier's hashes: magic, serial, size, bytes of entries, salt, count. */
#define FIXED_BYTES 56u
#define CRC_BYTES   4u

static enum err
write_entry(void *ctx, struct bytes key, struct bytes value)
{
	struct buf *out = ctx;

	/* Room was made for all entries together. */
	out->size += format_change_write(key.data, key.size, value.data, value.size,
					 out->data + out->size);
	return ERR_OK;
}

enum err
snapshot_write(uint64_t serial, const uint8_t salt[FORMAT_SALT_BYTES],
	       const struct merkle_frontier *frontier, const struct state_map *state,
	       struct buf *out)
{
	unsigned int count = (unsigned int)__builtin_popcountll(frontier->size);
	size_t size = FIXED_BYTES + count * MERKLE_HASH_BYTES + state->bytes + CRC_BYTES;
	size_t start = out->size;
	unsigned int level;
	uint8_t *p;
	enum err e;

	e = buf_reserve(out, size, SNAPSHOT_BYTES_MAX);
	if (e != ERR_OK)
		return e;
	p = out->data + start;
	memcpy(p, MAGIC, MAGIC_BYTES);
	p[MAGIC_BYTES] = VERSION;
	format_put_u64(p + 8, serial);
	format_put_u64(p + 16, frontier->size);
	format_put_u64(p + 24, state->bytes);
	memcpy(p + 32, salt, FORMAT_SALT_BYTES);
	format_put_u64(p + 48, count);
	p += FIXED_BYTES;
	for (level = 0; level < 64; level++) {
		if ((frontier->size >> level & 1u) == 0)
			continue;
		memcpy(p, frontier->nodes[level].bytes, MERKLE_HASH_BYTES);
		p += MERKLE_HASH_BYTES;
	}
	out->size = (size_t)(p - out->data);
	e = state_each(state, write_entry, out);
	MUST(e == ERR_OK && out->size == start + size - CRC_BYTES);
	format_put_u32(out->data + out->size, crc32c_of(out->data + start, size - CRC_BYTES));
	out->size += CRC_BYTES;
	return ERR_OK;
}

static void
read_frontier(const uint8_t *hashes, uint64_t size, struct merkle_frontier *out)
{
	unsigned int level;

	memset(out, 0, sizeof(*out));
	out->size = size;
	for (level = 0; level < 64; level++) {
		if ((size >> level & 1u) == 0)
			continue;
		memcpy(out->nodes[level].bytes, hashes, MERKLE_HASH_BYTES);
		hashes += MERKLE_HASH_BYTES;
	}
}

enum err
snapshot_read(struct bytes data, struct snapshot *out, format_complaint *why)
{
	struct bytes rest;
	struct format_change change;
	uint64_t tree_size;
	size_t hash_bytes;
	enum err e;

	*why = "the state's first bytes are not HARKSTA1";
	if (data.size < FIXED_BYTES + CRC_BYTES || memcmp(data.data, MAGIC, MAGIC_BYTES) != 0)
		return ERR_FORMAT;
	if (data.data[MAGIC_BYTES] > VERSION && data.data[MAGIC_BYTES] <= '9')
		return ERR_UNSUPPORTED;
	if (data.data[MAGIC_BYTES] != VERSION)
		return ERR_FORMAT;
	*why = "the CRC-32C of the state does not match";
	if (format_get_u32(data.data + data.size - CRC_BYTES) !=
	    crc32c_of(data.data, data.size - CRC_BYTES))
		return ERR_FORMAT;
	*why = "the state's frontier has not one hash for each subtree of its tree";
	tree_size = format_get_u64(data.data + 16);
	hash_bytes = (size_t)__builtin_popcountll(tree_size) * MERKLE_HASH_BYTES;
	if (format_get_u64(data.data + 48) != hash_bytes / MERKLE_HASH_BYTES ||
	    hash_bytes > data.size - FIXED_BYTES - CRC_BYTES)
		return ERR_FORMAT;
	*why = "the state's entries are not as many bytes as it says";
	rest.data = data.data + FIXED_BYTES + hash_bytes;
	rest.size = data.size - FIXED_BYTES - CRC_BYTES - hash_bytes;
	if (format_get_u64(data.data + 24) != rest.size)
		return ERR_FORMAT;
	out->entries = rest;
	while ((e = format_change_take(&rest, &change, why)) == ERR_OK) {
		*why = "the state has a removed key among its entries";
		if (change.is_removal)
			return ERR_FORMAT;
	}
	if (e != ERR_END)
		return e;
	*why = NULL;
	out->serial = format_get_u64(data.data + 8);
	memcpy(out->salt, data.data + 32, FORMAT_SALT_BYTES);
	read_frontier(data.data + FIXED_BYTES, tree_size, &out->frontier);
	return ERR_OK;
}

enum err
snapshot_apply(const struct snapshot *s, struct state_map *state, format_complaint *why)
{
	struct bytes rest = s->entries;
	struct format_change change;
	struct bytes there;
	enum err e;

	MUST(state->count == 0);

	while ((e = format_change_take(&rest, &change, why)) == ERR_OK) {
		*why = "the state has a key twice";
		if (state_get(state, change.key, &there))
			return ERR_FORMAT;
		*why = NULL;
		e = state_put(state, change.key, &change.value);
		if (e != ERR_OK)
			return e;
	}
	return e == ERR_END ? ERR_OK : e;
}
