/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Signed notes: what is read, what is refused, and that what is written reads back. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/note.h"
#include "unit.h"

#define DASH "\xe2\x80\x94 "
/* Key id 01020304 and one byte of signature, 'A'. */
#define SIGNED "AQIDBEE="
#define LINE   DASH "a.example/log " SIGNED "\n"

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool no_memory;

void *
__wrap_realloc(void *memory, size_t size)
{
	return no_memory ? NULL : __real_realloc(memory, size);
}

static void
reads(void **state)
{
	static const struct {
		const char *rule, *note, *text;
		size_t count;
	} rows[] = {
		{ "one line", "a\n\n" LINE, "a\n", 1 },
		{ "two signatures", "a\n\n" LINE DASH "b " SIGNED "\n", "a\n", 2 },
		{ "the same signature twice", "a\n\n" LINE LINE, "a\n", 2 },
		{ "empty line inside", "a\n\nb\n\n" LINE, "a\n\nb\n", 1 },
		{ "empty line at the end", "a\n\n\n" LINE, "a\n\n", 1 },
		{ "text is one newline", "\n\n" LINE, "\n", 1 },
		{ "a signature line in the text", LINE "\n" LINE, LINE, 1 },
		{ "more than ASCII", "\xc3\xa9 \xf0\x9f\x94\x8f\n\n" DASH "\xc3\xa9/x " SIGNED "\n",
		  "\xc3\xa9 \xf0\x9f\x94\x8f\n", 1 },
		{ "DEL is no control of notes", "\x7f\n\n" LINE, "\x7f\n", 1 },
	};
	static struct note n;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		if (note_read(rows[i].note, strlen(rows[i].note), &n) != ERR_OK ||
		    n.count != rows[i].count || n.text.size != strlen(rows[i].text) ||
		    memcmp(n.text.data, rows[i].text, n.text.size) != 0)
			fail_msg("%s", rows[i].rule);
	}
	assert_int_equal(note_read("a\n\n" LINE, strlen("a\n\n" LINE), &n), ERR_OK);
	assert_int_equal(n.signatures[0].key_id, 0x01020304);
	assert_int_equal(n.signatures[0].size, 1);
	assert_int_equal(n.signatures[0].bytes[0], 'A');
	assert_int_equal(n.signatures[0].bytes[1], 0);
	assert_int_equal(n.signatures[0].name.size, strlen("a.example/log"));
	assert_memory_equal(n.signatures[0].name.data, "a.example/log", strlen("a.example/log"));
}

static void
refuses(void **state)
{
	static const struct {
		const char *rule, *note;
	} rows[] = {
		{ "nothing", "" },
		{ "text alone", "a\n" },
		{ "no signature", "a\n\n" },
		{ "no text", "\n" LINE },
		{ "no empty line", "a\n" LINE },
		{ "no newline at the end", "a\n\n" DASH "n " SIGNED },
		{ "text without its newline", "a\n" DASH "n " SIGNED "\n" },
		{ "line of something else", "a\n\n" LINE "b\n" },
		{ "hyphen for the dash", "a\n\n- n " SIGNED "\n" },
		{ "en dash", "a\n\n\xe2\x80\x93 n " SIGNED "\n" },
		{ "no blank behind the dash", "a\n\n\xe2\x80\x94n " SIGNED "\n" },
		{ "no name", "a\n\n" DASH " " SIGNED "\n" },
		{ "no signature behind the name", "a\n\n" DASH "n\n" },
		{ "blank behind the name alone", "a\n\n" DASH "n \n" },
		{ "two blanks", "a\n\n" DASH "n  " SIGNED "\n" },
		{ "blank at the end", "a\n\n" DASH "n " SIGNED " \n" },
		{ "plus in the name", "a\n\n" DASH "n+m " SIGNED "\n" },
		{ "no-break space in the name", "a\n\n" DASH "n\xc2\xa0m " SIGNED "\n" },
		{ "not base64", "a\n\n" DASH "n AQIDBE!=\n" },
		{ "base64 without padding", "a\n\n" DASH "n AQIDBEE\n" },
		{ "base64 with bits left", "a\n\n" DASH "n AQIDBEF=\n" },
		{ "key id alone", "a\n\n" DASH "n AQIDBA==\n" },
		{ "half a key id", "a\n\n" DASH "n AQI=\n" },
		{ "tab", "a\tb\n\n" LINE },
		{ "carriage return", "a\r\n\r\n" LINE },
		{ "carriage return at the end", "a\n\n" DASH "n " SIGNED "\r\n" },
		{ "escape", "\x1b[31m\n\n" LINE },
		{ "not UTF-8 in the text", "\xff\n\n" LINE },
		{ "half a code point", "\xe2\x80\n\n" LINE },
		{ "surrogate", "\xed\xa0\x80\n\n" LINE },
		{ "not UTF-8 in a name", "a\n\n" DASH "\xff " SIGNED "\n" },
	};
	static struct note n;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		n.count = 77;
		if (note_read(rows[i].note, strlen(rows[i].note), &n) != ERR_FORMAT ||
		    n.count != 77)
			fail_msg("%s", rows[i].rule);
	}
	assert_int_equal(note_read("a\0b\n\n" LINE, 5 + strlen(LINE), &n), ERR_FORMAT);
}

