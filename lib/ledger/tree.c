/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The columns of tree/.  Levels between two columns are not stored: a node there is computed from
 * at most 128 hashes below it.
 */
#include "ledger/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

static size_t
entry_bytes(unsigned int column)
{
	return column == TREE_POSITIONS ? FORMAT_POSITION_BYTES : MERKLE_HASH_BYTES;
}

uint64_t
tree_entries(unsigned int column, uint64_t size)
{
	if (column == TREE_POSITIONS)
		return size / FORMAT_TILE_LEAVES + (size % FORMAT_TILE_LEAVES != 0);
	return size >> (TREE_LEVELS_A_COLUMN * column);
}

void
tree_name(unsigned int column, char out[TREE_NAME_BYTES])
{
	if (column == TREE_POSITIONS)
		(void)snprintf(out, TREE_NAME_BYTES, "tree/offsets");
	else
		(void)snprintf(out, TREE_NAME_BYTES, "tree/%u", column);
}

enum err
tree_rows_init(struct tree_rows *r, size_t leaves)
{
	unsigned int i;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < TREE_COLUMNS; i++) {
		/* One more than a run of so many can complete. */
		size_t capacity = i == 0 ? leaves : leaves / FORMAT_TILE_LEAVES + 2;

		r->columns[i].data = malloc(capacity * entry_bytes(i));
		r->columns[i].capacity = capacity;
		if (r->columns[i].data == NULL) {
			tree_rows_finish(r);
			return ERR_MEMORY;
		}
	}
	return ERR_OK;
}

void
tree_rows_finish(struct tree_rows *r)
{
	unsigned int i;

	for (i = 0; i < TREE_COLUMNS; i++)
		free(r->columns[i].data);
	memset(r, 0, sizeof(*r));
}

void
tree_rows_clear(struct tree_rows *r, uint64_t size)
{
	unsigned int i;

	for (i = 0; i < TREE_COLUMNS; i++) {
		r->columns[i].first = tree_entries(i, size);
		r->columns[i].count = 0;
	}
}

size_t
tree_rows_leaves(const struct tree_rows *r)
{
	return r->columns[0].count;
}

bool
tree_rows_fit(const struct tree_rows *r, const struct tree_rows *more)
{
	unsigned int i;

	for (i = 0; i < TREE_COLUMNS; i++) {
		if (more->columns[i].count > r->columns[i].capacity - r->columns[i].count)
			return false;
	}
	return true;
}

static void
add(struct tree_rows *r, unsigned int column, uint64_t index, const void *data, size_t count)
{
	size_t there = r->columns[column].count;

	MUST(index == r->columns[column].first + there);
	MUST(count <= r->columns[column].capacity - there);
	memcpy(r->columns[column].data + there * entry_bytes(column), data,
	       count * entry_bytes(column));
	r->columns[column].count += count;
}

void
tree_rows_append(struct tree_rows *r, const struct tree_rows *more)
{
	unsigned int i;

	for (i = 0; i < TREE_COLUMNS; i++) {
		if (more->columns[i].count > 0)
			add(r, i, more->columns[i].first, more->columns[i].data,
			    more->columns[i].count);
	}
}

void
tree_rows_hash(void *ctx, unsigned int level, uint64_t index, const struct merkle_hash *hash)
{
	if (level % TREE_LEVELS_A_COLUMN == 0)
		add(ctx, level / TREE_LEVELS_A_COLUMN, index, hash->bytes, 1);
}

void
tree_rows_position(struct tree_rows *r, uint64_t first, uint32_t count,
		   const struct format_position *at)
{
	uint64_t entry = tree_entries(TREE_POSITIONS, first);
	uint64_t end = tree_entries(TREE_POSITIONS, first + count);
	uint8_t data[FORMAT_POSITION_BYTES];

	format_position_write(at, data);
	for (; entry < end; entry++)
		add(r, TREE_POSITIONS, entry, data, 1);
}

enum err
tree_open(struct tree *t, struct disk disk, bool create)
{
	unsigned int i;

	memset(t, 0, sizeof(*t));
	t->disk = disk;
	for (i = 0; i < TREE_COLUMNS; i++)
		t->files[i] = -1;
	for (i = 0; i < TREE_COLUMNS; i++) {
		/* Higher levels come with their first entry. */
		bool is_needed = create && (i == 0 || i == TREE_POSITIONS);
		char name[TREE_NAME_BYTES];
		enum disk_open how = DISK_READ;
		enum err e;

		if (create)
			how = is_needed ? DISK_CREATE : DISK_WRITE;
		tree_name(i, name);
		e = disk.ops->open(disk.ctx, name, how, &t->files[i]);
		if (e != ERR_OK && e != ERR_MISSING) {
			tree_close(t);
			return e;
		}
	}
	return ERR_OK;
}

void
tree_close(struct tree *t)
{
	unsigned int i;

	if (t->disk.ops == NULL)
		return;
	for (i = 0; i < TREE_COLUMNS; i++) {
		if (t->files[i] >= 0)
			t->disk.ops->close(t->disk.ctx, t->files[i]);
		t->files[i] = -1;
	}
}

