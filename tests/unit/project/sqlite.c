/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rows in a real SQLite: which value lies in which column how, names of any kind, many shapes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

static struct world w;

static void
begin(const char *create, const char *table, const char *key)
{
	world_init(&w, 1);
	free(w.config.create);
	free(w.config.table);
	w.config.create = strdup(create);
	w.config.table = strdup(table);
	if (key != NULL)
		w.config.keys[w.config.key_count++] = strdup(key);
	world_begin(&w);
}

static void
commit(const char *const *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		assert_int_equal(world_effect(&w, 0, rows[i]), ERR_OK);
	assert_int_equal(world_batch(&w, 1, count), ERR_OK);
	world_commit(&w);
}

static void
connect_all(void)
{
	if (project_connect(w.project, 0, &w.why) != ERR_OK)
		fail_msg("%s", w.why.text);
}

static const struct {
	const char *type, *value, *kept; /* typeof and text */
} values[] = {
	{ "BIGINT", "7", "integer 7" },
	{ "BIGINT", "-9223372036854775808", "integer -9223372036854775808" },
	{ "BIGINT", "9223372036854775807", "integer 9223372036854775807" },
	/* What would become a double there stays its digits. */
	{ "BIGINT", "9223372036854775808", "blob 9223372036854775808" },
	{ "NUMERIC(20)", "18446744073709551615", "blob 18446744073709551615" },
	{ "NUMERIC(20)", "\"18446744073709551615\"", "blob 18446744073709551615" },
	{ "NUMERIC(20)", "-9223372036854775809", "blob -9223372036854775809" },
	{ "REAL", "18446744073709551615", "blob 18446744073709551615" },
	{ "NUMERIC", "\"7\"", "integer 7" },
	{ "NUMERIC", "1.5", "real 1.5" },
	{ "NUMERIC", "\"x\"", "text x" },
	{ "NUMERIC", "-0", "integer 0" },
	{ "REAL", "7", "real 7.0" },
	/* Doubles of which the digits come back, and such of which they do not. */
	{ "NUMERIC", "123456789.012345", "real 123456789.012345" },
	{ "NUMERIC", "1234567890.123456", "blob 1234567890.123456" },
	{ "NUMERIC", "\"-0.1000000000000001\"", "blob -0.1000000000000001" },
	{ "NUMERIC", "0.00000000000000000000000012345", "real 1.2345e-25" },
	{ "NUMERIC", "1234567890123456000.0", "blob 1234567890123456000.0" },
	{ "NUMERIC", "123456789012345000.0", "blob 123456789012345000.0" },
	{ "NUMERIC", "1.50000000000000000000", "real 1.5" },
	{ "NUMERIC", "9007199254740993", "integer 9007199254740993" },
	{ "NUMERIC", "1e3", "integer 1000" },
	{ "NUMERIC", "1e14", "integer 100000000000000" },
	{ "NUMERIC", "1e15", "blob 1e15" },
	{ "NUMERIC", "1e400", "blob 1e400" },
	{ "NUMERIC", "1e-400", "blob 1e-400" },
	{ "NUMERIC", "0e999999999999999999999", "integer 0" },
	{ "NUMERIC", "1e999999999999999999999", "blob 1e999999999999999999999" },
	{ "NUMERIC", "0.0", "integer 0" },
	{ "NUMERIC", "\" +0018446744073709551615 \"", "blob  +0018446744073709551615 " },
	{ "NUMERIC", "\" +007 \"", "integer 7" },
	{ "NUMERIC", "\"18446744073709551615e\"", "text 18446744073709551615e" },
	{ "NUMERIC", "\"18446744073709551615x\"", "text 18446744073709551615x" },
	{ "NUMERIC", "\".\"", "text ." },
	{ "NUMERIC", "\"1 2\"", "text 1 2" },
	{ "NUMERIC", "\".1234567890123456\"", "blob .1234567890123456" },
	{ "NUMERIC", "\"1234567890123456.\"", "blob 1234567890123456." },
	{ "REAL", "999999999999999", "real 999999999999999.0" },
	{ "REAL", "-1234567890123456", "blob -1234567890123456" },
	{ "REAL", "1700000000000000000", "real 1.7e+18" },
	{ "REAL", "1700000000000000001", "blob 1700000000000000001" },
	{ "DOUBLE PRECISION", "0.30000000000000004", "real 0.3" },
	{ "FLOAT", "1e400", "blob 1e400" },
	{ "TEXT", "18446744073709551615", "text 18446744073709551615" },
	{ "TEXT", "\"18446744073709551615\"", "text 18446744073709551615" },
	{ "TEXT", "1.50", "text 1.50" },
	{ "VARCHAR(3)", "\"longer\"", "text longer" },
	{ "", "7", "integer 7" },
	{ "", "18446744073709551615", "text 18446744073709551615" },
	{ "BLOB", "\"x\"", "text x" },
	{ "BOOLEAN", "true", "integer 1" },
	{ "BOOLEAN", "false", "integer 0" },
	{ "TEXT", "{\"b\": [1]}", "text {\"b\": [1]}" },
	{ "JSON", "[1, 2]", "text [1, 2]" },
	{ "TEXT", "\"\"", "text " },
	{ "TEXT DEFAULT 'd'", "null", "null -" },
};

