/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table against the simplest one that there is: an array. */
#include "hark-notary/table.h"
#include "sim/disk.h"
#include "unit.h"

#define KEYS 512u

static void
does_what_an_array_does(void **state)
{
	struct table t = { 0 };
	static char things[KEYS];
	void *want[KEYS] = { NULL };
	uint64_t seed = 7;
	unsigned int step;
	size_t count = 0;

	(void)state;
	for (step = 0; step < 200000; step++) {
		uint64_t key = sim_random(&seed) % KEYS;
		/* Keys that follow each other, and keys that fall upon each other. */
		uint64_t wide = key % 2 == 0 ? key : key << 40;

		switch (sim_random(&seed) % 3) {
		case 0:
			count += want[key] == NULL;
			want[key] = &things[sim_random(&seed) % KEYS];
			assert_int_equal(table_set(&t, wide, want[key]), ERR_OK);
			break;
		case 1:
			assert_ptr_equal(table_remove(&t, wide), want[key]);
			count -= want[key] != NULL;
			want[key] = NULL;
			break;
		default:
			assert_ptr_equal(table_get(&t, wide), want[key]);
			break;
		}
		assert_int_equal(t.count, count);
		if (step % 1000 == 0) {
			size_t at = 0;
			size_t seen = 0;

			while (table_next(&t, &at) != NULL)
				seen++;
			assert_int_equal(seen, count);
		}
	}
	table_finish(&t);
	table_finish(NULL);
	assert_null(table_get(&t, 1));
	assert_null(table_remove(&t, 1));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_what_an_array_does),
	};

	return cmocka_run_group_tests_name("hark-notary/table", tests, NULL, NULL);
}