enum err
tree_begin_at(struct tree *t, uint64_t size, unsigned int *column_out)
{
	unsigned int i;

	for (i = 0; i < TREE_COLUMNS; i++) {
		uint64_t want = tree_entries(i, size);
		uint64_t bytes = 0;
		enum err e = ERR_OK;

		if (t->files[i] >= 0)
			e = t->disk.ops->size(t->disk.ctx, t->files[i], &bytes);
		*column_out = i;
		if (e != ERR_OK)
			return e;
		if (bytes / entry_bytes(i) < want)
			return ERR_END;
		t->written[i] = want;
	}
	return ERR_OK;
}

enum err
tree_cut(struct tree *t)
{
	unsigned int i;

	for (i = 0; i < TREE_COLUMNS; i++) {
		enum err e = ERR_OK;

		if (t->files[i] >= 0)
			e = t->disk.ops->truncate(t->disk.ctx, t->files[i],
						  t->written[i] * entry_bytes(i));
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

enum err
tree_write(struct tree *t, const struct tree_rows *r)
{
	unsigned int i;

	for (i = 0; i < TREE_COLUMNS; i++) {
		enum err e = ERR_OK;

		if (r->columns[i].count == 0)
			continue;
		if (t->files[i] < 0) {
			char name[TREE_NAME_BYTES];

			tree_name(i, name);
			e = t->disk.ops->open(t->disk.ctx, name, DISK_CREATE, &t->files[i]);
		}
		if (e == ERR_OK)
			e = t->disk.ops->write(
				t->disk.ctx, t->files[i], r->columns[i].first * entry_bytes(i),
				r->columns[i].data, r->columns[i].count * entry_bytes(i));
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

void
tree_advance(struct tree *t, const struct tree_rows *r)
{
	unsigned int i;

	for (i = 0; i < TREE_COLUMNS; i++) {
		MUST(r->columns[i].count == 0 || r->columns[i].first == t->written[i]);
		t->written[i] += r->columns[i].count;
	}
}

enum err
tree_sync(struct tree *t)
{
	unsigned int i;

	for (i = 0; i < TREE_COLUMNS; i++) {
		enum err e = ERR_OK;

		if (t->files[i] >= 0)
			e = t->disk.ops->sync(t->disk.ctx, t->files[i]);
		if (e != ERR_OK)
			return e;
	}
	/* A level's file may be new. */
	return t->disk.ops->sync_directory(t->disk.ctx, "tree");
}

/* `count` entries of a column; each is in the files or in `behind`. */
static enum err
read_entries(const struct tree *t, const struct tree_rows *behind, unsigned int column,
	     uint64_t first, size_t count, uint8_t *out)
{
	size_t bytes = entry_bytes(column);
	uint64_t written = t->written[column];
	size_t from_file = 0;
	size_t skip;
	enum err e;

	if (first < written)
		from_file = written - first < count ? (size_t)(written - first) : count;
	if (from_file > 0) {
		size_t got = 0;

		e = t->disk.ops->read(t->disk.ctx, t->files[column], first * bytes, out,
				      from_file * bytes, &got);
		if (e != ERR_OK)
			return e;
		if (got != from_file * bytes)
			return ERR_RANGE;
	}
	if (from_file == count)
		return ERR_OK;
	if (behind == NULL || behind->columns[column].first > first + from_file)
		return ERR_RANGE;
	skip = (size_t)(first + from_file - behind->columns[column].first);
	if (skip > behind->columns[column].count ||
	    count - from_file > behind->columns[column].count - skip)
		return ERR_RANGE;
	memcpy(out + from_file * bytes, behind->columns[column].data + skip * bytes,
	       (count - from_file) * bytes);
	return ERR_OK;
}

enum err
tree_node(const struct tree *t, const struct tree_rows *behind, unsigned int level, uint64_t index,
	  struct merkle_hash *out)
{
	struct merkle_hash nodes[1u << (TREE_LEVELS_A_COLUMN - 1)];
	unsigned int column = level / TREE_LEVELS_A_COLUMN;
	size_t count = (size_t)1 << (level % TREE_LEVELS_A_COLUMN);
	uint64_t first;
	size_t i;
	enum err e;

	MUST(level < 64);
	if (__builtin_mul_overflow(index, (uint64_t)count, &first))
		return ERR_RANGE;
	e = read_entries(t, behind, column, first, count, (uint8_t *)nodes);
	if (e != ERR_OK)
		return e;
	for (; count > 1; count /= 2) {
		for (i = 0; i < count / 2; i++)
			merkle_node(&nodes[2 * i], &nodes[2 * i + 1], &nodes[i]);
	}
	*out = nodes[0];
	return ERR_OK;
}

enum err
tree_position(const struct tree *t, uint64_t entry, struct format_position *out)
{
	uint8_t data[FORMAT_POSITION_BYTES];
	enum err e;

	e = read_entries(t, NULL, TREE_POSITIONS, entry, 1, data);
	if (e != ERR_OK)
		return e;
	format_position_read(data, out);
	return ERR_OK;
}
