/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How often a key has come among some rows, by the texts of its columns.  One statement cannot
 * touch a row twice, so the second row of a key goes into a second statement.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "project/postgresql_internal.h"

#define SLOTS_AT_FIRST 256u

struct pg_key {
	size_t offset; /* in bytes */
	size_t size;   /* 0: an empty slot; a key has its sizes in it */
	size_t seen;
	uint64_t hash;
};

/* FNV-1a: a module that makes them collide waits for itself, and a statement has few rows. */
static uint64_t
hash_of(const uint8_t *data, size_t size)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	size_t i;

	for (i = 0; i < size; i++)
		hash = (hash ^ data[i]) * UINT64_C(1099511628211);
	return hash ^ hash >> 32;
}

static struct pg_key *
find(const struct pg_keys *k, struct bytes key, uint64_t hash)
{
	size_t at = (size_t)hash & (k->slot_count - 1);

	for (;; at = (at + 1) & (k->slot_count - 1)) {
		struct pg_key *slot = &k->slots[at];

		if (slot->size == 0 ||
		    (slot->hash == hash && slot->size == key.size &&
		     memcmp(k->bytes.data + slot->offset, key.data, key.size) == 0))
			return slot;
	}
}

/* Keeps at least half of the slots empty. */
static enum err
grow(struct pg_keys *k)
{
	struct pg_keys larger = *k;
	size_t i;

	if (2 * (k->count + 1) <= k->slot_count)
		return ERR_OK;
	larger.slot_count = k->slot_count == 0 ? SLOTS_AT_FIRST : 2 * k->slot_count;
	larger.slots = calloc(larger.slot_count, sizeof(larger.slots[0]));
	if (larger.slots == NULL)
		return ERR_MEMORY;
	for (i = 0; i < k->slot_count; i++) {
		const struct pg_key *old = &k->slots[i];
		struct bytes key;

		if (old->size == 0)
			continue;
		key = (struct bytes){ k->bytes.data + old->offset, old->size };
		*find(&larger, key, old->hash) = *old;
	}
	free(k->slots);
	*k = larger;
	return ERR_OK;
}

void
pg_keys_clear(struct pg_keys *k)
{
	MUST(k != NULL);

	buf_clear(&k->bytes);
	if (k->count > 0)
		memset(k->slots, 0, k->slot_count * sizeof(k->slots[0]));
	k->count = 0;
}

void
pg_keys_finish(struct pg_keys *k)
{
	if (k == NULL)
		return;
	buf_finish(&k->bytes);
	free(k->slots);
	*k = (struct pg_keys){ 0 };
}

enum err
pg_keys_count(struct pg_keys *k, const struct table *t, const struct row_value *values,
	      size_t *before_out)
{
	size_t begin;
	struct bytes key;
	struct pg_key *slot;
	enum err e;
	size_t i;

	MUST(k != NULL && t->key_count > 0 && before_out != NULL);

	e = grow(k);
	begin = k->bytes.size;
	for (i = 0; e == ERR_OK && i < t->key_count; i++) {
		struct bytes text =
			row_value_text(&values[t->keys[i]], t->columns[t->keys[i]].form);

		/* The size before it, so that two columns are not another two. */
		e = buf_append(&k->bytes, &text.size, sizeof(text.size), SIZE_MAX / 2);
		if (e == ERR_OK)
			e = buf_append(&k->bytes, text.data, text.size, SIZE_MAX / 2);
	}
	if (e != ERR_OK)
		return ERR_MEMORY;
	key = (struct bytes){ k->bytes.data + begin, k->bytes.size - begin };
	slot = find(k, key, hash_of(key.data, key.size));
	if (slot->size == 0) {
		*slot = (struct pg_key){ begin, key.size, 0, hash_of(key.data, key.size) };
		k->count++;
	} else {
		k->bytes.size = begin;
	}
	*before_out = slot->seen++;
	return ERR_OK;
}
