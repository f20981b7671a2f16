/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A row a process: its start, what it ran, its end.  Each event writes what it knows under the same
 * key (cell, run, epoch, guest_pid), and the host merges them: a null never overwrites.  The
 * duration is a generated column of the table.  All of it is what the guest claims; what of it no
 * column takes is left out, because it would take the row with it.
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

/* The member of detail, under the same name: a number. */
static void
copy_number(struct hark_json *row, const char *name, struct hark_slice detail)
{
	struct hark_slice value = hark_json_member(detail, name);

	if (value.size > 0 &&
	    (value.data[0] == '-' || (value.data[0] >= '0' && value.data[0] <= '9')))
		hark_json_raw(row, name, value);
}

/* A string, without U+0000, which databases refuse. */
static void
copy_text(struct hark_json *row, const char *name, struct hark_slice detail)
{
	struct hark_slice value = hark_json_member(detail, name);

	if (value.size == 0 || value.data[0] != '"')
		return;
	for (uint32_t i = 0; i + 6 < value.size; i++) {
		if (value.data[i] != '\\')
			continue;
		if (hark_slice_is((struct hark_slice){ value.data + i, 6 }, "\\u0000"))
			return;
		i++; /* what is escaped may be a backslash */
	}
	hark_json_raw(row, name, value);
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
		declared = hark_json_inside(hark_json_inside(hark_json_of_event(), "data"),
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
		copy_text(row, "exe", detail);
		copy_number(row, "ppid", detail);
		copy_number(row, "uid", detail);
		copy_number(row, "exit_code", detail);
		hark_pg_write_row(row);
	}
}
