/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The events of a host with a ledger: each example of docs/format/events.md, and what is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/event_ledger.h"
#include "unit.h"

#define DOCUMENT TEST_VECTORS "/../../docs/format/events.md"
#define HASH     "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
#define STREAM   UINT64_C(0x1f2e3d4c5b6a7988)

static struct hark_host_stamp host;
static struct hark_event_origin origin;
static char json[HARK_EVENT_BYTES_MAX];
static const struct event_place place = { &origin, json, sizeof(json) };
static size_t size;
static char *document;

static const struct event_clock now = { .real = { 1762348800, 123456789 },
					.monotonic_ns = 7,
					.is_synchronized = true,
					.error_us = 16000 };
static const struct event_counts counts = { 1, 2, 3, 4, 5 };
static const struct hark_wire_session session = { HARK_WIRE_HARK, STREAM };
static const struct hark_wire_session cellos = { HARK_WIRE_CELLOS, 0 };
static const uint8_t root[32] = { 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
				  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7 };

static struct bytes
bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static struct hark_agent_silenced_signal
mute(void)
{
	return (struct hark_agent_silenced_signal){ .cell_id = host.cell_id,
						    .run_id = host.run_id,
						    .keepalive_window_ms = 10000,
						    .elapsed_ms = 10002,
						    .cause = HARK_SILENCE_MUTE };
}

/* Builds the example of that number into `to`. */
static enum err
build(unsigned int number, const struct event_place *to)
{
	struct hark_agent_silenced_signal signal = mute();

	switch (number) {
	case 8:
		return event_gap_receiver_died(&host, &cellos, to, &size);
	case 9:
		return event_registered(&host, 10000, true, to, &size);
	case 10:
		return event_removed(&host, "removed", to, &size);
	case 11:
		return event_conflict(&host, EVENT_CONFLICT_STREAM_SHARED, 1, &session, to, &size);
	case 12:
		return event_limited(&host, 250, to, &size);
	case 13:
		return event_stream_silenced(&signal, STREAM, &host, to, &size);
	case 14:
		return event_stream_resumed(UINT64_C(12345678901), STREAM, &host, to, &size);
	case 15:
		return event_started(&now, true, to, &size);
	case 16:
		return event_notary_restarted(&now, 2, to, &size);
	case 17:
		return event_stopped(&now, &counts, to, &size);
	case 18:
		return event_tick(&now, &counts, to, &size);
	case 19:
		return event_clock_stepped(&now, -INT64_C(1500000000), to, &size);
	case 20:
		return event_ledger_full(&now, "evidence", to, &size);
	case 21:
		return event_protocol_violation(&now, "slot_not_given", &host, to, &size);
	case 23:
		return event_ledger_begun(&now, "host7.example/evidence", root, 1042, to, &size);
	case 24:
		/* Members in another order than the record's. */
		return event_operation(
			&now, bytes_of("config_loaded"), 1042, root,
			bytes_of(
				"{\"files\":[{\"path\":\"h.yaml\",\"digest\":\"sha256:"
				"da7ac851a89b3b17c5"
				"c288cbb451b3fb4aa2c5489cfda42bf84afcb0f4fa7f0f\"},{\"path\":"
				"\"h.yaml.d/1.yaml\",\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8"
				"996fb92427ae41e4649b934ca495991b7852b855\"}],\"source\":\"files\","
				"\"reason\":\"reload\",\"fileCount\":2,\"digest\":\"sha256:"
				"81fafc29af"
				"4d1166962c89448dfe989d38a88c2264c01a554f1ef26b222bc1a0\"}"),
			to, &size);
	default:
		return event_operation(&now, bytes_of("pruned"), 1042, root,
				       bytes_of("{\"ledger\":\"evidence\",\"index\":\"9\"}"), to,
				       &size);
	}
}
#define FIRST 8u
#define LAST  24u

static void
each_example_is_what_is_written(void **state)
{
	unsigned int i;

	(void)state;
	for (i = FIRST; i <= LAST; i++) {
		char *line;

		origin.number = i;
		assert_int_equal(build(i, &place), ERR_OK);
		assert_true(asprintf(&line, "\n%.*s\n", (int)size, json) > 0);
		if (strstr(document, line) == NULL)
			fail_msg("not in the document:%s", line);
		free(line);
	}
}

static void
each_needs_its_room(void **state)
{
	unsigned int i;

	(void)state;
	for (i = FIRST; i <= LAST; i++) {
		size_t want;
		size_t capacity;

		assert_int_equal(build(i, &place), ERR_OK);
		want = size;
		for (capacity = 0; capacity < want; capacity++) {
			/* Of exactly its size, so that a byte written past it is seen. */
			char *storage = malloc(capacity + 1);
			const struct event_place small = { &origin, storage, capacity };

			assert_non_null(storage);
			assert_int_equal(build(i, &small), ERR_LIMIT);
			free(storage);
		}
	}
}

