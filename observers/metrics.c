/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Counts events for each cell and source.  One sample an event, so that any cut into batches adds
 * up.  A source that no list has is "other", as in the event's type: a label is never a text that a
 * guest has made up, which could be too long for one, or use up the series of all cells.
 */
#include <hark/observer.h>

#define OTHER "dev.cellos.events.cell.observability.guest.other"

HARK_OBSERVER
{
	HARK_FOR_EACH_EVENT(event)
	{
		struct hark_slice source = hark_event_text(event, event->probe_source);
		struct hark_json *sample = hark_json_begin();

		/* What no guest and no probe said is the host's own. */
		if (source.size == 0)
			source = (struct hark_slice){ "host", 4 };
		if (hark_slice_is(hark_event_text(event, event->type), OTHER))
			source = (struct hark_slice){ "other", 5 };
		hark_json_text(sample, "name", (struct hark_slice){ "events", 6 });
		hark_json_text(sample, "type", (struct hark_slice){ "counter", 7 });
		hark_json_u64(sample, "value", 1);
		hark_json_text(sample, "cell", hark_event_text(event, event->cell));
		hark_json_text(sample, "source", source);
		hark_metric_emit_sample(sample);
	}
}
