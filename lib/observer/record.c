/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An event as event.next gives it: a fixed head, little-endian, and its texts after it.  The layout
 * is struct hark_event_record of <hark/observer.h>; docs/format/observer-abi.md has it in words. */
#include <assert.h>
#include <string.h>

#include <hark/observer.h>

#include "base/must.h"

#include "observer/observer_internal.h"

#define TEXTS 6u

static_assert(sizeof(struct hark_event_record) == HARK_EVENT_RECORD_HEAD_BYTES,
	      "the layout is an ABI");
static_assert(HARK_EVENT_RECORD_HEAD_BYTES + HARK_OBSERVER_TEXTS_MAX == HARK_EVENT_RECORD_BYTES_MAX,
	      "a module's buffer holds every event");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	      "a record is written as it lies in memory");

static void
list_texts(const struct hark_observer_event *event, struct hark_text out[TEXTS])
{
	out[0] = event->type;
	out[1] = event->id;
	out[2] = event->cell;
	out[3] = event->run;
	out[4] = event->probe_source;
	out[5] = event->guest_comm;
}

size_t
record_size(const struct hark_observer_event *event)
{
	struct hark_text texts[TEXTS];
	size_t size = 0;
	size_t i;

	list_texts(event, texts);
	for (i = 0; i < TEXTS; i++) {
		if (texts[i].size > HARK_OBSERVER_TEXTS_MAX - size ||
		    (texts[i].size > 0 && texts[i].data == NULL))
			return 0;
		size += texts[i].size;
	}
	return HARK_EVENT_RECORD_HEAD_BYTES + size;
}

void
record_write(const struct hark_observer_event *event, uint32_t payload_bytes, uint8_t *out)
{
	struct hark_event_record head;
	struct hark_event_text *slots[TEXTS] = { &head.type, &head.id,           &head.cell,
						 &head.run,  &head.probe_source, &head.guest_comm };
	struct hark_text texts[TEXTS];
	size_t at = sizeof(head);
	size_t i;

	memset(&head, 0, sizeof(head)); /* no byte of ours but those below reaches a module */
	list_texts(event, texts);
	for (i = 0; i < TEXTS; i++) {
		slots[i]->offset = (uint32_t)at;
		slots[i]->size = (uint32_t)texts[i].size;
		if (texts[i].size > 0)
			memcpy(out + at, texts[i].data, texts[i].size);
		at += texts[i].size;
	}
	MUST(at <= HARK_EVENT_RECORD_BYTES_MAX);
	head.size = (uint32_t)at;
	head.version = HARK_EVENT_RECORD_VERSION;
	head.flags = (uint16_t)((event->has_epoch ? HARK_EVENT_HAS_EPOCH : 0) |
				(event->has_seq ? HARK_EVENT_HAS_SEQ : 0) |
				(event->has_guest ? HARK_EVENT_HAS_GUEST : 0) |
				(event->texts_cut ? HARK_EVENT_TEXTS_CUT : 0));
	head.index = event->index;
	head.time_ns = event->time_ns;
	head.guest_monotonic_ns = event->has_guest ? event->guest_monotonic_ns : 0;
	head.seq = event->has_seq ? event->seq : 0;
	head.epoch = event->has_epoch ? event->epoch : 0;
	head.guest_pid = event->has_guest ? event->guest_pid : 0;
	head.json_bytes = (uint32_t)event->json.size;
	head.payload_bytes = payload_bytes;
	memcpy(out, &head, sizeof(head));
}
