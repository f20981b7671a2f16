/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The standard observers before a guest that wants them gone: whatever fits into a frame, at the
 * usual limits and at such that have room for less, no call of theirs traps, each event has its
 * row, and each row is one that its table takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hark-observer/gather.h"
#include "unit.h"
#include "unit/observer/standard.h"

#define MARK "\"detail\":{\"hark:left_out\":true}"
/* All that the host says of an event, at its longest, and the mark. */
#define HOST_BYTES 1200u

/* Where a guest puts what it has, over and over. */
enum place { SOURCE, COMM, VALUE, VALUES, EXE, KEYS, NUMBERS, PLACE_COUNT };

static const struct {
	const char *rule, *source;
	enum place place;
	struct hark_text unit;
} rows[] = {
	{ "a source of controls", NULL, SOURCE, { "\1", 1 } },
	{ "a source of quotes", NULL, SOURCE, { "\"", 1 } },
	{ "a source of zeroes", NULL, SOURCE, { "\0", 1 } },
	{ "a source of two bytes a character", NULL, SOURCE, { "\xc3\xa9", 2 } },
	{ "a comm of controls", "process.exec", COMM, { "\1", 1 } },
	{ "a comm of zeroes", "process.exec", COMM, { "\0", 1 } },
	{ "a comm of backslashes", "process.spawned", COMM, { "\\", 1 } },
	{ "a comm of three bytes a character", "process.exec", COMM, { "\xe2\x82\xac", 3 } },
	{ "a comm of the last character", "process.exec", COMM, { "\xf4\x8f\xbf\xbf", 4 } },
	{ "a comm of brackets", "process.exec", COMM, { "}]", 2 } },
	{ "a value of controls", "process.exec", VALUE, { "\x1f", 1 } },
	{ "a value of quotes", "net.listen", VALUE, { "\"", 1 } },
	{ "a value of opened brackets", "fs.changed", VALUE, { "[{", 2 } },
	{ "a value of what looks like a member", "process.exited", VALUE, { "\":1,\"", 5 } },
	{ "as many values of controls", "process.exec", VALUES, { "\1", 1 } },
	{ "as many values of backslashes", "process.exec", VALUES, { "\\", 1 } },
	{ "as many long names", "process.exec", KEYS, { "", 0 } },
	{ "as many numbers", "process.exec", NUMBERS, { "", 0 } },
	{ "an exe of controls", "process.exec", EXE, { "\2", 1 } },
	{ "an exe of zeroes", "process.exec", EXE, { "\0", 1 } },
	{ "an exe of backslashes", "process.exec", EXE, { "\\", 1 } },
	{ "an exe of what a zero looks like", "process.exec", EXE, { "\\u0000", 6 } },
	{ "a goodbye", "agent.goodbye", VALUE, { "\1", 1 } },
};

static struct standard standard;

/* ---- what a guest may say ------------------------------------------------------------------ */

struct said {
	struct hark_guest_declaration declaration;
	char names[HARK_DETAIL_COUNT_MAX][HARK_DETAIL_KEY_BYTES_MAX];
	char text[HARK_MAX_FRAME_BYTES];
};

static void
add(struct said *s, size_t key_bytes, struct hark_text value)
{
	uint32_t n = s->declaration.detail_count++;
	struct hark_detail *d = &s->declaration.detail[n];

	memset(s->names[n], 'k', key_bytes);
	s->names[n][0] = (char)('a' + n / 10);
	s->names[n][key_bytes - 1] = (char)('0' + n % 10);
	d->key = (struct hark_text){ s->names[n], key_bytes };
	d->type = value.data != NULL ? HARK_DETAIL_TEXT : HARK_DETAIL_INTEGER;
	if (value.data != NULL)
		d->value.text = value;
	else
		d->value.integer = n % 2 == 0 ? -9007199254740991 : 9007199254740991;
}

