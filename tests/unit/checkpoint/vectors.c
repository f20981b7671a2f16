/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Notes that Go's note package made (tests/go): each is read, each signature verifies by its key,
 * and our signatures by the same keys give the same bytes.
 */
#include <jansson.h>
#include <string.h>

#include "checkpoint/note.h"
#include "keys/keys.h"
#include "unit/os/folder.h"

#define ROWS 10u

static json_t *rows[ROWS];

static int
load(void **state)
{
	FILE *file = fopen(TEST_VECTORS "/notes.jsonl", "re");
	char *line = NULL;
	size_t capacity = 0;
	size_t count = 0;

	(void)state;
	if (file == NULL || keys_start() != ERR_OK)
		return 1;
	while (getline(&line, &capacity, file) > 0 && count < ROWS)
		rows[count++] = json_loads(line, 0, NULL);
	free(line);
	return fclose(file) != 0 || count != ROWS || rows[ROWS - 1] == NULL;
}

static int
unload(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS; i++)
		json_decref(rows[i]);
	return 0;
}

static const char *
text_of(size_t row, const char *name)
{
	const char *text = json_string_value(json_object_get(rows[row], name));

	assert_non_null(text);
	return text;
}

static const char *
key_of(size_t row, const char *name, size_t i)
{
	const char *text = json_string_value(json_array_get(json_object_get(rows[row], name), i));

	assert_non_null(text);
	return text;
}

static size_t
keys_in(size_t row)
{
	return json_array_size(json_object_get(rows[row], "keys"));
}

static void
theirs_verify_by_ours(void **state)
{
	static struct note n;
	size_t row;
	size_t i;

	(void)state;
	for (row = 0; row < ROWS; row++) {
		const char *note = text_of(row, "note");

		assert_int_equal(note_read(note, strlen(note), &n), ERR_OK);
		assert_int_equal(n.text.size, strlen(text_of(row, "text")));
		assert_memory_equal(n.text.data, text_of(row, "text"), n.text.size);
		assert_int_equal(n.count, keys_in(row));
		for (i = 0; i < n.count; i++) {
			const struct note_signature *s = &n.signatures[i];
			const char *text = key_of(row, "keys", i);
			struct keys_verifier key;

			assert_int_equal(keys_verifier_read(text, strlen(text), &key), ERR_OK);
			assert_int_equal(s->key_id, key.id);
			assert_int_equal(s->name.size, strlen(key.name));
			assert_memory_equal(s->name.data, key.name, s->name.size);
			assert_int_equal(s->size, KEYS_SIGNATURE_BYTES);
			assert_true(keys_verify(&key, n.text.data, n.text.size, s->bytes));
			assert_false(keys_verify(&key, n.text.data, n.text.size - 1, s->bytes));
		}
	}
}

static void
ours_are_the_same_bytes(void **state)
{
	struct folder f;
	size_t row;
	size_t i;

	(void)state;
	folder_make(&f);
	for (row = 0; row < ROWS; row++) {
		const char *text = text_of(row, "text");
		struct buf b = { 0 };

		assert_int_equal(note_write_text(text, strlen(text), &b), ERR_OK);
		for (i = 0; i < keys_in(row); i++) {
			const char *secret = key_of(row, "signers", i);
			uint8_t signature[KEYS_SIGNATURE_BYTES];
			struct keys_signer *key = NULL;
			struct keys_verifier verifier;
			char file[512];

			folder_write(&f, "key", secret, strlen(secret), 0600);
			assert_int_equal(keys_signer_read(f.fd, "key", &key, NULL), ERR_OK);
			keys_signer_verifier(key, &verifier);
			assert_int_equal(keys_signer_sign(key, text, strlen(text), signature),
					 ERR_OK);
			assert_int_equal(note_write_signature(verifier.name, verifier.id, signature,
							      sizeof(signature), &b),
					 ERR_OK);
			/* The file that we write is the text that they made, and a newline. */
			assert_int_equal(keys_signer_write(key, f.fd, "again"), ERR_OK);
			assert_int_equal(folder_read(&f, "again", file, sizeof(file)),
					 strlen(secret) + 1);
			assert_memory_equal(file, secret, strlen(secret));
			assert_int_equal(unlinkat(f.fd, "again", 0), 0);
			keys_signer_destroy(key);
		}
		assert_int_equal(b.size, strlen(text_of(row, "note")));
		assert_memory_equal(b.data, text_of(row, "note"), b.size);
		buf_finish(&b);
	}
	folder_remove(&f);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(theirs_verify_by_ours),
		cmocka_unit_test(ours_are_the_same_bytes),
	};

	return cmocka_run_group_tests_name("checkpoint/vectors", tests, load, unload);
}
