/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbers to pointers: a hash table with open addressing, which owns nothing that it points at. */
#ifndef HARK_NOTARY_TABLE_H
#define HARK_NOTARY_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct table_entry {
	uint64_t key;
	void *value; /* NULL: nobody's place */
};

/* Zeroed is empty.  capacity is 0 or a power of two, and more than half of it is free. */
struct table {
	struct table_entry *entries;
	size_t capacity;
	size_t count;
};

void *table_get(const struct table *t, uint64_t key);
/* value is not NULL; an older one is replaced.  ERR_MEMORY. */
MUST_USE enum err table_set(struct table *t, uint64_t key, void *value);
/* Gives what was there, or NULL. */
void *table_remove(struct table *t, uint64_t key);
/* The next value at or after *at, which moves behind it; NULL at the end.  The table must not be
 * changed meanwhile. */
void *table_next(const struct table *t, size_t *at);
void table_finish(struct table *t);

#endif
