/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A leaf is good until the next is read, so each is copied before it is looked at. */
#include "hark-observer/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

enum err
gather_init(struct gather *b, const struct settings *settings)
{
	MUST(b != NULL && settings != NULL && settings->batch > 0);

	*b = (struct gather){
		.settings = settings,
		.events = calloc(settings->batch, sizeof(*b->events)),
		.json = malloc(GATHER_JSON_BYTES),
		.storage = malloc(GATHER_STORAGE_BYTES),
	};
	if (b->events != NULL && b->json != NULL && b->storage != NULL)
		return ERR_OK;
	gather_finish(b);
	return ERR_MEMORY;
}

void
gather_finish(struct gather *b)
{
	if (b == NULL)
		return;
	free(b->events);
	free(b->json);
	free(b->storage);
	*b = (struct gather){ .settings = NULL };
}

/* How much of the storage an event's texts have taken. */
static size_t
storage_of(const struct hark_observer_event *event, const char *storage)
{
	const struct hark_text texts[] = { event->type, event->id,           event->cell,
					   event->run,  event->probe_source, event->guest_comm };
	size_t used = 0;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uintptr_t at = (uintptr_t)texts[i].data;
		uintptr_t begin = (uintptr_t)storage;

		if (at >= begin && at < begin + HARK_OBSERVER_EVENT_STORAGE &&
		    at - begin + texts[i].size > used)
			used = at - begin + texts[i].size;
	}
	return used;
}

static void
take_leaf(struct gather *b, const struct ledger_leaf *leaf)
{
	struct hark_observer_event *event = &b->events[b->count];
	char *json = b->json + b->json_used;
	char *storage = b->storage + b->storage_used;
	enum hark_observer_error e;

	/* Of a redacted one there is nothing to show. */
	if (leaf->redacted)
		return;
	MUST(leaf->data.size <= HARK_OBSERVER_JSON_BYTES_MAX);
	memcpy(json, leaf->data.data, leaf->data.size);
	e = event_reader_read(&b->reader, (struct hark_text){ json, leaf->data.size }, storage,
			      event);
	if (e != HARK_OBSERVER_OK || event->index != leaf->index) {
		b->passed_over++;
		b->passed_last = leaf->index;
		return;
	}
	if (!settings_pass(b->settings, event))
		return;
	b->json_used += leaf->data.size;
	b->storage_used += storage_of(event, storage);
	b->count++;
}

static bool
is_full(const struct gather *b, size_t most)
{
	return b->count == most ||
	       GATHER_JSON_BYTES - b->json_used < HARK_OBSERVER_JSON_BYTES_MAX ||
	       GATHER_STORAGE_BYTES - b->storage_used < HARK_OBSERVER_EVENT_STORAGE ||
	       b->next - b->first == GATHER_LEAVES_MAX;
}

enum err
gather_events(struct gather *b, size_t most, uint64_t next, gather_leaf_fn *leaf, void *ctx)
{
	MUST(b != NULL && most > 0 && most <= b->settings->batch && leaf != NULL);

	b->count = 0;
	b->json_used = 0;
	b->storage_used = 0;
	b->first = next;
	b->next = next;
	while (!is_full(b, most)) {
		struct ledger_leaf l;
		enum err e = leaf(ctx, &l);

		if (e == ERR_AGAIN)
			return ERR_OK;
		if (e == ERR_OK && l.index != b->next)
			e = ERR_FORMAT;
		if (e != ERR_OK)
			return b->next > b->first ? ERR_OK : e;
		if (!b->settings->noop)
			take_leaf(b, &l);
		b->next++;
	}
	return ERR_OK;
}
