/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Stamped declarations as events: refusals, sizes, and that no guest byte leaves data.declared, as
 * jansson reads it. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <hark/event.h>

#include "base/text.h"
#include "unit.h"

#define HASH "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

static struct hark_host_stamp host;
static struct hark_event_origin origin;
static struct hark_guest_declaration guest;
static struct hark_stamped_declaration stamped;
static char json[HARK_EVENT_BYTES_MAX + 64];
static size_t size;

static int
setup(void **state)
{
	(void)state;
	origin = (struct hark_event_origin){ hark_text_of("/hark/h/listen"),
					     hark_text_of("h/listen"), 7 };
	if (hark_host_stamp_init(hark_text_of("c0"), hark_text_of("run-1"), hark_text_of(HASH),
				 &host) != HARK_TELEMETRY_OK)
		return -1;
	host.host_received_at = (struct hark_time){ 1762348800, 123456789 };
	guest = (struct hark_guest_declaration){ .content_version = 2,
						 .guest_pid = 4242,
						 .guest_monotonic_ns = 123456789012,
						 .probe_source = hark_text_of("process.spawned"),
						 .guest_comm = hark_text_of("sh") };
	size = 4711;
	return hark_stamp(&guest, &host, &stamped) == HARK_TELEMETRY_OK ? 0 : -1;
}

static enum hark_telemetry_error
build(size_t capacity)
{
	return hark_event_from_stamped(&stamped, &origin, json, capacity, &size);
}

static struct hark_detail
text_detail(const char *key, struct hark_text text)
{
	return (struct hark_detail){ .key = hark_text_of(key),
				     .type = HARK_DETAIL_TEXT,
				     .value.text = text };
}

static void
whole_event(void **state)
{
	static const char want[] =
		"{\"data\":{\"authority\":{\"output\":{\"binding_status\":\"NOT_APPLICABLE\","
		"\"confidence\":1,\"epistemic_status\":\"DECLARED\",\"tier\":1},"
		"\"rule\":\"GUEST_PROC_SPAWN_OBSERVED\"},\"cellId\":\"c0\",\"declared\":{"
		"\"detail\":{\"a\":false,\"b\":\"x\",\"b.c\":-9007199254740991},\"dropped\":\"0\","
		"\"guestComm\":\"sh\",\"guestMonotonicNs\":\"123456789012\",\"guestPid\":4242,"
		"\"probeSource\":\"process.spawned\",\"seq\":\"18446744073709551615\"},"
		"\"epoch\":1,\"runId\":\"run-1\",\"specSignatureHash\":\"" HASH "\"},"
		"\"id\":\"h/listen/7\",\"source\":\"/hark/h/listen\",\"specversion\":\"1.0\","
		"\"subject\":\"urn:cellos:cell:c0\",\"time\":\"2025-11-05T13:20:00.123456789Z\","
		"\"type\":\"dev.cellos.events.cell.observability.guest.process_spawned\"}";

	(void)state;
	guest.has_seq = true;
	guest.seq = UINT64_MAX;
	guest.has_dropped = true;
	guest.detail_count = 3;
	guest.detail[0] =
		(struct hark_detail){ .key = hark_text_of("a"), .type = HARK_DETAIL_BOOL };
	guest.detail[1] = text_detail("b", hark_text_of("x"));
	guest.detail[2] = (struct hark_detail){ .key = hark_text_of("b.c"),
						.type = HARK_DETAIL_INTEGER,
						.value.integer = -INT64_C(9007199254740991) };
	host.has_epoch = true;
	host.epoch = 1;
	assert_int_equal(build(sizeof(json)), HARK_TELEMETRY_OK);
	if (size != sizeof(want) - 1 || memcmp(json, want, size) != 0)
		fail_msg("%.*s", (int)size, json);
}

static void
expect_refused(const char *rule)
{
	memset(json, '#', 64);
	size = 4711;
	if (build(sizeof(json)) != HARK_TELEMETRY_ARGUMENT || size != 4711)
		fail_msg("%s", rule);
}

