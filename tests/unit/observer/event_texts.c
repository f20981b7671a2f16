/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An event's texts where they are longer than a record holds: what is cut, where, and what never
 * is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/observer_host.h>

#include "observer/event_reader.h"
#include "unit.h"
#include "unit/observer/event_oracle.h"

#define TAIL "\"time\":\"2026-11-21T13:20:00.123456789Z\",\"type\":\"t"
/* What type, id, cell and run of the events below leave to what is claimed. */
#define ROOM (HARK_OBSERVER_TEXTS_MAX - 10u)

static char json[8 * HARK_OBSERVER_TEXTS_MAX];
static char fill[2 * HARK_OBSERVER_TEXTS_MAX];
static struct event_reader reader;

static int
fill_texts(void **state)
{
	(void)state;
	memset(fill, 'x', sizeof(fill));
	return 0;
}

/* Reads what is at json, of exactly so many bytes, by three ways: they say the same. */
static enum hark_observer_error
read_event(int size, struct hark_observer_event *out)
{
	static char *exact;
	static char storage[HARK_OBSERVER_EVENT_STORAGE];
	char *again = malloc(HARK_OBSERVER_EVENT_STORAGE);
	char *its = malloc(HARK_OBSERVER_EVENT_STORAGE);
	struct hark_observer_event b, c;
	enum hark_observer_error got;
	struct hark_text text;

	free(exact); /* of the last one, whose texts point into it */
	exact = malloc((size_t)size);
	assert_true(exact != NULL && again != NULL && its != NULL);
	memcpy(exact, json, (size_t)size);
	text = (struct hark_text){ exact, (size_t)size };
	got = hark_observer_event_of(text, storage, out);
	assert_int_equal(event_reader_read(&reader, text, again, &b), got);
	assert_int_equal(event_oracle(text, its, &c), got);
	if (got == HARK_OBSERVER_OK) {
		assert_true(event_oracle_same(out, &b));
		assert_true(event_oracle_same(out, &c));
	}
	free(again);
	free(its);
	return got;
}

static bool
is(struct hark_text text, const char *want)
{
	return text.size == strlen(want) && memcmp(text.data, want, text.size) == 0;
}

/* `source` and `comm` are so many bytes of x, and an end; what is shown is in bytes. */
static const struct {
	const char *rule;
	size_t source;
	const char *source_end;
	size_t comm;
	const char *comm_end;
	size_t source_shown, comm_shown;
	bool cut;
} rows[] = {
	{ "what fits exactly", 7, "", ROOM - 7, "", 7, ROOM - 7, false },
	{ "a comm of one byte more", 7, "", ROOM - 6, "", 7, ROOM - 7, true },
	{ "a source of one byte more", ROOM + 1, "", 0, "", ROOM, 0, true },
	{ "a source alone that fits", ROOM, "", 0, "", ROOM, 0, false },
	{ "a source is not cut for a comm", ROOM - 1, "", ROOM, "", ROOM - 1, 1, true },
	{ "a comm that has no room", ROOM, "", 1, "", ROOM, 0, true },
	{ "both", ROOM + 5, "", ROOM, "", ROOM, 0, true },
	{ "a character of 2 that fits", 0, "", ROOM - 2, "\xc3\xa9", 0, ROOM, false },
	{ "a character of 2 that does not", 0, "", ROOM - 1, "\xc3\xa9", 0, ROOM - 1, true },
	{ "of 3", 0, "", ROOM - 2, "\xe2\x82\xac", 0, ROOM - 2, true },
	{ "of 4", 0, "", ROOM - 3, "\xf0\x9f\x98\x80", 0, ROOM - 3, true },
	{ "of 4 that lacks all but one byte", 0, "", ROOM - 1, "\xf0\x9f\x98\x80", 0, ROOM - 1,
	  true },
	{ "what a cut character leaves is the comm's", ROOM - 2, "\xe2\x82\xac", 9, "", ROOM - 2, 2,
	  true },
	{ "an escape counts as what it means", 0, "", ROOM - 1, "\\u0000", 0, ROOM, false },
	{ "an escape that does not fit", 0, "", ROOM, "\\u0000", 0, ROOM, true },
	{ "3 behind an escape", 0, "", ROOM - 3, "\\n\xe2\x82\xac", 0, ROOM - 2, true },
	{ "4 behind an escape", 0, "", ROOM - 4, "\\n\xf0\x9f\x98\x80", 0, ROOM - 3, true },
	{ "4 behind an escape that fit", 0, "", ROOM - 5, "\\n\xf0\x9f\x98\x80", 0, ROOM, false },
	{ "two texts with escapes", ROOM - 5, "\\n", 9, "\\n", ROOM - 4, 4, true },
};