/* A note cut anywhere is none, but where a whole signature line is left. */
static void
every_truncation(void **state)
{
	static const char text[] = "log.example\n9\nAAAA\n\n" LINE DASH "b " SIGNED "\n";
	static struct note n;
	size_t cut;

	(void)state;
	for (cut = 0; cut < sizeof(text) - 1; cut++) {
		enum err want =
			cut == strlen("log.example\n9\nAAAA\n\n" LINE) ? ERR_OK : ERR_FORMAT;
		char *copy = malloc(cut + 1);

		assert_non_null(copy);
		memcpy(copy, text, cut);
		assert_int_equal(note_read(copy, cut, &n), want);
		free(copy);
	}
}

/* A flipped bit is refused, or changes what is read: never the same note. */
static void
every_flipped_bit(void **state)
{
	static const char text[] = "log.example\n9\n\n" LINE;
	static struct note n;
	static struct note flipped;
	char copy[sizeof(text)];
	size_t bit;

	(void)state;
	assert_int_equal(note_read(text, sizeof(text) - 1, &n), ERR_OK);
	for (bit = 0; bit < (sizeof(text) - 1) * 8; bit++) {
		memcpy(copy, text, sizeof(text));
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		if (note_read(copy, sizeof(text) - 1, &flipped) != ERR_OK)
			continue;
		assert_false(flipped.text.size == n.text.size &&
			     memcmp(flipped.text.data, n.text.data, n.text.size) == 0 &&
			     flipped.signatures[0].key_id == n.signatures[0].key_id &&
			     flipped.signatures[0].size == n.signatures[0].size &&
			     flipped.signatures[0].bytes[0] == n.signatures[0].bytes[0] &&
			     flipped.signatures[0].name.size == n.signatures[0].name.size &&
			     memcmp(flipped.signatures[0].name.data, n.signatures[0].name.data,
				    n.signatures[0].name.size) == 0);
	}
}

