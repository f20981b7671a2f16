/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A row a process: its start, what it ran, its end.  Each event writes what it knows under the same
 * key (cell, run, epoch, guest_pid), and the host merges them: a null never overwrites.  The
 * duration is a generated column of the table.  All of it is what the guest claims.
 */
#include <hark/observer.h>

static void
begin_row(const struct hark_event_record *event, struct hark_json *row)
{
	hark_json_text(row, "cell", hark_event_text(event, event->cell));
	hark_json_text(row, "run", hark_event_text(event, event->run));
	hark_json_u64(row, "epoch", event->epoch);
	hark_json_u64(row, "guest_pid", event->guest_pid);
}

/* The member of detail, under the name of its column. */
static void
copy(struct hark_json *row, const char *column, struct hark_slice detail, const char *member)
{
	hark_json_raw(row, column, hark_json_member(detail, member));
}

HARK_OBSERVER
{
	HARK_FOR_EACH_EVENT(event)
	{
		struct hark_slice source = hark_event_text(event, event->probe_source);
		bool starts = hark_slice_is(source, "process.spawned");
		bool executes = hark_slice_is(source, "process.exec");
		bool ends = hark_slice_is(source, "process.exited");
		struct hark_slice declared, detail;
		struct hark_json *row;

		if ((!starts && !executes && !ends) || (event->flags & HARK_EVENT_HAS_GUEST) == 0)
			continue;
		declared = hark_json_member(hark_json_member(hark_json_of_event(), "data"),
					    "declared");
		detail = hark_json_member(declared, "detail");
		row = hark_json_begin();
		begin_row(event, row);
		if (starts)
			hark_json_u64(row, "started_ns", event->guest_monotonic_ns);
		if (executes)
			hark_json_u64(row, "executed_ns", event->guest_monotonic_ns);
		if (ends)
			hark_json_u64(row, "exited_ns", event->guest_monotonic_ns);
		if (executes)
			hark_json_text(row, "comm", hark_event_text(event, event->guest_comm));
		copy(row, "exe", detail, "exe");
		copy(row, "ppid", detail, "ppid");
		copy(row, "uid", detail, "uid");
		copy(row, "exit_code", detail, "exit_code");
		hark_pg_write_row(row);
	}
}
