/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a receiver sends: a batch's head and its records.  Whatever is read is written again as the
 * same bytes, and every declaration that is read fits into an event.
 */
#include <string.h>

#include "fuzz.h"

#include <hark/event.h>

#include "proto/record.h"

static void
check_event(const struct hark_guest_declaration *d)
{
	static const struct hark_event_origin origin = { { "s", 1 }, { "p", 1 }, 7 };
	static char json[HARK_EVENT_BYTES_MAX];
	struct hark_stamped_declaration stamped;
	struct hark_host_stamp host;
	size_t size;

	FUZZ_CLAIM(hark_host_stamp_init(hark_text_of("c"), hark_text_of("r"), hark_text_of(NULL),
					&host) == HARK_TELEMETRY_OK);
	FUZZ_CLAIM(hark_stamp(d, &host, &stamped) == HARK_TELEMETRY_OK);
	FUZZ_CLAIM(hark_event_from_stamped(&stamped, &origin, json, sizeof(json), &size) ==
		   HARK_TELEMETRY_OK);
}

static size_t
check_record(const uint8_t *data, size_t size)
{
	static uint8_t again[RECORD_BYTES_MAX];
	struct record r;
	size_t used;
	size_t again_size;

	memset(&r, 0, sizeof(r));
	if (record_read(data, size, &r, &used) != ERR_OK)
		return 0;
	FUZZ_CLAIM(used <= size);
#ifdef FUZZ_TWIN
	if (r.type == RECORD_CLOSED && r.frames > 0)
		r.frames--;
#endif
	FUZZ_CLAIM(record_write(&r, again, sizeof(again), &again_size) == ERR_OK);
	FUZZ_CLAIM(again_size == used);
	FUZZ_CLAIM(memcmp(again, data, used) == 0);
	if (r.type == RECORD_DECLARED)
		check_event(&r.declaration);
	return used;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record_receipt receipt;
	struct record_batch batch;
	uint8_t *copy = malloc(size + 1);
	size_t at = RECORD_BATCH_HEAD_BYTES;
	uint32_t i;

	if (copy == NULL)
		return 0;
	/* To the end of its storage, so that one byte read past it is seen. */
	memcpy(copy + 1, data, size);
	if (record_batch_read(copy + 1, size, &batch) == ERR_OK) {
		FUZZ_CLAIM(batch.count > 0 && batch.first <= UINT64_MAX - batch.count);
		for (i = 0; i < batch.count; i++) {
			size_t used = check_record(copy + 1 + at, size - at);

			if (used == 0)
				break;
			at += used;
		}
	}
	if (record_receipt_read(copy + 1, size, &receipt) == ERR_OK)
		FUZZ_CLAIM(receipt.count <= RECORD_RECEIPT_SLOTS_MAX);
	free(copy);
	return 0;
}