static void
refusals(void **state)
{
	static const struct hark_text bad_keys[] = {
		{ "", 0 },
		{ NULL, 1 },
		{ "A", 1 },
		{ "a\"", 2 },
		{ "a-b", 3 },
		{ "a\0", 2 },
		{ "\xc3\xa9", 2 },
		{ "a b", 3 },
		{ "0123456789012345678901234567890123456789012345678901234567890123x", 65 },
	};
	size_t i;

	guest.guest_comm = (struct hark_text){ "\xff", 1 };
	expect_refused("comm is not UTF-8");
	guest.guest_comm = (struct hark_text){ "12345678\xed\xa0\x80", 11 };
	expect_refused("comm has a surrogate");
	guest.guest_comm = (struct hark_text){ NULL, 1 };
	expect_refused("comm is nothing, of size 1");
	(void)setup(state);
	guest.probe_source = (struct hark_text){ "\x80", 1 };
	expect_refused("source is not UTF-8");
	(void)setup(state);
	guest.detail_count = HARK_DETAIL_COUNT_MAX + 1;
	expect_refused("too many details");
	for (i = 0; i < COUNT_OF(bad_keys); i++) {
		(void)setup(state);
		guest.detail_count = 1;
		guest.detail[0] = text_detail("", hark_text_of("x"));
		guest.detail[0].key = bad_keys[i];
		expect_refused("bad key");
	}
	(void)setup(state);
	guest.detail_count = 1;
	guest.detail[0] = text_detail("k", (struct hark_text){ "\xc0\x80", 2 });
	expect_refused("detail is not UTF-8");
	guest.detail[0].type = (enum hark_detail_type)3;
	expect_refused("no such type");
	guest.detail[0].type = HARK_DETAIL_INTEGER;
	guest.detail[0].value.integer = INT64_C(9007199254740992);
	expect_refused("integer over 2^53 - 1");
	guest.detail[0].value.integer = INT64_MIN;
	expect_refused("integer below -(2^53 - 1)");
	guest.detail_count = 2;
	guest.detail[0] = text_detail("b", hark_text_of("x"));
	guest.detail[1] = text_detail("b", hark_text_of("x"));
	expect_refused("a key twice");
	guest.detail[1] = text_detail("a", hark_text_of("x"));
	expect_refused("keys out of order");
	guest.detail[0] = text_detail("b.c", hark_text_of("x"));
	guest.detail[1] = text_detail("b", hark_text_of("x"));
	expect_refused("a prefix after the longer key");
	(void)setup(state);
	stamped.guest = NULL;
	expect_refused("no declaration");
	(void)setup(state);
	stamped.host = NULL;
	expect_refused("no stamp");
	(void)setup(state);
	host.checked = 0;
	expect_refused("the stamp is not checked");
	assert_int_equal(hark_event_from_stamped(NULL, &origin, json, sizeof(json), &size),
			 HARK_TELEMETRY_ARGUMENT);
	(void)setup(state);
	assert_int_equal(hark_event_from_stamped(&stamped, &origin, json, sizeof(json), NULL),
			 HARK_TELEMETRY_ARGUMENT);
}

/* The rows authority-* of the vectors that can be said at all: none but the one by rule. */
static void
no_other_authority(void **state)
{
	static const struct hark_authority_output rows[] = {
		{ 2, 1, "DECLARED", "NOT_APPLICABLE" },
		{ 0, 1, "DECLARED", "NOT_APPLICABLE" },
		{ 1, 0, "DECLARED", "NOT_APPLICABLE" },
		{ 1, 2, "DECLARED", "NOT_APPLICABLE" },
		{ 1, 1, "DIRECT_OBSERVATION", "NOT_APPLICABLE" },
		{ 1, 1, "DECLARED", "STRUCTURALLY_BOUND" },
		{ 1, 1, NULL, "NOT_APPLICABLE" },
		{ 1, 1, "DECLARED", NULL },
	};
	char status[] = "DECLARED";
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		stamped.authority = rows[i];
		expect_refused("another authority");
	}
	stamped.authority = (struct hark_authority_output){ 1, 1, status, "NOT_APPLICABLE" };
	assert_int_equal(build(sizeof(json)), HARK_TELEMETRY_OK);
}

