/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * tree/: flat arrays of hashes, one file for each eighth level, and the position of each 256th
 * leaf.  A row is an entry of one of these columns.  What is in the files can be made again from
 * the segments; so nothing here is synced but at a rotation.
 */
#ifndef LEDGER_TREE_H
#define LEDGER_TREE_H

#include "ledger/format.h"
#include "os/disk.h"

/* The hash columns, then the positions. */
#define TREE_COLUMNS         (FORMAT_TREE_LEVELS + 1u)
#define TREE_POSITIONS       FORMAT_TREE_LEVELS
#define TREE_LEVELS_A_COLUMN 8u

/* Entries of all columns that follow on what is in the files.  Capacity is fixed. */
struct tree_rows {
	struct {
		uint64_t first;
		size_t count;
		size_t capacity;
		uint8_t *data;
	} columns[TREE_COLUMNS];
};

/* Room for what `leaves` leaves bring.  ERR_MEMORY. */
MUST_USE enum err tree_rows_init(struct tree_rows *r, size_t leaves);
void tree_rows_finish(struct tree_rows *r);
/* Empty, where the tree has `size` leaves. */
void tree_rows_clear(struct tree_rows *r, uint64_t size);
size_t tree_rows_leaves(const struct tree_rows *r);
/* True where those of `more` fit behind those of r. */
bool tree_rows_fit(const struct tree_rows *r, const struct tree_rows *more);
void tree_rows_append(struct tree_rows *r, const struct tree_rows *more);
/* A merkle_done_fn; ctx is the rows.  There must be room. */
void tree_rows_hash(void *ctx, unsigned int level, uint64_t index, const struct merkle_hash *hash);
/* The frame at `at` holds leaves `first` to `first + count - 1`. */
void tree_rows_position(struct tree_rows *r, uint64_t first, uint32_t count,
			const struct format_position *at);

struct tree {
	struct disk disk;
	int files[TREE_COLUMNS];        /* -1: not open */
	uint64_t written[TREE_COLUMNS]; /* entries that are in the files */
};

/* The entries that a tree of `size` leaves has in a column. */
uint64_t tree_entries(unsigned int column, uint64_t size);
/* The name of a column's file, terminated. */
#define TREE_NAME_BYTES 16u
void tree_name(unsigned int column, char out[TREE_NAME_BYTES]);

/* Opens what is there, and makes what is not where `create`.  ERR_SYSTEM. */
MUST_USE enum err tree_open(struct tree *t, struct disk disk, bool create);
void tree_close(struct tree *t);
/* Forgets entries behind the first `size` leaves' and says that those are there.  ERR_END, with the
 * column, where they are not; ERR_SYSTEM. */
MUST_USE enum err tree_begin_at(struct tree *t, uint64_t size, unsigned int *column_out);
/* Cuts the files to what is written. */
MUST_USE enum err tree_cut(struct tree *t);
/* Puts rows into the files; does not count them as written.  ERR_SYSTEM. */
MUST_USE enum err tree_write(struct tree *t, const struct tree_rows *r);
/* They are written: counts them. */
void tree_advance(struct tree *t, const struct tree_rows *r);
MUST_USE enum err tree_sync(struct tree *t);

/* A complete subtree's root, from the files or from `behind` (may be NULL).  ERR_RANGE: it is in
 * neither; ERR_SYSTEM. */
MUST_USE enum err tree_node(const struct tree *t, const struct tree_rows *behind,
			    unsigned int level, uint64_t index, struct merkle_hash *out);
/* The position of leaf 256 * entry, from the files alone.  ERR_RANGE, ERR_SYSTEM. */
MUST_USE enum err tree_position(const struct tree *t, uint64_t entry, struct format_position *out);

#endif
