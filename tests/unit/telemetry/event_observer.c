/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Records of observers: each example of docs/format/events.md, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/event_ledger.h"
#include "telemetry/event_observer.h"
#include "unit.h"

#define DOCUMENT TEST_VECTORS "/../../docs/format/events.md"
#define FIRST    24u
#define LAST     28u

static struct hark_event_origin origin;
static char json[HARK_EVENT_BYTES_MAX];
static char members[EVENT_OBSERVER_MEMBERS_MAX];
static const struct event_place place = { &origin, json, sizeof(json) };
static size_t size;
static char *document;
static uint8_t digest[QUARANTINE_DIGEST_BYTES];

static const struct event_clock now = { .real = { 1762348800, 123456789 }, .monotonic_ns = 7 };
static const uint8_t root[32] = { 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
				  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7 };

static struct bytes
bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static struct event_trap
a_trap(enum event_trap_cause cause)
{
	struct event_trap t = {
		.observer = bytes_of("pg-events"),
		.receipt = { .schema_version = 1, .tick = 1042, .trap_class = 3 },
		.cause = cause,
		.strike = 3,
		.strikes = 3,
	};

	memcpy(t.receipt.digest, digest, sizeof(digest));
	if (cause == EVENT_TRAP_REPORTED) {
		t.receipt.trap_class = 1;
		t.has_batch = t.has_event = true;
		t.first = 1000;
		t.next = 1042;
		t.event = 1017;
		t.strike = 2;
	}
	return t;
}

static const char *const kinds[] = { "observer_registered", "observer_quarantine",
				     "observer_quarantine", "observer_quarantined",
				     "observer_released" };

/* The members of the example of that number. */
static enum err
build(unsigned int number, struct event_members to)
{
	struct event_trap t;

	switch (number) {
	case 24:
		return event_observer_registered(bytes_of("pg-events"), digest,
						 bytes_of("{\"grants\":[\"PgWrite\"]}"), to, &size);
	case 25:
		t = a_trap(EVENT_TRAP_REPORTED);
		return event_observer_trap(&t, to, &size);
	case 26:
		t = a_trap(EVENT_TRAP_HUNG);
		return event_observer_trap(&t, to, &size);
	case 27:
		return event_observer_quarantined(bytes_of("pg-events"), digest, 26, 3, to, &size);
	default:
		return event_observer_released(bytes_of("pg-events"), digest, 3, true,
					       bytes_of("a new table"), to, &size);
	}
}

static void
each_example_is_what_is_written(void **state)
{
	unsigned int i;

	(void)state;
	for (i = FIRST; i <= LAST; i++) {
		const struct event_members to = { members, sizeof(members) };
		char *line;

		origin.number = i;
		assert_int_equal(build(i, to), ERR_OK);
		assert_int_equal(event_operation(&now, bytes_of(kinds[i - FIRST]), 1042, root,
						 (struct bytes){ (const uint8_t *)members, size },
						 &place, &size),
				 ERR_OK);
		assert_true(asprintf(&line, "\n%.*s\n", (int)size, json) > 0);
		if (strstr(document, line) == NULL)
			fail_msg("not in the document:%s", line);
		free(line);
	}
}

/* What is written is canonical already: reading and writing it again changes nothing. */
static void
members_are_in_order(void **state)
{
	unsigned int i;

	(void)state;
	for (i = FIRST; i <= LAST; i++) {
		const struct event_members to = { members, sizeof(members) };
		size_t written;

		assert_int_equal(build(i, to), ERR_OK);
		written = size;
		assert_int_equal(
			event_operation(&now, bytes_of("k"), 1, root,
					(struct bytes){ (const uint8_t *)members, written }, &place,
					&size),
			ERR_OK);
		if (memmem(json, size, members, written) == NULL)
			fail_msg("%.*s", (int)written, members);
	}
}

