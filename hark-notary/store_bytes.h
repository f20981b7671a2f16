/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Keys and values of the evidence's state as bytes, for the files that write and read them. */
#ifndef HARK_NOTARY_STORE_BYTES_H
#define HARK_NOTARY_STORE_BYTES_H

#include <endian.h>
#include <string.h>

#include "base/must.h"
#include "hark-notary/notary_internal.h"

#define STORE_VERSION 1u

/* Bytes being written, or being read; `size` is what was written, or what is left. */
struct store_writer {
	uint8_t *at;
	size_t size;
};
struct store_reader {
	const uint8_t *at;
	size_t size;
	bool is_short;
};

#define STORE_ENTRY_BYTES_MAX 512u

static inline void
store_put(struct store_writer *c, const void *data, size_t size)
{
	MUST(c->size + size <= STORE_ENTRY_BYTES_MAX);
	if (size > 0)
		memcpy(c->at + c->size, data, size);
	c->size += size;
}

static inline void
store_put8(struct store_writer *c, unsigned int v)
{
	uint8_t byte = (uint8_t)v;

	store_put(c, &byte, 1);
}

static inline void
store_put16(struct store_writer *c, uint16_t v)
{
	v = htole16(v);
	store_put(c, &v, sizeof(v));
}

static inline void
store_put32(struct store_writer *c, uint32_t v)
{
	v = htole32(v);
	store_put(c, &v, sizeof(v));
}

static inline void
store_put64(struct store_writer *c, uint64_t v)
{
	v = htole64(v);
	store_put(c, &v, sizeof(v));
}

static inline void
store_get(struct store_reader *r, void *out, size_t size)
{
	if (size > r->size) {
		r->is_short = true;
		memset(out, 0, size);
		return;
	}
	memcpy(out, r->at, size);
	r->at += size;
	r->size -= size;
}

static inline uint8_t
store_get8(struct store_reader *r)
{
	uint8_t v;

	store_get(r, &v, sizeof(v));
	return v;
}

static inline uint16_t
store_get16(struct store_reader *r)
{
	uint16_t v;

	store_get(r, &v, sizeof(v));
	return le16toh(v);
}

static inline uint32_t
store_get32(struct store_reader *r)
{
	uint32_t v;

	store_get(r, &v, sizeof(v));
	return le32toh(v);
}

static inline uint64_t
store_get64(struct store_reader *r)
{
	uint64_t v;

	store_get(r, &v, sizeof(v));
	return le64toh(v);
}

static inline bool
store_is_done(const struct store_reader *r)
{
	return !r->is_short && r->size == 0;
}

/* The largest: N, u64, u32; or S, cell, u32. */
#define STORE_KEY_BYTES_MAX (1u + CELL_KEY_BYTES + 4u)

struct store_key {
	uint8_t bytes[STORE_KEY_BYTES_MAX];
	size_t size;
};

static inline struct store_key
store_key_of_cell(char kind, const uint8_t cell[CELL_KEY_BYTES])
{
	struct store_key k = { .size = 1 + CELL_KEY_BYTES };

	k.bytes[0] = (uint8_t)kind;
	memcpy(k.bytes + 1, cell, CELL_KEY_BYTES);
	return k;
}

static inline void
store_change(struct notary *n, const struct store_key *k, const struct store_writer *value)
{
	book_state(n, k->bytes, k->size, value != NULL ? value->at : NULL,
		   value != NULL ? value->size : 0);
}

#define STORE_VALUE(name)                       \
	uint8_t name##_[STORE_ENTRY_BYTES_MAX]; \
	struct store_writer name = { name##_, 0 }

/* ---- store.c: cells and streams; what was removed ---- */

MUST_USE enum err store_load_cell(struct notary *n, struct store_reader *r);
MUST_USE enum err store_load_cell_changes(struct cell *c, struct store_reader *r);
MUST_USE enum err store_load_stream(struct cell *c, uint32_t epoch, struct store_reader *r);
MUST_USE enum err store_load_gone(struct notary *n, const uint8_t *key, struct store_reader *r);

/* ---- store_channel.c ---- */

MUST_USE enum err store_load_channel(struct notary *n, uint64_t incarnation,
				     struct store_reader *r);
MUST_USE enum err store_load_connection(struct notary *n, uint64_t incarnation, uint32_t number,
					struct store_reader *r);

#endif
