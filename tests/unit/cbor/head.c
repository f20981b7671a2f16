/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Heads: what is refused and why, and that every argument survives its shortest form. */
#include <string.h>

#include "cbor/head.h"
#include "unit.h"

static void
refuses_with_the_fault(void **state)
{
	static const struct {
		const char *rule;
		uint8_t data[10];
		size_t size;
		enum cbor_fault want;
	} rows[] = {
		{ "no byte at all", { 0 }, 0, CBOR_SHORT },
		{ "one byte missing of one", { 0x18 }, 1, CBOR_SHORT },
		{ "one byte missing of two", { 0x19, 1 }, 2, CBOR_SHORT },
		{ "one byte missing of four", { 0x1a, 1, 2, 3 }, 4, CBOR_SHORT },
		{ "one byte missing of eight", { 0x1b, 1, 2, 3, 4, 5, 6, 7 }, 8, CBOR_SHORT },
		{ "long simple value without its byte", { 0xf8 }, 1, CBOR_SHORT },
		{ "reserved 28", { 0x1c }, 1, CBOR_RESERVED },
		{ "reserved 29 of a map", { 0xbd }, 1, CBOR_RESERVED },
		{ "reserved 30 of a tag", { 0xde }, 1, CBOR_RESERVED },
		{ "reserved 28 of simple values", { 0xfc }, 1, CBOR_RESERVED },
		{ "true in two bytes", { 0xf8, 21 }, 2, CBOR_RESERVED },
		{ "simple 31 in two bytes", { 0xf8, 31 }, 2, CBOR_RESERVED },
		{ "indefinite text", { 0x7f }, 1, CBOR_INDEFINITE },
		{ "indefinite map", { 0xbf }, 1, CBOR_INDEFINITE },
		{ "indefinite integer", { 0x1f }, 1, CBOR_INDEFINITE },
		{ "break", { 0xff }, 1, CBOR_INDEFINITE },
		{ "tag 0", { 0xc0, 0 }, 2, CBOR_TAGGED },
		{ "tag 55799", { 0xd9, 0xd9, 0xf7 }, 3, CBOR_TAGGED },
		{ "tag, judged before its bytes", { 0xdb }, 1, CBOR_TAGGED },
		{ "half float", { 0xf9, 0, 0 }, 3, CBOR_FLOATING },
		{ "float, judged before its bytes", { 0xfa }, 1, CBOR_FLOATING },
		{ "double", { 0xfb, 0, 0, 0, 0, 0, 0, 0, 0 }, 9, CBOR_FLOATING },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct cbor_reader r = { rows[i].data, rows[i].data + rows[i].size };
		struct cbor_head head = { CBOR_TAG, 77 };

		if (cbor_read_head(&r, &head) != rows[i].want)
			fail_msg("%s", rows[i].rule);
		if (r.at != rows[i].data || head.major != CBOR_TAG || head.argument != 77)
			fail_msg("%s: something moved", rows[i].rule);
	}
}

