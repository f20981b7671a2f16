/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Linear probing, and removal that moves its followers up, so that there are no tombstones. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/must.h"
#include "hark-notary/table.h"

#define CAPACITY_FIRST 8u

static size_t
place_of(const struct table *t, uint64_t key)
{
	/* Fibonacci hashing: our numbers are small and follow each other. */
	return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (t->capacity - 1);
}

static struct table_entry *
find(const struct table *t, uint64_t key)
{
	size_t at = place_of(t, key);

	while (t->entries[at].value != NULL && t->entries[at].key != key)
		at = (at + 1) & (t->capacity - 1);
	return &t->entries[at];
}

void *
table_get(const struct table *t, uint64_t key)
{
	return t->capacity == 0 ? NULL : find(t, key)->value;
}

static enum err
grow(struct table *t)
{
	struct table bigger = { .capacity = t->capacity > 0 ? 2 * t->capacity : CAPACITY_FIRST };
	size_t i;

	bigger.entries = calloc(bigger.capacity, sizeof(bigger.entries[0]));
	if (bigger.entries == NULL)
		return ERR_MEMORY;
	for (i = 0; i < t->capacity; i++) {
		if (t->entries[i].value != NULL)
			*find(&bigger, t->entries[i].key) = t->entries[i];
	}
	bigger.count = t->count;
	free(t->entries);
	*t = bigger;
	return ERR_OK;
}

enum err
table_set(struct table *t, uint64_t key, void *value)
{
	struct table_entry *entry;

	MUST(value != NULL);

	if (2 * (t->count + 1) > t->capacity) {
		enum err e = grow(t);

		if (e != ERR_OK)
			return e;
	}
	entry = find(t, key);
	if (entry->value == NULL)
		t->count++;
	*entry = (struct table_entry){ .key = key, .value = value };
	return ERR_OK;
}

void *
table_remove(struct table *t, uint64_t key)
{
	struct table_entry *hole;
	size_t mask = t->capacity - 1;
	size_t at;
	void *value;

	if (t->capacity == 0)
		return NULL;
	hole = find(t, key);
	value = hole->value;
	if (value == NULL)
		return NULL;
	at = (size_t)(hole - t->entries);
	for (;;) {
		size_t hole_at = (size_t)(hole - t->entries);
		size_t home;

		at = (at + 1) & mask;
		if (t->entries[at].value == NULL)
			break;
		home = place_of(t, t->entries[at].key);
		/* It may move up unless its home lies between the hole and where it stands. */
		if (((at - home) & mask) >= ((at - hole_at) & mask)) {
			*hole = t->entries[at];
			hole = &t->entries[at];
		}
	}
	hole->value = NULL;
	t->count--;
	return value;
}

void *
table_next(const struct table *t, size_t *at)
{
	while (*at < t->capacity) {
		void *value = t->entries[(*at)++].value;

		if (value != NULL)
			return value;
	}
	return NULL;
}

void
table_finish(struct table *t)
{
	if (t == NULL)
		return;
	free(t->entries);
	*t = (struct table){ 0 };
}
