/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The state map against a plain model of it, and its snapshot written, read, cut and flipped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "ledger/snapshot.h"
#include "unit.h"

static const uint64_t secret[2] = { 0x0123456789abcdef, 42 };
static const uint8_t salt[FORMAT_SALT_BYTES] = { 5, 6 };

#define KEYS 700u

static struct bytes
key_of(unsigned int i, char text[32])
{
	int n = snprintf(text, 32, "%s%u", i % 3 == 0 ? "stream/" : "k", i);

	return (struct bytes){ (const uint8_t *)text, (size_t)n };
}

static uint64_t
next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return *seed >> 33;
}

static void
check_against(const struct state_map *m, const uint32_t *sizes)
{
	size_t bytes = 0;
	size_t count = 0;
	unsigned int i;

	for (i = 0; i < KEYS; i++) {
		char text[32];
		struct bytes value = { 0 };
		struct bytes key = key_of(i, text);

		assert_int_equal(state_get(m, key, &value), sizes[i] != 0);
		if (sizes[i] == 0)
			continue;
		count++;
		bytes += format_change_bytes(key.size, sizes[i] - 1);
		assert_int_equal(value.size, sizes[i] - 1);
		if (value.size > 0)
			assert_int_equal(value.data[value.size - 1], (uint8_t)(i + sizes[i]));
	}
	assert_int_equal(m->count, count);
	assert_int_equal(m->bytes, bytes);
}

/* sizes[i]: 0 not there, else one more than the value's size. */
static void
the_map_is_a_map(void **state)
{
	static uint32_t sizes[KEYS];
	struct state_map m;
	uint64_t seed = 1;
	unsigned int round;

	(void)state;
	state_init(&m, secret);
	check_against(&m, sizes);
	for (round = 0; round < 20000; round++) {
		unsigned int i = (unsigned int)(next(&seed) % KEYS);
		uint8_t data[FORMAT_STATE_VALUE_MAX];
		struct bytes value = { data, next(&seed) % (round % 9 == 0 ? 1025 : 40) };
		char text[32];
		struct bytes key = key_of(i, text);

		if (next(&seed) % 3 == 0) {
			assert_int_equal(state_put(&m, key, NULL), ERR_OK);
			sizes[i] = 0;
		} else {
			sizes[i] = (uint32_t)value.size + 1;
			memset(data, (int)(i + sizes[i]), sizeof(data));
			assert_int_equal(state_put(&m, key, &value), ERR_OK);
		}
		if (round % 1000 == 0)
			check_against(&m, sizes);
	}
	check_against(&m, sizes);
	state_finish(&m);
	state_finish(&m);
	memset(sizes, 0, sizeof(sizes));
	check_against(&m, sizes);
}

static void
a_value_may_come_from_the_map(void **state)
{
	struct bytes a = { (const uint8_t *)"a", 1 };
	struct bytes b = { (const uint8_t *)"b", 1 };
	struct bytes value = { (const uint8_t *)"0123456789", 10 };
	struct bytes there;
	struct state_map m;

	(void)state;
	state_init(&m, secret);
	assert_int_equal(state_put(&m, a, &value), ERR_OK);
	assert_true(state_get(&m, a, &there));
	assert_int_equal(state_put(&m, b, &there), ERR_OK);
	there = (struct bytes){ there.data + 3, 4 };
	assert_int_equal(state_put(&m, a, &there), ERR_OK);
	assert_true(state_get(&m, a, &there));
	assert_int_equal(there.size, 4);
	assert_memory_equal(there.data, "3456", 4);
	assert_true(state_get(&m, b, &there));
	assert_memory_equal(there.data, "0123456789", 10);
	assert_false(state_get(&m, (struct bytes){ NULL, 0 }, &there));
	state_finish(&m);
}

static void
grow(struct merkle_frontier *f, unsigned int leaves)
{
	unsigned int i;

	memset(f, 0, sizeof(*f));
	for (i = 0; i < leaves; i++) {
		struct merkle_hash h;

		merkle_leaf(&i, sizeof(i), &h);
		merkle_frontier_add(f, &h, NULL, NULL);
	}
}

static void
make(struct state_map *m, unsigned int keys, unsigned int leaves, struct merkle_frontier *f,
     struct buf *out)
{
	unsigned int i;

	state_init(m, secret);
	for (i = 0; i < keys; i++) {
		char text[32];
		struct bytes value = { (const uint8_t *)"values of many sizes", i % 20 };

		assert_int_equal(state_put(m, key_of(i, text), &value), ERR_OK);
	}
	grow(f, leaves);
	assert_int_equal(snapshot_write(9, salt, f, m, out), ERR_OK);
}

