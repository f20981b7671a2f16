/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Epochs of runs that were removed.  (cell, run, epoch, seq) names an event for ever, so a run that
 * is registered again counts on.  The last GONE_RUNS_MAX are known one by one; of those before them
 * only the largest epoch is, and a run that is not known begins above it.
 */
#include <string.h>

#include "base/must.h"
#include "hark-notary/notary_internal.h"
#include "hark-notary/store.h"

static size_t
find(const struct notary *n, const uint8_t key[CELL_KEY_BYTES])
{
	size_t i;

	for (i = 0; i < n->gone_count; i++) {
		if (memcmp(n->gone[i].key, key, CELL_KEY_BYTES) == 0)
			break;
	}
	return i;
}

uint32_t
gone_take(struct notary *n, const uint8_t key[CELL_KEY_BYTES])
{
	size_t at = find(n, key);
	uint32_t last_epoch;

	if (at == n->gone_count)
		return n->forgotten_epoch;
	last_epoch = n->gone[at].last_epoch;
	n->gone[at] = n->gone[--n->gone_count];
	store_gone(n, key, NULL);
	return last_epoch;
}

static void
forget_oldest(struct notary *n)
{
	size_t oldest = 0;
	size_t i;

	for (i = 1; i < n->gone_count; i++) {
		if (n->gone[i].serial < n->gone[oldest].serial)
			oldest = i;
	}
	if (n->gone[oldest].last_epoch > n->forgotten_epoch) {
		n->forgotten_epoch = n->gone[oldest].last_epoch;
		store_forgotten(n);
	}
	store_gone(n, n->gone[oldest].key, NULL);
	n->gone[oldest] = n->gone[--n->gone_count];
}

void
gone_add(struct notary *n, const uint8_t key[CELL_KEY_BYTES], uint32_t last_epoch)
{
	struct gone_run *run;

	/* Who begins at the mark again needs no place of its own. */
	if (last_epoch <= n->forgotten_epoch)
		return;
	MUST(find(n, key) == n->gone_count);
	if (n->gone_count == GONE_RUNS_MAX)
		forget_oldest(n);
	run = &n->gone[n->gone_count++];
	memcpy(run->key, key, CELL_KEY_BYTES);
	run->last_epoch = last_epoch;
	run->serial = ++n->gone_serial;
	store_gone(n, key, run);
}

enum err
gone_load(struct notary *n, const struct gone_run *run)
{
	if (n->gone_count == GONE_RUNS_MAX)
		return ERR_FORMAT;
	n->gone[n->gone_count++] = *run;
	if (run->serial > n->gone_serial)
		n->gone_serial = run->serial;
	return ERR_OK;
}
