/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A row an event: index, time, type, cell, run, where they are there epoch, seq and guest_*, and
 * detail.  Texts are those of the record, cut where a guest claims more than it holds: the row is
 * there, and the leaf of event_index has the rest.  What is more than the host takes is left out,
 * and detail says so.
 */
#include <hark/observer.h>

/* What detail is where something was left out.  No guest can say it: names within a detail have no
 * colon. */
static const struct hark_slice left_out = { "{\"hark:left_out\":true}", 22 };

/* What the host knows, which is short. */
static void
write_host(const struct hark_event_record *event, struct hark_json *row)
{
	hark_json_u64(row, "event_index", event->index);
	hark_json_u64(row, "time_ns", event->time_ns);
	hark_json_text(row, "type", hark_event_text(event, event->type));
	if (event->cell.size > 0)
		hark_json_text(row, "cell", hark_event_text(event, event->cell));
	if (event->run.size > 0)
		hark_json_text(row, "run", hark_event_text(event, event->run));
	if ((event->flags & HARK_EVENT_HAS_EPOCH) != 0)
		hark_json_u64(row, "epoch", event->epoch);
	if ((event->flags & HARK_EVENT_HAS_SEQ) != 0)
		hark_json_u64(row, "seq", event->seq);
	if ((event->flags & HARK_EVENT_HAS_GUEST) != 0) {
		hark_json_u64(row, "guest_pid", event->guest_pid);
		hark_json_u64(row, "guest_monotonic_ns", event->guest_monotonic_ns);
	}
}

/* What somebody claims: all of it, or as much as leaves room to say that it is not. */
static void
write_claims(const struct hark_event_record *event, struct hark_json *row)
{
	struct hark_slice data = hark_json_inside(hark_json_of_event(), "data");
	struct hark_slice declared = hark_json_inside(data, "declared");
	uint32_t sizes[3] = { row->size };
	uint32_t at = 2;

	if (event->probe_source.size > 0)
		hark_json_text(row, "source", hark_event_text(event, event->probe_source));
	sizes[1] = row->size;
	if ((event->flags & HARK_EVENT_HAS_GUEST) != 0)
		hark_json_text(row, "guest_comm", hark_event_text(event, event->guest_comm));
	sizes[2] = row->size;
	hark_json_raw(row, "detail", hark_json_member(declared, "detail"));
	if (!row->left_out)
		return;
	do {
		row->size = sizes[at];
		row->left_out = false;
		hark_json_raw(row, "detail", left_out);
	} while (row->left_out && at-- > 0);
}

HARK_OBSERVER
{
	HARK_FOR_EACH_EVENT(event)
	{
		struct hark_json *row = hark_json_begin();

		write_host(event, row);
		write_claims(event, row);
		hark_pg_write_row(row);
	}
}
