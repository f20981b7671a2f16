/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The recorded cases of stamped events: what CellOS writes is compared by name and value, what Hark
 * writes by byte (`hark_json`).  Rows of probes and of the core belong to other tests.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <hark/event.h>

#include "base/num.h"
#include "unit.h"

#define FLAGS (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

static char json[HARK_EVENT_BYTES_MAX];
static uint8_t body[HARK_MAX_FRAME_BYTES + HARK_FRAME_PREFIX_BYTES];

static struct hark_text
text_of(json_t *object, const char *key)
{
	json_t *v = json_object_get(object, key);

	assert_true(json_is_string(v));
	return (struct hark_text){ json_string_value(v), json_string_length(v) };
}

static uint64_t
number_of(struct hark_text text)
{
	uint64_t v = 0;

	assert_int_equal(num_read_u64(text.data, text.size, UINT64_MAX, &v), ERR_OK);
	return v;
}

/* "1762348800.999999999", or with any number of digits after the point. */
static struct hark_time
time_of(struct hark_text text)
{
	const char *point = memchr(text.data, '.', text.size);
	struct hark_time t = { 0 };
	uint32_t unit = 100000000;
	const char *c;

	assert_non_null(point);
	t.seconds =
		(int64_t)number_of((struct hark_text){ text.data, (size_t)(point - text.data) });
	for (c = point + 1; c < text.data + text.size; c++) {
		t.nanoseconds += (uint32_t)(*c - '0') * unit;
		unit /= 10;
	}
	return t;
}

static bool
is_plain_event(const char *name, const char *class)
{
	return strcmp(class, "guest") == 0 || strncmp(name, "time-", 5) == 0 ||
	       strncmp(name, "text-", 5) == 0;
}

static void
declaration_of(json_t *row, struct hark_guest_declaration *out)
{
	json_t *declared = json_object_get(row, "declared");
	struct hark_rejection why;
	struct hark_text hex;
	size_t i;

	memset(out, 0, sizeof(*out));
	if (declared != NULL) {
		out->content_version = 1;
		out->probe_source = text_of(declared, "probe_source");
		out->guest_comm = text_of(declared, "guest_comm");
		out->guest_pid =
			(uint32_t)json_integer_value(json_object_get(declared, "guest_pid"));
		out->guest_monotonic_ns = number_of(text_of(declared, "guest_monotonic_ns"));
		return;
	}
	hex = text_of(row, "frame_hex");
	assert_true(hex.size / 2 <= sizeof(body));
	for (i = 0; i < hex.size / 2; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(hex.data + 2 * i, "%2x", &byte), 1);
		body[i] = (uint8_t)byte;
	}
	assert_int_equal(hark_decode_frame(NULL, body + HARK_FRAME_PREFIX_BYTES,
					   hex.size / 2 - HARK_FRAME_PREFIX_BYTES, out, &why),
			 HARK_TELEMETRY_OK);
}

static void
expect_bytes(json_t *row, const char *name, const char *bytes, size_t size)
{
	struct hark_text want = text_of(row, "hark_json");

	if (size != want.size || memcmp(bytes, want.data, size) != 0)
		fail_msg("%s:\n%.*s\nis not\n%s", name, (int)size, bytes, want.data);
}

/* CellOS writes the guest's clock as a number that a reader of doubles cannot hold; quoted, the
 * value is the one that Hark writes. */
static json_t *
cellos_event(struct hark_text text)
{
	static const char key[] = "\"guestMonotonicNs\":";
	const char *number = strstr(text.data, key);
	size_t before;
	size_t digits;
	char *quoted = NULL;
	json_t *read;

	assert_non_null(number);
	number += sizeof(key) - 1;
	before = (size_t)(number - text.data);
	digits = strspn(number, "0123456789");
	assert_true(asprintf(&quoted, "%.*s\"%.*s\"%s", (int)before, text.data, (int)digits, number,
			     number + digits) > 0);
	read = json_loads(quoted, FLAGS, NULL);
	assert_non_null(read);
	free(quoted);
	return read;
}