static void
each_needs_its_room(void **state)
{
	unsigned int i;

	(void)state;
	for (i = FIRST; i <= LAST; i++) {
		const struct event_members to = { members, sizeof(members) };
		size_t want;
		size_t capacity;

		assert_int_equal(build(i, to), ERR_OK);
		want = size;
		for (capacity = 0; capacity < want; capacity++) {
			/* Of exactly its size, so that a byte written past it is seen. */
			char *storage = malloc(capacity + 1);

			assert_non_null(storage);
			assert_int_equal(build(i, (struct event_members){ storage, capacity }),
					 ERR_LIMIT);
			free(storage);
		}
	}
}

static void
a_manifest_is_one_object(void **state)
{
	static const struct {
		const char *rule, *manifest;
		enum err want;
	} rows[] = {
		{ "empty", "{}", ERR_OK },
		{ "nothing", "", ERR_FORMAT },
		{ "an array", "[]", ERR_FORMAT },
		{ "a text", "\"{}\"", ERR_FORMAT },
		{ "more members behind it", "{},\"observer\":\"another\"", ERR_FORMAT },
		{ "an end of its own", "{}}", ERR_FORMAT },
		{ "cut", "{\"a\":", ERR_FORMAT },
		{ "a name twice", "{\"a\":1,\"a\":1}", ERR_FORMAT },
		{ "as deep as a record takes", "{\"a\":[[[[[[1]]]]]]}", ERR_OK },
		{ "too deep", "{\"a\":[[[[[[[1]]]]]]]}", ERR_FORMAT },
	};
	const struct event_members to = { members, sizeof(members) };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		enum err e = event_observer_registered(bytes_of("o"), digest,
						       bytes_of(rows[i].manifest), to, &size);

		if (e != rows[i].want)
			fail_msg("%s: %d", rows[i].rule, e);
		if (e != ERR_OK)
			continue;
		e = event_operation(&now, bytes_of("k"), 1, root,
				    (struct bytes){ (const uint8_t *)members, size }, &place,
				    &size);
		if (e != ERR_OK)
			fail_msg("%s: no record: %d", rows[i].rule, e);
	}
}

static void
the_longest_fits(void **state)
{
	const struct event_members to = { members, sizeof(members) };
	char name[EVENT_OBSERVER_BYTES_MAX];
	char reason[1024];
	struct event_trap t = a_trap(EVENT_TRAP_REPORTED);

	(void)state;
	memset(name, '"', sizeof(name));
	memset(reason, 1, sizeof(reason));
	memset(t.receipt.digest, 255, sizeof(t.receipt.digest));
	t.observer = (struct bytes){ (const uint8_t *)name, sizeof(name) };
	t.receipt.tick = t.first = t.next = t.event = UINT64_MAX;
	t.strike = t.strikes = UINT32_MAX;
	assert_int_equal(event_observer_trap(&t, to, &size), ERR_OK);
	assert_int_equal(
		event_observer_released(t.observer, digest, UINT32_MAX, false,
					(struct bytes){ (const uint8_t *)reason, sizeof(reason) },
					to, &size),
		ERR_OK);
}

static int
read_document(void **state)
{
	FILE *f = fopen(DOCUMENT, "rb");
	size_t got;
	size_t i;

	(void)state;
	document = calloc(1, 1 << 20);
	if (f == NULL || document == NULL)
		return -1;
	got = fread(document, 1, (1 << 20) - 1, f);
	(void)fclose(f);
	for (i = 0; i < sizeof(digest); i++)
		digest[i] = (uint8_t)(i + 1);
	origin.source = hark_text_of("/hark/host7.example/evidence");
	origin.id_prefix = hark_text_of("host7.example/evidence");
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
		cmocka_unit_test(members_are_in_order),
		cmocka_unit_test(each_needs_its_room),
		cmocka_unit_test(a_manifest_is_one_object),
		cmocka_unit_test(the_longest_fits),
	};

	return cmocka_run_group_tests_name("telemetry/event_observer", tests, read_document,
					   forget_document);
}
