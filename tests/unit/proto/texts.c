/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The texts of a configuration: written and read, what is refused, and that nothing is read twice.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "proto/texts.h"

#define BYTES(literal) ((struct bytes){ (const uint8_t *)"" literal "", sizeof(literal) - 1 })
/* The two members of a row. */
#define ROW(literal) literal, sizeof(literal) - 1

static bool
is(struct bytes b, const char *text)
{
	return b.size == strlen(text) && memcmp(b.data, text, b.size) == 0;
}

/* Reads all of it.  ERR_END: it is whole. */
static enum err
read_all(struct bytes all, size_t *count)
{
	struct bytes path;
	struct bytes text;
	struct texts t;
	enum err e = texts_open(all, &t);

	*count = 0;
	while (e == ERR_OK) {
		e = texts_take(&t, &path, &text);
		*count += e == ERR_OK;
	}
	return e;
}

static void
what_is_written_is_read(void **state)
{
	cleanup(buf_finish) struct buf b = { 0 };
	struct bytes path;
	struct bytes text;
	struct texts t;

	(void)state;
	assert_int_equal(texts_begin(&b), ERR_OK);
	assert_int_equal(texts_open((struct bytes){ b.data, b.size }, &t), ERR_OK);
	assert_int_equal(texts_take(&t, &path, &text), ERR_END);
	assert_int_equal(texts_add(&b, "/etc/h.yaml", BYTES("a: 1\n")), ERR_OK);
	assert_int_equal(texts_add(&b, "x", (struct bytes){ NULL, 0 }), ERR_OK);
	assert_int_equal(b.size, 4 + 8 + 11 + 5 + 8 + 1);
	assert_memory_equal(b.data, "\2\0\0\0\13\0\0\0\5\0\0\0/etc/h.yamla: 1\n\1\0\0\0\0\0\0\0x",
			    b.size);
	assert_int_equal(texts_open((struct bytes){ b.data, b.size }, &t), ERR_OK);
	assert_int_equal(texts_take(&t, &path, &text), ERR_OK);
	assert_true(is(path, "/etc/h.yaml") && is(text, "a: 1\n"));
	assert_int_equal(texts_take(&t, &path, &text), ERR_OK);
	assert_true(is(path, "x") && text.size == 0);
	assert_int_equal(texts_take(&t, &path, &text), ERR_END);
	assert_int_equal(texts_take(&t, &path, &text), ERR_END);
}

static void
limits_leave_the_list_as_it_was(void **state)
{
	cleanup(buf_finish) struct buf b = { 0 };
	char path[TEXTS_PATH_BYTES_MAX + 2];
	size_t count;
	size_t before;

	(void)state;
	memset(path, 'p', sizeof(path));
	path[TEXTS_PATH_BYTES_MAX + 1] = '\0';
	assert_int_equal(texts_begin(&b), ERR_OK);
	assert_int_equal(texts_add(&b, path, BYTES("t")), ERR_LIMIT);
	assert_int_equal(texts_add(&b, "", BYTES("t")), ERR_LIMIT);
	path[TEXTS_PATH_BYTES_MAX] = '\0';
	assert_int_equal(texts_add(&b, path, BYTES("t")), ERR_OK);
	before = b.size;
	/* Its bytes are never looked at. */
	assert_int_equal(texts_add(&b, "x", (struct bytes){ b.data, TEXTS_BYTES_MAX }), ERR_LIMIT);
	assert_int_equal(b.size, before);
	assert_int_equal(read_all((struct bytes){ b.data, b.size }, &count), ERR_END);
	assert_int_equal(count, 1);
}

