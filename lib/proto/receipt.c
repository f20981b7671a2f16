/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The head of a batch of records, and receipts, as bytes. */
#include <assert.h>

#include "base/must.h"
#include "proto/record_internal.h"

#define BATCH_MAGIC   UINT32_C(0x31425248) /* "HRB1" */
#define RECEIPT_MAGIC UINT32_C(0x31525248) /* "HRR1" */
/* The head of a receipt, and one slot of it. */
#define RECEIPT_HEAD_BYTES 16u
#define RECEIPT_SLOT_BYTES 16u

static_assert(RECORD_BATCH_HEAD_BYTES + RECORD_BYTES_MAX <= RECORD_BATCH_BYTES_MAX,
	      "every record fits into a batch");

void
record_batch_write(const struct record_batch *b, uint8_t head[RECORD_BATCH_HEAD_BYTES])
{
	MUST(b->count > 0);
	MUST(b->first <= UINT64_MAX - b->count);

	record_put32(head, BATCH_MAGIC);
	record_put32(head + 4, b->count);
	record_put64(head + 8, b->first);
	record_put64(head + 16, 0);
}

enum err
record_batch_read(const void *data, size_t size, struct record_batch *out)
{
	const uint8_t *at = data;
	uint32_t count;
	uint64_t first;

	MUST(data != NULL || size == 0);

	if (size < RECORD_BATCH_HEAD_BYTES || size > RECORD_BATCH_BYTES_MAX ||
	    record_get32(at) != BATCH_MAGIC || record_get64(at + 16) != 0)
		return ERR_FORMAT;
	count = record_get32(at + 4);
	first = record_get64(at + 8);
	if (count == 0 || count > (size - RECORD_BATCH_HEAD_BYTES) / RECORD_HEAD_BYTES ||
	    first > UINT64_MAX - count)
		return ERR_FORMAT;
	*out = (struct record_batch){ .first = first, .count = count };
	return ERR_OK;
}

enum err
record_receipt_write(const struct record_receipt *r, void *data, size_t capacity, size_t *size_out)
{
	uint8_t *at = data;
	uint32_t i;
	size_t size;

	MUST(r->count <= RECORD_RECEIPT_SLOTS_MAX);

	size = RECEIPT_HEAD_BYTES + RECEIPT_SLOT_BYTES * (size_t)r->count;
	if (size > capacity)
		return ERR_LIMIT;
	record_put32(at, RECEIPT_MAGIC);
	record_put32(at + 4, r->count);
	record_put64(at + 8, r->next);
	for (i = 0; i < r->count; i++) {
		at += RECEIPT_SLOT_BYTES;
		record_put64(at, r->slots[i].slot);
		record_put64(at + 8, r->slots[i].bytes);
	}
	*size_out = size;
	return ERR_OK;
}

enum err
record_receipt_read(const void *data, size_t size, struct record_receipt *out)
{
	const uint8_t *at = data;
	uint32_t count;
	uint32_t i;

	MUST(data != NULL || size == 0);

	if (size < RECEIPT_HEAD_BYTES || record_get32(at) != RECEIPT_MAGIC)
		return ERR_FORMAT;
	count = record_get32(at + 4);
	if (count > RECORD_RECEIPT_SLOTS_MAX ||
	    size != RECEIPT_HEAD_BYTES + RECEIPT_SLOT_BYTES * (size_t)count)
		return ERR_FORMAT;
	for (i = 0; i < count; i++) {
		if (record_get64(at + RECEIPT_HEAD_BYTES + RECEIPT_SLOT_BYTES * (size_t)i) >
		    UINT16_MAX)
			return ERR_FORMAT;
	}
	out->next = record_get64(at + 8);
	out->count = count;
	for (i = 0; i < count; i++) {
		at += RECEIPT_SLOT_BYTES;
		out->slots[i].slot = (uint16_t)record_get64(at);
		out->slots[i].bytes = record_get64(at + 8);
	}
	return ERR_OK;
}