/* The row's text, of so many units at each place. */
static void
say(struct said *s, size_t row, size_t units)
{
	struct hark_guest_declaration *d = &s->declaration;
	struct hark_text text = { s->text, units * rows[row].unit.size };
	uint32_t i;

	*d = (struct hark_guest_declaration){ .content_version = 2,
					      .has_seq = true,
					      .seq = UINT64_MAX,
					      .guest_pid = UINT32_MAX,
					      .guest_monotonic_ns = UINT64_MAX,
					      .guest_comm = { "sh", 2 } };
	for (i = 0; i < units; i++)
		memcpy(s->text + i * rows[row].unit.size, rows[row].unit.data, rows[row].unit.size);
	d->probe_source = hark_text_of(rows[row].source);
	if (rows[row].place == SOURCE)
		d->probe_source = text;
	else if (rows[row].place == COMM)
		d->guest_comm = text;
	else if (rows[row].place == VALUE || rows[row].place == EXE)
		add(s, 3, text);
	else
		for (i = 0; i < HARK_DETAIL_COUNT_MAX; i++)
			add(s, rows[row].place == VALUES ? 2 : HARK_DETAIL_KEY_BYTES_MAX,
			    rows[row].place == NUMBERS ? (struct hark_text){ NULL, 0 } : text);
	if (rows[row].place == EXE)
		d->detail[0].key = (struct hark_text){ "exe", 3 };
}

/* As much as a frame holds. */
static void
say_most(struct said *s, size_t row)
{
	uint8_t frame[HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES];
	size_t low = 0;
	size_t unit = rows[row].unit.size > 0 ? rows[row].unit.size : sizeof(s->text);
	size_t high = sizeof(s->text) / unit;

	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;
		size_t size = 0;

		say(s, row, middle);
		if (hark_encode_frame(&s->declaration, frame, sizeof(frame), &size) ==
		    HARK_TELEMETRY_OK)
			low = middle;
		else
			high = middle - 1;
	}
	assert_true(low > 0 || rows[row].unit.size == 0);
	say(s, row, low);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void
usual(struct hark_observer_limits *limits)
{
	hark_observer_limits_default(limits);
	limits->wall_ms = 0; /* no clock: how fast the machine is decides nothing */
}

static bool
has(const struct standard *s, const char *text)
{
	return strstr(s->last.bytes, text) != NULL;
}

static bool
has_session(size_t row)
{
	return rows[row].source != NULL && strncmp(rows[row].source, "process.", 8) == 0;
}

/* All three over one event; the row that pg-events made of it is left in standard.last. */
static void
run_all(size_t row, const struct hark_observer_event *event, bool gives)
{
	static const enum standard_name order[] = { STANDARD_METRICS, STANDARD_SESSIONS,
						    STANDARD_PG_EVENTS };
	size_t i;

	for (i = 0; i < STANDARD_COUNT; i++) {
		struct hark_observer_outcome out;
		enum hark_observer_error e = standard_invoke(&standard, order[i], event, 1, &out);
		size_t want = order[i] == STANDARD_SESSIONS ? has_session(row) : 1;

		if (e != HARK_OBSERVER_OK || standard.why[0] != '\0' ||
		    (gives && standard.effects != want))
			fail_msg("%s, %s: %s, %s, %s", rows[row].rule, standard_name_of(order[i]),
				 hark_observer_error_text(e), hark_observer_reason_name(out.reason),
				 standard.why);
		if (order[i] == STANDARD_METRICS && gives)
			assert_true(has(&standard, rows[row].source != NULL
							   ? rows[row].source
							   : "\"source\":\"other\""));
	}
}

static void
at_the_usual_limits_all_is_there(void **state)
{
	static char json[HARK_EVENT_BYTES_MAX], storage[HARK_OBSERVER_EVENT_STORAGE];
	struct hark_observer_limits limits;
	static struct said said;
	size_t largest = 0;
	size_t row;

	(void)state;
	usual(&limits);
	assert_true(standard_open(&standard, &limits));
	for (row = 0; row < COUNT_OF(rows); row++) {
		struct hark_observer_event event;

		say_most(&said, row);
		standard_event(&said.declaration, row, json, storage, &event);
		run_all(row, &event, true);
		assert_false(has(&standard, MARK));
		if (standard.last.size > largest)
			largest = standard.last.size;
	}
	/* So much, and not more than the header has room for. */
	assert_in_range(largest, 24000, 27000);
	standard_close(&standard);
}

/* The row, where its limit leaves room for less. */
static void
check_tight(size_t row, const struct hark_guest_declaration *said, size_t bytes)
{
	bool whole = bytes > standard.last.size + 64;

	assert_true(standard.effects == 0 || standard.last.size <= bytes);
	if (standard.is_tight || (said->detail_count == 0 && rows[row].place < VALUE))
		return;
	if (!has(&standard, MARK) && (!whole || !has(&standard, "\"detail\":")))
		fail_msg("%s: in %zu bytes nothing says that it is not all", rows[row].rule, bytes);
}

