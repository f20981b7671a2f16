/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CRC-32C: the published vectors, and pieces in turn. */
#include <string.h>

#include "base/crc32c.h"
#include "unit.h"

/* RFC 3720, appendix B.4, and the check value of the CRC catalogue. */
static void
vectors(void **state)
{
	uint8_t bytes[32];
	size_t i;

	(void)state;
	assert_int_equal(crc32c_of("", 0), 0);
	assert_int_equal(crc32c_of("123456789", 9), 0xe3069283u);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc32c_of(bytes, sizeof(bytes)), 0x8a9136aau);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc32c_of(bytes, sizeof(bytes)), 0x62a8ab43u);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(crc32c_of(bytes, sizeof(bytes)), 0x46dd794eu);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(31 - i);
	assert_int_equal(crc32c_of(bytes, sizeof(bytes)), 0x113fdb5cu);
}

/* The table by its definition, so that each of its entries is seen. */
static void
every_byte(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i;
		uint32_t want = 0xffffffffu ^ i;
		int bit;

		for (bit = 0; bit < 8; bit++)
			want = want >> 1 ^ ((want & 1) != 0 ? 0x82f63b78u : 0);
		assert_int_equal(crc32c_of(&byte, 1), ~want);
	}
}

static void
pieces_in_turn(void **state)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog";
	size_t cut;

	(void)state;
	for (cut = 0; cut < sizeof(text); cut++)
		assert_int_equal(
			crc32c_update(crc32c_of(text, cut), text + cut, sizeof(text) - cut),
			crc32c_of(text, sizeof(text)));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(pieces_in_turn),
	};

	return cmocka_run_group_tests_name("base/crc32c", tests, NULL, NULL);
}