/* Names and values that both have; what Hark adds or leaves out is in docs/format/events.md. */
static void
compare_with_cellos(const char *name, struct hark_text cellos, size_t size)
{
	json_t *theirs = cellos_event(cellos);
	json_t *ours = json_loadb(json, size, FLAGS, NULL);
	json_t *their_data = json_object_get(theirs, "data");
	json_t *our_data = json_object_get(ours, "data");
	json_t *their_host = json_object_get(their_data, "host");
	const char *our_time;
	const char *key;
	json_t *value;

	assert_non_null(ours);
	if (!json_equal(json_object_get(their_data, "guest"),
			json_object_get(our_data, "declared")))
		fail_msg("%s: another declaration", name);
	json_object_foreach(their_host, key, value)
	{
		if (strcmp(key, "hostReceivedAt") == 0)
			continue;
		if (!json_equal(value, json_object_get(our_data, key)))
			fail_msg("%s: %s", name, key);
	}
	/* Theirs is cut to seconds and then says Z. */
	our_time = json_string_value(json_object_get(ours, "time"));
	assert_memory_equal(our_time, json_string_value(json_object_get(theirs, "time")), 19);
	assert_int_equal(our_time[19], '.');
	json_decref(theirs);
	json_decref(ours);
}

static void
check_declaration(json_t *row, const char *name, const struct hark_event_origin *origin)
{
	struct hark_text cellos = text_of(row, "json");
	struct hark_text received = text_of(row, "host_received_at");
	json_t *theirs = cellos_event(cellos);
	json_t *their_host = json_object_get(json_object_get(theirs, "data"), "host");
	const char *verdict = json_string_value(json_object_get(row, "hark_verdict"));
	struct hark_guest_declaration guest;
	struct hark_stamped_declaration stamped;
	struct hark_host_stamp host;
	enum hark_telemetry_error e;
	size_t size = 0;

	declaration_of(row, &guest);
	assert_int_equal(hark_host_stamp_init(text_of(their_host, "cellId"),
					      text_of(their_host, "runId"),
					      text_of(their_host, "specSignatureHash"), &host),
			 HARK_TELEMETRY_OK);
	host.host_received_at = time_of(received);
	assert_int_equal(hark_stamp(&guest, &host, &stamped), HARK_TELEMETRY_OK);
	e = hark_event_from_stamped(&stamped, origin, json, sizeof(json), &size);
	if (verdict != NULL) {
		assert_string_equal(verdict, "reject");
		assert_int_equal(e, HARK_TELEMETRY_ARGUMENT);
	} else {
		assert_int_equal(e, HARK_TELEMETRY_OK);
		expect_bytes(row, name, json, size);
		compare_with_cellos(name, cellos, size);
	}
	json_decref(theirs);
}

static void
check_silence(json_t *row, const char *name, const struct hark_event_origin *origin)
{
	json_t *data = json_loads(text_of(row, "data_json").data, FLAGS, NULL);
	uint64_t elapsed = (uint64_t)json_integer_value(json_object_get(data, "elapsedMs"));
	uint64_t window = (uint64_t)json_integer_value(json_object_get(data, "keepaliveWindowMs"));
	struct hark_agent_silenced_trigger trigger = { 0 };
	struct hark_agent_silenced_signal signal;
	struct hark_keepalive keepalive;
	struct hark_host_stamp host;
	const char *key;
	json_t *value;
	json_t *ours;
	size_t size = 0;

	assert_int_equal(hark_host_stamp_init(text_of(data, "cellId"), text_of(data, "runId"),
					      hark_text_of(NULL), &host),
			 HARK_TELEMETRY_OK);
	host.host_received_at.seconds = 1762348800;
	assert_int_equal(hark_keepalive_init(&keepalive, window * 1000000, 5), HARK_TELEMETRY_OK);
	assert_int_equal(hark_watch_for_silence(&keepalive, &trigger, &host, HARK_SILENCE_MUTE,
						5 + elapsed * 1000000, &signal),
			 HARK_SILENCE_BEGAN);
	assert_true(json_is_false(json_object_get(row, "fires_again")));
	assert_int_equal(hark_watch_for_silence(&keepalive, &trigger, &host, HARK_SILENCE_MUTE,
						UINT64_MAX, &signal),
			 HARK_SILENCE_NONE);
	assert_int_equal(
		hark_event_agent_silenced(&signal, &host, origin, json, sizeof(json), &size),
		HARK_TELEMETRY_OK);
	expect_bytes(row, name, json, size);
	ours = json_loadb(json, size, FLAGS, NULL);
	assert_true(json_equal(json_object_get(ours, "type"), json_object_get(row, "type")));
	json_object_foreach(data, key, value)
	{
		if (strcmp(key, "_todo") == 0)
			continue;
		if (!json_equal(value, json_object_get(json_object_get(ours, "data"), key)))
			fail_msg("%s: %s", name, key);
	}
	json_decref(ours);
	json_decref(data);
}