static void
refuses_what_it_cannot_say(void **state)
{
	struct hark_wire_session nobody = { (enum hark_wire_mode)9, 0 };
	struct hark_agent_silenced_signal signal = mute();
	struct event_clock late = now;
	char word[66];

	(void)state;
	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(event_removed(&host, "", &place, &size), ERR_ARGUMENT);
	assert_int_equal(event_removed(&host, "a b", &place, &size), ERR_ARGUMENT);
	assert_int_equal(event_removed(&host, "A", &place, &size), ERR_ARGUMENT);
	assert_int_equal(event_removed(&host, word, &place, &size), ERR_ARGUMENT);
	assert_int_equal(event_removed(&host, word + 1, &place, &size), ERR_OK);
	assert_int_equal(event_conflict(&host, (enum event_conflict)2, 1, &session, &place, &size),
			 ERR_ARGUMENT);
	assert_int_equal(
		event_conflict(&host, EVENT_CONFLICT_SECOND_SPEAKER, 1, &nobody, &place, &size),
		ERR_ARGUMENT);
	assert_int_equal(event_gap_receiver_died(&host, &nobody, &place, &size), ERR_ARGUMENT);
	signal.cause = HARK_SILENCE_CAUSE_COUNT;
	assert_int_equal(event_stream_silenced(&signal, 1, &host, &place, &size), ERR_ARGUMENT);
	assert_int_equal(event_clock_stepped(&now, 0, &place, &size), ERR_ARGUMENT);
	assert_int_equal(event_clock_stepped(&now, INT64_MIN, &place, &size), ERR_OK);
	assert_non_null(memmem(json, size, "\"9223372036854775808\"", 21));
	assert_int_equal(event_ledger_full(&now, "\"", &place, &size), ERR_ARGUMENT);
	assert_int_equal(event_protocol_violation(&now, "?", NULL, &place, &size), ERR_ARGUMENT);
	late.real.seconds = INT64_C(253402300800);
	assert_int_equal(event_tick(&late, &counts, &place, &size), ERR_RANGE);
}

static void
reads_members_of_an_operation_strictly(void **state)
{
	static const struct {
		const char *rule;
		const char *members;
		enum err want;
		const char *has;
	} rows[] = {
		{ "sorted", "{\"b\":1,\"a\":2}", ERR_OK, "\"operation\":{\"a\":2,\"b\":1}" },
		{ "large integers are texts", "{\"a\":9007199254740993}", ERR_OK,
		  "{\"a\":\"9007199254740993\"}" },
		{ "empty", "{}", ERR_OK, "\"operation\":{}" },
		{ "no object", "7", ERR_FORMAT, NULL },
		{ "an array", "[{}]", ERR_FORMAT, NULL },
		{ "cut", "{\"a\":1", ERR_FORMAT, NULL },
		{ "a name twice", "{\"a\":1,\"a\":1}", ERR_FORMAT, NULL },
		{ "more than one", "{}{}", ERR_FORMAT, NULL },
		{ "nothing", "", ERR_FORMAT, NULL },
		{ "too deep", "{\"a\":[[[[[[[[1]]]]]]]]}", ERR_FORMAT, NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		enum err e = event_operation(&now, bytes_of("k"), 1, root,
					     bytes_of(rows[i].members), &place, &size);

		if (e != rows[i].want)
			fail_msg("%s: %d", rows[i].rule, e);
		if (rows[i].has != NULL &&
		    memmem(json, size, rows[i].has, strlen(rows[i].has)) == NULL)
			fail_msg("%s: %.*s", rows[i].rule, (int)size, json);
	}
	assert_int_equal(
		event_operation(&now, bytes_of("K"), 1, root, bytes_of("{}"), &place, &size),
		ERR_ARGUMENT);
}

static void
writes_the_members_of_an_act(void **state)
{
	static const struct {
		const char *rule, *reason, *error, *want;
	} rows[] = {
		{ "neither", "", NULL, "{\"index\":\"7\",\"ledger\":\"evidence\"}" },
		{ "a reason, escaped", "a \"b\"\n", NULL,
		  "{\"index\":\"7\",\"ledger\":\"evidence\",\"reason\":\"a \\\"b\\\"\\n\"}" },
		{ "an error", "", "gone",
		  "{\"error\":\"gone\",\"index\":\"7\",\"ledger\":\"evidence\"}" },
	};
	char members[EVENT_ACT_BYTES_MAX];
	char longest[1024];
	size_t written;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(event_act_members("evidence", 7, bytes_of(rows[i].reason),
						   rows[i].error, members, &written),
				 ERR_OK);
		if (written != strlen(rows[i].want) || memcmp(members, rows[i].want, written) != 0)
			fail_msg("%s: %.*s", rows[i].rule, (int)written, members);
	}
	/* What a message can have always fits. */
	memset(longest, 1, sizeof(longest));
	assert_int_equal(event_act_members("operations", UINT64_MAX,
					   (struct bytes){ (const uint8_t *)longest, 1024 },
					   "that leaf is redacted already", members, &written),
			 ERR_OK);
}

static int
read_document(void **state)
{
	FILE *f = fopen(DOCUMENT, "rb");
	size_t got;

	(void)state;
	document = calloc(1, 1 << 20);
	if (f == NULL || document == NULL)
		return -1;
	got = fread(document, 1, (1 << 20) - 1, f);
	(void)fclose(f);
	origin.source = hark_text_of("/hark/host7.example/evidence");
	origin.id_prefix = hark_text_of("host7.example/evidence");
	if (hark_host_stamp_init(hark_text_of("c0"), hark_text_of("run-1"), hark_text_of(HASH),
				 &host) != HARK_TELEMETRY_OK)
		return -1;
	host.host_received_at = now.real;
	host.has_epoch = true;
	host.epoch = 3;
	return got > 0 ? 0 : -1;
}

static int
forget_document(void **state)
{
	(void)state;
	free(document);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_example_is_what_is_written),
		cmocka_unit_test(each_needs_its_room),
		cmocka_unit_test(refuses_what_it_cannot_say),
		cmocka_unit_test(reads_members_of_an_operation_strictly),
		cmocka_unit_test(writes_the_members_of_an_act),
	};

	return cmocka_run_group_tests_name("telemetry/event_ledger", tests, read_document,
					   forget_document);
}
