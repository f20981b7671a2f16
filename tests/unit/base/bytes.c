/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Short copies: every size, every offset of both sides, and no byte beside. */
#include "base/bytes.h"
#include "unit.h"

#define SIZE_MAX_TRIED 200u
#define MARGIN         16u

static void
every_size_and_offset(void **state)
{
	static uint8_t from[SIZE_MAX_TRIED + 2 * MARGIN];
	static uint8_t to[SIZE_MAX_TRIED + 2 * MARGIN];
	size_t size;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i * 7 + 1);
	for (size = 0; size <= SIZE_MAX_TRIED; size++) {
		size_t in = size % 9;
		size_t out = size * 5 % 11;

		memset(to, 0xee, sizeof(to));
		bytes_copy(to + out, from + in, size);
		for (i = 0; i < sizeof(to); i++) {
			uint8_t want = i >= out && i < out + size ? from[in + i - out] : 0xee;

			if (to[i] != want)
				fail_msg("size %zu: byte %zu", size, i);
		}
	}
}

static void
nothing_of_nowhere(void **state)
{
	uint8_t byte = 9;

	(void)state;
	bytes_copy(&byte, NULL, 0);
	assert_int_equal(byte, 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_and_offset),
		cmocka_unit_test(nothing_of_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
