/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names and widths of tiles, by the examples of the C2SP document and at the ends. */
#include "unit.h"

#include "verify/tiles.h"

static void
names(void **state)
{
	static const struct {
		unsigned int kind;
		uint64_t index;
		unsigned int width;
		const char *want;
	} rows[] = {
		{ 0, 1234067, 256, "tile/0/x001/x234/067" },
		{ 0, 0, 256, "tile/0/000" },
		{ 1, 999, 256, "tile/1/999" },
		{ 1, 1000, 1, "tile/1/x001/000.p/1" },
		{ 7, 5, 255, "tile/7/005.p/255" },
		{ TILES_ENTRIES, 273, 112, "tile/entries/273.p/112" },
		{ TILES_REDACTED, 1, 256, "tile/redacted/001" },
		{ TILES_ENTRIES, UINT64_MAX, 255,
		  "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255" },
	};
	char path[TILES_PATH_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		tiles_path(rows[i].kind, rows[i].index, rows[i].width, path);
		assert_string_equal(path, rows[i].want);
	}
}

/* A tree of 70,000 leaves, as the document has it. */
static void
widths(void **state)
{
	(void)state;
	assert_int_equal(tiles_count(0, 70000), 70000);
	assert_int_equal(tiles_width(0, 272, 70000), 256);
	assert_int_equal(tiles_width(0, 273, 70000), 112);
	assert_int_equal(tiles_count(1, 70000), 273);
	assert_int_equal(tiles_width(1, 0, 70000), 256);
	assert_int_equal(tiles_width(1, 1, 70000), 17);
	assert_int_equal(tiles_width(2, 0, 70000), 1);
	assert_int_equal(tiles_count(3, 70000), 0);
	assert_int_equal(tiles_width(0, 0, 256), 256);
	assert_int_equal(tiles_width(0, 1, 256), 0);
	assert_int_equal(tiles_width(1, 0, 256), 1);
	assert_int_equal(tiles_count(7, UINT64_MAX), 255);
	assert_int_equal(tiles_count(TILES_LEVELS, UINT64_MAX), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(widths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
