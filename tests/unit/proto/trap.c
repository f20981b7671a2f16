/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The report of a trap: what is written reads back, and only what can be written is read. */
#include <string.h>

#include "proto/trap.h"
#include "unit.h"

static const struct {
	const char *rule;
	struct trap_report report;
	uint8_t bytes[32]; /* the rest is zero, as docs/format/proto.md has it */
} good[] = {
	{ "a batch",
	  { .trap_class = 1, .first = 2, .next = 0x0102030405060708 },
	  { 'H', 'K', 'T', 'R', 1, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
	    8,   7,   6,   5,   4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0 } },
	{ "its first event",
	  { .trap_class = 0, .first = 0, .next = 1, .has_event = true, .event = 0 },
	  { 'H', 'K', 'T', 'R', 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    1,   0,   0,   0,   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } },
	{ "its last event, and the largest numbers",
	  { .trap_class = 3,
	    .first = UINT64_MAX - 1,
	    .next = UINT64_MAX,
	    .has_event = true,
	    .event = UINT64_MAX - 1 },
	  { 'H', 'K', 'T', 'R', 1,   3,   1,   0,   254, 255, 255, 255, 255, 255, 255, 255,
	    255, 255, 255, 255, 255, 255, 255, 255, 254, 255, 255, 255, 255, 255, 255, 255 } },
};

static bool
is_same(const struct trap_report *a, const struct trap_report *b)
{
	return a->trap_class == b->trap_class && a->first == b->first && a->next == b->next &&
	       a->has_event == b->has_event && a->event == b->event;
}

static void
what_is_written_reads_back(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(good); i++) {
		uint8_t want[TRAP_REPORT_BYTES] = { 0 };
		uint8_t got[TRAP_REPORT_BYTES];
		struct trap_report r;

		memcpy(want, good[i].bytes, sizeof(good[i].bytes));
		memset(got, 255, sizeof(got));
		trap_report_write(&good[i].report, got);
		if (memcmp(got, want, sizeof(want)) != 0)
			fail_msg("%s", good[i].rule);
		assert_int_equal(trap_report_read(got, sizeof(got), &r), ERR_OK);
		assert_true(is_same(&r, &good[i].report));
	}
}

static void
refuses_what_it_would_not_write(void **state)
{
	static const struct {
		const char *rule;
		size_t at;
		uint8_t value;
	} rows[] = {
		{ "another magic", 3, 'S' },
		{ "version 0", 4, 0 },
		{ "version 2", 4, 2 },
		{ "class 4", 5, 4 },
		{ "class 255", 5, 255 },
		{ "an unknown flag", 6, 3 },
		{ "a byte that is 0", 7, 1 },
		{ "first at next", 8, 9 },
		{ "first behind next", 15, 1 },
		{ "an event before the first", 24, 1 },
		{ "an event at next", 24, 9 },
		{ "an event far behind", 31, 1 },
		{ "the first byte of the rest", 32, 1 },
		{ "the last byte", 63, 1 },
	};
	const struct trap_report r = {
		.trap_class = 1, .first = 2, .next = 9, .has_event = true, .event = 5
	};
	uint8_t bytes[TRAP_REPORT_BYTES];
	struct trap_report out;
	size_t i;

	(void)state;
	trap_report_write(&r, bytes);
	assert_int_equal(trap_report_read(bytes, sizeof(bytes), &out), ERR_OK);
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint8_t was = bytes[rows[i].at];

		bytes[rows[i].at] = rows[i].value;
		out = (struct trap_report){ .first = 77 };
		if (trap_report_read(bytes, sizeof(bytes), &out) != ERR_FORMAT)
			fail_msg("%s", rows[i].rule);
		assert_true(out.first == 77);
		bytes[rows[i].at] = was;
	}
	/* An event that is not said has no number. */
	bytes[6] = 0;
	assert_int_equal(trap_report_read(bytes, sizeof(bytes), &out), ERR_FORMAT);
}

static void
refuses_every_other_size(void **state)
{
	uint8_t bytes[2 * TRAP_REPORT_BYTES] = { 0 };
	struct trap_report out;
	size_t size;

	(void)state;
	trap_report_write(&good[0].report, bytes);
	for (size = 0; size <= sizeof(bytes); size++)
		assert_int_equal(trap_report_read(bytes, size, &out),
				 size == TRAP_REPORT_BYTES ? ERR_OK : ERR_FORMAT);
}

/* A flipped bit is refused, or is another report, which is written as just these bytes. */
static void
has_one_form(void **state)
{
	unsigned int read = 0;
	size_t i;
	size_t k;

	(void)state;
	for (k = 0; k < COUNT_OF(good); k++) {
		uint8_t bytes[TRAP_REPORT_BYTES];
		uint8_t again[TRAP_REPORT_BYTES];
		struct trap_report out;

		trap_report_write(&good[k].report, bytes);
		for (i = 0; i < 8 * sizeof(bytes); i++) {
			bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ 1u << i % 8);
			if (trap_report_read(bytes, sizeof(bytes), &out) == ERR_OK) {
				assert_false(is_same(&out, &good[k].report));
				trap_report_write(&out, again);
				assert_memory_equal(again, bytes, sizeof(bytes));
				read++;
			}
			bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ 1u << i % 8);
		}
	}
	assert_true(read > 100);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(refuses_what_it_would_not_write),
		cmocka_unit_test(refuses_every_other_size),
		cmocka_unit_test(has_one_form),
	};

	return cmocka_run_group_tests_name("proto/trap", tests, NULL, NULL);
}
