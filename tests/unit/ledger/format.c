/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Each structure written, read again, cut and flipped.  Refusals are rows: a change of some bytes,
 * with the CRC made good again where the rule lies behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "ledger/format.h"
#include "unit.h"

static const uint8_t salt[FORMAT_SALT_BYTES] = { 9, 8, 7 };

static struct format_segment
a_segment(void)
{
	struct format_segment s = { .serial = 3, .first_index = 77, .seconds = -5 };

	memcpy(s.salt, salt, sizeof(salt));
	(void)strcpy(s.origin, "host7.example/evidence");
	return s;
}

static void
segment_goes_round(void **state)
{
	struct format_segment s = a_segment();
	struct format_segment back;
	uint8_t data[FORMAT_SEGMENT_BYTES];
	format_complaint why = "x";

	(void)state;
	format_segment_write(&s, data);
	assert_int_equal(format_segment_read(data, &back, &why), ERR_OK);
	assert_null(why);
	assert_memory_equal(&s, &back, sizeof(s));
	memset(s.origin, 'o', FORMAT_ORIGIN_MAX);
	format_segment_write(&s, data);
	assert_int_equal(format_segment_read(data, &back, &why), ERR_OK);
	assert_memory_equal(&s, &back, sizeof(s));
}

/* The document's own bytes, which no writer of ours has made. */
static void
segment_by_the_document(void **state)
{
	uint8_t data[FORMAT_SEGMENT_BYTES] = "HARKSEG1\x00\x02\0\0\0\0\0\0\x05";
	struct format_segment s;
	format_complaint why;

	(void)state;
	data[24] = 0x2a;
	data[32] = 0xaa;
	data[48] = 0x10;
	data[56] = 3;
	memcpy(data + 58, "a/b", 3);
	format_put_u32(data + 508, crc32c_of(data, 508));
	assert_int_equal(format_segment_read(data, &s, &why), ERR_OK);
	assert_int_equal(s.serial, 5);
	assert_int_equal(s.first_index, 42);
	assert_int_equal(s.salt[0], 0xaa);
	assert_int_equal(s.seconds, 16);
	assert_string_equal(s.origin, "a/b");
}

