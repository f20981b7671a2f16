/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How often a key was there before, whatever its columns hold. */
#include <stdio.h>
#include <string.h>

#include "project/postgresql_internal.h"
#include "unit.h"

static struct table_column columns[] = { { .name_size = 0, .form = COLUMN_PLAIN },
					 { .name_size = 0, .form = COLUMN_PLAIN } };
static const struct table table = {
	.columns = columns, .count = 2, .keys = { 0, 1 }, .key_count = 2
};

static size_t
count(struct pg_keys *k, const char *a, const char *b)
{
	struct row_value values[] = {
		{ .kind = ROW_STRING, .text = a, .size = strlen(a) },
		{ .kind = ROW_STRING, .text = b, .size = strlen(b) },
	};
	size_t before = 99;

	assert_int_equal(pg_keys_count(k, &table, values, &before), ERR_OK);
	return before;
}

static void
keys_are_counted(void **state)
{
	struct pg_keys k = { 0 };

	(void)state;
	assert_int_equal(count(&k, "a", "b"), 0);
	assert_int_equal(count(&k, "a", "b"), 1);
	/* The same bytes, cut elsewhere. */
	assert_int_equal(count(&k, "ab", ""), 0);
	assert_int_equal(count(&k, "", "ab"), 0);
	assert_int_equal(count(&k, "b", "a"), 0);
	assert_int_equal(count(&k, "a", "b"), 2);
	assert_int_equal(count(&k, "", ""), 0);
	assert_int_equal(count(&k, "", ""), 1);
	pg_keys_clear(&k);
	assert_int_equal(count(&k, "a", "b"), 0);
	pg_keys_finish(&k);
}

static void
thousands_are_kept_apart(void **state)
{
	struct pg_keys k = { 0 };
	int pass, i;

	(void)state;
	for (pass = 0; pass < 3; pass++) {
		for (i = 0; i < 5000; i++) {
			char a[16], b[16];

			(void)snprintf(a, sizeof(a), "%d", i % 71);
			(void)snprintf(b, sizeof(b), "%d", i);
			assert_int_equal(count(&k, a, b), pass);
		}
	}
	pg_keys_finish(&k);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_counted),
		cmocka_unit_test(thousands_are_kept_apart),
	};

	return cmocka_run_group_tests_name("project/postgresql_keys", tests, NULL, NULL);
}
