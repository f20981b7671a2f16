/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every frame of the conformance cases through a real listener, whole and byte by byte: the verdict
 * and its reason, and for what is accepted that the stream then ends well.
 */
#include <jansson.h>

#include "cell.h"

#define LINE_BYTES_MAX  (1u << 20)
#define FRAME_BYTES_MAX (1u << 18)

struct bytes_of_case {
	uint8_t data[FRAME_BYTES_MAX];
	size_t size;
};

static struct cell cell;
static struct hark_listener *listener;
static unsigned int verdicts;

static void
add_hex(struct bytes_of_case *b, const char *hex)
{
	unsigned int v;

	for (; hex[0] != '\0'; hex += 2) {
		assert_int_equal(sscanf(hex, "%2x", &v), 1);
		assert_true(b->size < sizeof(b->data));
		b->data[b->size++] = (uint8_t)v;
	}
}

static void
read_case(const json_t *row, struct bytes_of_case *b)
{
	const json_t *parts = json_object_get(row, "parts");
	size_t i;

	b->size = 0;
	if (json_object_get(row, "hex") != NULL)
		add_hex(b, json_string_value(json_object_get(row, "hex")));
	for (i = 0; i < json_array_size(parts); i++) {
		const json_t *part = json_array_get(parts, i);
		json_int_t repeat = json_integer_value(json_array_get(part, 1));

		for (; repeat > 0; repeat--)
			add_hex(b, json_string_value(json_array_get(part, 0)));
	}
}

/* Sends in pieces and gives the first answer that is not AGAIN, with the answer after it. */
static enum hark_telemetry_error
send_case(const struct bytes_of_case *b, size_t piece, struct hark_rejection *why,
	  enum hark_telemetry_error *then)
{
	struct hark_guest_declaration said;
	struct hark_rejection again;
	struct hark_stream *s = NULL;
	int guest = cell_pair(listener, cell.socket, &s);
	enum hark_telemetry_error e = HARK_TELEMETRY_AGAIN;
	size_t sent = 0;

	while (e == HARK_TELEMETRY_AGAIN) {
		size_t size = b->size - sent < piece ? b->size - sent : piece;

		if (size > 0)
			assert_int_equal(write(guest, b->data + sent, size), size);
		else
			assert_int_equal(shutdown(guest, SHUT_WR), 0);
		sent += size;
		e = hark_stream_next(s, 0, &said, why);
	}
	(void)shutdown(guest, SHUT_WR);
	*then = hark_stream_next(s, 0, &said, &again);
	hark_stream_close(s);
	(void)close(guest);
	return e;
}

static void
judge(const char *name, const struct bytes_of_case *b, const char *verdict, const char *reason)
{
	size_t pieces[] = { SIZE_MAX, 1, 7 };
	size_t i;

	for (i = 0; i < COUNT_OF(pieces); i++) {
		struct hark_rejection why = { HARK_REJECT_NONE, HARK_FIELD_NONE };
		char text[HARK_REJECTION_TEXT_BYTES] = "";
		enum hark_telemetry_error then;
		enum hark_telemetry_error e = send_case(b, pieces[i], &why, &then);
		bool right;

		hark_rejection_text(&why, text);
		if (strcmp(verdict, "accept") == 0)
			right = e == HARK_TELEMETRY_OK && then == HARK_TELEMETRY_END;
		else if (strcmp(verdict, "eof") == 0)
			right = e == HARK_TELEMETRY_END && then == HARK_TELEMETRY_END;
		else
			right = (e == HARK_TELEMETRY_WIRE ||
				 e == HARK_TELEMETRY_UNSUPPORTED_VERSION) &&
				then == e && strcmp(text, reason) == 0;
		if (!right)
			fail_msg("%s in pieces of %zu: %d %s, then %d; %s %s is due", name,
				 pieces[i], (int)e, text, (int)then, verdict, reason);
		verdicts++;
	}
}

/* One body, cut at many places, with honest lengths. */
static void
judge_cuts(const char *name, const struct bytes_of_case *body, const json_t *cuts,
	   const char *verdict, const char *reason)
{
	static struct bytes_of_case cut;
	size_t i;

	for (i = 0; i < json_array_size(cuts); i++) {
		size_t size = (size_t)json_integer_value(json_array_get(cuts, i));

		cut.data[0] = (uint8_t)size;
		cut.data[1] = (uint8_t)(size >> 8);
		cut.data[2] = 0;
		cut.data[3] = 0;
		memcpy(cut.data + 4, body->data, size);
		cut.size = size + 4;
		judge(name, &cut, verdict, reason);
	}
}

static void
all_cases_get_their_verdict(void **state)
{
	static char line[LINE_BYTES_MAX];
	static struct bytes_of_case bytes;
	FILE *file = fopen(TEST_VECTORS "/cellos-frames.jsonl", "re");

	(void)state;
	assert_non_null(file);
	cell_open(&cell);
	listener = cell_listen(&cell);
	while (fgets(line, sizeof(line), file) != NULL) {
		json_t *row = json_loads(line, JSON_ALLOW_NUL, NULL);
		const char *name = json_string_value(json_object_get(row, "name"));
		const char *verdict = json_string_value(json_object_get(row, "hark_verdict"));
		const char *reason = json_string_value(json_object_get(row, "why"));
		const json_t *cuts = json_object_get(row, "cut_to");

		assert_non_null(row);
		assert_non_null(verdict);
		read_case(row, &bytes);
		if (cuts != NULL)
			judge_cuts(name, &bytes, cuts, verdict, reason != NULL ? reason : "");
		else
			judge(name, &bytes, verdict, reason != NULL ? reason : "");
		json_decref(row);
	}
	(void)fclose(file);
	hark_listener_close(listener);
	cell_close(&cell);
	assert_true(verdicts > 3 * 233);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_cases_get_their_verdict),
	};

	return cmocka_run_group_tests_name("telemetry/stream_vectors", tests, NULL, NULL);
}
