/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Staged effects: cut into messages and put together again, and nothing read that has another form.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/staged.h"
#include "unit.h"

/* ---- round -------------------------------------------------------------------------------- */

static const struct {
	uint8_t token;
	size_t size;
} effects[] = { { 0, 0 }, { 1, 1 }, { 2, 100 }, { 3, 0 }, { 0, 5000 }, { 1, 7 } };

static uint8_t
byte_of(size_t effect, size_t at)
{
	return (uint8_t)(effect * 31 + at);
}

/* One message of at most `capacity` bytes; *effect and *done say how far it got. */
static size_t
write_message(uint8_t *out, size_t capacity, size_t *effect, size_t *done)
{
	size_t used = 0;

	for (; *effect < COUNT_OF(effects); (*effect)++, *done = 0) {
		uint8_t all[8192];
		struct bytes rest = { all + *done, effects[*effect].size - *done };
		size_t i;

		for (i = 0; i < effects[*effect].size; i++)
			all[i] = byte_of(*effect, i);
		if (!staged_write(effects[*effect].token, &rest, out, capacity, &used)) {
			*done = effects[*effect].size - rest.size;
			return used;
		}
		assert_int_equal(rest.size, 0);
	}
	return used;
}

static void
what_is_cut_comes_together(void **state)
{
	size_t capacity;

	(void)state;
	/* From the least that a piece needs on. */
	for (capacity = STAGED_HEAD_BYTES + 1; capacity < 6000; capacity += 1 + capacity / 16) {
		size_t effect = 0, done = 0, read = 0, got = 0;
		size_t messages = 0;

		while (effect < COUNT_OF(effects)) {
			uint8_t *message = malloc(capacity);
			struct staged_piece piece;
			size_t at = 0;
			size_t size;

			assert_non_null(message);
			size = write_message(message, capacity, &effect, &done);
			assert_true(size <= capacity && ++messages < 20000);
			while (staged_read((struct bytes){ message, size }, &at, &piece) ==
			       ERR_OK) {
				size_t i;

				assert_int_equal(piece.token, effects[read].token);
				for (i = 0; i < piece.bytes.size; i++)
					assert_int_equal(piece.bytes.data[i],
							 byte_of(read, got + i));
				got += piece.bytes.size;
				if (piece.goes_on)
					continue;
				assert_int_equal(got, effects[read].size);
				read++;
				got = 0;
			}
			assert_int_equal(at, size);
			free(message);
		}
		assert_int_equal(read, COUNT_OF(effects));
	}
}

/* ---- refusals ------------------------------------------------------------------------------ */

static const struct {
	const char *rule;
	const char *bytes;
	size_t size;
	size_t good; /* pieces before the refusal */
	enum err want;
} rows[] = {
	{ "nothing", "", 0, 0, ERR_END },
	{ "an empty effect", "\0\0\0\0\0\0\0\0", 8, 1, ERR_END },
	{ "one of two bytes", "\3\0\0\0\2\0\0\0ab", 10, 1, ERR_END },
	{ "two", "\3\0\0\0\1\0\0\0a\1\0\0\0\1\0\0\0b", 18, 2, ERR_END },
	{ "one that goes on at the end", "\0\0\0\0\0\0\0\0\1\1\0\0\1\0\0\0a", 17, 2, ERR_END },
	{ "the first token that is none", "\4\0\0\0\0\0\0\0", 8, 0, ERR_FORMAT },
	{ "the last token that is none", "\377\0\0\0\0\0\0\0", 8, 0, ERR_FORMAT },
	{ "a flag that is none", "\0\2\0\0\1\0\0\0a", 9, 0, ERR_FORMAT },
	{ "a first zero that is none", "\0\0\1\0\1\0\0\0a", 9, 0, ERR_FORMAT },
	{ "a second zero that is none", "\0\0\0\200\1\0\0\0a", 9, 0, ERR_FORMAT },
	{ "a byte too few", "\0\0\0\0\2\0\0\0a", 9, 0, ERR_FORMAT },
	{ "a byte behind", "\0\0\0\0\1\0\0\0ab", 10, 1, ERR_FORMAT },
	{ "far more than there is", "\0\0\0\0\377\377\377\377a", 9, 0, ERR_FORMAT },
	{ "goes on without a byte", "\0\1\0\0\0\0\0\0", 8, 0, ERR_FORMAT },
	{ "goes on before another", "\0\1\0\0\1\0\0\0a\0\0\0\0\1\0\0\0b", 18, 0, ERR_FORMAT },
};

