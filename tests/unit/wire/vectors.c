/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every row of cellos-frames.jsonl gets the verdict and the reason that it asks for, what is
 * accepted decodes to what CellOS decoded, and what its agent's encoder made is made again, byte
 * for byte.  A small feeder in memory stands for the stream.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "unit.h"
#include "wire/prefix.h"

#include <hark/telemetry.h>

#define ROWS 233u
/* The vectors' largest frame is a little over 64 KiB. */
#define FRAME_BYTES_MAX 131072u

static uint8_t frame[FRAME_BYTES_MAX];
static size_t frame_size;

static const char *
text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text == NULL ? "" : text;
}

static void
append_hex(const char *hex, size_t repeat)
{
	size_t size = strlen(hex) / 2;
	size_t i;

	while (repeat-- > 0) {
		for (i = 0; i < size; i++) {
			unsigned int v = 0;

			assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
			assert_true(frame_size < sizeof(frame));
			frame[frame_size++] = (uint8_t)v;
		}
	}
}

static void
load_frame(const json_t *row)
{
	const json_t *parts = json_object_get(row, "parts");
	size_t i;

	frame_size = 0;
	if (parts == NULL)
		append_hex(text_of(row, "hex"), 1);
	for (i = 0; i < json_array_size(parts); i++) {
		const json_t *part = json_array_get(parts, i);

		append_hex(json_string_value(json_array_get(part, 0)),
			   (size_t)json_integer_value(json_array_get(part, 1)));
	}
}

/* Feeds a new connection with these bytes and its end; writes the verdict with its reason. */
static void
feed(const uint8_t *data, size_t size, struct hark_guest_declaration *d, char *verdict)
{
	struct hark_wire_session session = { 0 };
	struct hark_rejection rejection = { 0 };
	enum hark_telemetry_error e;
	uint32_t body_size = 0;
	enum err end;

	if (size < HARK_FRAME_PREFIX_BYTES) {
		end = frame_end_read(size, &rejection);
	} else {
		end = frame_prefix_read(data, &body_size, &rejection);
		if (end == ERR_OK && size - HARK_FRAME_PREFIX_BYTES < body_size)
			end = frame_end_read(size, &rejection);
	}
	if (end != ERR_OK) {
		hark_rejection_text(&rejection, verdict);
		return;
	}
	if (body_size == 0) {
		(void)strcpy(verdict, "eof");
		return;
	}
	e = hark_decode_frame(&session, data + HARK_FRAME_PREFIX_BYTES, body_size, d, &rejection);
	if (e == HARK_TELEMETRY_OK) {
		(void)strcpy(verdict, "accept");
		return;
	}
	hark_rejection_text(&rejection, verdict);
	if (rejection.reason == HARK_REJECT_VERSION_ZERO ||
	    rejection.reason == HARK_REJECT_VERSION_MAJOR)
		assert_int_equal(e, HARK_TELEMETRY_UNSUPPORTED_VERSION);
	else
		assert_int_equal(e, HARK_TELEMETRY_WIRE);
	assert_int_equal(session.mode, HARK_WIRE_FIRST);
}

static void
check_text(const char *name, const json_t *decoded, const char *key, struct hark_text text)
{
	const json_t *want = json_object_get(decoded, key);
	char size_key[64];

	if (want != NULL) {
		if (json_string_length(want) != text.size ||
		    memcmp(json_string_value(want), text.data, text.size) != 0)
			fail_msg("%s: other %s", name, key);
		return;
	}
	(void)snprintf(size_key, sizeof(size_key), "%s_size", key);
	want = json_object_get(decoded, size_key);
	if (want == NULL || (size_t)json_integer_value(want) != text.size)
		fail_msg("%s: other size of %s", name, key);
}

