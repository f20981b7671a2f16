/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One object as one row: what is taken, what is refused and why, cut and damaged anywhere. */
#include <stdlib.h>
#include <string.h>

#include "project/row.h"
#include "unit.h"

static struct table table;
static struct row_reader reader;

static int
begin(void **state)
{
	static const struct {
		const char *name;
		enum column_form form;
	} columns[] = {
		{ "a", COLUMN_PLAIN }, { "b", COLUMN_PLAIN },    { "j", COLUMN_JSON },
		{ "k", COLUMN_PLAIN }, { "q\"q", COLUMN_PLAIN }, { "\xc3\xa9", COLUMN_PLAIN },
	};
	char name[] = "s.t";
	char key[] = "k";
	struct project_config config = { .table = name, .keys = { key }, .key_count = 1 };
	struct project_failure why;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(columns); i++) {
		struct bytes column = { (const uint8_t *)columns[i].name, strlen(columns[i].name) };

		assert_int_equal(table_add(&table, column, columns[i].form, false), ERR_OK);
	}
	assert_int_equal(table_end(&table, &config, &why), ERR_OK);
	assert_string_equal(table.quoted, "\"s\".\"t\"");
	return row_reader_init(&reader, &table) == ERR_OK ? 0 : 1;
}

static int
end(void **state)
{
	(void)state;
	row_reader_finish(&reader);
	table_finish(&table);
	return 0;
}

/* From storage that ends where the payload does. */
static enum err
read_row(const char *text, size_t size, struct row_value *values, char *error)
{
	static char *kept;
	enum err e;

	free(kept);
	kept = malloc(size + 1);
	assert_non_null(kept);
	memcpy(kept + 1, text, size);
	assert_int_equal(row_reader_begin(&reader, size), ERR_OK);
	e = row_read(&reader, (struct bytes){ (const uint8_t *)kept + 1, size }, values, error);
	if (e != ERR_OK) {
		free(kept);
		kept = NULL;
	}
	return e;
}

static enum err
read_text(const char *text, struct row_value *values, char *error)
{
	return read_row(text, strlen(text), values, error);
}

/* Column `at` as its type gets it. */
static void
expect(const struct row_value *values, size_t at, const char *want)
{
	struct bytes got = row_value_text(&values[at], table.columns[at].form);

	assert_int_equal(got.size, strlen(want));
	assert_memory_equal(got.data, want, got.size);
}

static void
objects_are_rows(void **state)
{
	static const char text[] = " { \"a\" : 18446744073709551616 , "
				   "\"b\":\"x\\n\\u00e9\\ud83d\\ude00\",\"j\": \"t\\u0041\","
				   "\"k\":1e-3,\"q\\\"q\":[1, {\"z\": null}],\"\xc3\xa9\":true}\n";
	struct row_value values[6];
	char error[ROW_ERROR_BYTES];

	(void)state;
	assert_int_equal(read_row(text, sizeof(text) - 1, values, error), ERR_OK);
	expect(values, 0, "18446744073709551616");
	expect(values, 1, "x\n\xc3\xa9\xf0\x9f\x98\x80");
	expect(values, 2, "\"t\\u0041\"");
	expect(values, 3, "1e-3");
	expect(values, 4, "[1, {\"z\": null}]");
	expect(values, 5, "true");
	/* In another order, with fewer members: nothing of the row before is left. */
	assert_int_equal(read_text("{\"\\u00e9\":false,\"k\":null,\"\\u006b\":2}", values, error),
			 ERR_FORMAT);
	assert_int_equal(read_text("{\"\\u00e9\":false,\"\\u006b\":2}", values, error), ERR_OK);
	assert_int_equal(values[0].kind, ROW_ABSENT);
	assert_int_equal(values[5].kind, ROW_FALSE);
	expect(values, 3, "2");
	assert_int_equal(read_text("{\"a\":null,\"k\":\"\"}", values, error), ERR_OK);
	assert_int_equal(values[0].kind, ROW_NULL);
	expect(values, 3, "");
}