static void
values_lie_as_their_columns_say(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(values); i++) {
		char create[128], row[128];
		const char *const rows[] = { row };
		const char *got;

		(void)snprintf(create, sizeof(create), "CREATE TABLE t (v %s)", values[i].type);
		(void)snprintf(row, sizeof(row), "{\"v\":%s}", values[i].value);
		begin(create, "t", NULL);
		connect_all();
		commit(rows, 1);
		got = world_ask(&w,
				"SELECT typeof(v) || ' ' || coalesce(CAST(v AS TEXT), '-') FROM t");
		if (strcmp(got, values[i].kept) != 0)
			fail_msg("%s into %s: %s", values[i].value, values[i].type, got);
		world_finish(&w);
	}
}

static void
names_are_quoted(void **state)
{
	static const char *const rows[] = { "{\"a \\\"b\\\"; DROP\":1,\"select\":2}" };

	(void)state;
	begin("CREATE TABLE \"t \"\"x\"\"\" (\"a \"\"b\"\"; DROP\" INT PRIMARY KEY, \"select\" "
	      "INT)",
	      "main.t \"x\"", "a \"b\"; DROP");
	connect_all();
	commit(rows, 1);
	commit(rows, 1);
	assert_string_equal(world_ask(&w, "SELECT * FROM \"t \"\"x\"\"\""), "1|2");
	world_finish(&w);
}

/* More sets of columns than statements are kept, back and forth. */
static void
rows_of_many_shapes_go_in(void **state)
{
	char create[256] = "CREATE TABLE t (n INT PRIMARY KEY";
	unsigned int shape;
	int pass, column;

	(void)state;
	for (column = 0; column < 5; column++)
		(void)snprintf(create + strlen(create), 64, ", c%d INT DEFAULT %d", column,
			       -column);
	(void)snprintf(create + strlen(create), 4, ")");
	begin(create, "t", NULL);
	connect_all();
	for (pass = 0; pass < 2; pass++) {
		for (shape = 0; shape < 32; shape++) {
			char row[256];
			const char *const rows[] = { row };

			(void)snprintf(row, sizeof(row), "{\"n\":%u", 32u * (unsigned)pass + shape);
			for (column = 0; column < 5; column++) {
				if ((shape >> column & 1) != 0)
					(void)snprintf(row + strlen(row), 32, ",\"c%d\":9", column);
			}
			(void)snprintf(row + strlen(row), 4, "}");
			commit(rows, 1);
		}
	}
	assert_string_equal(world_ask(&w, "SELECT count(*), sum(c0 = 9), sum(c1 = 9), sum(c4 = 9), "
					  "sum(c4 = -4) FROM t"),
			    "64|32|32|32|32");
	assert_int_equal(project_dead_letters(w.project), 0);
	world_finish(&w);
}

