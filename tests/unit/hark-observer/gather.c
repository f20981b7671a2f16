/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Leaves into events: what is held back, what is passed over, and where a batch is full. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hark-observer/gather.h"
#include "unit.h"

#define TIME "2026-11-21T13:20:00.123456789Z"

/* A ledger of one form: leaf after leaf from `at`, until `end`. */
static struct {
	uint64_t at, end;
	size_t fill;       /* bytes of each guest's comm */
	bool escaped;      /* in its type, which is then kept apart */
	enum err error;    /* behind the end */
	uint64_t jumps_at; /* this leaf comes with the next index */
	uint64_t bad_at;   /* this one is no event */
	char json[70000];
} source;

static char filler[66000];

static enum err
next_leaf(void *ctx, struct ledger_leaf *out)
{
	int size;

	(void)ctx;
	if (source.at == source.end)
		return source.error;
	size = snprintf(source.json, sizeof(source.json),
			"{\"data\":{\"cellId\":\"c%" PRIu64
			"\",\"declared\":{\"guestComm\":\"%.*s\"}},\"id\":\"h/%" PRIu64
			"\",\"time\":\"" TIME "\",\"type\":\"t%s%" PRIu64 "\"}%s",
			source.at % 3, (int)source.fill, filler, source.at,
			source.escaped ? "\\n" : "n", source.at,
			source.at == source.bad_at ? " " : "");
	assert_true(size > 0 && (size_t)size < sizeof(source.json));
	*out = (struct ledger_leaf){ .index = source.at + (source.at == source.jumps_at),
				     .data = { (const uint8_t *)source.json, (size_t)size } };
	source.at++;
	return ERR_OK;
}

/* Poisons what a leaf was, as the reader may. */
static enum err
next_and_forget(void *ctx, struct ledger_leaf *out)
{
	static char last[70000];
	enum err e = next_leaf(ctx, out);

	memset(last, '#', sizeof(last));
	if (e == ERR_OK) {
		memcpy(last, out->data.data, out->data.size);
		out->data.data = (const uint8_t *)last;
	}
	return e;
}

static void
begin(struct gather *b, struct settings *s, uint32_t batch, uint64_t leaves)
{
	memset(&source, 0, sizeof(source));
	memset(filler, 'x', sizeof(filler) - 1);
	source.end = leaves;
	source.error = ERR_AGAIN;
	source.jumps_at = UINT64_MAX;
	source.bad_at = UINT64_MAX;
	*s = (struct settings){ .batch = batch };
	assert_int_equal(gather_init(b, s), ERR_OK);
}

static void
events_keep_what_their_leaves_said(void **state)
{
	struct settings s;
	struct gather b;
	char want[32];
	size_t i;

	(void)state;
	begin(&b, &s, 100, 100);
	source.escaped = true;
	assert_int_equal(gather_events(&b, 100, 0, next_and_forget, NULL), ERR_OK);
	assert_int_equal(b.count, 100);
	assert_true(b.first == 0 && b.next == 100);
	for (i = 0; i < 100; i++) {
		int size = snprintf(want, sizeof(want), "t\n%zu", i);

		assert_int_equal(b.events[i].index, i);
		assert_int_equal(b.events[i].type.size, size);
		assert_memory_equal(b.events[i].type.data, want, b.events[i].type.size);
		assert_true(b.events[i].json.data[0] == '{' &&
			    b.events[i].json.data[b.events[i].json.size - 1] == '}');
	}
	gather_finish(&b);
	gather_finish(&b);
}

static void
what_is_held_back_moves_the_cursor(void **state)
{
	struct bytes cell = { (const uint8_t *)"c1", 2 };
	struct settings s;
	struct gather b;

	(void)state;
	begin(&b, &s, 4, 20);
	s.cells = (struct settings_filter){ &cell, 1 };
	assert_int_equal(gather_events(&b, 4, 0, next_leaf, NULL), ERR_OK);
	assert_int_equal(b.count, 4);
	assert_true(b.first == 0 && b.next == 11); /* 1, 4, 7, 10 */
	assert_int_equal(b.events[3].index, 10);
	assert_int_equal(gather_events(&b, 4, 11, next_leaf, NULL), ERR_OK);
	assert_true(b.count == 3 && b.first == 11 && b.next == 20);
	assert_int_equal(gather_events(&b, 4, 20, next_leaf, NULL), ERR_OK);
	assert_true(b.count == 0 && b.first == 20 && b.next == 20);
	assert_int_equal(b.passed_over, 0);
	gather_finish(&b);
}