static void
snapshots_go_round(void **state)
{
	static const struct {
		unsigned int keys, leaves;
	} rows[] = { { 0, 0 }, { 1, 1 }, { 300, 7 }, { 3, 256 }, { 0, 1000 } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct merkle_frontier f;
		struct state_map m;
		struct state_map back;
		struct buf file = { 0 };
		struct buf again = { 0 };
		struct snapshot s;
		format_complaint why;

		make(&m, rows[i].keys, rows[i].leaves, &f, &file);
		assert_int_equal(snapshot_read((struct bytes){ file.data, file.size }, &s, &why),
				 ERR_OK);
		assert_int_equal(s.serial, 9);
		assert_memory_equal(s.salt, salt, sizeof(salt));
		assert_int_equal(s.frontier.size, rows[i].leaves);
		state_init(&back, secret);
		assert_int_equal(snapshot_apply(&s, &back, &why), ERR_OK);
		assert_int_equal(back.count, rows[i].keys);
		assert_int_equal(snapshot_write(9, salt, &s.frontier, &back, &again), ERR_OK);
		assert_int_equal(again.size, file.size);
		state_finish(&m);
		state_finish(&back);
		buf_finish(&file);
		buf_finish(&again);
	}
}

static void
snapshots_are_refused(void **state)
{
	/* Two hashes of the frontier begin at 56, entries at 120: 3+1+0, 3+8... bytes. */
	static const struct {
		const char *rule;
		size_t at;
		uint8_t byte;
		bool mend;
		enum err want;
		const char *words;
	} rows[] = {
		{ "another magic", 0, 'h', true, ERR_FORMAT, "HARKSTA1" },
		{ "a newer format", 7, '2', true, ERR_UNSUPPORTED, "HARKSTA1" },
		{ "no format", 7, '/', true, ERR_FORMAT, "HARKSTA1" },
		{ "CRC", 60, 1, false, ERR_FORMAT, "CRC-32C" },
		{ "a tree of more subtrees", 16, 7, true, ERR_FORMAT, "frontier" },
		{ "a count of its own", 48, 3, true, ERR_FORMAT, "frontier" },
		{ "more entries than there are", 24, 200, true, ERR_FORMAT, "as many bytes" },
		{ "an entry over its place", 120, 250, true, ERR_FORMAT, "beyond its place" },
		{ "an empty key", 120, 0, true, ERR_FORMAT, "not allowed" },
	};
	struct merkle_frontier f;
	struct state_map m;
	struct buf file = { 0 };
	size_t i;

	(void)state;
	make(&m, 2, 3, &f, &file);
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint8_t kept = file.data[rows[i].at];
		struct snapshot s;
		format_complaint why = "";
		enum err e;

		file.data[rows[i].at] = rows[i].byte;
		if (rows[i].mend)
			format_put_u32(file.data + file.size - 4,
				       crc32c_of(file.data, file.size - 4));
		e = snapshot_read((struct bytes){ file.data, file.size }, &s, &why);
		if (e != rows[i].want || strstr(why, rows[i].words) == NULL)
			fail_msg("%s: %d %s", rows[i].rule, e, why);
		file.data[rows[i].at] = kept;
		format_put_u32(file.data + file.size - 4, crc32c_of(file.data, file.size - 4));
	}
	state_finish(&m);
	buf_finish(&file);
}

/* Entries by hand: a removal, and a key that comes twice. */
static void
entries_are_refused(void **state)
{
	static const struct {
		const char *entries;
		size_t size;
		bool is_read;
		const char *words;
	} rows[] = {
		{ "\x01\xff\xffk", 4, false, "removed key" },
		{ "\x01\x01\x00kv\x01\x01\x00kw", 10, true, "twice" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint8_t data[128] = "HARKSTA1";
		struct state_map m;
		struct snapshot s;
		format_complaint why = "";
		size_t size = 56 + rows[i].size;

		data[24] = (uint8_t)rows[i].size;
		memcpy(data + 56, rows[i].entries, rows[i].size);
		format_put_u32(data + size, crc32c_of(data, size));
		assert_int_equal(snapshot_read((struct bytes){ data, size + 4 }, &s, &why),
				 rows[i].is_read ? ERR_OK : ERR_FORMAT);
		if (rows[i].is_read) {
			state_init(&m, secret);
			assert_int_equal(snapshot_apply(&s, &m, &why), ERR_FORMAT);
			state_finish(&m);
		}
		assert_non_null(strstr(why, rows[i].words));
	}
}

static void
truncations_and_flips(void **state)
{
	struct merkle_frontier f;
	struct state_map m;
	struct buf file = { 0 };
	struct snapshot s;
	format_complaint why;
	size_t i;

	(void)state;
	make(&m, 5, 5, &f, &file);
	for (i = 0; i < file.size; i++) {
		uint8_t *copy = malloc(i == 0 ? 1 : i);

		assert_non_null(copy);
		memcpy(copy, file.data, i);
		assert_int_equal(snapshot_read((struct bytes){ copy, i }, &s, &why), ERR_FORMAT);
		free(copy);
	}
	for (i = 0; i < file.size * 8; i++) {
		file.data[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_not_equal(
			snapshot_read((struct bytes){ file.data, file.size }, &s, &why), ERR_OK);
		file.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	state_finish(&m);
	buf_finish(&file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_map_is_a_map),
		cmocka_unit_test(a_value_may_come_from_the_map),
		cmocka_unit_test(snapshots_go_round),
		cmocka_unit_test(snapshots_are_refused),
		cmocka_unit_test(entries_are_refused),
		cmocka_unit_test(truncations_and_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
