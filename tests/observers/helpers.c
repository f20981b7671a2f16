/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What <hark/observer.h> has beside the imports, over whatever events it is given: a row of what
 * each function makes of one.  tests/observers/check.py knows what that must be. */
#include <hark/observer.h>

/* More than an object holds: what does not fit is left out, and what is smaller still comes. */
static void
fill(struct hark_slice text)
{
	struct hark_json *row = hark_json_begin();

	for (int i = 0; i < 100; i++)
		hark_json_text(row, "text", text);
	for (int i = 0; i < 200; i++)
		hark_json_u64(row, "number", 7);
	for (int i = 0; i < 200; i++)
		hark_json_raw(row, "raw", (struct hark_slice){ "[1]", 3 });
	hark_pg_write_row(row);
}

static void
write_row(const struct hark_event_record *event)
{
	static const char *const names[] = { "text",
					     "a_name_of_more_bytes_than_are_copied_at_once" };
	struct hark_slice comm = hark_event_text(event, event->guest_comm);
	struct hark_slice json = hark_json_of_event();
	struct hark_slice declared = hark_json_member(hark_json_member(json, "data"), "declared");
	struct hark_slice detail = hark_json_member(declared, "detail");
	struct hark_slice same = hark_json_member(
		hark_json_inside(hark_json_inside(json, "data"), "declared"), "detail");
	struct hark_json *row = hark_json_begin();

	hark_json_u64(row, "index", event->index);
	for (int i = 0; i < 2; i++)
		hark_json_text(row, names[i], comm);
	hark_json_u64(row, "is",
		      (uint64_t)hark_slice_is(comm, "") | (uint64_t)hark_slice_is(comm, "sh") << 1 |
			      (uint64_t)hark_slice_is(comm, "eight in") << 2 |
			      (uint64_t)hark_slice_is(comm, "process.spawned") << 3);
	struct hark_slice rest = hark_json_inside(declared, "detail");
	struct hark_slice name, value = { 0, 0 };
	uint64_t members = 0;

	while (hark_json_next(&rest, &name, &value))
		members += name.size + 1;
	hark_json_u64(row, "members", members);
	hark_json_raw(row, "last", value);
	hark_json_raw(row, "k", hark_json_member(detail, "k"));
	hark_json_raw(row, "K", hark_json_member(detail, "K"));
	hark_json_raw(row, "key_of_length", hark_json_member(detail, "key_of_length"));
	hark_json_raw(row, "type", hark_json_member(json, "type"));
	hark_json_raw(row, "detail", detail);
	hark_json_u64(row, "same",
		      same.size == detail.size && (same.size == 0 || same.data == detail.data));
	hark_json_u64(row, "seq", event->seq);
	hark_json_u64(row, "ns", event->guest_monotonic_ns);
	hark_pg_write_row(row);
	hark_pg_write_row(hark_json_begin());
	if (hark_slice_is(hark_event_text(event, event->probe_source), "fill"))
		fill(comm);
}

HARK_OBSERVER
{
	HARK_FOR_EACH_EVENT(event)
	write_row(event);
}
