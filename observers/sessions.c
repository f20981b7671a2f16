/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A row a process: its start, what it ran, its end.  Each event writes what it knows under the same
 * key (cell, run, epoch, guest_pid, start_ns), and the host merges them: a null never overwrites.
 * start_ns tells processes apart that had the same number one after the other; an agent that does
 * not say it has 0 there.  The duration is a generated column of the table.  All of it is what the
 * guest claims; what of it no column takes, or is more than the host takes, is left out, because it
 * would take the row with it.
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

static bool
is_number(struct hark_slice value)
{
	return value.data[0] == '-' || (value.data[0] >= '0' && value.data[0] <= '9');
}

/* A string without U+0000, which databases refuse. */
static bool
is_text(struct hark_slice value)
{
	if (value.data[0] != '"')
		return false;
	for (uint32_t i = 0; i + 6 < value.size; i++) {
		if (value.data[i] != '\\')
			continue;
		if (hark_slice_is((struct hark_slice){ value.data + i, 6 }, "\\u0000"))
			return false;
		i++; /* what is escaped may be a backslash */
	}
	return true;
}

/* A string of digits; 0 where it is none, or more than 64 bits. */
static uint64_t
read_u64(struct hark_slice value)
{
	uint64_t number = 0;

	if (value.size < 3 || value.data[0] != '"')
		return 0;
	for (uint32_t i = 1; i + 1 < value.size; i++) {
		uint32_t digit = (uint32_t)value.data[i] - '0';

		if (digit > 9 || number > (UINT64_MAX - digit) / 10)
			return 0;
		number = number * 10 + digit;
	}
	return number;
}

/* Of detail what has a column; of exe, which may be long, only where it is. */
static void
copy_detail(struct hark_json *row, struct hark_slice detail, struct hark_slice *exe)
{
	struct hark_slice name, value;
	uint64_t start_ns = 0;

	while (hark_json_next(&detail, &name, &value)) {
		if (hark_slice_is(name, "exe") && is_text(value))
			*exe = value;
		else if (hark_slice_is(name, "start_ns"))
			start_ns = read_u64(value);
		else if (!is_number(value))
			continue;
		else if (hark_slice_is(name, "exit_code"))
			hark_json_raw(row, "exit_code", value);
		else if (hark_slice_is(name, "ppid"))
			hark_json_raw(row, "ppid", value);
		else if (hark_slice_is(name, "uid"))
			hark_json_raw(row, "uid", value);
	}
	hark_json_u64(row, "start_ns", start_ns);
}

HARK_OBSERVER
{
	HARK_FOR_EACH_EVENT(event)
	{
		struct hark_slice source = hark_event_text(event, event->probe_source);
		bool starts = hark_slice_is(source, "process.spawned");
		bool executes = hark_slice_is(source, "process.exec");
		bool ends = hark_slice_is(source, "process.exited");
		struct hark_slice declared, exe = { 0, 0 };
		struct hark_json *row;

		if ((!starts && !executes && !ends) || (event->flags & HARK_EVENT_HAS_GUEST) == 0)
			continue;
		declared = hark_json_inside(hark_json_inside(hark_json_of_event(), "data"),
					    "declared");
		row = hark_json_begin();
		begin_row(event, row);
		if (starts)
			hark_json_u64(row, "started_ns", event->guest_monotonic_ns);
		if (executes)
			hark_json_u64(row, "executed_ns", event->guest_monotonic_ns);
		if (ends)
			hark_json_u64(row, "exited_ns", event->guest_monotonic_ns);
		copy_detail(row, hark_json_inside(declared, "detail"), &exe);
		/* Last what may be long: where the host takes less, it is what is left out. */
		if (executes)
			hark_json_text(row, "comm", hark_event_text(event, event->guest_comm));
		hark_json_raw(row, "exe", exe);
		hark_pg_write_row(row);
	}
}
