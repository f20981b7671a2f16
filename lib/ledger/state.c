/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A hash table with linear probing; a removal moves followers back, so no grave is left. */
#include "ledger/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "ledger/format.h"

#define CAPACITY_FIRST 64u

struct state_entry {
	uint64_t hash;
	uint16_t key_size;
	uint16_t value_size;
	uint16_t value_capacity;
	uint8_t bytes[]; /* the key, then the value */
};

static uint64_t
rotate(uint64_t x, unsigned int by)
{
	return x << by | x >> (64 - by);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson, Bernstein): one round a word and three at the end keep a table apart. */
static uint64_t
hash_of(const uint64_t secret[2], struct bytes key)
{
	uint64_t v[4] = { secret[0] ^ UINT64_C(0x736f6d6570736575),
			  secret[1] ^ UINT64_C(0x646f72616e646f6d),
			  secret[0] ^ UINT64_C(0x6c7967656e657261),
			  secret[1] ^ UINT64_C(0x7465646279746573) };
	size_t whole = key.size / 8 * 8;
	uint8_t last[8] = { 0 };
	uint64_t word;
	size_t i;

	for (i = 0; i < whole; i += 8) {
		word = format_get_u64(key.data + i);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	memcpy(last, key.data + whole, key.size - whole);
	last[7] = (uint8_t)key.size;
	word = format_get_u64(last);
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void
state_init(struct state_map *m, const uint64_t secret[2])
{
	memset(m, 0, sizeof(*m));
	m->secret[0] = secret[0];
	m->secret[1] = secret[1];
}

void
state_finish(struct state_map *m)
{
	size_t i;

	for (i = 0; i < m->capacity; i++)
		free(m->slots[i]);
	free(m->slots);
	m->slots = NULL;
	m->capacity = 0;
	m->count = 0;
	m->bytes = 0;
}

/* Where the key is, or would be put.  There is always an empty slot. */
static size_t
slot_of(const struct state_map *m, uint64_t hash, struct bytes key)
{
	size_t at = (size_t)hash & (m->capacity - 1);

	for (;; at = (at + 1) & (m->capacity - 1)) {
		const struct state_entry *e = m->slots[at];

		if (e == NULL)
			return at;
		if (e->hash == hash && e->key_size == key.size &&
		    memcmp(e->bytes, key.data, key.size) == 0)
			return at;
	}
}

/* Keeps a third of the slots empty. */
static enum err
make_room(struct state_map *m)
{
	size_t capacity = m->capacity == 0 ? CAPACITY_FIRST : m->capacity * 2;
	struct state_entry **slots;
	size_t i;

	if (m->capacity != 0 && m->count + 1 <= m->capacity / 3 * 2)
		return ERR_OK;
	slots = calloc(capacity, sizeof(struct state_entry *));
	if (slots == NULL)
		return ERR_MEMORY;
	for (i = 0; i < m->capacity; i++) {
		size_t at;

		if (m->slots[i] == NULL)
			continue;
		at = (size_t)m->slots[i]->hash & (capacity - 1);
		while (slots[at] != NULL)
			at = (at + 1) & (capacity - 1);
		slots[at] = m->slots[i];
	}
	free(m->slots);
	m->slots = slots;
	m->capacity = capacity;
	return ERR_OK;
}

static void
remove_at(struct state_map *m, size_t hole)
{
	size_t mask = m->capacity - 1;
	size_t at;

	m->bytes -= format_change_bytes(m->slots[hole]->key_size, m->slots[hole]->value_size);
	m->count--;
	free(m->slots[hole]);
	m->slots[hole] = NULL;
	for (at = (hole + 1) & mask; m->slots[at] != NULL; at = (at + 1) & mask) {
		size_t home = (size_t)m->slots[at]->hash & mask;

		/* It may not stand before its home: move it where the hole lies between. */
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		m->slots[hole] = m->slots[at];
		m->slots[at] = NULL;
		hole = at;
	}
}

static void
set_value(struct state_map *m, struct state_entry *e, struct bytes value)
{
	m->bytes += value.size;
	m->bytes -= e->value_size;
	e->value_size = (uint16_t)value.size;
	/* The new value may be a part of the old one. */
	if (value.size > 0)
		memmove(e->bytes + e->key_size, value.data, value.size);
}

enum err
state_put(struct state_map *m, struct bytes key, const struct bytes *value)
{
	struct state_entry *made;
	uint64_t hash;
	size_t at;
	enum err e;

	MUST(key.size >= 1 && key.size <= FORMAT_STATE_KEY_MAX);
	MUST(value == NULL || value->size <= FORMAT_STATE_VALUE_MAX);

	if (value == NULL && m->capacity == 0)
		return ERR_OK;
	e = value == NULL ? ERR_OK : make_room(m);
	if (e != ERR_OK)
		return e;
	hash = hash_of(m->secret, key);
	at = slot_of(m, hash, key);
	if (value == NULL) {
		if (m->slots[at] != NULL)
			remove_at(m, at);
		return ERR_OK;
	}
	if (m->slots[at] != NULL && value->size <= m->slots[at]->value_capacity) {
		set_value(m, m->slots[at], *value);
		return ERR_OK;
	}
	made = malloc(sizeof(*made) + key.size + value->size);
	if (made == NULL)
		return ERR_MEMORY;
	made->hash = hash;
	made->key_size = (uint16_t)key.size;
	made->value_size = (uint16_t)value->size;
	made->value_capacity = made->value_size;
	memcpy(made->bytes, key.data, key.size);
	if (value->size > 0)
		memcpy(made->bytes + key.size, value->data, value->size);
	if (m->slots[at] == NULL) {
		m->count++;
		m->bytes += format_change_bytes(key.size, value->size);
	} else {
		m->bytes += value->size;
		m->bytes -= m->slots[at]->value_size;
		free(m->slots[at]);
	}
	m->slots[at] = made;
	return ERR_OK;
}

bool
state_get(const struct state_map *m, struct bytes key, struct bytes *value_out)
{
	const struct state_entry *e;

	if (m->capacity == 0 || key.size == 0 || key.size > FORMAT_STATE_KEY_MAX)
		return false;
	e = m->slots[slot_of(m, hash_of(m->secret, key), key)];
	if (e == NULL)
		return false;
	*value_out = (struct bytes){ e->bytes + e->key_size, e->value_size };
	return true;
}

enum err
state_each(const struct state_map *m, state_each_fn *fn, void *ctx)
{
	size_t i;

	for (i = 0; i < m->capacity; i++) {
		const struct state_entry *entry = m->slots[i];
		enum err e;

		if (entry == NULL)
			continue;
		e = fn(ctx, (struct bytes){ entry->bytes, entry->key_size },
		       (struct bytes){ entry->bytes + entry->key_size, entry->value_size });
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}