static void
limits(void **state)
{
	static uint8_t signature[NOTE_SIGNATURE_BYTES_MAX + 1];
	static char name[NOTE_NAME_BYTES_MAX + 2];
	static char text[NOTE_BYTES_MAX + 1];
	static struct note n;
	struct buf b = { 0 };
	size_t whole;
	size_t i;

	(void)state;
	memset(name, 'n', NOTE_NAME_BYTES_MAX);
	memset(signature, 's', sizeof(signature));
	assert_int_equal(note_write_text("a\n", 2, &b), ERR_OK);
	assert_int_equal(
		note_write_signature(name, UINT32_MAX, signature, NOTE_SIGNATURE_BYTES_MAX, &b),
		ERR_OK);
	assert_int_equal(note_read(b.data, b.size, &n), ERR_OK);
	assert_int_equal(n.signatures[0].key_id, UINT32_MAX);
	assert_int_equal(n.signatures[0].size, NOTE_SIGNATURE_BYTES_MAX);
	assert_memory_equal(n.signatures[0].bytes, signature, NOTE_SIGNATURE_KEPT_BYTES);
	assert_int_equal(n.signatures[0].name.size, NOTE_NAME_BYTES_MAX);

	/* One more signature, name and byte than there may be. */
	name[NOTE_NAME_BYTES_MAX] = 'n';
	whole = b.size;
	assert_int_equal(note_write_signature(name, 1, signature, 64, &b), ERR_FORMAT);
	assert_int_equal(note_write_signature("n", 1, signature, NOTE_SIGNATURE_BYTES_MAX + 1, &b),
			 ERR_FORMAT);
	assert_int_equal(note_write_signature("n", 1, signature, 0, &b), ERR_FORMAT);
	assert_int_equal(note_write_signature("", 1, signature, 64, &b), ERR_FORMAT);
	assert_int_equal(note_write_signature("n m", 1, signature, 64, &b), ERR_FORMAT);
	assert_int_equal(note_write_signature("n+m", 1, signature, 64, &b), ERR_FORMAT);
	assert_int_equal(b.size, whole);
	for (i = 1; i < NOTE_SIGNATURES_MAX; i++)
		assert_int_equal(note_write_signature("n", (uint32_t)i, signature, 64, &b), ERR_OK);
	assert_int_equal(note_read(b.data, b.size, &n), ERR_OK);
	assert_int_equal(n.count, NOTE_SIGNATURES_MAX);
	assert_int_equal(n.signatures[63].key_id, 63);
	assert_int_equal(n.signatures[63].size, 64);
	assert_memory_equal(n.signatures[63].bytes, signature, 64);
	assert_int_equal(note_write_signature("n", 64, signature, 64, &b), ERR_OK);
	assert_int_equal(note_read(b.data, b.size, &n), ERR_LIMIT);

	/* A name of one byte too many, from another's hand. */
	whole = (size_t)snprintf(text, sizeof(text), "a\n\n" DASH "%s " SIGNED "\n", name);
	assert_int_equal(note_read(text, whole, &n), ERR_LIMIT);

	/* The whole. */
	memset(text, 'x', sizeof(text));
	text[0] = '\n';
	memcpy(text + sizeof(text) - strlen("\n\n" LINE), "\n\n" LINE, strlen("\n\n" LINE));
	assert_int_equal(note_read(text + 1, NOTE_BYTES_MAX, &n), ERR_OK);
	assert_int_equal(note_read(text, NOTE_BYTES_MAX + 1, &n), ERR_LIMIT);
	text[NOTE_BYTES_MAX - 1] = '\n';
	buf_clear(&b);
	assert_int_equal(note_write_text(text, NOTE_BYTES_MAX, &b), ERR_LIMIT);
	assert_int_equal(note_write_text(text + 1, NOTE_BYTES_MAX - 1, &b), ERR_OK);
	assert_int_equal(note_write_signature("n", 64, signature, 64, &b), ERR_LIMIT);
	assert_int_equal(b.size, NOTE_BYTES_MAX);
	buf_finish(&b);
}

static void
what_is_written_reads_back(void **state)
{
	static const char text[] = "origin.example\n7\n\nmore\n";
	static struct note n;
	uint8_t signature[64];
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(signature); i++)
		signature[i] = (uint8_t)(i * 5);
	assert_int_equal(note_write_text(text, sizeof(text) - 1, &b), ERR_OK);
	assert_int_equal(note_write_signature("origin.example", 0xfffefdfc, signature, 64, &b),
			 ERR_OK);
	assert_int_equal(note_write_signature("b", 0, signature, 1, &b), ERR_OK);
	assert_int_equal(note_read(b.data, b.size, &n), ERR_OK);
	assert_int_equal(n.text.size, sizeof(text) - 1);
	assert_memory_equal(n.text.data, text, n.text.size);
	assert_int_equal(n.count, 2);
	assert_int_equal(n.signatures[0].key_id, 0xfffefdfc);
	assert_memory_equal(n.signatures[0].bytes, signature, 64);
	assert_int_equal(n.signatures[1].size, 1);
	buf_finish(&b);
}

static void
texts_that_are_none(void **state)
{
	static const char *const rows[] = { "", "a", "a\nb", "a\tb\n", "\xff\n", "a\r\n" };
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(note_write_text(rows[i], strlen(rows[i]), &b), ERR_FORMAT);
	assert_int_equal(b.size, 0);
	no_memory = true;
	assert_int_equal(note_write_text("a\n", 2, &b), ERR_MEMORY);
	assert_int_equal(note_write_signature("n", 1, "s", 1, &b), ERR_MEMORY);
	no_memory = false;
	assert_int_equal(b.size, 0);
	buf_finish(&b);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(every_flipped_bit),
		cmocka_unit_test(limits),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(texts_that_are_none),
	};

	return cmocka_run_group_tests_name("checkpoint/note", tests, NULL, NULL);
}
