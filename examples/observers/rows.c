/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An observer in ten lines: a row with the index and the cell of each event. */
#include <hark/observer.h>

HARK_OBSERVER
{
	HARK_FOR_EACH_EVENT(event)
	{
		struct hark_json *row = hark_json_begin();
		hark_json_u64(row, "index", event->index);
		hark_json_text(row, "cell", hark_event_text(event, event->cell));
		hark_pg_write_row(row);
	}
}
