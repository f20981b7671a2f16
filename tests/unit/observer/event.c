/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reading an event into what a module is shown: each member, and what is no event. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/observer_host.h>

#include "observer/event_reader.h"
#include "unit.h"
#include "unit/observer/event_oracle.h"

#define GUEST                                                                                   \
	"{\"data\":{\"cellId\":\"c0\",\"declared\":{\"detail\":{\"ppid\":1},\"guestComm\":"     \
	"\"s\\\"h\","                                                                           \
	"\"guestMonotonicNs\":\"18446744073709551615\",\"guestPid\":4294967295,"                \
	"\"probeSource\":\"process.spawned\",\"seq\":\"17\"},\"epoch\":3,\"runId\":\"run-1\"}," \
	"\"id\":\"host7/evidence/"                                                              \
	"1042\",\"time\":\"2026-11-21T13:20:00.123456789Z\",\"type\":\"t.x\"}"
#define WITH(id, time, type) "{\"id\":" id ",\"time\":" time ",\"type\":" type "}"
#define TIME                 "\"2026-11-21T13:20:00.123456789Z\""

#define DEEP8  "[[[[[[[["
#define SHUT8  "]]]]]]]]"
#define DEEP56 DEEP8 DEEP8 DEEP8 DEEP8 DEEP8 DEEP8 DEEP8
#define SHUT56 SHUT8 SHUT8 SHUT8 SHUT8 SHUT8 SHUT8 SHUT8

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
	{ "a blank", "{ \"id\":\"h/0\",\"time\":" TIME ",\"type\":\"t\"}", HARK_OBSERVER_EVENT, 0 },
	{ "names that do not ascend", "{\"time\":" TIME ",\"id\":\"h/0\",\"type\":\"t\"}",
	  HARK_OBSERVER_EVENT, 0 },
	{ "an escape where none is needed", WITH("\"h\\/0\"", TIME, "\"t\""), HARK_OBSERVER_EVENT,
	  0 },
	{ "an escape in another spelling", WITH("\"h/0\"", TIME, "\"\\u000a\""),
	  HARK_OBSERVER_EVENT, 0 },
	{ "an upper-case escape", WITH("\"h/0\"", TIME, "\"\\u001F\""), HARK_OBSERVER_EVENT, 0 },
	{ "an escape of what is printable", WITH("\"h/0\"", TIME, "\"\\u0041\""),
	  HARK_OBSERVER_EVENT, 0 },
	{ "escapes", WITH("\"h/0\"", TIME, "\"\\n\\u001f\\u0000\\\"\\\\\""), HARK_OBSERVER_OK,
	  1795267200123456789 },
	{ "a raw control", WITH("\"h/0\"", TIME, "\"\n\""), HARK_OBSERVER_EVENT, 0 },
	{ "half a character", WITH("\"h/0\"", TIME, "\"\xc3\""), HARK_OBSERVER_EVENT, 0 },
	{ "a surrogate", WITH("\"h/0\"", TIME, "\"\xed\xa0\x80\""), HARK_OBSERVER_EVENT, 0 },
	{ "a reading's value as deep as may be",
	  "{\"data\":{\"value\":" DEEP56 DEEP8 SHUT8 SHUT56 "},\"id\":\"h/0\",\"time\":" TIME
	  ",\"type\":\"t\"}",
	  HARK_OBSERVER_OK, 1795267200123456789 },
	{ "and deeper",
	  "{\"data\":{\"value\":[" DEEP56 DEEP8 SHUT8 SHUT56 "]},\"id\":\"h/0\",\"time\":" TIME
	  ",\"type\":\"t\"}",
	  HARK_OBSERVER_EVENT, 0 },
	{ "a byte after it", WITH("\"h/0\"", TIME, "\"t\"") "x", HARK_OBSERVER_EVENT, 0 },
	{ "names in the order of UTF-16",
	  "{\"id\":\"h/0\",\"time\":" TIME
	  ",\"type\":\"t\",\"\xf0\x90\x80\x80\":1,\"\xee\x80\x80\":1}",
	  HARK_OBSERVER_OK, 1795267200123456789 },
	{ "and not of UTF-8",
	  "{\"id\":\"h/0\",\"time\":" TIME
	  ",\"type\":\"t\",\"\xee\x80\x80\":1,\"\xf0\x90\x80\x80\":1}",
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

/* ---- the second reader ----------------------------------------------------------------------- */

/* It has seen what was judged before: whatever it remembers must make no difference. */
static struct event_reader reader;

static void
judge(const char *json, size_t size)
{
	static char ours[HARK_OBSERVER_EVENT_STORAGE], again[HARK_OBSERVER_EVENT_STORAGE],
		its[HARK_OBSERVER_EVENT_STORAGE];
	struct hark_observer_event a = { 0 }, b = { 0 }, c = { 0 };
	char *exact = malloc(size + (size == 0));
	enum hark_observer_error got, remembered, want;
	struct hark_text text = { exact, size };

	assert_non_null(exact);
	if (size > 0)
		memcpy(exact, json, size);
	got = hark_observer_event_of(text, ours, &a);
	remembered = event_reader_read(&reader, text, again, &c);
	want = event_oracle(text, its, &b);
	if (got != want || (got == HARK_OBSERVER_OK && !event_oracle_same(&a, &b)))
		fail_msg("%d, not %d: %.*s", (int)got, (int)want, (int)size, json);
	if (remembered != want || (want == HARK_OBSERVER_OK && !event_oracle_same(&c, &b)))
		fail_msg("by its form %d, not %d: %.*s", (int)remembered, (int)want, (int)size,
			 json);
	free(exact);
}

static const char *const events[] = {
	GUEST,
	"{\"data\":7,\"id\":\"h/0\",\"time\":" TIME ",\"type\":\"t\"}",
	"{\"data\":{\"declared\":[1,-0.5e+7,true,false,null,{}],\"probeSource\":\"host.tap\"},"
	"\"id\":\"h/0\",\"time\":" TIME ",\"type\":\"t\"}",
	"{\"data\":{\"cellId\":8,\"epoch\":\"5\",\"output\":{\"a\":{\"\":0,\" "
	"\":1},\"b\":[[],[{}]]},"
	"\"probeSource\":\"host.\\u0001\\\"\",\"runId\":\"\"},\"id\":\"h/9\",\"time\":" TIME
	",\"type\":\"\xc3\xa9\"}",
	"{\"data\":{\"declared\":{\"guestComm\":\"\xf0\x9f\x98\x80\",\"guestMonotonicNs\":5,"
	"\"guestPid\":\"4294967296\",\"seq\":\"\\n1\"}},\"id\":\"h/18446744073709551615\","
	"\"time\":" TIME ",\"type\":\"t\"}",
	"{\"a\":" DEEP56 "[[[[[[[[[]]]]]]]]]" SHUT56 ",\"id\":\"h/0\",\"time\":" TIME
	",\"type\":\"t\"}",
	"{\"a\":" DEEP56 "[[[[[[[[[[]]]]]]]]]]" SHUT56 ",\"id\":\"h/0\",\"time\":" TIME
	",\"type\":\"t\"}",
	"{\"data\":{\"declared\":" DEEP56 "[[[[[[[[]]]]]]]]" SHUT56
	"},\"id\":\"h/0\",\"time\":" TIME ",\"type\":\"t\"}",
	"{\"data\":{\"declared\":{\"x\":" DEEP56 "[[[[[[[]]]]]]]" SHUT56
	"}},\"id\":\"h/0\",\"time\":" TIME ",\"type\":\"t\"}",
	"{\"data\":{\"declared\":{\"x\":" DEEP56 "[[[[[[[[]]]]]]]]" SHUT56
	"}},\"id\":\"h/0\",\"time\":" TIME ",\"type\":\"t\"}",
	"{\"data\":{\"abcdefgh\":1,\"abcdefgha\":1,\"abcdefghb\":1,\"abcdefgi\":1},\"id\":\"h/0\","
	"\"time\":" TIME ",\"type\":\"t\"}",
};

/* All bit flips, and each byte gone, doubled, or replaced by one that JSON is made of. */
static void
test_mutations(void **state)
{
	static const char bytes[] = "{}[]\",:\\u0/-e. \n\x7f\xc3\xed";
	size_t i, at, j;

	(void)state;
	for (i = 0; i < COUNT_OF(events); i++) {
		size_t size = strlen(events[i]);
		char *copy = malloc(size + 2);

		assert_non_null(copy);
		judge(events[i], size);
		for (at = 0; at < size; at++) {
			memcpy(copy, events[i], size);
			for (j = 0; j < 8; j++) {
				copy[at] = (char)(events[i][at] ^ (1 << j));
				judge(copy, size);
			}
			for (j = 0; j < sizeof(bytes) - 1; j++) {
				copy[at] = bytes[j];
				judge(copy, size);
			}
			memmove(copy + at, events[i] + at + 1, size - at - 1);
			judge(copy, size - 1);
			memcpy(copy, events[i], at + 1);
			memcpy(copy + at + 1, events[i] + at, size - at);
			judge(copy, size + 1);
		}
		free(copy);
	}
}

/* Two events, where the second has the form of the first or does not. */
static void
test_forms(void **state)
{
#define EVENT(data, id) "{\"data\":{" data "},\"id\":\"" id "\",\"time\":" TIME ",\"type\":\"t\"}"
	static const struct {
		const char *rule, *first, *second;
		bool repeats;
	} pairs[] = {
		{ "the same", EVENT("\"epoch\":1", "h/1"), EVENT("\"epoch\":1", "h/1"), true },
		{ "another index", EVENT("\"epoch\":1", "h/1"), EVENT("\"epoch\":1", "h/2"), true },
		{ "a longer one", EVENT("\"epoch\":1", "h/9"), EVENT("\"epoch\":1", "h/10"), true },
		{ "a shorter one", EVENT("\"epoch\":1", "h/10"), EVENT("\"epoch\":1", "h/9"),
		  true },
		{ "a longer number", EVENT("\"epoch\":1", "h/1"), EVENT("\"epoch\":17", "h/1"),
		  true },
		{ "a shorter number", EVENT("\"epoch\":17", "h/1"), EVENT("\"epoch\":1", "h/1"),
		  true },
		{ "an empty text", EVENT("\"runId\":\"x\"", "h/1"), EVENT("\"runId\":\"\"", "h/1"),
		  true },
		{ "a text that was empty", EVENT("\"runId\":\"\"", "h/1"),
		  EVENT("\"runId\":\"x\"", "h/1"), true },
		{ "all values", EVENT("\"cellId\":\"a\",\"epoch\":1,\"runId\":\"b\"", "h/1"),
		  EVENT("\"cellId\":\"cc\",\"epoch\":-0.5e9,\"runId\":\"d,\"", "i/2"), true },
		{ "a value that looks like the end", EVENT("\"runId\":\"x\"", "h/1"),
		  EVENT("\"runId\":\"},{:\"", "h/1"), true },
		{ "an escape", EVENT("\"runId\":\"x\"", "h/1"), EVENT("\"runId\":\"\\n\"", "h/1"),
		  false },
		{ "a text that is not ASCII", EVENT("\"runId\":\"x\"", "h/1"),
		  EVENT("\"runId\":\"\xc3\xa9\"", "h/1"), false },
		{ "a first with an escape", EVENT("\"runId\":\"\\n\"", "h/1"),
		  EVENT("\"runId\":\"\\n\"", "h/1"), false },
		{ "another name", EVENT("\"epoch\":1", "h/1"), EVENT("\"epocha\":1", "h/1"),
		  false },
		{ "one member more", EVENT("\"epoch\":1", "h/1"),
		  EVENT("\"epoch\":1,\"f\":1", "h/1"), false },
		{ "one member less", EVENT("\"epoch\":1,\"f\":1", "h/1"),
		  EVENT("\"epoch\":1", "h/1"), false },
		{ "a text for a number", EVENT("\"epoch\":1", "h/1"),
		  EVENT("\"epoch\":\"1\"", "h/1"), false },
		{ "a word for a number", EVENT("\"epoch\":1", "h/1"),
		  EVENT("\"epoch\":true", "h/1"), false },
		{ "an object for a text", EVENT("\"runId\":\"x\"", "h/1"),
		  EVENT("\"runId\":{}", "h/1"), false },
		{ "another word", EVENT("\"a\":true", "h/1"), EVENT("\"a\":null", "h/1"), false },
		{ "no longer an event", EVENT("\"epoch\":1", "h/1"), EVENT("\"epoch\":1", "h/x"),
		  true },
		{ "a byte more", EVENT("\"epoch\":1", "h/1"), EVENT("\"epoch\":1", "h/1") "x",
		  false },
		{ "a number that is none", EVENT("\"epoch\":1", "h/1"),
		  EVENT("\"epoch\":01", "h/1"), false },
		{ "a number of nothing", EVENT("\"epoch\":1", "h/1"), EVENT("\"epoch\":", "h/1"),
		  false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(pairs); i++) {
		memset(&reader, 0, sizeof(reader));
		judge(pairs[i].first, strlen(pairs[i].first));
		judge(pairs[i].second, strlen(pairs[i].second));
		if (reader.repeated != pairs[i].repeats)
			fail_msg("%s", pairs[i].rule);
	}
#undef EVENT
}

/* As many forms as are remembered, and one more, in turn. */
static void
test_many_forms(void **state)
{
	char json[256];
	unsigned int round, form;

	(void)state;
	memset(&reader, 0, sizeof(reader));
	for (round = 0; round < 3; round++) {
		for (form = 0; form < EVENT_FORMS; form++) {
			int size = snprintf(json, sizeof(json),
					    "{\"a%u\":%u,\"id\":\"h/%u\",\"time\":" TIME
					    ",\"type\":\"t\"}",
					    form, round, round);

			judge(json, (size_t)size);
		}
	}
	assert_int_equal(reader.repeated, 2 * EVENT_FORMS);
	judge("{\"b\":1,\"id\":\"h/1\",\"time\":" TIME ",\"type\":\"t\"}",
	      strlen("{\"b\":1,\"id\":\"h/1\",\"time\":" TIME ",\"type\":\"t\"}"));
	assert_int_equal(reader.repeated, 2 * EVENT_FORMS);
}

/* More values, and more bytes, than a form holds. */
static void
test_large_forms(void **state)
{
	static char json[2 * EVENT_FORM_BYTES];
	unsigned int members, round;

	(void)state;
	for (members = EVENT_FORM_VALUES - 5; members < EVENT_FORM_VALUES + 5; members++) {
		unsigned int i;
		char *at = json;

		memset(&reader, 0, sizeof(reader));
		at += sprintf(at, "{\"a\":[");
		for (i = 0; i < members; i++)
			at += sprintf(at, "%s%u", i > 0 ? "," : "", i);
		at += sprintf(at, "],\"id\":\"h/1\",\"time\":" TIME ",\"type\":\"t\"}");
		for (round = 0; round < 2; round++)
			judge(json, (size_t)(at - json));
		assert_int_equal(reader.repeated, members + 3 <= EVENT_FORM_VALUES ? 1 : 0);
	}
	for (members = EVENT_FORM_BYTES - 4; members < EVENT_FORM_BYTES + 4; members++) {
		char *at = json;

		memset(&reader, 0, sizeof(reader));
		at += sprintf(at, "{\"a\":\"");
		memset(at, 'x',
		       members - strlen("{\"a\":\"\",\"id\":\"h/1\",\"time\":" TIME
					",\"type\":\"t\"}"));
		at += members -
		      strlen("{\"a\":\"\",\"id\":\"h/1\",\"time\":" TIME ",\"type\":\"t\"}");
		(void)sprintf(at, "\",\"id\":\"h/1\",\"time\":" TIME ",\"type\":\"t\"}");
		for (round = 0; round < 2; round++)
			judge(json, members);
		assert_int_equal(reader.repeated, members <= EVENT_FORM_BYTES ? 1 : 0);
	}
}

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Members of any name and value, in any order: sometimes canonical, mostly not. */
static void
test_random_members(void **state)
{
	static const char *const names[] = { "",
					     "a",
					     "cellId",
					     "declared",
					     "epoch",
					     "runId",
					     "seq",
					     "guestPid",
					     "guestMonotonicNs",
					     "guestComm",
					     "guestCommX",
					     "probeSource",
					     "probeSour",
					     "\xc3\xa9",
					     "\\n",
					     "\\u001f",
					     "\xf0\x9f\x98\x80",
					     "\xef\xbf\xbd",
					     "z" };
	static const char *const values[] = { "1",
					      "\"7\"",
					      "\"x\"",
					      "\"\"",
					      "null",
					      "{}",
					      "[1,2]",
					      "-1",
					      "0.5",
					      "\"\\\\\"",
					      "\"\xc3\xa9\"",
					      "18446744073709551615",
					      "{\"a\":1,\"b\":2}",
					      "{\"b\":1,\"a\":2}",
					      "{\"seq\":\"1\"}" };
	uint64_t seed = 88172645463325252u;
	size_t good = 0;
	int round;

	(void)state;
	for (round = 0; round < 20000; round++) {
		char json[1024];
		char data[700] = "";
		size_t members = next_random(&seed) % 5;
		struct hark_observer_event e;
		size_t at = 0;
		size_t i;
		int size;

		for (i = 0; i < members; i++)
			at += (size_t)snprintf(data + at, sizeof(data) - at, "%s\"%s\":%s",
					       i > 0 ? "," : "",
					       names[next_random(&seed) % COUNT_OF(names)],
					       values[next_random(&seed) % COUNT_OF(values)]);
		size = snprintf(json, sizeof(json),
				round % 2 == 0 ? "{\"data\":{%s},\"id\":\"h/0\",\"time\":" TIME
						 ",\"type\":\"t\"}"
					       : "{\"data\":{\"declared\":{%s}},\"id\":\"h/0\","
						 "\"time\":" TIME ",\"type\":\"t\"}",
				data);
		judge(json, (size_t)size);
		good += hark_observer_event_of((struct hark_text){ json, (size_t)size }, storage,
					       &e) == HARK_OBSERVER_OK;
	}
	assert_true(good > 5000 && good < 15000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),     cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cuts),        cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_forms),       cmocka_unit_test(test_many_forms),
		cmocka_unit_test(test_large_forms), cmocka_unit_test(test_random_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