static void
check_decoded(const char *name, const json_t *decoded, const struct hark_guest_declaration *d)
{
	char ns[24];

	if (!json_is_object(decoded))
		fail_msg("%s: accepted, but nothing says as what", name);
	(void)snprintf(ns, sizeof(ns), "%llu", (unsigned long long)d->guest_monotonic_ns);
	if (strcmp(ns, text_of(decoded, "guest_monotonic_ns")) != 0)
		fail_msg("%s: guest_monotonic_ns %s", name, ns);
	if (json_integer_value(json_object_get(decoded, "guest_pid")) != d->guest_pid)
		fail_msg("%s: guest_pid %u", name, d->guest_pid);
	check_text(name, decoded, "probe_source", d->probe_source);
	check_text(name, decoded, "guest_comm", d->guest_comm);
}

static void
check_verdict(const json_t *row, const char *verdict)
{
	const char *want = text_of(row, "hark_verdict");

	if (strcmp(want, "reject") == 0)
		want = text_of(row, "why");
	if (strcmp(want, verdict) != 0)
		fail_msg("%s: %s, not %s", text_of(row, "name"), verdict, want);
}

/* "hex is a whole body; for each n in cut_to the frame is u32le(n) and its first n bytes" */
static void
check_cuts(const json_t *row, const json_t *cuts)
{
	static uint8_t cut[FRAME_BYTES_MAX];
	struct hark_guest_declaration d;
	char verdict[HARK_REJECTION_TEXT_BYTES];
	size_t i;

	for (i = 0; i < json_array_size(cuts); i++) {
		uint32_t n = (uint32_t)json_integer_value(json_array_get(cuts, i));

		assert_true(n < frame_size);
		frame_prefix_write(n, cut);
		memcpy(cut + HARK_FRAME_PREFIX_BYTES, frame, n);
		feed(cut, HARK_FRAME_PREFIX_BYTES + n, &d, verdict);
		check_verdict(row, verdict);
	}
}

static void
check_encoder(const json_t *row, const struct hark_guest_declaration *d)
{
	static uint8_t again[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	size_t size = 0;

	assert_int_equal(hark_encode_frame(d, again, sizeof(again), &size), HARK_TELEMETRY_OK);
	if (size != frame_size || memcmp(again, frame, size) != 0)
		fail_msg("%s: encoded otherwise", text_of(row, "name"));
}

static void
every_row_gets_its_verdict(void **state)
{
	FILE *file = fopen(TEST_VECTORS "/cellos-frames.jsonl", "r");
	char *line = NULL;
	size_t capacity = 0;
	size_t rows = 0;
	size_t encoded = 0;

	(void)state;
	assert_non_null(file);
	while (getline(&line, &capacity, file) > 0) {
		struct hark_guest_declaration d;
		char verdict[HARK_REJECTION_TEXT_BYTES];
		json_t *row = json_loads(line, JSON_ALLOW_NUL, NULL);
		const json_t *cuts = json_object_get(row, "cut_to");

		assert_non_null(row);
		rows++;
		load_frame(row);
		if (cuts != NULL) {
			check_cuts(row, cuts);
			json_decref(row);
			continue;
		}
		feed(frame, frame_size, &d, verdict);
		check_verdict(row, verdict);
		if (strcmp(verdict, "accept") == 0) {
			check_decoded(text_of(row, "name"), json_object_get(row, "decoded"), &d);
			if (strncmp(text_of(row, "made_by"), "cellos-telemetry", 16) == 0 &&
			    d.content_version == HARK_WIRE_CONTENT_VERSION_MAJOR) {
				check_encoder(row, &d);
				encoded++;
			}
		}
		json_decref(row);
	}
	assert_int_equal(rows, ROWS);
	/* Four of the 65 that its encoder made are over 4,096 bytes. */
	assert_int_equal(encoded, 61);
	free(line);
	assert_int_equal(fclose(file), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_gets_its_verdict),
	};

	return cmocka_run_group_tests_name("wire/vectors", tests, NULL, NULL);
}