/* Pieces that are read before `*last`, from storage that ends where they do. */
static size_t
read_all(const void *bytes, size_t size, enum err *last)
{
	uint8_t *copy = malloc(size + 1);
	struct staged_piece piece;
	size_t pieces = 0;
	size_t at = 0;

	assert_non_null(copy);
	if (size > 0)
		memcpy(copy + 1, bytes, size);
	while ((*last = staged_read((struct bytes){ copy + 1, size }, &at, &piece)) == ERR_OK) {
		assert_true(piece.bytes.data >= copy + 1 &&
			    piece.bytes.data + piece.bytes.size <= copy + 1 + size);
		pieces++;
	}
	free(copy);
	return pieces;
}

static void
what_has_another_form_is_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		enum err last = ERR_OK;
		size_t pieces = read_all(rows[i].bytes, rows[i].size, &last);

		if (pieces != rows[i].good || last != rows[i].want)
			fail_msg("%s: %zu pieces, %s", rows[i].rule, pieces, err_text(last));
	}
}

static const char whole[] = "\0\0\0\0\3\0\0\0abc\3\0\0\0\0\0\0\0\2\1\0\0\2\0\0\0de";
#define WHOLE_SIZE (sizeof(whole) - 1)

static void
each_truncation_is_refused_or_ends_between_two(void **state)
{
	size_t size;

	(void)state;
	for (size = 0; size < WHOLE_SIZE; size++) {
		enum err last = ERR_OK;
		size_t pieces = read_all(whole, size, &last);

		assert_int_equal(last,
				 size == 0 || size == 11 || size == 19 ? ERR_END : ERR_FORMAT);
		assert_int_equal(pieces, size >= 19 ? 2 : size >= 11 ? 1 : 0);
	}
}

/* What is read, written again, is the same bytes: a flipped bit is refused or means another thing.
 */
static void
write_again(const uint8_t *bytes, size_t size)
{
	uint8_t again[64];
	struct staged_piece piece;
	size_t used = 0;
	size_t at = 0;

	while (staged_read((struct bytes){ bytes, size }, &at, &piece) == ERR_OK) {
		uint8_t data[64] = { 0 };
		struct bytes rest = { data, piece.bytes.size + piece.goes_on };

		if (piece.bytes.size > 0)
			memcpy(data, piece.bytes.data, piece.bytes.size);
		assert_int_equal(staged_write(piece.token, &rest, again, size, &used),
				 !piece.goes_on);
	}
	assert_int_equal(used, at);
	assert_memory_equal(again, bytes, used);
}

static void
each_bit_means_something(void **state)
{
	size_t bit;
	size_t refused = 0;

	(void)state;
	for (bit = 0; bit < 8 * WHOLE_SIZE; bit++) {
		uint8_t bytes[WHOLE_SIZE];
		enum err last = ERR_OK;

		memcpy(bytes, whole, sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)read_all(bytes, sizeof(bytes), &last);
		refused += last == ERR_FORMAT;
		write_again(bytes, sizeof(bytes));
	}
	/* Of each piece all bits of its zeros, of its flag but one, of its token but two. */
	assert_true(refused >= 3 * (16 + 7 + 6));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_cut_comes_together),
		cmocka_unit_test(what_has_another_form_is_refused),
		cmocka_unit_test(each_truncation_is_refused_or_ends_between_two),
		cmocka_unit_test(each_bit_means_something),
	};

	return cmocka_run_group_tests_name("proto/staged", tests, NULL, NULL);
}