/* Each time it takes with it what was written before, which comes again. */
static void
rows_that_roll_back_are_dead_letters(void **state)
{
	static const struct {
		unsigned int token;
		const char *bytes;
	} effects[] = {
		{ 0, "{\"n\":1}" },   { 1, "{\"name\":\"x\",\"type\":\"counter\",\"value\":1}" },
		{ 0, "{\"n\":1}" }, /* refused by the key, and no more than once */
		{ 0, "{\"n\":666}" }, { 2, "{}" },
		{ 0, "no row" },      { 0, "{\"n\":2}" },
		{ 0, "{\"n\":667}" }, { 0, "{\"n\":3}" },
		{ 3, "line" },
	};
	size_t i;

	(void)state;
	world_init(&w, WORLD_ALL);
	free(w.config.create);
	w.config.create = strdup("CREATE TABLE kept (n BIGINT PRIMARY KEY); CREATE TRIGGER x AFTER "
				 "INSERT ON kept WHEN new.n BETWEEN 666 AND 667 BEGIN SELECT "
				 "RAISE(ROLLBACK, 'none of that'); END");
	world_begin(&w);
	connect_all();
	for (i = 0; i < COUNT_OF(effects); i++)
		assert_int_equal(world_effect(&w, effects[i].token, effects[i].bytes), ERR_OK);
	assert_int_equal(world_batch(&w, 5, COUNT_OF(effects)), ERR_OK);
	assert_int_equal(project_commit(w.project, 0, &w.why), ERR_OK);
	assert_string_equal(world_ask(&w, "SELECT n FROM kept ORDER BY n"), "1;2;3");
	assert_string_equal(world_ask(&w, "SELECT ordinal, error LIKE '%none of that%' FROM "
					  "hark_dead_letters ORDER BY ordinal"),
			    "2|0;3|1;5|0;7|1");
	assert_string_equal(world_ask(&w, "SELECT next_index, dead_letters, receipts FROM "
					  "hark_cursors"),
			    "5|4|1");
	assert_string_equal(world_ask(&w, "SELECT value FROM hark_metrics"), "1");
	assert_string_equal(w.said, "observer o says: line\n");
	world_finish(&w);
}

static void
who_moves_the_cursor_between_is_seen(void **state)
{
	(void)state;
	begin("CREATE TABLE t (n INT); CREATE TRIGGER x AFTER INSERT ON t "
	      "BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
	      "t", NULL);
	connect_all();
	assert_int_equal(world_effect(&w, 0, "{\"n\":1}"), ERR_OK);
	assert_int_equal(world_batch(&w, 1, 1), ERR_OK);
	world_change(&w, "UPDATE hark_cursors SET next_index = 9");
	assert_int_equal(project_commit(w.project, 0, &w.why), ERR_EXISTS);
	assert_string_equal(world_ask(&w, "SELECT count(*) FROM hark_dead_letters"), "0");
	world_finish(&w);
}