static void
what_is_none_is_refused(void **state)
{
	static const struct {
		const char *rule;
		const char *bytes;
		size_t size;
		enum err want;
		size_t count;
	} rows[] = {
		{ "nothing", ROW(""), ERR_FORMAT, 0 },
		{ "half a count", ROW("\0\0\0"), ERR_FORMAT, 0 },
		{ "none", ROW("\0\0\0\0"), ERR_END, 0 },
		{ "none, and a byte left over", ROW("\0\0\0\0x"), ERR_FORMAT, 0 },
		{ "one that is not there", ROW("\1\0\0\0"), ERR_FORMAT, 0 },
		{ "half a head", ROW("\1\0\0\0\1\0\0\0\0\0\0"), ERR_FORMAT, 0 },
		{ "one", ROW("\1\0\0\0\1\0\0\0\1\0\0\0pt"), ERR_END, 1 },
		{ "one, and a byte left over", ROW("\1\0\0\0\1\0\0\0\1\0\0\0ptx"), ERR_FORMAT, 1 },
		{ "a second that is not counted", ROW("\1\0\0\0\1\0\0\0\0\0\0\0p\1\0\0\0\0\0\0\0q"),
		  ERR_FORMAT, 1 },
		{ "a path of no bytes", ROW("\1\0\0\0\0\0\0\0\1\0\0\0t"), ERR_FORMAT, 0 },
		{ "a path with a zero byte", ROW("\1\0\0\0\2\0\0\0\0\0\0\0p\0"), ERR_FORMAT, 0 },
		{ "a path beyond the end", ROW("\1\0\0\0\2\0\0\0\0\0\0\0p"), ERR_FORMAT, 0 },
		{ "a text beyond the end", ROW("\1\0\0\0\1\0\0\0\2\0\0\0pt"), ERR_FORMAT, 0 },
		{ "sizes whose sum is small", ROW("\1\0\0\0\1\0\0\0\xff\xff\xff\xffpt"), ERR_FORMAT,
		  0 },
	};
	size_t count;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		enum err e = read_all(
			(struct bytes){ (const uint8_t *)rows[i].bytes, rows[i].size }, &count);

		if (e != rows[i].want || count != rows[i].count)
			fail_msg("%s: %d, %zu", rows[i].rule, (int)e, count);
	}
}

static void
a_path_has_its_limit(void **state)
{
	uint8_t *data = malloc(4 + 8 + TEXTS_PATH_BYTES_MAX + 1);
	size_t count;
	uint32_t size;

	(void)state;
	assert_non_null(data);
	memcpy(data, "\1\0\0\0\0\0\0\0\0\0\0\0", 12);
	memset(data + 12, 'p', TEXTS_PATH_BYTES_MAX + 1);
	for (size = TEXTS_PATH_BYTES_MAX; size <= TEXTS_PATH_BYTES_MAX + 1; size++) {
		data[4] = (uint8_t)size;
		data[5] = (uint8_t)(size >> 8);
		assert_int_equal(read_all((struct bytes){ data, 12 + size }, &count),
				 size <= TEXTS_PATH_BYTES_MAX ? ERR_END : ERR_FORMAT);
	}
	free(data);
}

/* No cut of a list is one; a flipped bit is refused, or reads as something else. */
static void
cuts_and_bits(void **state)
{
	static const uint8_t whole[] =
		"\2\0\0\0\2\0\0\0\3\0\0\0p1one\2\0\0\0\0\0\0\0p2"; /* and a terminator */
	const size_t size = sizeof(whole) - 1;
	size_t count;
	size_t at;
	unsigned int bit;

	(void)state;
	assert_int_equal(read_all((struct bytes){ whole, size }, &count), ERR_END);
	for (at = 0; at < size; at++) {
		/* A copy of its size, so that a read past its end is seen. */
		uint8_t *copy = malloc(at + 1);

		assert_non_null(copy);
		memcpy(copy + 1, whole, at);
		assert_int_equal(read_all((struct bytes){ copy + 1, at }, &count), ERR_FORMAT);
		free(copy);
	}
	for (at = 0; at < size; at++) {
		for (bit = 0; bit < 8; bit++) {
			uint8_t copy[sizeof(whole)];
			bool is_content = (at >= 12 && at < 17) || at >= 25;
			enum err e;

			memcpy(copy, whole, size);
			copy[at] ^= (uint8_t)(1u << bit);
			e = read_all((struct bytes){ copy, size }, &count);
			/* Sizes may share out the same bytes otherwise; content is content. */
			if (is_content ? e != ERR_END : at < 4 && e != ERR_FORMAT)
				fail_msg("byte %zu bit %u: %d", at, bit, (int)e);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(limits_leave_the_list_as_it_was),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(a_path_has_its_limit),
		cmocka_unit_test(cuts_and_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