static void
segments_are_refused(void **state)
{
	static const struct {
		const char *rule;
		size_t at;
		uint8_t byte;
		bool mend_crc;
		enum err want;
		const char *words;
	} rows[] = {
		{ "another magic", 0, 'X', true, ERR_FORMAT, "HARKSEG1" },
		{ "a newer format", 7, '2', true, ERR_UNSUPPORTED, "HARKSEG1" },
		{ "no format at all", 7, '0', true, ERR_FORMAT, "HARKSEG1" },
		{ "a wrong CRC", 16, 99, false, ERR_FORMAT, "CRC-32C" },
		{ "another size", 8, 1, true, ERR_FORMAT, "size or flag" },
		{ "a flag", 12, 1, true, ERR_FORMAT, "size or flag" },
		{ "an origin of no bytes", 56, 0, true, ERR_FORMAT, "origin" },
		{ "an origin over its place", 57, 1, true, ERR_FORMAT, "origin" },
		{ "a blank in the origin", 60, ' ', true, ERR_FORMAT, "origin" },
		{ "a plus in the origin", 60, '+', true, ERR_FORMAT, "origin" },
		{ "a zero in the origin", 60, 0, true, ERR_FORMAT, "origin" },
		{ "a byte behind the origin", 58 + 22, 'x', true, ERR_FORMAT, "must be zero" },
		{ "a byte in the padding", 400, 1, true, ERR_FORMAT, "must be zero" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct format_segment s = a_segment();
		uint8_t data[FORMAT_SEGMENT_BYTES];
		format_complaint why = "";
		enum err e;

		format_segment_write(&s, data);
		data[rows[i].at] = rows[i].byte;
		if (rows[i].mend_crc)
			format_put_u32(data + 508, crc32c_of(data, 508));
		e = format_segment_read(data, &s, &why);
		if (e != rows[i].want || strstr(why, rows[i].words) == NULL)
			fail_msg("%s: %d %s", rows[i].rule, e, why);
	}
}

static void
segment_flips(void **state)
{
	struct format_segment s = a_segment();
	uint8_t data[FORMAT_SEGMENT_BYTES];
	format_complaint why = "";
	size_t i;

	(void)state;
	format_segment_write(&s, data);
	for (i = 0; i < sizeof(data) * 8; i++) {
		struct format_segment kept = s;

		data[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_not_equal(format_segment_read(data, &s, &why), ERR_OK);
		assert_memory_equal(&s, &kept, sizeof(s));
		data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	memset(data, 0, sizeof(data));
	assert_int_equal(format_segment_read(data, &s, &why), ERR_MISSING);
}

/* A frame with two changes, a record, a redacted one and an empty one. */
struct sample {
	struct format_head head;
	uint8_t data[1024];
};

static void
make_sample(struct sample *out)
{
	uint8_t *changes = out->data + FORMAT_HEAD_BYTES;
	uint8_t *p = changes;

	memset(out, 0, sizeof(*out));
	p += format_change_write("key", 3, "value", 5, p);
	p += format_change_write("gone", 4, NULL, 0, p);
	out->head.change_bytes = (uint32_t)(p - changes);
	format_put_u32(p, 5);
	memcpy(p + 4, "hello", 5);
	p += 9;
	format_put_u32(p, FORMAT_REDACTED | 40);
	memset(p + 4, 0xee, 32);
	p += 44;
	format_put_u32(p, 0);
	p += 4;
	out->head.record_bytes = (uint32_t)(p - changes) - out->head.change_bytes;
	out->head.records = 3;
	out->head.bytes =
		(uint32_t)format_frame_bytes(out->head.change_bytes, out->head.record_bytes);
	out->head.first_index = 100;
	out->head.size_after = 103;
	out->head.is_last = true;
	out->head.time = (struct hark_time){ 1762348800, 999999999 };
	out->head.monotonic_ns = 1234567;
	memset(out->head.root_after.bytes, 0x33, MERKLE_HASH_BYTES);
	format_head_write(&out->head, salt, changes, out->data);
	out->head.crc = format_get_u32(out->data + 124);
}

/* Reads a frame as all readers do. */
static enum err
read_sample(const uint8_t *data, struct format_head *head, format_complaint *why)
{
	size_t at = 0;
	enum err e = format_head_read(data, head, why);

	if (e != ERR_OK)
		return e;
	if (head->bytes > sizeof(((struct sample *)NULL)->data))
		return ERR_LIMIT;
	*why = "CRC";
	if (!format_head_holds(head, salt, data))
		return ERR_FORMAT;
	return format_frame_check(head, data, &at, why);
}

static void
frame_goes_round(void **state)
{
	static const uint8_t other_salt[FORMAT_SALT_BYTES] = { 1 };
	uint8_t again[FORMAT_HEAD_BYTES];
	struct sample s;
	struct format_head head;
	struct format_change change;
	struct format_record record;
	struct merkle_hash hash;
	struct merkle_hash want;
	format_complaint why;
	struct bytes rest;

	(void)state;
	make_sample(&s);
	assert_int_equal(s.head.bytes % FORMAT_ALIGN, 0);
	assert_int_equal(read_sample(s.data, &head, &why), ERR_OK);
	assert_null(why);
	format_head_write(&head, salt, s.data + FORMAT_HEAD_BYTES, again);
	assert_memory_equal(again, s.data, sizeof(again));
	assert_int_equal(head.crc, s.head.crc);
	assert_false(format_head_holds(&head, other_salt, s.data));

	rest = (struct bytes){ s.data + FORMAT_HEAD_BYTES, head.change_bytes };
	assert_int_equal(format_change_take(&rest, &change, &why), ERR_OK);
	assert_int_equal(change.key.size, 3);
	assert_memory_equal(change.value.data, "value", 5);
	assert_false(change.is_removal);
	assert_int_equal(format_change_take(&rest, &change, &why), ERR_OK);
	assert_memory_equal(change.key.data, "gone", 4);
	assert_true(change.is_removal);
	assert_int_equal(format_change_take(&rest, &change, &why), ERR_END);

	rest = (struct bytes){ s.data + FORMAT_HEAD_BYTES + head.change_bytes, head.record_bytes };
	assert_int_equal(format_record_take(&rest, &record, &why), ERR_OK);
	assert_memory_equal(record.data.data, "hello", 5);
	format_record_hash(&record, &hash);
	merkle_leaf("hello", 5, &want);
	assert_true(merkle_equal(&hash, &want));
	assert_int_equal(format_record_take(&rest, &record, &why), ERR_OK);
	assert_true(record.is_redacted);
	assert_int_equal(record.bytes, 40);
	assert_int_equal(record.data.size, 0);
	format_record_hash(&record, &hash);
	memset(want.bytes, 0xee, sizeof(want.bytes));
	assert_true(merkle_equal(&hash, &want));
	assert_int_equal(format_record_take(&rest, &record, &why), ERR_OK);
	assert_int_equal(record.bytes, 0);
	assert_int_equal(format_record_take(&rest, &record, &why), ERR_END);
}

static void
mend_crc(struct sample *s)
{
	uint32_t crc = crc32c_of(salt, sizeof(salt));

	crc = crc32c_update(crc, s->data, 124);
	crc = crc32c_update(crc, s->data + FORMAT_HEAD_BYTES, s->head.change_bytes);
	format_put_u32(s->data + 124, crc);
}

/* Changes begin at 128: 3+3+5 bytes, 3+4 bytes; records at 146: 4+5, 4+40, 4; then padding. */
static void
frames_are_refused(void **state)
{
	static const struct {
		const char *rule;
		size_t at;
		uint8_t byte;
		bool mend;
		const char *words;
	} rows[] = {
		{ "another magic", 0, 'X', true, "HKCF" },
		{ "size beyond the limit", 7, 1, true, "over the limit" },
		{ "size not of its parts", 4, 0, true, "of its parts" },
		{ "a size that is not aligned", 4, 1, true, "of its parts" },
		{ "changes beyond the frame", 15, 1, true, "of its parts" },
		{ "records beyond the frame", 23, 1, true, "of its parts" },
		{ "too many records", 10, 1, true, "number of records is over" },
		{ "an unknown flag", 16, 3, true, "must be zero" },
		{ "a high flag", 19, 0x80, true, "must be zero" },
		{ "size after is another", 32, 5, true, "tree's size" },
		{ "first index over the end", 31, 0xff, true, "tree's size" },
		{ "nanoseconds", 83, 0xff, true, "nanoseconds" },
		{ "a byte behind the time", 84, 1, true, "must be zero" },
		{ "a byte in the reserved ones", 110, 1, true, "must be zero" },
		{ "the root changed without CRC", 40, 1, false, "CRC" },
		{ "the CRC itself", 124, 0, false, "CRC" },
		{ "a change's value", 134, 'X', false, "CRC" },
		{ "a change's key over its place", 128, 200, true, "beyond its place" },
		{ "a change's value over its place", 129, 200, true, "beyond its place" },
		{ "an empty key", 128, 0, true, "not allowed" },
		{ "a value over its limit", 130, 5, true, "beyond its place" },
		{ "a record over its place", 147, 4, true, "beyond the records" },
		{ "one record more", 8, 4, true, "tree's size" },
		{ "a redacted one that is too short", 155, 20, true, "a hash and zeroes" },
		{ "a redacted one that is not blank", 155 + 4 + 33, 1, true, "a hash and zeroes" },
		{ "padding that is not zero", 207, 1, true, "padding" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct sample s;
		struct format_head head;
		format_complaint why = "";
		enum err e;

		make_sample(&s);
		assert_int_equal(s.head.bytes, 208);
		s.data[rows[i].at] = rows[i].byte;
		if (rows[i].mend)
			mend_crc(&s);
		e = read_sample(s.data, &head, &why);
		if (e != ERR_FORMAT || strstr(why, rows[i].words) == NULL)
			fail_msg("%s: %d %s", rows[i].rule, e, why);
	}
}

static void
another_number_of_records(void **state)
{
	struct sample s;
	struct format_head head;
	format_complaint why = "";

	(void)state;
	make_sample(&s);
	s.data[8] = 2;    /* records */
	s.data[32] = 102; /* and the size after */
	mend_crc(&s);
	assert_int_equal(read_sample(s.data, &head, &why), ERR_FORMAT);
	assert_non_null(strstr(why, "another number of records"));
}

/* Head and changes by the CRC; of the records alone the sizes are seen here, the rest by the root.
 */
static void
frame_flips(void **state)
{
	struct sample s;
	struct format_head head;
	format_complaint why;
	size_t i;

	(void)state;
	make_sample(&s);
	for (i = 0; i < (FORMAT_HEAD_BYTES + s.head.change_bytes) * 8; i++) {
		s.data[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_not_equal(read_sample(s.data, &head, &why), ERR_OK);
		s.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	memset(s.data, 0, sizeof(s.data));
	assert_int_equal(read_sample(s.data, &head, &why), ERR_MISSING);
}

/* Records and changes that end anywhere, in memory of exactly that size. */
static void
truncations(void **state)
{
	struct sample s;
	size_t size;

	(void)state;
	make_sample(&s);
	for (size = 0; size <= s.head.change_bytes + s.head.record_bytes; size++) {
		uint8_t *data = malloc(size == 0 ? 1 : size);
		struct bytes rest = { data, size };
		struct format_change change;
		struct format_record record;
		format_complaint why;
		enum err e;

		assert_non_null(data);
		memcpy(data, s.data + FORMAT_HEAD_BYTES, size);
		while ((e = format_change_take(&rest, &change, &why)) == ERR_OK)
			;
		if (size <= s.head.change_bytes)
			assert_int_equal(e, size == 0 || size == 11 || size == 18 ? ERR_END
										  : ERR_FORMAT);
		if (size >= s.head.change_bytes) {
			rest = (struct bytes){ data + s.head.change_bytes,
					       size - s.head.change_bytes };
			while ((e = format_record_take(&rest, &record, &why)) == ERR_OK)
				;
			size -= s.head.change_bytes;
			assert_int_equal(e, size == 0 || size == 9 || size == 53 || size == 57
						    ? ERR_END
						    : ERR_FORMAT);
			size += s.head.change_bytes;
		}
		free(data);
	}
}

static void
limits_of_records_and_changes(void **state)
{
	static uint8_t big[FORMAT_LEAF_BYTES_MAX + 5];
	struct bytes rest = { big, sizeof(big) };
	struct format_record record;
	struct format_change change;
	format_complaint why = "";

	(void)state;
	format_put_u32(big, FORMAT_LEAF_BYTES_MAX + 1);
	assert_int_equal(format_record_take(&rest, &record, &why), ERR_FORMAT);
	assert_non_null(strstr(why, "largest size"));
	format_put_u32(big, FORMAT_LEAF_BYTES_MAX);
	assert_int_equal(format_record_take(&rest, &record, &why), ERR_OK);
	assert_int_equal(rest.size, 1);
	rest = (struct bytes){ big, 3 + 1 + 1025 };
	memcpy(big, "\x01\x01\x04", 3);
	assert_int_equal(format_change_take(&rest, &change, &why), ERR_FORMAT);
	assert_non_null(strstr(why, "not allowed"));
	memcpy(big, "\x01\x00\x04", 3);
	assert_int_equal(format_change_take(&rest, &change, &why), ERR_OK);
	assert_int_equal(rest.size, 1);
}

static void
ledger_files(void **state)
{
	static const struct {
		const char *rule, *text;
		size_t size;
		enum err want;
		const char *words;
	} rows[] = {
		{ "good", "hark-ledger 1\na/b\n", 18, ERR_OK, "" },
		{ "empty", "", 0, ERR_FORMAT, "first line" },
		{ "newer", "hark-ledger 2\na/b\n", 18, ERR_UNSUPPORTED, "first line" },
		{ "much newer", "hark-ledger 10\na/b\n", 19, ERR_UNSUPPORTED, "first line" },
		{ "no number", "hark-ledger x\na/b\n", 18, ERR_FORMAT, "first line" },
		{ "another name", "hark-ledgers 1\na/b\n", 19, ERR_FORMAT, "first line" },
		{ "one line", "hark-ledger 1", 13, ERR_FORMAT, "origin" },
		{ "no origin", "hark-ledger 1\n", 14, ERR_FORMAT, "origin" },
		{ "an empty origin", "hark-ledger 1\n\n", 15, ERR_FORMAT, "origin" },
		{ "no newline", "hark-ledger 1\na/b", 17, ERR_FORMAT, "origin" },
		{ "a third line", "hark-ledger 1\na/b\nc\n", 20, ERR_FORMAT, "origin" },
		{ "a blank", "hark-ledger 1\na b\n", 18, ERR_FORMAT, "origin" },
	};
	char origin[FORMAT_ORIGIN_MAX + 1u];
	char text[FORMAT_LEDGER_FILE_MAX];
	format_complaint why;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		enum err e;

		why = "";
		e = format_ledger_read(rows[i].text, rows[i].size, origin, &why);
		if (e != rows[i].want || (why != NULL && strstr(why, rows[i].words) == NULL))
			fail_msg("%s: %d %s", rows[i].rule, e, why);
	}
	assert_int_equal(format_ledger_write("a/b", text), 18);
	assert_memory_equal(text, rows[0].text, 18);
	memset(origin, 'x', FORMAT_ORIGIN_MAX);
	origin[FORMAT_ORIGIN_MAX] = '\0';
	i = format_ledger_write(origin, text);
	assert_true(i <= sizeof(text));
	assert_int_equal(format_ledger_read(text, i, origin, &why), ERR_OK);
	assert_int_equal(strlen(origin), FORMAT_ORIGIN_MAX);
}

static void
salts_differ_by_serial(void **state)
{
	static const uint64_t random[2] = { 1, 2 };
	static const uint64_t other[2] = { 1, 3 };
	uint8_t a[FORMAT_SALT_BYTES];
	uint8_t b[FORMAT_SALT_BYTES];

	(void)state;
	format_salt(random, 0, a);
	format_salt(random, 1, b);
	assert_memory_not_equal(a, b, sizeof(a));
	format_salt(other, 0, b);
	assert_memory_not_equal(a, b, sizeof(a));
	format_salt(random, 0, b);
	assert_memory_equal(a, b, sizeof(a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segment_goes_round),
		cmocka_unit_test(segment_by_the_document),
		cmocka_unit_test(segments_are_refused),
		cmocka_unit_test(segment_flips),
		cmocka_unit_test(frame_goes_round),
		cmocka_unit_test(frames_are_refused),
		cmocka_unit_test(another_number_of_records),
		cmocka_unit_test(frame_flips),
		cmocka_unit_test(truncations),
		cmocka_unit_test(limits_of_records_and_changes),
		cmocka_unit_test(ledger_files),
		cmocka_unit_test(salts_differ_by_serial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