static void
every_capacity(void **state)
{
	static char whole[4096];
	size_t needed;
	size_t capacity;

	(void)state;
	guest.guest_comm = (struct hark_text){ "a\0\"b", 4 };
	guest.detail_count = 1;
	guest.detail[0] = text_detail("k", hark_text_of("\x01 some longer text of the guest"));
	assert_int_equal(build(sizeof(json)), HARK_TELEMETRY_OK);
	needed = size;
	memcpy(whole, json, needed);
	for (capacity = 0; capacity <= needed; capacity++) {
		size_t i;

		memset(json, '#', needed + 64);
		size = 4711;
		assert_int_equal(build(capacity),
				 capacity < needed ? HARK_TELEMETRY_LIMIT : HARK_TELEMETRY_OK);
		for (i = capacity; i < needed + 64; i++)
			assert_int_equal(json[i], '#');
		assert_int_equal(size, capacity < needed ? 4711 : needed);
	}
	assert_memory_equal(json, whole, needed);
}

/*
 * More than any frame can hold: a text of the whole body, as escapes of six, in each place, beside
 * 32 details with the longest numbers and the longest keys, under the longest names of the host.
 */
static void
the_worst_declaration_fits(void **state)
{
	static char controls[HARK_MAX_FRAME_BYTES];
	static char quotes[HARK_ORIGIN_BYTES_MAX];
	static char keys[HARK_DETAIL_COUNT_MAX][HARK_DETAIL_KEY_BYTES_MAX];
	const struct hark_text id = { quotes, HARK_ID_BYTES_MAX };
	uint32_t i;

	(void)state;
	memset(controls, 1, sizeof(controls));
	memset(quotes, '"', sizeof(quotes));
	assert_int_equal(hark_host_stamp_init(id, id, hark_text_of(HASH), &host),
			 HARK_TELEMETRY_OK);
	host.has_epoch = true;
	host.epoch = UINT32_MAX;
	origin.source = origin.id_prefix = (struct hark_text){ controls, HARK_ORIGIN_BYTES_MAX };
	origin.number = UINT64_MAX;
	guest.has_seq = guest.has_dropped = true;
	guest.seq = guest.dropped = guest.guest_monotonic_ns = UINT64_MAX;
	guest.guest_pid = UINT32_MAX;
	guest.guest_comm = (struct hark_text){ controls, sizeof(controls) };
	guest.detail_count = HARK_DETAIL_COUNT_MAX;
	for (i = 0; i < HARK_DETAIL_COUNT_MAX; i++) {
		memset(keys[i], 'k', sizeof(keys[i]));
		keys[i][0] = (char)('0' + i / 10);
		keys[i][1] = (char)('0' + i % 10);
		guest.detail[i] =
			(struct hark_detail){ .key = { keys[i], sizeof(keys[i]) },
					      .type = HARK_DETAIL_INTEGER,
					      .value.integer = -INT64_C(9007199254740991) };
	}
	assert_int_equal(build(HARK_EVENT_BYTES_MAX), HARK_TELEMETRY_OK);
	assert_true(size > 4096 * 6);
	/* What no frame can hold may be too large, and is then refused. */
	guest.probe_source = guest.guest_comm;
	guest.detail[0] = text_detail("0", guest.guest_comm);
	assert_int_equal(build(sizeof(json)), HARK_TELEMETRY_LIMIT);
}

