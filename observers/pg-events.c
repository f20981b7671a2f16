/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A row an event: index, time, type, cell, run, where they are there epoch, seq and guest_*, and
 * detail.  Texts are those of the record, cut where a guest claims more than it holds: the row is
 * there, and the leaf of event_index has the rest.
 */
#include <hark/observer.h>

HARK_OBSERVER
{
	HARK_FOR_EACH_EVENT(event)
	{
		struct hark_slice data = hark_json_inside(hark_json_of_event(), "data");
		struct hark_slice declared = hark_json_inside(data, "declared");
		struct hark_json *row = hark_json_begin();

		hark_json_u64(row, "event_index", event->index);
		hark_json_u64(row, "time_ns", event->time_ns);
		hark_json_text(row, "type", hark_event_text(event, event->type));
		if (event->cell.size > 0)
			hark_json_text(row, "cell", hark_event_text(event, event->cell));
		if (event->run.size > 0)
			hark_json_text(row, "run", hark_event_text(event, event->run));
		if (event->probe_source.size > 0)
			hark_json_text(row, "source", hark_event_text(event, event->probe_source));
		if ((event->flags & HARK_EVENT_HAS_EPOCH) != 0)
			hark_json_u64(row, "epoch", event->epoch);
		if ((event->flags & HARK_EVENT_HAS_SEQ) != 0)
			hark_json_u64(row, "seq", event->seq);
		if ((event->flags & HARK_EVENT_HAS_GUEST) != 0) {
			hark_json_u64(row, "guest_pid", event->guest_pid);
			hark_json_u64(row, "guest_monotonic_ns", event->guest_monotonic_ns);
			hark_json_text(row, "guest_comm",
				       hark_event_text(event, event->guest_comm));
		}
		hark_json_raw(row, "detail", hark_json_member(declared, "detail"));
		hark_pg_write_row(row);
	}
}
