/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The host's own events, byte by byte, and what is refused. */
#include <string.h>

#include <hark/event.h>

#include "unit.h"

#define HASH "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
#define TAIL(type)                                                                        \
	"},\"id\":\"h/listen/7\",\"source\":\"/hark/h/listen\",\"specversion\":\"1.0\","  \
	"\"subject\":\"urn:cellos:cell:c0\",\"time\":\"2025-11-05T13:20:00.000000000Z\"," \
	"\"type\":\"" type "\"}"

static struct hark_host_stamp host;
static struct hark_event_origin origin;
static char json[4096];
static size_t size;

static void
is(enum hark_telemetry_error e, const char *want)
{
	assert_int_equal(e, HARK_TELEMETRY_OK);
	if (size != strlen(want) || memcmp(json, want, size) != 0)
		fail_msg("%.*s\nis not\n%s", (int)size, json, want);
}

static int
setup(void **state)
{
	(void)state;
	origin.source = hark_text_of("/hark/h/listen");
	origin.id_prefix = hark_text_of("h/listen");
	origin.number = 7;
	size = 4711;
	if (hark_host_stamp_init(hark_text_of("c0"), hark_text_of("run-1"), hark_text_of(NULL),
				 &host) != HARK_TELEMETRY_OK)
		return -1;
	host.host_received_at.seconds = 1762348800;
	return 0;
}

static void
with_hash(void)
{
	assert_int_equal(hark_host_stamp_init(hark_text_of("c0"), hark_text_of("run-1"),
					      hark_text_of(HASH), &host),
			 HARK_TELEMETRY_OK);
	host.host_received_at.seconds = 1762348800;
}

static void
silenced(void **state)
{
	struct hark_agent_silenced_signal signal = { .cell_id = hark_text_of("c0"),
						     .run_id = hark_text_of("run-1"),
						     .keepalive_window_ms = 10000,
						     .elapsed_ms = UINT32_MAX,
						     .cause = HARK_SILENCE_DISCONNECTED };

	(void)state;
	with_hash();
	is(hark_event_agent_silenced(&signal, &host, &origin, json, sizeof(json), &size),
	   "{\"data\":{\"cause\":\"disconnected\",\"cellId\":\"c0\",\"elapsedMs\":4294967295,"
	   "\"epistemicStatus\":\"DECLARED\",\"keepaliveWindowMs\":10000,"
	   "\"ruleClass\":\"GUEST_AGENT_DECLARATION\",\"runId\":\"run-1\","
	   "\"specSignatureHash\":\"" HASH
	   "\"" TAIL("dev.cellos.events.cell.observability.v1.guest.agent_silenced"));
	signal.cell_id = (struct hark_text){ NULL, 2 };
	assert_int_equal(
		hark_event_agent_silenced(&signal, &host, &origin, json, sizeof(json), &size),
		HARK_TELEMETRY_ARGUMENT);
	signal.cell_id = hark_text_of("c1");
	assert_int_equal(
		hark_event_agent_silenced(&signal, &host, &origin, json, sizeof(json), &size),
		HARK_TELEMETRY_ARGUMENT);
	signal.cell_id = hark_text_of("c0");
	signal.cause = HARK_SILENCE_CAUSE_COUNT;
	assert_int_equal(
		hark_event_agent_silenced(&signal, &host, &origin, json, sizeof(json), &size),
		HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_event_agent_silenced(NULL, &host, &origin, json, sizeof(json), &size),
			 HARK_TELEMETRY_ARGUMENT);
}

static void
resumed(void **state)
{
	(void)state;
	with_hash();
	is(hark_event_agent_resumed(12345999999, &host, &origin, json, sizeof(json), &size),
	   "{\"data\":{\"cellId\":\"c0\",\"runId\":\"run-1\",\"silenceMs\":\"12345\","
	   "\"specSignatureHash\":\"" HASH "\"" TAIL("dev.hark.events.cell.v1.agent_resumed"));
}

