/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A manifest as options: what is taken over, what is refused, what passes its filter. */
#include <string.h>

#include "hark-observer/settings.h"
#include "proto/options.h"
#include "unit.h"

#define DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static struct buf options;

static void
add_text(enum observer_option option, const char *text)
{
	assert_int_equal(options_add_text(&options, option, text, strlen(text)), ERR_OK);
}

static void
add_number(enum observer_option option, uint64_t value)
{
	assert_int_equal(options_add_number(&options, option, value), ERR_OK);
}

static enum err
read_them(struct settings *out)
{
	enum err e = settings_read((struct bytes){ options.data, options.size }, out);

	buf_finish(&options); /* what was read has its own */
	return e;
}

static void
what_is_not_said_is_usual(void **state)
{
	struct hark_observer_limits usual;
	struct settings s;

	(void)state;
	hark_observer_limits_default(&usual);
	add_text(OPTION_DIGEST, DIGEST);
	assert_int_equal(read_them(&s), ERR_OK);
	assert_int_equal(s.digest.size, strlen(DIGEST));
	assert_memory_equal(s.digest.data, DIGEST, s.digest.size);
	assert_int_equal(s.batch, SETTINGS_BATCH_DEFAULT);
	assert_int_equal(s.tokens, 0);
	assert_false(s.noop || s.stop_on_trap);
	assert_int_equal(s.from, 0);
	assert_memory_equal(&s.limits, &usual, sizeof(usual));
	assert_int_equal(s.cells.count + s.types.count + s.sources.count, 0);
	settings_finish(&s);
	settings_finish(&s);
}

static void
all_is_taken_over(void **state)
{
	const struct hark_observer_limits want = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	struct settings s;
	uint64_t i;

	(void)state;
	add_text(OPTION_DIGEST, DIGEST);
	add_number(OPTION_TOKENS, 5);
	add_number(OPTION_NOOP, 1);
	add_number(OPTION_FROM, 77);
	add_number(OPTION_BATCH, SETTINGS_BATCH_MAX);
	add_number(OPTION_STOP_ON_TRAP, 1);
	for (i = 0; i < 10; i++)
		add_number((enum observer_option)(OPTION_LIMIT_FUEL + i), i + 1);
	assert_int_equal(read_them(&s), ERR_OK);
	assert_int_equal(s.tokens, 5);
	assert_int_equal(s.from, 77);
	assert_int_equal(s.batch, SETTINGS_BATCH_MAX);
	assert_true(s.noop && s.stop_on_trap);
	assert_memory_equal(&s.limits, &want, sizeof(want));
	settings_finish(&s);
}

static const struct {
	const char *rule;
	const char *digest;
	enum observer_option option;
	uint64_t value;
} refusals[] = {
	{ "no digest", NULL, OPTION_FROM, 0 },
	{ "an unknown token", DIGEST, OPTION_TOKENS, HARK_OBSERVER_TOKENS_ALL + 1 },
	{ "a token past 32 bits", DIGEST, OPTION_TOKENS, UINT64_C(1) << 32 },
	{ "no event in a batch", DIGEST, OPTION_BATCH, 0 },
	{ "too many", DIGEST, OPTION_BATCH, SETTINGS_BATCH_MAX + 1 },
	{ "no clock", DIGEST, OPTION_LIMIT_WALL_MS, 0 },
};

static void
what_no_manifest_has_is_refused(void **state)
{
	struct settings s;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(refusals); i++) {
		if (refusals[i].digest != NULL)
			add_text(OPTION_DIGEST, refusals[i].digest);
		add_number(refusals[i].option, refusals[i].value);
		if (read_them(&s) != ERR_FORMAT)
			fail_msg("%s", refusals[i].rule);
	}
	assert_int_equal(settings_read((struct bytes){ (const uint8_t *)"\1", 1 }, &s), ERR_FORMAT);
}

/* Cells, types and sources of a filter; then whether the event passes. */
static const struct {
	const char *rule;
	const char *cells[2], *types[2], *sources[2];
	bool want;
} rows[] = {
	{ "no filter", { NULL }, { NULL }, { NULL }, true },
	{ "its cell", { "c0" }, { NULL }, { NULL }, true },
	{ "one of two", { "c1", "c0" }, { NULL }, { NULL }, true },
	{ "another cell", { "c1" }, { NULL }, { NULL }, false },
	{ "a begin of its cell", { "c" }, { NULL }, { NULL }, false },
	{ "a star in a cell is a star", { "c*" }, { NULL }, { NULL }, false },
	{ "its type", { NULL }, { "a.b.c" }, { NULL }, true },
	{ "a begin of its type", { NULL }, { "a.b" }, { NULL }, false },
	{ "a prefix", { NULL }, { "a.b*" }, { NULL }, true },
	{ "a prefix of all", { NULL }, { "*" }, { NULL }, true },
	{ "a prefix that is the whole", { NULL }, { "a.b.c*" }, { NULL }, true },
	{ "a longer prefix", { NULL }, { "a.b.c.*" }, { NULL }, false },
	{ "a star within is a star", { NULL }, { "a.*.c" }, { NULL }, false },
	{ "its source", { NULL }, { NULL }, { "p.x" }, true },
	{ "a star in a source is a star", { NULL }, { NULL }, { "p.*" }, false },
	{ "one of each", { "c0" }, { "a.*" }, { "p.x" }, true },
	{ "all but its source", { "c0" }, { "a.*" }, { "p.y" }, false },
	{ "all but its cell", { "c1" }, { "a.*" }, { "p.x" }, false },
	{ "all but its type", { "c0" }, { "b.*" }, { "p.x" }, false },
	{ "an empty text", { "" }, { NULL }, { NULL }, false },
};

static void
add_all(enum observer_option option, const char *const texts[2])
{
	size_t i;

	for (i = 0; i < 2 && texts[i] != NULL; i++)
		add_text(option, texts[i]);
}

static void
an_event_matches_one_of_each_kind(void **state)
{
	const struct hark_observer_event event = { .cell = hark_text_of("c0"),
						   .type = hark_text_of("a.b.c"),
						   .probe_source = hark_text_of("p.x") };
	const struct hark_observer_event empty = { .index = 0 };
	struct settings s;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		add_text(OPTION_DIGEST, DIGEST);
		add_all(OPTION_FILTER_CELL, rows[i].cells);
		add_all(OPTION_FILTER_TYPE, rows[i].types);
		add_all(OPTION_FILTER_SOURCE, rows[i].sources);
		assert_int_equal(read_them(&s), ERR_OK);
		if (settings_pass(&s, &event) != rows[i].want)
			fail_msg("%s", rows[i].rule);
		settings_finish(&s);
	}
	add_text(OPTION_DIGEST, DIGEST);
	add_text(OPTION_FILTER_CELL, "");
	assert_int_equal(read_them(&s), ERR_OK);
	assert_true(settings_pass(&s, &empty)); /* an event without a cell */
	settings_finish(&s);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_said_is_usual),
		cmocka_unit_test(all_is_taken_over),
		cmocka_unit_test(what_no_manifest_has_is_refused),
		cmocka_unit_test(an_event_matches_one_of_each_kind),
	};

	return cmocka_run_group_tests_name("hark-observer/settings", tests, NULL, NULL);
}