/* Whoever may write to the file may have written anything. */
static void
what_no_projector_has_written_is_refused(void **state)
{
#define OTHER_CURSORS                                                                      \
	"DROP TABLE hark_cursors; CREATE TABLE hark_cursors (observer TEXT, origin TEXT, " \
	"next_index BIGINT, dead_letters BIGINT, receipts BIGINT, receipt_bytes BIGINT); "
#define METRIC "INSERT INTO hark_metrics VALUES ('o', "
	static const struct {
		const char *sql, *why;
	} rows[] = {
		{ "UPDATE hark_cursors SET next_index = x''", "is no number" },
		{ "UPDATE hark_cursors SET next_index = 'x'", "is no number" },
		{ "UPDATE hark_cursors SET next_index = -1", "is no number" },
		{ "UPDATE hark_cursors SET next_index = 1.5", "is no number" },
		{ "UPDATE hark_cursors SET dead_letters = x''", "is no number" },
		{ "UPDATE hark_cursors SET dead_letters = 9223372036854775807", "is no number" },
		{ "UPDATE hark_cursors SET origin = x''", "at ledger \"\"" },
		{ "UPDATE hark_cursors SET origin = x'1b5b324a00'", "\\x1b[2J\\x00" },
		{ "UPDATE hark_cursors SET receipts = 9223372036854775807", "are no numbers" },
		{ "UPDATE hark_cursors SET receipt_bytes = x''", "are no numbers" },
		{ OTHER_CURSORS "INSERT INTO hark_cursors (observer) VALUES ('o')", "NULL" },
		{ OTHER_CURSORS "INSERT INTO hark_cursors VALUES ('o', 'h/evidence', 0, 0, 0, "
				"NULL)",
		  "NULL" },
		{ OTHER_CURSORS "INSERT INTO hark_cursors VALUES ('o', 'h/evidence', 0, 0, 0, 0), "
				"('o', 'h/evidence', 0, 0, 0, 0)",
		  "more rows" },
		{ METRIC "'t_a', '{}', 'gauge', x'', '')", "no projector" },
		{ METRIC "'t_a', x'', 'gauge', '1', '')", "no projector" },
		{ METRIC "'t_a', '{}', x'', '1', '')", "no projector" },
		{ METRIC "'t_a', '{}', 'histogram', '1', x'')", "no projector" },
		{ METRIC "x'', '{}', 'gauge', '1', '')", "no projector" },
		{ METRIC "x'740a41', '{}', 'gauge', '1', '')", "no projector" },
		{ METRIC "x'740041', '{}', 'gauge', '1', '')", "no projector" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		world_init(&w, WORLD_ALL);
		world_begin(&w);
		connect_all();
		world_die(&w);
		world_change(&w, rows[i].sql);
		world_begin(&w);
		if (project_connect(w.project, 0, &w.why) != ERR_REFUSED ||
		    strstr(w.why.text, rows[i].why) == NULL)
			fail_msg("%s: %s", rows[i].sql, w.why.text);
		world_finish(&w);
	}
}

static void
tables_that_do_not_serve_are_refused(void **state)
{
	static const struct {
		const char *create, *table, *key, *why;
	} rows[] = {
		{ "CREATE TABLE t (n INT)", "other", NULL, "no table \"other\"" },
		{ "CREATE TABEL t (n INT)", "t", NULL, "syntax error" },
		{ "CREATE TABLE t (n INT)", "t", "x", "the key \"x\" is no column" },
		{ "CREATE TABLE t (n INT)", "t", "n", "give `key` the columns" },
		{ "CREATE TABLE t (n INT, m INT AS (n))", "t", "m", "the key \"m\" is no column" },
		{ "CREATE TABLE t (n INT)", "nowhere.t", NULL, "nowhere" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		begin(rows[i].create, rows[i].table, rows[i].key);
		if (project_connect(w.project, 0, &w.why) != ERR_REFUSED ||
		    strstr(w.why.text, rows[i].why) == NULL)
			fail_msg("%s: %s", rows[i].create, w.why.text);
		/* Nothing of it stays, so that the next try is a first one. */
		assert_string_equal(world_ask(&w, "SELECT count(*) FROM sqlite_schema"), "0");
		world_finish(&w);
	}
}

static void
a_file_that_is_no_database_is_refused(void **state)
{
	FILE *file;

	(void)state;
	begin("CREATE TABLE t (n INT)", "t", NULL);
	file = fopen(w.database, "w");
	assert_non_null(file);
	(void)fputs("This is a text of some length, and not a database of any kind at all.", file);
	(void)fclose(file);
	assert_int_equal(project_connect(w.project, 0, &w.why), ERR_REFUSED);
	assert_non_null(strstr(w.why.text, "not a database"));
	world_finish(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_lie_as_their_columns_say),
		cmocka_unit_test(names_are_quoted),
		cmocka_unit_test(rows_of_many_shapes_go_in),
		cmocka_unit_test(rows_that_roll_back_are_dead_letters),
		cmocka_unit_test(who_moves_the_cursor_between_is_seen),
		cmocka_unit_test(what_no_projector_has_written_is_refused),
		cmocka_unit_test(tables_that_do_not_serve_are_refused),
		cmocka_unit_test(a_file_that_is_no_database_is_refused),
	};

	return cmocka_run_group_tests_name("project/sqlite", tests, NULL, NULL);
}