/* The block as it stands in an event of that source; confidence 1.0 is 1. */
static void
check_authority(json_t *row, const char *name, const struct hark_event_origin *origin)
{
	json_t *output = json_loads(text_of(row, "output_json").data, FLAGS, NULL);
	struct hark_guest_declaration guest = { .content_version = 1 };
	struct hark_stamped_declaration stamped;
	struct hark_host_stamp host;
	const char *end;
	json_t *ours;
	json_t *authority;
	static const char before[] = "{\"data\":{\"authority\":";
	size_t size = 0;

	guest.probe_source = hark_text_of(name + strlen("authority-"));
	assert_int_equal(hark_host_stamp_init(hark_text_of("c"), hark_text_of("r"),
					      hark_text_of(NULL), &host),
			 HARK_TELEMETRY_OK);
	assert_int_equal(hark_stamp(&guest, &host, &stamped), HARK_TELEMETRY_OK);
	assert_int_equal(hark_event_from_stamped(&stamped, origin, json, sizeof(json), &size),
			 HARK_TELEMETRY_OK);
	end = memmem(json, size, ",\"cellId\"", strlen(",\"cellId\""));
	assert_non_null(end);
	assert_memory_equal(json, before, sizeof(before) - 1);
	expect_bytes(row, name, json + sizeof(before) - 1,
		     (size_t)(end - json) - (sizeof(before) - 1));
	ours = json_loadb(json, size, FLAGS, NULL);
	authority = json_object_get(json_object_get(ours, "data"), "authority");
	assert_int_equal(json_object_set_new(output, "confidence", json_integer(1)), 0);
	assert_true(json_equal(output, json_object_get(authority, "output")));
	json_decref(ours);
	json_decref(output);
}

static void
every_row(void **state)
{
	const struct hark_event_origin origin = { hark_text_of("/hark/host.example/vectors"),
						  hark_text_of("host.example/vectors"), 0 };
	FILE *file = fopen(TEST_VECTORS "/cellos-stamped.jsonl", "re");
	char *line = NULL;
	size_t capacity = 0;
	unsigned int declarations = 0;
	unsigned int silences = 0;
	unsigned int authorities = 0;

	(void)state;
	assert_non_null(file);
	while (getline(&line, &capacity, file) > 0) {
		const char *name;
		const char *class;
		json_t *row;

		/* Not of this test, and one of them has a number that jansson refuses. */
		if (strstr(line, "\"flat-kv-") != NULL)
			continue;
		row = json_loads(line, FLAGS, NULL);
		if (row == NULL)
			fail_msg("not JSON: %s", line);
		name = json_string_value(json_object_get(row, "name"));
		class = json_string_value(json_object_get(row, "class"));
		if (is_plain_event(name, class)) {
			check_declaration(row, name, &origin);
			declarations++;
		} else if (strcmp(class, "silence") == 0) {
			check_silence(row, name, &origin);
			silences++;
		} else if (strcmp(class, "authority") == 0) {
			check_authority(row, name, &origin);
			authorities++;
		}
		json_decref(row);
	}
	free(line);
	assert_int_equal(fclose(file), 0);
	/* A file that lost its rows must not pass. */
	assert_int_equal(declarations, 16);
	assert_int_equal(silences, 2);
	assert_int_equal(authorities, 5);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
	};

	return cmocka_run_group_tests_name("telemetry/event_vectors", tests, NULL, NULL);
}