/* The limit is the event's, however large the buffer is. */
static void
the_largest_event(void **state)
{
	static char text[HARK_EVENT_BYTES_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	guest.guest_comm = hark_text_of("");
	assert_int_equal(build(sizeof(json)), HARK_TELEMETRY_OK);
	guest.guest_comm = (struct hark_text){ text, HARK_EVENT_BYTES_MAX - size };
	assert_int_equal(build(sizeof(json)), HARK_TELEMETRY_OK);
	assert_int_equal(size, HARK_EVENT_BYTES_MAX);
	guest.guest_comm.size++;
	assert_int_equal(build(sizeof(json)), HARK_TELEMETRY_LIMIT);
}

static uint64_t
next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/* A text that tries to break out, of valid UTF-8. */
static struct hark_text
hostile(char *out, size_t size_max, uint64_t *seed)
{
	static const char *const parts[] = {
		"\"}},",
		"\"cellId\":\"evil\"",
		"\\",
		"\"",
		"},\"id\":\"",
		"\n",
		"\x1b[2J",
		"\x7f",
		"\xe2\x80\xa8",
		"\xf0\x9f\xa6\x80",
		"%s%n",
		"\xef\xbb\xbf",
		"</script>",
		"a",
		"{}",
		"\\u0022",
		"\"runId\":\"x\",",
		"urn:cellos:cell:evil",
		"\x1f",
		"'",
		"null",
	};
	size_t wanted = next(seed) % 16 == 0 ? size_max : next(seed) % 40;
	size_t used = 0;

	for (;;) {
		uint64_t pick = next(seed) % (COUNT_OF(parts) + 1);
		const char *part = pick < COUNT_OF(parts) ? parts[pick] : "";
		size_t bytes = pick < COUNT_OF(parts) ? strlen(part) : 1; /* "" stands for NUL */

		if (used + bytes > wanted)
			return (struct hark_text){ out, used };
		memcpy(out + used, part, bytes);
		used += bytes;
	}
}

/* Where it stands in the event. */
static const char *
at(const char *needle)
{
	const char *found = memmem(json, size, needle, strlen(needle));

	assert_non_null(found);
	return found;
}

static void
expect_text(json_t *object, const char *key, struct hark_text want)
{
	json_t *v = json_object_get(object, key);

	assert_true(json_is_string(v));
	assert_int_equal(json_string_length(v), want.size);
	assert_memory_equal(json_string_value(v), want.data, want.size);
}

/* The same event with plain texts must differ nowhere but below data.declared. */
static void
attribution(void **state)
{
	static char comm[4000];
	static char detail[4000];
	static char source[64];
	uint64_t seed = 42;
	static char head[1024];
	static char tail[1024];
	size_t head_size;
	size_t tail_size;
	unsigned int i;
	json_t *plain;

	(void)state;
	guest.probe_source = hark_text_of("plain");
	guest.detail_count = 1;
	guest.detail[0] = text_detail("k", hark_text_of("plain"));
	assert_int_equal(build(sizeof(json)), HARK_TELEMETRY_OK);
	plain = json_loadb(json, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	assert_non_null(plain);
	head_size = (size_t)(at("\"declared\":{") - json);
	tail_size = size - (size_t)(at("},\"runId\":") - json);
	memcpy(head, json, head_size);
	memcpy(tail, json + size - tail_size, tail_size);
	assert_int_equal(json_object_del(json_object_get(plain, "data"), "declared"), 0);
	for (i = 0; i < 3000; i++) {
		json_t *read;
		json_t *declared;

		guest.probe_source = hostile(source, sizeof(source), &seed);
		guest.guest_comm = hostile(comm, sizeof(comm), &seed);
		guest.detail[0].value.text = hostile(detail, sizeof(detail), &seed);
		assert_int_equal(build(sizeof(json)), HARK_TELEMETRY_OK);
		assert_true(text_is_utf8(json, size));
		read = json_loadb(json, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
		assert_non_null(read);
		declared = json_object_get(json_object_get(read, "data"), "declared");
		assert_int_equal(json_object_size(declared), 5);
		expect_text(declared, "probeSource", guest.probe_source);
		expect_text(declared, "guestComm", guest.guest_comm);
		expect_text(json_object_get(declared, "detail"), "k", guest.detail[0].value.text);
		assert_int_equal(json_object_del(json_object_get(read, "data"), "declared"), 0);
		assert_true(json_equal(read, plain));
		json_decref(read);
		/* And to the byte: the head and the tail around it are those of the plain one. */
		assert_true(size > head_size + tail_size);
		assert_memory_equal(json, head, head_size);
		assert_memory_equal(json + size - tail_size, tail, tail_size);
	}
	json_decref(plain);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole_event, setup),
		cmocka_unit_test_setup(refusals, setup),
		cmocka_unit_test_setup(no_other_authority, setup),
		cmocka_unit_test_setup(every_capacity, setup),
		cmocka_unit_test_setup(the_worst_declaration_fits, setup),
		cmocka_unit_test_setup(the_largest_event, setup),
		cmocka_unit_test_setup(attribution, setup),
	};

	return cmocka_run_group_tests_name("telemetry/event", tests, NULL, NULL);
}
