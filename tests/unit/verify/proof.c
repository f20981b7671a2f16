/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The text of a proof, both ways, and what is none. */
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "verify/proof.h"

#define HASH_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define HASH_B "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define NOTE   "o\n1\n" HASH_A "\n\n\xe2\x80\x94 o AAAAAAA=\n"

static const char whole[] =
	"c2sp.org/tlog-proof@v1\nextra bGVhZg==\nindex 17\n" HASH_A "\n" HASH_B "\n\n" NOTE;

static struct bytes
of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void
reads(void **state)
{
	struct proof p = { .index = 0 };
	const char *why = NULL;

	(void)state;
	assert_int_equal(proof_read(of(whole), &p, &why), ERR_OK);
	assert_int_equal(p.index, 17);
	assert_true(p.has_extra);
	assert_int_equal(p.extra.size, 4);
	assert_memory_equal(p.extra.data, "leaf", 4);
	assert_int_equal(p.count, 2);
	assert_int_equal(p.hashes[1].bytes[31], 1);
	assert_int_equal(p.note.size, strlen(NOTE));
	assert_memory_equal(p.note.data, NOTE, p.note.size);
	proof_finish(&p);
	assert_int_equal(proof_read(of("c2sp.org/tlog-proof@v1\nindex 0\n\n"), &p, &why), ERR_OK);
	assert_false(p.has_extra);
	assert_int_equal(p.count, 0);
	assert_int_equal(p.note.size, 0);
	proof_finish(&p);
	proof_finish(NULL);
}

static void
writes_what_it_reads(void **state)
{
	struct proof p = { .index = 0 };
	struct buf out = { 0 };
	const char *why = NULL;

	(void)state;
	assert_int_equal(proof_read(of(whole), &p, &why), ERR_OK);
	assert_int_equal(proof_write(p.index, (struct bytes){ p.extra.data, p.extra.size },
				     p.hashes, p.count, p.note, &out),
			 ERR_OK);
	assert_int_equal(out.size, strlen(whole));
	assert_memory_equal(out.data, whole, out.size);
	proof_finish(&p);
	buf_finish(&out);
}

#define FIRST "c2sp.org/tlog-proof@v1\n"

static void
refuses(void **state)
{
	static const struct {
		const char *rule, *text;
		enum err want;
	} rows[] = {
		{ "empty", "", ERR_FORMAT },
		{ "another text", "hello\n", ERR_FORMAT },
		{ "no newline", "c2sp.org/tlog-proof@v1", ERR_FORMAT },
		{ "a newer version", "c2sp.org/tlog-proof@v2\nindex 0\n\n", ERR_UNSUPPORTED },
		{ "a blank in the first line", "c2sp.org/tlog-proof@v1 \nindex 0\n\n",
		  ERR_UNSUPPORTED },
		{ "no index", FIRST, ERR_FORMAT },
		{ "no index after the extra", FIRST "extra AA==\n\n", ERR_FORMAT },
		{ "extra after the index", FIRST "index 0\nextra AA==\n\n", ERR_FORMAT },
		{ "extra that is no base64", FIRST "extra A?==\nindex 0\n\n", ERR_FORMAT },
		{ "extra with spare bits", FIRST "extra AB==\nindex 0\n\n", ERR_FORMAT },
		{ "index with a zero before it", FIRST "index 01\n\n", ERR_FORMAT },
		{ "a negative index", FIRST "index -1\n\n", ERR_FORMAT },
		{ "an index past u64", FIRST "index 18446744073709551616\n\n", ERR_FORMAT },
		{ "no index at all", FIRST "index \n\n", ERR_FORMAT },
		{ "a hash that is short", FIRST "index 0\nAAAA\n\n", ERR_FORMAT },
		{ "a hash with a blank", FIRST "index 0\n " HASH_A "\n\n", ERR_FORMAT },
		{ "carriage returns", FIRST "index 0\r\n\r\n", ERR_FORMAT },
		{ "no empty line", FIRST "index 0\n" HASH_A "\n", ERR_FORMAT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct proof p = { .index = 3 };
		const char *why = NULL;

		if (proof_read(of(rows[i].text), &p, &why) != rows[i].want || why == NULL)
			fail_msg("%s", rows[i].rule);
		assert_int_equal(p.index, 3); /* untouched */
	}
}

static void
has_limits(void **state)
{
	struct buf text = { 0 };
	struct proof p = { .index = 0 };
	const char *why = NULL;
	unsigned int count;

	(void)state;
	for (count = MERKLE_PROOF_MAX; count <= MERKLE_PROOF_MAX + 1; count++) {
		unsigned int i;

		buf_clear(&text);
		assert_int_equal(buf_append(&text, FIRST "index 0\n", strlen(FIRST) + 8, 8192),
				 ERR_OK);
		for (i = 0; i < count; i++)
			assert_int_equal(buf_append(&text, HASH_B "\n", 45, 8192), ERR_OK);
		assert_int_equal(buf_append(&text, "\n", 1, 8192), ERR_OK);
		assert_int_equal(proof_read((struct bytes){ text.data, text.size }, &p, &why),
				 count <= MERKLE_PROOF_MAX ? ERR_OK : ERR_FORMAT);
		proof_finish(&p);
	}
	buf_finish(&text);
}

static void
bears_every_cut_and_flip(void **state)
{
	size_t size = strlen(whole);
	size_t cut;
	unsigned int bit;

	(void)state;
	for (cut = 0; cut < size; cut++) {
		uint8_t *copy = malloc(cut + 1);
		struct proof p = { .index = 0 };
		const char *why = NULL;
		enum err e;

		assert_non_null(copy);
		memcpy(copy, whole, cut);
		e = proof_read((struct bytes){ copy, cut }, &p, &why);
		/* Where the note is cut, the proof is whole: the note is another reader's. */
		assert_int_equal(e, cut < size - strlen(NOTE) ? ERR_FORMAT : ERR_OK);
		proof_finish(&p);
		free(copy);
	}
	for (bit = 0; bit < size * 8; bit++) {
		uint8_t *copy = malloc(size);
		struct proof p = { .index = 0 };
		const char *why = NULL;

		assert_non_null(copy);
		memcpy(copy, whole, size);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (proof_read((struct bytes){ copy, size }, &p, &why) == ERR_OK) {
			struct buf again = { 0 };

			/* There is one text for one proof: what differs means something else. */
			assert_int_equal(proof_write(p.index,
						     (struct bytes){ p.extra.data, p.extra.size },
						     p.hashes, p.count, p.note, &again),
					 ERR_OK);
			assert_int_equal(again.size, size);
			assert_memory_equal(again.data, copy, size);
			buf_finish(&again);
		}
		proof_finish(&p);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(has_limits),
		cmocka_unit_test(bears_every_cut_and_flip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
