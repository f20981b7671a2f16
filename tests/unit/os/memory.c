/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pages that are given back: they are zero again where they lie whole in the range, and stay where
 * not. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/memory.h"
#include "unit.h"

#define PAGES 8u

static size_t
resident(const void *data, size_t pages)
{
	unsigned char seen[PAGES];
	size_t count = 0;
	size_t i;

	assert_int_equal(mincore((void *)(uintptr_t)data, pages * (size_t)getpagesize(), seen), 0);
	for (i = 0; i < pages; i++)
		count += seen[i] & 1;
	return count;
}

static void
only_whole_pages_of_the_range_go(void **state)
{
	size_t page = (size_t)getpagesize();
	static const struct {
		const char *rule;
		int begin, end; /* bytes over the third and the sixth page's begin */
		size_t gone;
	} rows[] = {
		{ "just the pages", 0, 0, 3 },     { "less at both ends", 1, -1, 1 },
		{ "more at both ends", -1, 1, 3 }, { "an end inside", 0, -1, 2 },
		{ "a begin inside", 1, 0, 2 },
	};
	size_t row;

	(void)state;
	for (row = 0; row < COUNT_OF(rows); row++) {
		void *data = NULL;
		uint8_t *at;
		size_t i;

		assert_int_equal(memory_map(PAGES * page, &data), ERR_OK);
		at = data;
		assert_int_equal(resident(at, PAGES), 0); /* untouched, it costs nothing */
		for (i = 0; i < PAGES * page; i++)
			assert_int_equal(at[i], 0);
		memset(at, 7, PAGES * page);
		memory_give_back(at + 2 * page + rows[row].begin,
				 (size_t)((long)(3 * page) - rows[row].begin + rows[row].end));
		if (resident(at, PAGES) != PAGES - rows[row].gone)
			fail_msg("%s", rows[row].rule);
		assert_int_equal(at[2 * page - 1], 7);
		assert_int_equal(at[5 * page], 7);
		memset(at, 8, PAGES * page); /* still there to be used */
		memory_unmap(data, PAGES * page);
	}
}

static void
less_than_a_page_stays(void **state)
{
	uint8_t small[64];

	(void)state;
	memset(small, 5, sizeof(small));
	memory_give_back(small, sizeof(small));
	memory_give_back(small, 0);
	assert_int_equal(small[0], 5);
	assert_int_equal(small[63], 5);
	memory_unmap(NULL, 1);
}

/* Uses so much of the stack, and gives where. */
__attribute__((noinline)) static uintptr_t
deep(void)
{
	volatile uint8_t much[65536];
	size_t i;

	for (i = 0; i < sizeof(much); i += 512)
		much[i] = 9;
	return ((uintptr_t)much + 16384) & ~(uintptr_t)4095;
}

static void
a_stack_that_was_used_goes_and_ours_stays(void **state)
{
	volatile uint8_t ours[256];
	uintptr_t place = deep();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ours); i++)
		ours[i] = (uint8_t)i;
	assert_true(resident((const void *)place, 4) == 4);
	memory_give_back_stack();
	assert_true(resident((const void *)place, 4) < 4);
	for (i = 0; i < sizeof(ours); i++)
		assert_int_equal(ours[i], i);
	(void)deep();
}

static void
more_than_there_is_is_refused(void **state)
{
	void *data = NULL;

	(void)state;
	assert_int_equal(memory_map(SIZE_MAX / 2, &data), ERR_MEMORY);
	assert_null(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_whole_pages_of_the_range_go),
		cmocka_unit_test(less_than_a_page_stays),
		cmocka_unit_test(a_stack_that_was_used_goes_and_ours_stays),
		cmocka_unit_test(more_than_there_is_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