static void
rejected(void **state)
{
	struct hark_rejection r = { HARK_REJECT_WRONG_TYPE, HARK_FIELD_GUEST_PID };

	(void)state;
	is(hark_event_rejected(&r, UINT64_MAX, &host, &origin, json, sizeof(json), &size),
	   "{\"data\":{\"cellId\":\"c0\",\"count\":\"18446744073709551615\",\"field\":\"guest_"
	   "pid\","
	   "\"reason\":\"wrong_type\",\"runId\":\"run-1\"" TAIL(
		   "dev.hark.events.cell.v1.rejected"));
	r = (struct hark_rejection){ HARK_REJECT_LENGTH_ZERO, HARK_FIELD_NONE };
	is(hark_event_rejected(&r, 1, &host, &origin, json, sizeof(json), &size),
	   "{\"data\":{\"cellId\":\"c0\",\"count\":\"1\",\"reason\":\"length_zero\","
	   "\"runId\":\"run-1\"" TAIL("dev.hark.events.cell.v1.rejected"));
	assert_int_equal(hark_event_rejected(&r, 0, &host, &origin, json, sizeof(json), &size),
			 HARK_TELEMETRY_ARGUMENT);
	r.reason = HARK_REJECT_NONE;
	assert_int_equal(hark_event_rejected(&r, 1, &host, &origin, json, sizeof(json), &size),
			 HARK_TELEMETRY_ARGUMENT);
	r.reason = HARK_REJECT_COUNT;
	assert_int_equal(hark_event_rejected(&r, 1, &host, &origin, json, sizeof(json), &size),
			 HARK_TELEMETRY_ARGUMENT);
	r = (struct hark_rejection){ HARK_REJECT_SHORT, HARK_FIELD_COUNT };
	assert_int_equal(hark_event_rejected(&r, 1, &host, &origin, json, sizeof(json), &size),
			 HARK_TELEMETRY_ARGUMENT);
}

static void
closed(void **state)
{
	struct hark_wire_session session = { HARK_WIRE_HARK, UINT64_C(0xabcdef0123456789) };

	(void)state;
	host.has_epoch = true;
	host.epoch = UINT32_MAX;
	is(hark_event_closed(&session, true, 3, &host, &origin, json, sizeof(json), &size),
	   "{\"data\":{\"cellId\":\"c0\",\"epoch\":4294967295,\"frames\":\"3\",\"goodbye\":true,"
	   "\"runId\":\"run-1\",\"stream\":\"abcdef0123456789\",\"wire\":\"hark\"" TAIL(
		   "dev.hark.events.cell.v1.closed"));
	host.has_epoch = false;
	session.mode = HARK_WIRE_CELLOS;
	is(hark_event_closed(&session, false, 0, &host, &origin, json, sizeof(json), &size),
	   "{\"data\":{\"cellId\":\"c0\",\"frames\":\"0\",\"goodbye\":false,\"runId\":\"run-1\","
	   "\"wire\":\"cellos\"" TAIL("dev.hark.events.cell.v1.closed"));
	session.mode = HARK_WIRE_FIRST;
	is(hark_event_closed(&session, false, 0, &host, &origin, json, sizeof(json), &size),
	   "{\"data\":{\"cellId\":\"c0\",\"frames\":\"0\",\"goodbye\":false,\"runId\":\"run-1\","
	   "\"wire\":\"none\"" TAIL("dev.hark.events.cell.v1.closed"));
	session.mode = (enum hark_wire_mode)3;
	assert_int_equal(
		hark_event_closed(&session, false, 0, &host, &origin, json, sizeof(json), &size),
		HARK_TELEMETRY_ARGUMENT);
}

static void
gap_and_dropped(void **state)
{
	(void)state;
	is(hark_event_gap(1, 0, UINT64_MAX, &host, &origin, json, sizeof(json), &size),
	   "{\"data\":{\"cause\":\"sequence_jump\",\"cellId\":\"c0\","
	   "\"count\":\"18446744073709551615\",\"first\":\"0\",\"last\":\"18446744073709551615\","
	   "\"runId\":\"run-1\",\"stream\":\"0000000000000001\"" TAIL(
		   "dev.hark.events.cell.v1.gap"));
	is(hark_event_gap(1, 5, 5, &host, &origin, json, sizeof(json), &size),
	   "{\"data\":{\"cause\":\"sequence_jump\",\"cellId\":\"c0\",\"count\":\"1\","
	   "\"first\":\"5\",\"last\":\"5\",\"runId\":\"run-1\","
	   "\"stream\":\"0000000000000001\"" TAIL("dev.hark.events.cell.v1.gap"));
	assert_int_equal(hark_event_gap(1, 6, 5, &host, &origin, json, sizeof(json), &size),
			 HARK_TELEMETRY_ARGUMENT);
	is(hark_event_dropped(1, 9, &host, &origin, json, sizeof(json), &size),
	   "{\"data\":{\"atLeast\":\"9\",\"cellId\":\"c0\",\"runId\":\"run-1\","
	   "\"stream\":\"0000000000000001\"" TAIL("cell.observability.guest.telemetry.dropped"));
	assert_int_equal(hark_event_dropped(1, 0, &host, &origin, json, sizeof(json), &size),
			 HARK_TELEMETRY_ARGUMENT);
}