static void
what_is_no_event_is_passed_over(void **state)
{
	struct settings s;
	struct gather b;

	(void)state;
	begin(&b, &s, 10, 5);
	source.bad_at = 2;
	assert_int_equal(gather_events(&b, 10, 0, next_leaf, NULL), ERR_OK);
	assert_true(b.count == 4 && b.next == 5 && b.events[2].index == 3);
	assert_true(b.passed_over == 1 && b.passed_last == 2);
	gather_finish(&b);
}

static void
a_batch_is_full(void **state)
{
	static const struct {
		const char *rule;
		size_t most, fill;
		bool noop;
		uint64_t leaves, want;
	} rows[] = {
		{ "at its number of events", 7, 0, false, 100, 7 },
		{ "where there is no room for the longest event", 1024, 60000, false, 1024, 34 },
		{ "with what is there", 1024, 0, false, 50, 50 },
		{ "at so many leaves, whatever they are", 1024, 0, true, 70000, GATHER_LEAVES_MAX },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct settings s;
		struct gather b;

		begin(&b, &s, 1024, rows[i].leaves);
		s.noop = rows[i].noop;
		source.fill = rows[i].fill;
		assert_int_equal(gather_events(&b, rows[i].most, 0, next_leaf, NULL), ERR_OK);
		if (b.next != rows[i].want || b.count != (rows[i].noop ? 0 : rows[i].want))
			fail_msg("%s: %zu of %llu", rows[i].rule, b.count,
				 (unsigned long long)b.next);
		/* A guest's long text hides nothing. */
		assert_true(rows[i].noop || b.events[0].texts_cut == (rows[i].fill > 0));
		gather_finish(&b);
	}
}

/* Texts with escapes are kept apart: that room ends too. */
static void
a_batch_is_full_of_escaped_texts(void **state)
{
	struct settings s;
	struct gather b;
	size_t i;

	(void)state;
	begin(&b, &s, SETTINGS_BATCH_MAX, SETTINGS_BATCH_MAX);
	source.escaped = true;
	assert_int_equal(gather_events(&b, SETTINGS_BATCH_MAX, 0, next_leaf, NULL), ERR_OK);
	assert_true(b.count > 10000 && b.count < SETTINGS_BATCH_MAX);
	for (i = 0; i < b.count; i++)
		assert_memory_equal(b.events[i].type.data, "t\n", 2);
	gather_finish(&b);
}

static void
what_comes_before_an_error_is_a_batch(void **state)
{
	struct settings s;
	struct gather b;

	(void)state;
	begin(&b, &s, 10, 3);
	source.error = ERR_FORMAT;
	assert_int_equal(gather_events(&b, 10, 0, next_leaf, NULL), ERR_OK);
	assert_int_equal(b.count, 3);
	assert_int_equal(gather_events(&b, 10, 3, next_leaf, NULL), ERR_FORMAT);
	gather_finish(&b);
	begin(&b, &s, 10, 3);
	source.jumps_at = 0;
	assert_int_equal(gather_events(&b, 10, 0, next_leaf, NULL), ERR_FORMAT);
	gather_finish(&b);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_keep_what_their_leaves_said),
		cmocka_unit_test(what_is_held_back_moves_the_cursor),
		cmocka_unit_test(what_is_no_event_is_passed_over),
		cmocka_unit_test(a_batch_is_full),
		cmocka_unit_test(a_batch_is_full_of_escaped_texts),
		cmocka_unit_test(what_comes_before_an_error_is_a_batch),
	};

	return cmocka_run_group_tests_name("hark-observer/gather", tests, NULL, NULL);
}