static const struct {
	const char *rule, *text, *why;
} rows[] = {
	{ "nothing", "", "empty" },
	{ "blanks", "  ", "no JSON at byte 2: not a JSON object" },
	{ "an array", "[]", "not a JSON object" },
	{ "a string", "\"a\"", "not a JSON object" },
	{ "no members", "{}", "an object without members" },
	{ "another column", "{\"k\":1,\"x\\n\":2}", "no such column to be written: \"x\\x0a\"" },
	{ "another case", "{\"K\":1}", "no such column to be written: \"K\"" },
	{ "a part of a name", "{\"\":1}", "no such column" },
	{ "twice", "{\"k\":1,\"k\":1}", "given twice: \"k\"" },
	{ "twice, once escaped", "{\"k\":1,\"\\u006b\":1}", "given twice: \"k\"" },
	{ "no key", "{\"a\":1}", "a column of the key has no value: \"k\"" },
	{ "a key that is null", "{\"k\":null}", "a column of the key has no value: \"k\"" },
	{ "a NUL", "{\"k\":\"a\\u0000b\"}", "a text with a NUL in it: \"k\"" },
	{ "text behind", "{\"k\":1}}", "text behind the object" },
	{ "no comma", "{\"k\":1 \"a\":2}", "a comma or the object's end is due" },
	{ "a comma at the end", "{\"k\":1,}", "a name in quotes is due" },
	{ "no colon", "{\"k\" 1}", "a colon is due" },
	{ "no value", "{\"k\":", "the text ends where a value is due" },
	{ "a word", "{\"k\":nul}", "unknown word" },
	{ "a leading zero", "{\"k\":01}", "leading zero" },
	{ "a plus", "{\"k\":+1}", "expected a digit" },
	{ "not UTF-8", "{\"k\":\"\xff\"}", "not valid UTF-8" },
	{ "half a pair", "{\"k\":\"\\ud800\"}", "half of a surrogate pair" },
	{ "a name twice within", "{\"k\":1,\"j\":{\"a\":1,\"a\":2}}", "a name twice" },
	{ "a bracket of the other kind", "{\"k\":1,\"j\":[1}}", "no JSON at byte" },
	{ "never closed within", "{\"k\":1,\"j\":[[1]", "no JSON at byte" },
};

static void
what_is_no_row_is_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct row_value values[6];
		char error[ROW_ERROR_BYTES] = "";
		enum err e = read_row(rows[i].text, strlen(rows[i].text), values, error);

		if (e != ERR_FORMAT || strstr(error, rows[i].why) == NULL)
			fail_msg("%s: %s: %s", rows[i].rule, err_text(e), error);
	}
}

static void
nested_values_have_a_depth(void **state)
{
	char text[300] = "{\"k\":1,\"j\":";
	struct row_value values[6];
	char error[ROW_ERROR_BYTES];
	size_t depth;

	(void)state;
	for (depth = ROW_DEPTH_MAX; depth <= ROW_DEPTH_MAX + 1; depth++) {
		size_t size = 11;

		memset(text + size, '[', depth);
		memset(text + size + depth, ']', depth);
		text[size + 2 * depth] = '}';
		size += 2 * depth + 1;
		assert_int_equal(read_row(text, size, values, error),
				 depth <= ROW_DEPTH_MAX ? ERR_OK : ERR_FORMAT);
	}
}

static const char whole[] =
	"{\"a\":-1.5,\"b\":\"x\\\"\xc3\xa9\",\"j\":{\"c\":[1,\"]\"]},\"k\":\"\\u0041\"}";

static void
each_truncation_is_refused(void **state)
{
	struct row_value values[6];
	char error[ROW_ERROR_BYTES];
	size_t size;

	(void)state;
	for (size = 0; size + 1 < sizeof(whole); size++)
		assert_int_equal(read_row(whole, size, values, error), ERR_FORMAT);
	assert_int_equal(read_row(whole, size, values, error), ERR_OK);
}

static void
each_bit_counts(void **state)
{
	size_t bit;
	size_t taken = 0;

	(void)state;
	for (bit = 0; bit < 8 * (sizeof(whole) - 1); bit++) {
		struct row_value values[6];
		char error[ROW_ERROR_BYTES];
		char text[sizeof(whole)];
		bool same = true;
		size_t i;

		memcpy(text, whole, sizeof(text));
		text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
		if (read_row(text, sizeof(whole) - 1, values, error) != ERR_OK)
			continue;
		taken++;
		/* It is another row: some value, or what it is of, has changed. */
		for (i = 0; i < 6; i++) {
			struct bytes got = { NULL, 0 };
			static const char *const as[] = { "-1.5", "x\"\xc3\xa9",
							  "{\"c\":[1,\"]\"]}", "A" };

			if (values[i].kind == ROW_ABSENT || values[i].kind == ROW_NULL) {
				same = same && i > 3;
				continue;
			}
			got = row_value_text(&values[i], table.columns[i].form);
			same = same && i < 4 && got.size == strlen(as[i]) &&
			       memcmp(got.data, as[i], got.size) == 0;
		}
		assert_false(same);
	}
	assert_true(taken > 20 && taken < 4 * (sizeof(whole) - 1));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_rows),
		cmocka_unit_test(what_is_no_row_is_refused),
		cmocka_unit_test(nested_values_have_a_depth),
		cmocka_unit_test(each_truncation_is_refused),
		cmocka_unit_test(each_bit_counts),
	};

	return cmocka_run_group_tests_name("project/row", tests, begin, end);
}