/* What every builder refuses, shown on one: they share the code for it. */
static void
refusals(void **state)
{
	static char long_text[HARK_ORIGIN_BYTES_MAX + 1];
	struct hark_host_stamp unchecked = { .cell_id = hark_text_of("c0"),
					     .run_id = hark_text_of("run-1") };
	const struct hark_text bad[] = {
		{ "", 0 },
		{ NULL, 3 },
		{ "a\xff", 2 },
		{ long_text, sizeof(long_text) },
	};
	const struct hark_text bad_ids[] = {
		{ "", 0 },
		{ NULL, 3 },
		{ "a\xff", 2 },
		{ "a b", 3 },
		{ long_text, HARK_ID_BYTES_MAX + 1 },
	};
	size_t i;

	(void)state;
	memset(long_text, 'o', sizeof(long_text));
#define RESUMED(h, o, j) hark_event_agent_resumed(1, (h), (o), (j), sizeof(json), &size)
	assert_int_equal(RESUMED(NULL, &origin, json), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(RESUMED(&unchecked, &origin, json), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(RESUMED(&host, NULL, json), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(RESUMED(&host, &origin, NULL), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(hark_event_agent_resumed(1, &host, &origin, json, sizeof(json), NULL),
			 HARK_TELEMETRY_ARGUMENT);
	for (i = 0; i < COUNT_OF(bad); i++) {
		struct hark_event_origin o = origin;

		o.source = bad[i];
		assert_int_equal(RESUMED(&host, &o, json), HARK_TELEMETRY_ARGUMENT);
		o = origin;
		o.id_prefix = bad[i];
		assert_int_equal(RESUMED(&host, &o, json), HARK_TELEMETRY_ARGUMENT);
	}
	/* A checked stamp whose texts were exchanged afterwards is a mistake, no reason to abort.
	 */
	for (i = 0; i < COUNT_OF(bad_ids); i++) {
		struct hark_host_stamp h = host;

		h.cell_id = bad_ids[i];
		assert_int_equal(RESUMED(&h, &origin, json), HARK_TELEMETRY_ARGUMENT);
		h = host;
		h.run_id = bad_ids[i];
		assert_int_equal(RESUMED(&h, &origin, json), HARK_TELEMETRY_ARGUMENT);
		h = host;
		h.spec_signature_hash = bad_ids[i];
		assert_int_equal(RESUMED(&h, &origin, json), HARK_TELEMETRY_ARGUMENT);
	}
	host.host_received_at.seconds = INT64_C(253402300800);
	assert_int_equal(RESUMED(&host, &origin, json), HARK_TELEMETRY_ARGUMENT);
	host.host_received_at.seconds = 0;
	host.host_received_at.nanoseconds = 1000000000;
	assert_int_equal(RESUMED(&host, &origin, json), HARK_TELEMETRY_ARGUMENT);
	assert_int_equal(size, 4711);
	host.host_received_at.nanoseconds = 0;
	assert_int_equal(RESUMED(&host, &origin, json), HARK_TELEMETRY_OK);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(silenced, setup),
		cmocka_unit_test_setup(resumed, setup),
		cmocka_unit_test_setup(rejected, setup),
		cmocka_unit_test_setup(closed, setup),
		cmocka_unit_test_setup(gap_and_dropped, setup),
		cmocka_unit_test_setup(refusals, setup),
	};

	return cmocka_run_group_tests_name("telemetry/event_host", tests, NULL, NULL);
}