static void
reads_long_and_short_heads(void **state)
{
	static const struct {
		const char *rule;
		uint8_t data[9];
		size_t size;
		enum cbor_major major;
		uint64_t argument;
	} rows[] = {
		{ "zero", { 0 }, 1, CBOR_UNSIGNED, 0 },
		{ "23", { 0x17 }, 1, CBOR_UNSIGNED, 23 },
		{ "24", { 0x18, 24 }, 2, CBOR_UNSIGNED, 24 },
		{ "1 in one byte more", { 0x18, 1 }, 2, CBOR_UNSIGNED, 1 },
		{ "1 in eight bytes", { 0x1b, 0, 0, 0, 0, 0, 0, 0, 1 }, 9, CBOR_UNSIGNED, 1 },
		{ "big-endian", { 0x1a, 1, 2, 3, 4 }, 5, CBOR_UNSIGNED, 0x01020304 },
		{ "largest",
		  { 0x3b, 255, 255, 255, 255, 255, 255, 255, 255 },
		  9,
		  CBOR_NEGATIVE,
		  UINT64_MAX },
		{ "map of 5", { 0xa5 }, 1, CBOR_MAP, 5 },
		{ "array of 256", { 0x99, 1, 0 }, 3, CBOR_ARRAY, 256 },
		{ "bytes", { 0x41 }, 1, CBOR_BYTES, 1 },
		{ "text", { 0x78, 0xff }, 2, CBOR_TEXT, 255 },
		{ "true", { 0xf5 }, 1, CBOR_SIMPLE, CBOR_TRUE },
		{ "null", { 0xf6 }, 1, CBOR_SIMPLE, CBOR_NULL },
		{ "simple 32", { 0xf8, 32 }, 2, CBOR_SIMPLE, 32 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct cbor_reader r = { rows[i].data, rows[i].data + rows[i].size };
		struct cbor_head head = { 0 };

		if (cbor_read_head(&r, &head) != CBOR_FINE)
			fail_msg("%s: refused", rows[i].rule);
		if (head.major != rows[i].major || head.argument != rows[i].argument)
			fail_msg("%s: other value", rows[i].rule);
		if (cbor_left(&r) != 0)
			fail_msg("%s: bytes left", rows[i].rule);
	}
}

static void
writes_what_reads_back_in_the_shortest_form(void **state)
{
	uint64_t v = 0;
	unsigned int shift;
	int step;

	(void)state;
	for (shift = 0; shift < 64; shift++) {
		for (step = -1; step <= 1; step++) {
			uint8_t data[CBOR_HEAD_BYTES_MAX];
			struct cbor_writer w = { data, data + sizeof(data), false };
			struct cbor_reader r = { data, data };
			struct cbor_head head = { CBOR_TAG, 0 };

			v = (UINT64_C(1) << shift) + (uint64_t)(int64_t)step;
			cbor_write_head(&w, CBOR_BYTES, v);
			assert_false(w.full);
			assert_int_equal((size_t)(w.at - data), cbor_head_size(v));
			r.end = w.at;
			assert_int_equal(cbor_read_head(&r, &head), CBOR_FINE);
			assert_int_equal(head.major, CBOR_BYTES);
			assert_true(head.argument == v);
			/* One size less could not hold it. */
			if (w.at - data == 2)
				assert_true(v > 23);
			if (w.at - data == 3)
				assert_true(v > UINT8_MAX);
			if (w.at - data == 5)
				assert_true(v > UINT16_MAX);
			if (w.at - data == 9)
				assert_true(v > UINT32_MAX);
		}
	}
}

static void
writes_integers_of_both_signs(void **state)
{
	static const struct {
		int64_t value;
		uint8_t bytes[9];
		size_t size;
	} rows[] = {
		{ 0, { 0 }, 1 },
		{ -1, { 0x20 }, 1 },
		{ -24, { 0x37 }, 1 },
		{ -25, { 0x38, 24 }, 2 },
		{ 1000, { 0x19, 3, 0xe8 }, 3 },
		{ INT64_MIN, { 0x3b, 0x7f, 255, 255, 255, 255, 255, 255, 255 }, 9 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint8_t data[CBOR_HEAD_BYTES_MAX];
		struct cbor_writer w = { data, data + sizeof(data), false };

		cbor_write_integer(&w, rows[i].value);
		assert_int_equal((size_t)(w.at - data), rows[i].size);
		assert_memory_equal(data, rows[i].bytes, rows[i].size);
	}
}

static void
stops_at_the_end_of_its_storage(void **state)
{
	uint8_t data[8];
	struct cbor_writer w = { data, data + 4, false };

	(void)state;
	memset(data, 0xee, sizeof(data));
	cbor_write_text(&w, "abc", 3);
	assert_false(w.full);
	assert_memory_equal(data,
			    "\x63"
			    "abc",
			    4);
	cbor_write_bool(&w, true);
	assert_true(w.full);
	w.end = data + 8;
	cbor_write_bool(&w, true);
	assert_true(w.full);
	assert_int_equal(data[4], 0xee);
}

static void
takes_no_more_than_is_left(void **state)
{
	static const uint8_t data[] = { 1, 2, 3 };
	struct cbor_reader r = { data, data + 3 };

	(void)state;
	assert_null(cbor_take(&r, 4));
	assert_null(cbor_take(&r, UINT64_MAX));
	assert_ptr_equal(cbor_take(&r, 3), data);
	assert_int_equal(cbor_left(&r), 0);
	assert_non_null(cbor_take(&r, 0));
	assert_null(cbor_take(&r, 1));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_with_the_fault),
		cmocka_unit_test(reads_long_and_short_heads),
		cmocka_unit_test(writes_what_reads_back_in_the_shortest_form),
		cmocka_unit_test(writes_integers_of_both_signs),
		cmocka_unit_test(stops_at_the_end_of_its_storage),
		cmocka_unit_test(takes_no_more_than_is_left),
	};

	return cmocka_run_group_tests_name("cbor/head", tests, NULL, NULL);
}
