/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The one builder of events.  It owns the CloudEvents attributes and the members that every event
 * of a cell has, so that they are written in one way; the caller writes the other members of `data`
 * into `json` between event_begin and event_end, in the order of RFC 8785:
 *
 *	e = event_begin(&event, host, origin, buffer, capacity);
 *	...
 *	event_write_cell(&event);
 *	json_write_literal(&event.json, ",\"count\":");
 *	json_write_u64_string(&event.json, count);
 *	event_write_run(&event);
 *	event_write_spec_hash(&event);
 *	return event_end(&event, type, sizeof(type) - 1, size_out);
 */
#ifndef EVENT_BUILDER_H
#define EVENT_BUILDER_H

#include <hark/event.h>

#include "base/err.h"
#include "json/writer.h"

/*
 * What hark_host_stamp_init leaves in `checked`: a mark of just these texts, which may then be
 * written unseen.  A caller who exchanges one afterwards is told so.  Never 0.
 */
static inline uint32_t
event_stamp_mark(const struct hark_host_stamp *host)
{
	const struct hark_text texts[] = { host->cell_id, host->run_id, host->spec_signature_hash };
	uint64_t mark = UINT64_C(0x6b726168);
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		mark = (mark ^ (uintptr_t)texts[i].data) * UINT64_C(0x9e3779b97f4a7c15);
		mark = (mark ^ mark >> 32 ^ texts[i].size) * UINT64_C(0x9e3779b97f4a7c15);
	}
	return (uint32_t)(mark >> 32) | 1u;
}

/* Borrows host and origin until event_end.  host is NULL for an event of no cell. */
struct event {
	struct json_writer json;
	const struct hark_host_stamp *host;
	const struct hark_event_origin *origin;
	struct hark_time time; /* where host is NULL */
};

/*
 * Writes `{"data":{`.  ERR_ARGUMENT where a pointer is NULL, the stamp is not checked, or a text of
 * the origin is empty, longer than HARK_ORIGIN_BYTES_MAX or not UTF-8.
 */
MUST_USE enum err event_begin(struct event *e, const struct hark_host_stamp *host,
			      const struct hark_event_origin *origin, char *json, size_t capacity);

/* The same for an event of the host itself, which has no subject. */
MUST_USE enum err event_begin_of_host(struct event *e, struct hark_time time,
				      const struct hark_event_origin *origin, char *json,
				      size_t capacity);

/* The members of a cell MUST NOT be written into an event of none. */

/* `"cellId":"..."` */
void event_write_cell(struct event *e);
/* `,"epoch":N`, or nothing where the stamp has none.  For events of one stream. */
void event_write_epoch(struct event *e);
/* `,"runId":"..."` */
void event_write_run(struct event *e);
/* `,"specSignatureHash":"..."`, or nothing where none is known. */
void event_write_spec_hash(struct event *e);

/*
 * Closes `data` and writes the attributes after it.  `type` must need no escape.  ERR_RANGE for the
 * time, ERR_LIMIT where the event is larger than the buffer or HARK_EVENT_BYTES_MAX.
 */
MUST_USE enum err event_end(struct event *e, const char *type, size_t type_size, size_t *size_out);

/* The public name of what these functions answer. */
enum hark_telemetry_error event_error(enum err e);

#endif
