/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Options of an observer round, each refusal, every cut and every flipped bit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/options.h"
#include "unit.h"

#define BLOCK 65536u

/* Written by hand from docs/format/proto.md: number, size, value. */
#define U16(v) (uint8_t)(v), (uint8_t)((v) >> 8)

struct block {
	uint8_t data[BLOCK];
	size_t size;
};

static void
put(struct block *b, uint16_t number, const void *value, size_t size)
{
	const uint8_t head[4] = { U16(number), U16(size) };

	assert_true(b->size + 4 + size <= sizeof(b->data));
	memcpy(b->data + b->size, head, 4);
	memcpy(b->data + b->size + 4, value, size);
	b->size += 4 + size;
}

static void
put_number(struct block *b, uint16_t number, uint64_t value)
{
	uint8_t bytes[8];
	unsigned int i;

	for (i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	put(b, number, bytes, 8);
}

/* In a block of exactly its size. */
static enum err
check(const void *data, size_t size)
{
	uint8_t *exact = malloc(size > 0 ? size : 1);
	enum err e;

	assert_non_null(exact);
	memcpy(exact, data, size);
	e = options_check(exact, size);
	free(exact);
	return e;
}

static void
add(struct buf *out, enum observer_option option, const char *text)
{
	assert_int_equal(options_add_text(out, option, text, strlen(text)), ERR_OK);
}

static void
make_some(struct buf *out)
{
	add(out, OPTION_DIGEST, "blake3:00");
	assert_int_equal(options_add_number(out, OPTION_TOKENS, UINT64_MAX), ERR_OK);
	add(out, OPTION_FILTER_CELL, "a");
	add(out, OPTION_FILTER_CELL, "");
	add(out, OPTION_FILTER_CELL, "\xc3\xa9");
	assert_int_equal(options_add_number(out, OPTION_LIMIT_FUEL, 256), ERR_OK);
	add(out, OPTION_TABLE, "events");
}

static void
they_are_as_the_document_says(void **state)
{
	static struct block want;
	struct buf out = { 0 };

	(void)state;
	want.size = 0;
	make_some(&out);
	put(&want, 0, "blake3:00", 9);
	put_number(&want, 1, UINT64_MAX);
	put(&want, 6, "a", 1);
	put(&want, 6, "", 0);
	put(&want, 6, "\xc3\xa9", 2);
	put_number(&want, 9, 256);
	put(&want, 20, "events", 6);
	assert_int_equal(out.size, want.size);
	assert_memory_equal(out.data, want.data, want.size);
	assert_int_equal(options_check(out.data, out.size), ERR_OK);
	assert_int_equal(options_check(NULL, 0), ERR_OK);
	buf_finish(&out);
}

static void
they_are_found(void **state)
{
	struct buf out = { 0 };
	struct option_entry entry;
	struct bytes all;
	size_t at = 0;
	unsigned int count = 0;

	(void)state;
	make_some(&out);
	all = (struct bytes){ out.data, out.size };
	assert_true(options_number(all, OPTION_TOKENS, 0) == UINT64_MAX);
	assert_true(options_number(all, OPTION_LIMIT_FUEL, 7) == 256);
	assert_true(options_number(all, OPTION_BATCH, 7) == 7);
	assert_int_equal(options_text(all, OPTION_TABLE).size, 6);
	assert_memory_equal(options_text(all, OPTION_FILTER_CELL).data, "a", 1);
	assert_null(options_text(all, OPTION_PROJECTION).data);
	while (options_next(all, &at, &entry))
		count++;
	assert_int_equal(count, 7);
	assert_int_equal(at, out.size);
	assert_true(options_is_number(OPTION_LOG_LINES_PER_S));
	assert_false(options_is_number(OPTION_RECEIPT_FILE));
	buf_finish(&out);
}

static void
the_writer_has_limits(void **state)
{
	static char text[OPTIONS_BYTES_MAX];
	struct buf out = { 0 };
	unsigned int i;
	enum err e = ERR_OK;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(options_add_text(&out, OPTION_DIGEST, text, 72), ERR_LIMIT);
	assert_int_equal(options_add_text(&out, OPTION_DIGEST, text, 71), ERR_OK);
	assert_int_equal(options_add_text(&out, OPTION_FILTER_CELL, "a\0b", 3), ERR_FORMAT);
	assert_int_equal(options_add_text(&out, OPTION_FILTER_CELL, "\xff", 1), ERR_FORMAT);
	/* What fails leaves what was there. */
	assert_int_equal(out.size, 75);
	for (i = 0; i < 1024 && e == ERR_OK; i++)
		e = options_add_text(&out, OPTION_FILTER_CELL, text, 128);
	assert_int_equal(e, ERR_LIMIT);
	assert_true(out.size <= OPTIONS_BYTES_MAX && out.size > OPTIONS_BYTES_MAX - 132);
	assert_int_equal(options_check(out.data, out.size), ERR_OK);
	buf_finish(&out);
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void
a_number_of_another_size(struct block *b)
{
	put(b, OPTION_TOKENS, "1234567", 7);
}

static void
a_number_that_is_longer(struct block *b)
{
	put(b, OPTION_TOKENS, "123456789", 9);
}

static void
an_unknown_option(struct block *b)
{
	put_number(b, OPTION_COUNT, 1);
}

static void
descending(struct block *b)
{
	put_number(b, OPTION_NOOP, 1);
	put_number(b, OPTION_TOKENS, 1);
}

static void
one_that_may_be_given_once(struct block *b)
{
	put_number(b, OPTION_NOOP, 1);
	put_number(b, OPTION_NOOP, 1);
}

static void
more_keys_than_may_be(struct block *b)
{
	unsigned int i;

	for (i = 0; i < 17; i++)
		put(b, OPTION_KEY, "k", 1);
}

static void
a_text_that_is_too_long(struct block *b)
{
	char text[129];

	memset(text, 'x', sizeof(text));
	put(b, OPTION_FILTER_CELL, text, sizeof(text));
}

static void
no_utf8(struct block *b)
{
	put(b, OPTION_TABLE, "\xc3", 1);
}

static void
a_nul(struct block *b)
{
	put(b, OPTION_TABLE, "a\0", 2);
}

static void
too_large_in_all(struct block *b)
{
	char text[4096];
	unsigned int i;

	memset(text, 'x', sizeof(text));
	for (i = 0; i < 256; i++)
		put(b, OPTION_FILTER_TYPE, text, 237);
	assert_true(b->size > OPTIONS_BYTES_MAX);
}

static void
refusals(void **state)
{
	static const struct {
		const char *rule;
		void (*make)(struct block *b);
	} rows[] = {
#define ROW(name) { #name, name }
		ROW(a_number_of_another_size),
		ROW(a_number_that_is_longer),
		ROW(an_unknown_option),
		ROW(descending),
		ROW(one_that_may_be_given_once),
		ROW(more_keys_than_may_be),
		ROW(a_text_that_is_too_long),
		ROW(no_utf8),
		ROW(a_nul),
		ROW(too_large_in_all),
#undef ROW
	};
	static struct block b;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		b.size = 0;
		rows[i].make(&b);
		if (check(b.data, b.size) != ERR_FORMAT)
			fail_msg("%s is taken", rows[i].rule);
	}
}

/* True where it ends between two options, or what is there is whole. */
static bool
is_boundary(struct bytes all, size_t size)
{
	struct option_entry entry;
	size_t at = 0;

	while (at < size && options_next(all, &at, &entry))
		;
	return at == size;
}

static void
nothing_cut_or_flipped_is_taken_for_more(void **state)
{
	struct buf out = { 0 };
	struct bytes all;
	size_t i;

	(void)state;
	make_some(&out);
	all = (struct bytes){ out.data, out.size };
	for (i = 0; i <= out.size; i++)
		assert_int_equal(check(out.data, i), is_boundary(all, i) ? ERR_OK : ERR_FORMAT);
	for (i = 0; i < 8 * out.size; i++) {
		struct option_entry entry;
		struct buf again = { 0 };
		size_t at = 0;

		out.data[i / 8] ^= (uint8_t)(1u << i % 8);
		if (check(out.data, out.size) == ERR_OK) {
			/* What is taken is what the writer would write. */
			while (options_next(all, &at, &entry)) {
				enum err e = options_is_number(entry.option)
						     ? options_add_number(&again, entry.option,
									  entry.number)
						     : options_add_text(&again, entry.option,
									entry.text.data,
									entry.text.size);

				assert_int_equal(e, ERR_OK);
			}
			assert_int_equal(again.size, out.size);
			assert_memory_equal(again.data, out.data, out.size);
			buf_finish(&again);
		}
		out.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	buf_finish(&out);
}

/* A type may stand for all that begin with it; a cell and a source are what they are. */
static void
a_filter_is_one_rule(void **state)
{
	static const struct {
		enum observer_option option;
		const char *wanted, *text;
		bool matches;
	} rows[] = {
		{ OPTION_FILTER_CELL, "c1", "c1", true },
		{ OPTION_FILTER_CELL, "c1", "c12", false },
		{ OPTION_FILTER_CELL, "c12", "c1", false },
		{ OPTION_FILTER_CELL, "c*", "c1", false },
		{ OPTION_FILTER_CELL, "", "", true },
		{ OPTION_FILTER_TYPE, "a.*", "a.b", true },
		{ OPTION_FILTER_TYPE, "a.*", "a.", true },
		{ OPTION_FILTER_TYPE, "a.*", "a", false },
		{ OPTION_FILTER_TYPE, "a.*", "b.a.", false },
		{ OPTION_FILTER_TYPE, "*", "", true },
		{ OPTION_FILTER_TYPE, "a*b", "axb", false },
		{ OPTION_FILTER_TYPE, "a.b", "a.b", true },
		{ OPTION_FILTER_TYPE, "a.b", "a.bc", false },
		{ OPTION_FILTER_SOURCE, "process.*", "process.exec", false },
		{ OPTION_FILTER_SOURCE, "process.*", "process.*", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct bytes wanted = { (const uint8_t *)rows[i].wanted,
					      strlen(rows[i].wanted) };

		if (options_matches(rows[i].option, wanted, rows[i].text, strlen(rows[i].text)) !=
		    rows[i].matches)
			fail_msg("%s of %s", rows[i].text, rows[i].wanted);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_as_the_document_says),
		cmocka_unit_test(they_are_found),
		cmocka_unit_test(the_writer_has_limits),
		cmocka_unit_test(refusals),
		cmocka_unit_test(a_filter_is_one_rule),
		cmocka_unit_test(nothing_cut_or_flipped_is_taken_for_more),
	};

	return cmocka_run_group_tests_name("proto/options", tests, NULL, NULL);
}
