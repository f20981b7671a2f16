/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Collects what operations say of the evidence. */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/must.h"

#include "verify/operations.h"

#define OPERATION_PREFIX "dev.hark.events.operations.v1."

/* Makes room for one more element of `size` bytes; false in *fits_out beyond OPERATIONS_MAX. */
static enum err
grow(void **array, size_t count, size_t *capacity, size_t size, bool *fits_out)
{
	size_t more = *capacity > 0 ? 2 * *capacity : 64;
	void *longer;

	*fits_out = count < OPERATIONS_MAX;
	if (!*fits_out || count < *capacity)
		return ERR_OK;
	longer = realloc(*array, more * size);
	if (longer == NULL)
		return ERR_MEMORY;
	*array = longer;
	*capacity = more;
	return ERR_OK;
}

static enum err
take_witness(struct operations *o, uint64_t index, const struct leaf_event *event)
{
	struct operation_witness w = { .index = index };
	struct bytes root = event->members[LEAF_ROOT];
	void *array = o->witnesses;
	size_t size = 0;
	bool fits = false;
	size_t at;
	enum err e;

	if (event->members[LEAF_SIZE].data == NULL || root.data == NULL ||
	    base64_read((const char *)root.data, root.size, w.root.bytes, sizeof(w.root.bytes),
			&size) != ERR_OK ||
	    size != sizeof(w.root.bytes))
		return ERR_OK;
	w.size = leaf_number(event, LEAF_SIZE, UINT64_MAX);
	e = grow(&array, o->witness_count, &o->witness_capacity, sizeof(w), &fits);
	o->witnesses = array;
	if (e != ERR_OK || !fits)
		return e;
	for (at = o->witness_count++; at > 0 && o->witnesses[at - 1].size > w.size; at--)
		o->witnesses[at] = o->witnesses[at - 1];
	o->witnesses[at] = w;
	return ERR_OK;
}

enum err
operations_take(struct operations *o, uint64_t index, const struct leaf_event *event, bool sealed)
{
	unsigned int ledger = leaf_text_is(event->members[LEAF_LEDGER], "operations") ? 1 : 0;
	uint64_t at = leaf_number(event, LEAF_INDEX, UINT64_MAX);
	void *array = o->redacted[ledger];
	bool fits = false;
	enum err e;

	MUST(o != NULL && event != NULL);
	if (leaf_text_is(event->type, OPERATION_PREFIX "retired")) {
		o->pruned[ledger] = 0;
		o->redacted_count[ledger] = 0;
		if (ledger == 0)
			o->witness_count = 0;
		o->is_superseded = !sealed && ledger == 0;
	}
	if (!sealed)
		return ERR_OK;
	e = take_witness(o, index, event);
	if (e != ERR_OK || at == UINT64_MAX)
		return e;
	if (leaf_text_is(event->type, OPERATION_PREFIX "pruned") && at > o->pruned[ledger])
		o->pruned[ledger] = at;
	if (!leaf_text_is(event->type, OPERATION_PREFIX "redacted"))
		return ERR_OK;
	e = grow(&array, o->redacted_count[ledger], &o->redacted_capacity[ledger], sizeof(uint64_t),
		 &fits);
	o->redacted[ledger] = array;
	if (e == ERR_OK && fits)
		o->redacted[ledger][o->redacted_count[ledger]++] = at;
	o->is_overfull |= !fits;
	return e;
}

static int
compare_indexes(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return (*x > *y) - (*x < *y);
}

void
operations_close(struct operations *o)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (o->redacted_count[i] > 0)
			qsort(o->redacted[i], o->redacted_count[i], sizeof(uint64_t),
			      compare_indexes);
	}
}

bool
operations_redacted(const struct operations *o, unsigned int ledger, uint64_t index)
{
	return o->redacted_count[ledger] > 0 &&
	       bsearch(&index, o->redacted[ledger], o->redacted_count[ledger], sizeof(uint64_t),
		       compare_indexes) != NULL;
}

void
operations_finish(struct operations *o)
{
	free(o->witnesses);
	free(o->redacted[0]);
	free(o->redacted[1]);
	*o = (struct operations){ .is_judged = false };
}
