/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reading an event into what a module is shown: each member, and what is no event. */
#include <stdlib.h>
#include <string.h>

#include <hark/observer_host.h>

#include "unit.h"

#define GUEST                                                                                   \
	"{\"data\":{\"cellId\":\"c0\",\"declared\":{\"detail\":{\"ppid\":1},\"guestComm\":"     \
	"\"s\\\"h\","                                                                           \
	"\"guestMonotonicNs\":\"18446744073709551615\",\"guestPid\":4294967295,"                \
	"\"probeSource\":\"process.spawned\",\"seq\":\"17\"},\"epoch\":3,\"runId\":\"run-1\"}," \
	"\"id\":\"host7/evidence/"                                                              \
	"1042\",\"time\":\"2026-11-21T13:20:00.123456789Z\",\"type\":\"t.x\"}"
#define WITH(id, time, type) "{\"id\":" id ",\"time\":" time ",\"type\":" type "}"
#define TIME                 "\"2026-11-21T13:20:00.123456789Z\""

static char storage[HARK_OBSERVER_EVENT_STORAGE];

static bool
is(struct hark_text text, const char *want)
{
	return text.size == strlen(want) && memcmp(text.data, want, text.size) == 0;
}

static void
test_members(void **state)
{
	struct hark_observer_event e;

	(void)state;
	assert_int_equal(hark_observer_event_of(hark_text_of(GUEST), storage, &e),
			 HARK_OBSERVER_OK);
	assert_int_equal(e.index, 1042);
	assert_int_equal(e.time_ns, 1795267200123456789);
	assert_true(e.has_epoch && e.has_seq && e.has_guest);
	assert_int_equal(e.epoch, 3);
	assert_int_equal(e.seq, 17);
	assert_int_equal(e.guest_pid, UINT32_MAX);
	assert_true(e.guest_monotonic_ns == UINT64_MAX);
	assert_true(is(e.type, "t.x") && is(e.id, "host7/evidence/1042") && is(e.cell, "c0"));
	assert_true(is(e.run, "run-1") && is(e.probe_source, "process.spawned"));
	assert_true(is(e.guest_comm, "s\"h") && is(e.json, GUEST));
}

static const struct {
	const char *rule, *json;
	enum hark_observer_error want;
	uint64_t time_ns;
} rows[] = {
	{ "the least", WITH("\"h/0\"", TIME, "\"t\""), HARK_OBSERVER_OK, 1795267200123456789 },
	{ "1970", WITH("\"h/0\"", "\"1970-01-01T00:00:00.000000001Z\"", "\"t\""), HARK_OBSERVER_OK,
	  1 },
	{ "before", WITH("\"h/0\"", "\"1969-12-31T23:59:59.000000000Z\"", "\"t\""),
	  HARK_OBSERVER_OK, 0 },
	{ "a leap day", WITH("\"h/0\"", "\"2000-02-29T00:00:00.000000000Z\"", "\"t\""),
	  HARK_OBSERVER_OK, 951782400000000000 },
	{ "past what a u64 has", WITH("\"h/0\"", "\"9999-01-01T00:00:00.000000000Z\"", "\"t\""),
	  HARK_OBSERVER_OK, UINT64_MAX },
	{ "not JSON", "{", HARK_OBSERVER_EVENT, 0 },
	{ "not an object", "[]", HARK_OBSERVER_EVENT, 0 },
	{ "a name twice", "{\"id\":\"h/0\",\"id\":\"h/0\",\"time\":" TIME ",\"type\":\"t\"}",
	  HARK_OBSERVER_EVENT, 0 },
	{ "no id", "{\"time\":" TIME ",\"type\":\"t\"}", HARK_OBSERVER_EVENT, 0 },
	{ "an id without a slash", WITH("\"7\"", TIME, "\"t\""), HARK_OBSERVER_EVENT, 0 },
	{ "an index that is none", WITH("\"h/07\"", TIME, "\"t\""), HARK_OBSERVER_EVENT, 0 },
	{ "an index of 65 bits", WITH("\"h/18446744073709551616\"", TIME, "\"t\""),
	  HARK_OBSERVER_EVENT, 0 },
	{ "an id that is a number", WITH("7", TIME, "\"t\""), HARK_OBSERVER_EVENT, 0 },
	{ "no type", "{\"id\":\"h/0\",\"time\":" TIME "}", HARK_OBSERVER_EVENT, 0 },
	{ "an empty type", WITH("\"h/0\"", TIME, "\"\""), HARK_OBSERVER_EVENT, 0 },
	{ "no time", "{\"id\":\"h/0\",\"type\":\"t\"}", HARK_OBSERVER_EVENT, 0 },
	{ "whole seconds", WITH("\"h/0\"", "\"2026-11-21T13:20:00Z\"", "\"t\""),
	  HARK_OBSERVER_EVENT, 0 },
	{ "month 13", WITH("\"h/0\"", "\"2026-13-21T13:20:00.123456789Z\"", "\"t\""),
	  HARK_OBSERVER_EVENT, 0 },
	{ "hour 24", WITH("\"h/0\"", "\"2026-11-21T24:20:00.123456789Z\"", "\"t\""),
	  HARK_OBSERVER_EVENT, 0 },
	{ "a zone", WITH("\"h/0\"", "\"2026-11-21T13:20:00.123456789+\"", "\"t\""),
	  HARK_OBSERVER_EVENT, 0 },
};

static void
test_rows(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_observer_event e = { .time_ns = 5 };
		enum hark_observer_error got =
			hark_observer_event_of(hark_text_of(rows[i].json), storage, &e);

		if (got != rows[i].want ||
		    (got == HARK_OBSERVER_OK && e.time_ns != rows[i].time_ns))
			fail_msg("%s: %d, %llu", rows[i].rule, (int)got,
				 (unsigned long long)e.time_ns);
		if (got != HARK_OBSERVER_OK)
			assert_int_equal(e.time_ns, 5); /* untouched */
	}
}

/* Every cut is refused, from a copy without a byte after it. */
static void
test_cuts(void **state)
{
	size_t size;

	(void)state;
	for (size = 1; size < strlen(GUEST); size++) {
		struct hark_observer_event e;
		char *cut = malloc(size);

		assert_non_null(cut);
		memcpy(cut, GUEST, size);
		assert_int_equal(
			hark_observer_event_of((struct hark_text){ cut, size }, storage, &e),
			HARK_OBSERVER_EVENT);
		free(cut);
	}
}

/* Texts that together are as long as there is room for, and one byte longer. */
static void
test_long_texts(void **state)
{
	static char json[2 * HARK_OBSERVER_TEXTS_MAX];
	size_t fill;

	(void)state;
	/* id "h/0" has 3 bytes, the type has the rest */
	for (fill = HARK_OBSERVER_TEXTS_MAX - 3; fill <= HARK_OBSERVER_TEXTS_MAX - 2; fill++) {
		struct hark_observer_event e;
		char *at = stpcpy(json, "{\"id\":\"h/0\",\"time\":" TIME ",\"type\":\"");

		memset(at, 'x', fill);
		(void)strcpy(at + fill, "\"}");
		assert_int_equal(hark_observer_event_of(hark_text_of(json), storage, &e),
				 fill == HARK_OBSERVER_TEXTS_MAX - 3 ? HARK_OBSERVER_OK
								     : HARK_OBSERVER_EVENT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_long_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
