/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every example in docs/format/events.md is a line that the builders write, and each builder has
 * one there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/event.h>

#include "unit.h"

#define DOCUMENT TEST_VECTORS "/../../docs/format/events.md"
#define HASH     "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

static struct hark_host_stamp host;
static struct hark_event_origin origin;
static struct hark_guest_declaration guest;
static char json[HARK_EVENT_BYTES_MAX];
static size_t size;
static char *document;

static void
is_in_the_document(enum hark_telemetry_error e)
{
	char *line;

	assert_int_equal(e, HARK_TELEMETRY_OK);
	assert_true(asprintf(&line, "\n%.*s\n", (int)size, json) > 0);
	if (strstr(document, line) == NULL)
		fail_msg("not in the document:%s", line);
	free(line);
	origin.number++;
}

static void
stamped_example(void)
{
	struct hark_stamped_declaration stamped;

	assert_int_equal(hark_stamp(&guest, &host, &stamped), HARK_TELEMETRY_OK);
	is_in_the_document(hark_event_from_stamped(&stamped, &origin, json, sizeof(json), &size));
}

static void
examples(void **state)
{
	const struct hark_agent_silenced_signal signal = { .cell_id = host.cell_id,
							   .run_id = host.run_id,
							   .keepalive_window_ms = 10000,
							   .elapsed_ms = 10002,
							   .cause = HARK_SILENCE_MUTE };
	const struct hark_rejection rejection = { HARK_REJECT_WRONG_TYPE, HARK_FIELD_GUEST_PID };
	const struct hark_wire_session session = { HARK_WIRE_HARK, UINT64_C(0x1f2e3d4c5b6a7988) };

	(void)state;
#define REST &host, &origin, json, sizeof(json), &size
	stamped_example();
	guest.content_version = 1;
	guest.has_seq = false;
	guest.detail_count = 0;
	guest.probe_source = hark_text_of("x\",\"cellId\":\"evil");
	guest.guest_comm = hark_text_of("\"}},\n\x1b");
	guest.guest_monotonic_ns = UINT64_MAX;
	stamped_example();
	is_in_the_document(hark_event_agent_silenced(&signal, REST));
	is_in_the_document(hark_event_agent_resumed(UINT64_C(12345678901), REST));
	is_in_the_document(hark_event_rejected(&rejection, 3, REST));
	is_in_the_document(hark_event_gap(session.stream, 18, 25, REST));
	is_in_the_document(hark_event_dropped(session.stream, 9, REST));
	is_in_the_document(hark_event_closed(&session, true, 42, REST));
}

static int
setup(void **state)
{
	FILE *file = fopen(DOCUMENT, "re");
	size_t capacity = 0;

	(void)state;
	if (file == NULL || getdelim(&document, &capacity, '\0', file) < 0)
		return -1;
	(void)fclose(file);
	origin = (struct hark_event_origin){ hark_text_of("/hark/host7.example/listen"),
					     hark_text_of("host7.example/listen/5f0c"), 0 };
	guest = (struct hark_guest_declaration){ .content_version = 2,
						 .guest_pid = 4242,
						 .guest_monotonic_ns = 123456789012,
						 .has_seq = true,
						 .seq = 17,
						 .probe_source = hark_text_of("process.spawned"),
						 .guest_comm = hark_text_of("sh"),
						 .detail_count = 1 };
	guest.detail[0] = (struct hark_detail){ .key = hark_text_of("ppid"),
						.type = HARK_DETAIL_INTEGER,
						.value.integer = 1 };
	if (hark_host_stamp_init(hark_text_of("c0"), hark_text_of("run-1"), hark_text_of(HASH),
				 &host) != HARK_TELEMETRY_OK)
		return -1;
	host.host_received_at = (struct hark_time){ 1762348800, 123456789 };
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(document);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
	};

	return cmocka_run_group_tests_name("telemetry/event_document", tests, setup, teardown);
}
