/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Compares tree/<level> and tree/offsets with what the leaves lead to. */
#include <stdio.h>
#include <string.h>

#include "base/must.h"

#include "verify/trees.h"

#define STEP 16384u

void
trees_init(struct trees *t, struct disk disk)
{
	unsigned int i;

	*t = (struct trees){ .disk = disk, .loose_from = UINT64_MAX };
	for (i = 0; i < TREES_LEVELS; i++)
		window_init(&t->levels[i]);
	window_init(&t->offsets);
}

void
trees_finish(struct trees *t)
{
	unsigned int i;

	for (i = 0; i < TREES_LEVELS; i++)
		window_finish(&t->levels[i]);
	window_finish(&t->offsets);
}

/* ERR_END where the file does not reach so far or is not there. */
static enum err
stored(struct trees *t, unsigned int level, uint64_t index, const uint8_t **out)
{
	struct window *w = &t->levels[level];
	char name[32];
	enum err e;

	if (!t->tried[level]) {
		t->tried[level] = true;
		(void)snprintf(name, sizeof(name), "tree/%u", level);
		e = window_open(w, t->disk, name, STEP, STEP);
		if (e != ERR_OK && e != ERR_MISSING)
			return e;
	}
	if (!window_is_open(w) || index > UINT64_MAX / MERKLE_HASH_BYTES)
		return ERR_END;
	return window_get(w, index * MERKLE_HASH_BYTES, MERKLE_HASH_BYTES, out);
}

enum err
trees_leaf(struct trees *t, uint64_t index, struct merkle_hash *out)
{
	const uint8_t *data;
	enum err e = stored(t, 0, index, &data);

	if (e == ERR_OK)
		memcpy(out->bytes, data, MERKLE_HASH_BYTES);
	return e;
}

void
trees_check(void *ctx, unsigned int level, uint64_t index, const struct merkle_hash *hash)
{
	struct trees *t = ctx;
	const uint8_t *data = NULL;
	uint64_t leaf;
	bool loose;
	enum err e;

	if (level % 8 != 0)
		return;
	MUST(level / 8 < TREES_LEVELS);
	leaf = ((index + 1) << level) - 1;
	loose = leaf >= t->loose_from;
	e = stored(t, level / 8, index, &data);
	if (e == ERR_OK && memcmp(data, hash->bytes, MERKLE_HASH_BYTES) == 0)
		return;
	if (e != ERR_OK && e != ERR_END) {
		t->error = e;
		return;
	}
	if (loose && (e == ERR_END || format_is_zero(data, MERKLE_HASH_BYTES)))
		return;
	if (t->fault.is_set)
		return;
	t->fault = (struct trees_fault){ .is_set = true,
					 .is_short = e == ERR_END,
					 .level = level / 8,
					 .index = index,
					 .leaf = leaf };
}

void
trees_check_offset(struct trees *t, uint64_t index, uint64_t serial, uint64_t position)
{
	const uint8_t *data = NULL;
	struct format_position p = { 0 };
	bool loose = index >= t->loose_from;
	enum err e = ERR_END;

	MUST(index % FORMAT_TILE_LEAVES == 0);
	if (!t->has_offsets) {
		t->has_offsets = true;
		e = window_open(&t->offsets, t->disk, "tree/offsets", STEP, STEP);
		if (e != ERR_OK && e != ERR_MISSING) {
			t->error = e;
			return;
		}
	}
	e = ERR_END;
	if (window_is_open(&t->offsets))
		e = window_get(&t->offsets, index / FORMAT_TILE_LEAVES * FORMAT_POSITION_BYTES,
			       FORMAT_POSITION_BYTES, &data);
	if (e == ERR_OK)
		format_position_read(data, &p);
	if (e == ERR_OK && p.serial == serial && p.offset == position)
		return;
	if (e != ERR_OK && e != ERR_END) {
		t->error = e;
		return;
	}
	if (t->offset_fault.is_set ||
	    (loose && (e == ERR_END || format_is_zero(data, FORMAT_POSITION_BYTES))))
		return;
	t->offset_fault = (struct trees_fault){ .is_set = true,
						.is_short = e == ERR_END,
						.index = index / FORMAT_TILE_LEAVES,
						.leaf = index };
	t->offset_found = p;
}
