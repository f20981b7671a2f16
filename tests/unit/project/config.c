/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a manifest must have for its grants, and what is usual where it says nothing. */
#include <string.h>

#include "project/config.h"
#include "project/database.h"
#include "proto/options.h"
#include "unit.h"

static const struct {
	const char *rule;
	uint64_t tokens;
	const char *projection, *table, *receipts;
	uint64_t effects;
	const char *why; /* NULL: it is taken */
} rows[] = {
	{ "nothing granted", 0, "sqlite:/x", NULL, NULL, 1, NULL },
	{ "rows", 1, "sqlite:/x", "t", NULL, 1, NULL },
	{ "rows in a server", 1, "postgresql://h/d", "s.t", NULL, 1, NULL },
	{ "receipts", 4, "sqlite:/x", NULL, "/r", 1, NULL },
	{ "tokens of a later Hark", 16, "sqlite:/x", NULL, NULL, 1, NULL },
	{ "no projection", 0, NULL, NULL, NULL, 1, "no projection is given" },
	{ "another database", 0, "mysql://u:secret@h/d", NULL, NULL, 1, "no known kind" },
	{ "an empty one", 0, "", NULL, NULL, 1, "no known kind" },
	{ "a shorter scheme", 0, "postgres://h", NULL, NULL, 1, "no known kind" },
	{ "rows without a table", 1, "sqlite:/x", NULL, NULL, 1, "no table" },
	{ "an empty table", 1, "sqlite:/x", "", NULL, 1, "no table" },
	{ "receipts without a file", 4, "sqlite:/x", NULL, NULL, 1, "no file" },
	{ "too many", 0, "sqlite:/x", NULL, NULL, UINT64_MAX, "too large" },
};

static void
add_text(struct buf *options, enum observer_option option, const char *text)
{
	if (text != NULL)
		assert_int_equal(options_add_text(options, option, text, strlen(text)), ERR_OK);
}

static enum err
read_config(struct buf *options, struct project_config *c, struct project_failure *why)
{
	assert_int_equal(options_check(options->data, options->size), ERR_OK);
	return project_config_read((struct bytes){ (const uint8_t *)"o", 1 },
				   (struct bytes){ (const uint8_t *)"h/evidence", 10 },
				   (struct bytes){ options->data, options->size }, c, why);
}

static void
grants_need_their_options(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct project_failure why = { "" };
		struct project_config c;
		struct buf options = { 0 };
		enum err e;

		assert_int_equal(options_add_number(&options, OPTION_TOKENS, rows[i].tokens),
				 ERR_OK);
		assert_int_equal(
			options_add_number(&options, OPTION_LIMIT_EFFECTS, rows[i].effects),
			ERR_OK);
		add_text(&options, OPTION_PROJECTION, rows[i].projection);
		add_text(&options, OPTION_TABLE, rows[i].table);
		add_text(&options, OPTION_RECEIPT_FILE, rows[i].receipts);
		e = read_config(&options, &c, &why);
		if (e != (rows[i].why == NULL ? ERR_OK : ERR_FORMAT) ||
		    (e != ERR_OK && strstr(why.text, rows[i].why) == NULL))
			fail_msg("%s: %s: %s", rows[i].rule, err_text(e), why.text);
		assert_null(strstr(why.text, "secret"));
		project_config_finish(&c);
		buf_finish(&options);
	}
}

static void
what_is_not_said_is_usual(void **state)
{
	struct project_failure why;
	struct project_config c;
	struct buf options = { 0 };

	(void)state;
	add_text(&options, OPTION_PROJECTION, "postgresql://h/d");
	add_text(&options, OPTION_KEY, "a");
	add_text(&options, OPTION_KEY, "b");
	assert_int_equal(options_add_number(&options, OPTION_METRIC_SERIES, UINT64_MAX), ERR_OK);
	assert_int_equal(read_config(&options, &c, &why), ERR_OK);
	assert_string_equal(c.observer, "o");
	assert_string_equal(c.origin, "h/evidence");
	assert_int_equal(c.tokens, 0);
	assert_int_equal(c.from, 0);
	assert_int_equal(c.payload_bytes, 65536);
	assert_int_equal(c.effects, 10000);
	assert_int_equal(c.effect_bytes, 16777216);
	assert_int_equal(c.metric_series, 100000);
	assert_int_equal(c.log_lines_per_s, 10);
	assert_int_equal(c.key_count, 2);
	assert_string_equal(c.keys[1], "b");
	assert_true(c.database->is_server);
	project_config_finish(&c);
	buf_finish(&options);
}

static void
words_are_cut_and_end(void **state)
{
	static char longer[PROJECT_TEXT_BYTES + 1];
	struct project_failure why;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	project_say(&why, "%s", longer);
	assert_int_equal(strlen(why.text), PROJECT_TEXT_BYTES - 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(grants_need_their_options),
		cmocka_unit_test(what_is_not_said_is_usual),
		cmocka_unit_test(words_are_cut_and_end),
	};

	return cmocka_run_group_tests_name("project/config", tests, NULL, NULL);
}