static void
tight(uint64_t payload_bytes, uint64_t effect_bytes)
{
	static char json[HARK_EVENT_BYTES_MAX], storage[HARK_OBSERVER_EVENT_STORAGE];
	size_t bytes = payload_bytes < effect_bytes ? payload_bytes : effect_bytes;
	struct hark_observer_limits limits;
	static struct said said;
	size_t row;

	usual(&limits);
	limits.payload_bytes = payload_bytes;
	limits.effect_bytes = effect_bytes;
	assert_true(standard_open(&standard, &limits));
	standard.is_tight = bytes < HOST_BYTES;
	for (row = 0; row < COUNT_OF(rows); row++) {
		struct hark_observer_event event;

		say_most(&said, row);
		standard_event(&said.declaration, row, json, storage, &event);
		run_all(row, &event, bytes >= HOST_BYTES);
		check_tight(row, &said.declaration, bytes);
	}
	standard_close(&standard);
}

/* Of one effect, and of all: no event is larger than the host takes it. */
static void
no_limit_makes_an_event_a_trap(void **state)
{
	static const uint64_t sizes[] = { 1,     2,     3,     10,    16,    17,    40,
					  64,    100,   200,   400,   800,   1024,  1199,
					  1200,  1201,  1300,  1500,  2000,  3000,  4095,
					  4096,  5000,  8192,  12000, 16384, 20000, 24000,
					  25000, 26000, 27000, 28000, 32767, 32768, 32769 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(sizes); i++) {
		tight(sizes[i], 16777216);
		tight(65536, sizes[i]);
	}
}

/* The most that one call is given; events and JSON as hark-observer gathers them. */
static void
a_batch_of_the_worst_is_within_its_fuel(void **state)
{
	char *json = malloc((size_t)SETTINGS_BATCH_DEFAULT * HARK_EVENT_BYTES_MAX);
	char *storage = malloc((size_t)SETTINGS_BATCH_DEFAULT * HARK_OBSERVER_EVENT_STORAGE);
	struct hark_observer_event *events = calloc(SETTINGS_BATCH_DEFAULT, sizeof(*events));
	struct hark_observer_limits limits;
	static struct said said;
	unsigned int name;
	size_t row;

	(void)state;
	assert_true(json != NULL && storage != NULL && events != NULL);
	usual(&limits);
	assert_true(standard_open(&standard, &limits));
	for (row = 0; row < COUNT_OF(rows); row++) {
		size_t count = 0;
		size_t bytes = 0;

		say_most(&said, row);
		while (count < SETTINGS_BATCH_DEFAULT &&
		       GATHER_JSON_BYTES - bytes >= HARK_EVENT_BYTES_MAX) {
			standard_event(
				&said.declaration, count, json + count * HARK_EVENT_BYTES_MAX,
				storage + count * HARK_OBSERVER_EVENT_STORAGE, &events[count]);
			bytes += events[count++].json.size;
		}
		for (name = 0; name < STANDARD_COUNT; name++) {
			struct hark_observer_outcome out;
			enum hark_observer_error e = standard_invoke(
				&standard, (enum standard_name)name, events, count, &out);

			if (e != HARK_OBSERVER_OK || standard.why[0] != '\0' ||
			    out.fuel_used > limits.fuel * 3 / 4)
				fail_msg("%s, %zu times, %s: %s, %s, %zu of fuel, %s",
					 rows[row].rule, count,
					 standard_name_of((enum standard_name)name),
					 hark_observer_error_text(e),
					 hark_observer_reason_name(out.reason),
					 (size_t)out.fuel_used, standard.why);
		}
	}
	standard_close(&standard);
	free(events);
	free(storage);
	free(json);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_the_usual_limits_all_is_there),
		cmocka_unit_test(no_limit_makes_an_event_a_trap),
		cmocka_unit_test(a_batch_of_the_worst_is_within_its_fuel),
	};

	if (!hark_observer_has_engine()) {
		(void)printf("1..0 # SKIP this build has no engine\n");
		return 0;
	}
	return cmocka_run_group_tests_name("hark-observer/worst", tests, NULL, NULL);
}
