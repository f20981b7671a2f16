/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The writer's map from short keys to values, in memory.  Keys may hold what a guest has chosen, so
 * they are spread by SipHash under a secret.
 */
#ifndef LEDGER_STATE_H
#define LEDGER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct state_entry;

struct state_map {
	struct state_entry **slots; /* capacity of them, a power of two; NULL where empty */
	size_t capacity;
	size_t count;
	size_t bytes; /* of all entries, written as changes */
	uint64_t secret[2];
};

void state_init(struct state_map *m, const uint64_t secret[2]);
void state_finish(struct state_map *m);

/* value NULL removes; what is not there is removed already.  ERR_MEMORY, with nothing changed. */
MUST_USE enum err state_put(struct state_map *m, struct bytes key, const struct bytes *value);
/* Good until that key is put again. */
bool state_get(const struct state_map *m, struct bytes key, struct bytes *value_out);

typedef enum err state_each_fn(void *ctx, struct bytes key, struct bytes value);
/* In no order.  fn may not change the map. */
MUST_USE enum err state_each(const struct state_map *m, state_each_fn *fn, void *ctx);

#endif