static void
what_is_claimed_is_cut(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_observer_event e = { .index = 9 };
		int size = snprintf(json, sizeof(json),
				    "{\"data\":{\"cellId\":\"cell\",\"declared\":{\"guestComm\":"
				    "\"%.*s%s\",\"probeSource\":\"%.*s%s\"},\"runId\":\"ru\"},"
				    "\"id\":\"h/5\"," TAIL "\"}",
				    (int)rows[i].comm, fill, rows[i].comm_end, (int)rows[i].source,
				    fill, rows[i].source_end);

		if (read_event(size, &e) != HARK_OBSERVER_OK || e.texts_cut != rows[i].cut ||
		    e.probe_source.size != rows[i].source_shown ||
		    e.guest_comm.size != rows[i].comm_shown)
			fail_msg("%s: %d, %zu, %zu", rows[i].rule, e.texts_cut, e.probe_source.size,
				 e.guest_comm.size);
		assert_true(is(e.type, "t") && is(e.id, "h/5") && is(e.cell, "cell"));
		assert_true(is(e.run, "ru") && e.json.size == (size_t)size);
	}
}

/* The beginning is the beginning, also of what has escapes. */
static void
what_is_cut_is_a_beginning(void **state)
{
	static const char comm[] = "\xc3\xa9\\\\\\n\xf0\x9f\x98\x80-";
	static const char means[] = "\xc3\xa9\\\n\xf0\x9f\x98\x80-";
	struct hark_observer_event e;
	char *at = json;
	size_t i;

	(void)state;
	at += sprintf(at, "{\"data\":{\"declared\":{\"guestComm\":\"");
	for (i = 0; i < 1000; i++)
		at = stpcpy(at, comm);
	at = stpcpy(at, "\"}},\"id\":\"h/5\"," TAIL "\"}");
	assert_int_equal(read_event((int)(at - json), &e), HARK_OBSERVER_OK);
	assert_true(e.texts_cut && e.guest_comm.size > HARK_OBSERVER_TEXTS_MAX - 8);
	for (i = 0; i < e.guest_comm.size; i++)
		assert_int_equal(e.guest_comm.data[i], means[i % (sizeof(means) - 1)]);
}

/* A source of the host's own, which stands in data itself. */
static void
a_long_source_of_the_hosts_is_cut(void **state)
{
	struct hark_observer_event e;
	int size = snprintf(json, sizeof(json),
			    "{\"data\":{\"probeSource\":\"%.*s\"},\"id\":\"h/5\"," TAIL "\"}",
			    (int)HARK_OBSERVER_TEXTS_MAX, fill);

	(void)state;
	assert_int_equal(read_event(size, &e), HARK_OBSERVER_OK);
	assert_true(e.texts_cut && e.probe_source.size == HARK_OBSERVER_TEXTS_MAX - 4);
}

/* What the host says of an event is whole, or the event is none. */
static void
what_names_it_is_never_cut(void **state)
{
	static const struct {
		const char *rule, *before, *behind;
	} places[] = {
		{ "cell", "{\"data\":{\"cellId\":\"", "\"},\"id\":\"h/5\"," TAIL "\"}" },
		{ "run", "{\"data\":{\"runId\":\"", "\"},\"id\":\"h/5\"," TAIL "\"}" },
		{ "id", "{\"data\":{},\"id\":\"", "h/5\"," TAIL "\"}" },
		{ "type", "{\"data\":{},\"id\":\"h/5\"," TAIL, "\"}" },
	};
	struct hark_observer_event e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(places); i++) {
		size_t more;

		for (more = 0; more < 2; more++) {
			int size = snprintf(json, sizeof(json), "%s%.*s%s", places[i].before,
					    (int)(HARK_OBSERVER_TEXTS_MAX - 4 + more), fill,
					    places[i].behind);

			if (read_event(size, &e) !=
			    (more == 0 ? HARK_OBSERVER_OK : HARK_OBSERVER_EVENT))
				fail_msg("%s, %zu too many", places[i].rule, more);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_claimed_is_cut),
		cmocka_unit_test(what_is_cut_is_a_beginning),
		cmocka_unit_test(a_long_source_of_the_hosts_is_cut),
		cmocka_unit_test(what_names_it_is_never_cut),
	};

	return cmocka_run_group_tests_name("observer/event_texts", tests, fill_texts, NULL);
}
