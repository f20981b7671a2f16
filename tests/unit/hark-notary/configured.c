/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The record of a configuration: its exact members, what is listed, and what is refused. */
#include "prog/exit.h"
#include "proto/texts.h"

#include "world.h"

/* As sha256sum(1) has them: of "host: a\n", of nothing, and of its own two lines of these. */
#define DIGEST_A   "da7ac851a89b3b17c5c288cbb451b3fb4aa2c5489cfda42bf84afcb0f4fa7f0f"
#define DIGEST_NO  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST_ALL "81fafc29af4d1166962c89448dfe989d38a88c2264c01a554f1ef26b222bc1a0"

struct last {
	char json[LEDGER_LEAF_BYTES_MAX + 1];
};

static struct bytes
bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void
keep_last(void *ctx, uint64_t index, const char *json, size_t size)
{
	struct last *last = ctx;

	(void)index;
	memcpy(last->json, json, size);
	last->json[size] = '\0';
}

/* Records it, and gives the record's leaf. */
static const char *
record(struct world *w, const struct buf *texts, const char *reason)
{
	static struct last last;

	assert_int_equal(notary_configured(w->core, (struct bytes){ texts->data, texts->size },
					   bytes_of(reason), 70, &w->now),
			 ERR_OK);
	world_commit(w);
	world_leaves(w, PROTO_OPERATIONS, 0, keep_last, &last);
	return last.json;
}

static void
names_files_and_digests(void **state)
{
	static struct world w;
	cleanup(buf_finish) struct buf texts = { 0 };

	(void)state;
	memset(&w, 0, sizeof(w));
	world_create(&w);
	assert_int_equal(texts_begin(&texts), ERR_OK);
	assert_non_null(strstr(record(&w, &texts, "start"),
			       "\"operation\":{\"reason\":\"start\",\"source\":\"defaults\"}},"));
	assert_int_equal(w.answer_count, 1);
	assert_true(w.answers[0] == 70 && w.codes[0] == EXIT_OK);

	assert_int_equal(texts_add(&texts, "h.yaml", bytes_of("host: a\n")), ERR_OK);
	assert_int_equal(texts_add(&texts, "h.yaml.d/1.yaml", bytes_of("")), ERR_OK);
	assert_non_null(strstr(record(&w, &texts, "reload"),
			       "\"operation\":{\"digest\":\"sha256:" DIGEST_ALL
			       "\",\"fileCount\":2,\"files\":[{\"digest\":\"sha256:" DIGEST_A
			       "\",\"path\":\"h.yaml\"},{\"digest\":\"sha256:" DIGEST_NO
			       "\",\"path\":\"h.yaml.d/1.yaml\"}],\"reason\":\"reload\","
			       "\"source\":\"files\"}},"));
	assert_int_equal(w.answer_count, 2);
	world_destroy(&w);
}

static void
shows_a_path_as_a_person_may_see_it(void **state)
{
	static struct world w;
	cleanup(buf_finish) struct buf texts = { 0 };

	(void)state;
	memset(&w, 0, sizeof(w));
	world_create(&w);
	assert_int_equal(texts_begin(&texts), ERR_OK);
	assert_int_equal(texts_add(&texts, "a\n\"\xff\\", bytes_of("host: a\n")), ERR_OK);
	assert_non_null(
		strstr(record(&w, &texts, "start"), "\"path\":\"a\\\\x0a\\\"\\\\xff\\\\\\\\\"}]"));
	world_destroy(&w);
}

static unsigned int
count_of(const char *text, const char *part)
{
	unsigned int count = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		count++;
	return count;
}

/* As many drop-ins as a configuration may have, and the longest paths: one leaf, which says how
 * many there are and the digest of all. */
static void
lists_what_has_room(void **state)
{
	static const struct {
		unsigned int files;
		size_t path_bytes;
		char letter; /* of the path */
		unsigned int listed;
	} rows[] = {
		{ 1, TEXTS_PATH_BYTES_MAX, '\\', 1 },
		{ 1001, 40, 'a', 453 },
		{ 2, TEXTS_PATH_BYTES_MAX, '\n', 2 },
		{ 4, TEXTS_PATH_BYTES_MAX, '\n', 2 },
	};
	static struct world w;
	char path[TEXTS_PATH_BYTES_MAX + 1];
	char count[64];
	size_t i;
	unsigned int j;

	(void)state;
	memset(&w, 0, sizeof(w));
	world_create(&w);
	for (i = 0; i < COUNT_OF(rows); i++) {
		cleanup(buf_finish) struct buf texts = { 0 };
		const char *json;

		assert_int_equal(texts_begin(&texts), ERR_OK);
		memset(path, rows[i].letter, rows[i].path_bytes);
		path[rows[i].path_bytes] = '\0';
		for (j = 0; j < rows[i].files; j++)
			assert_int_equal(texts_add(&texts, path, bytes_of("x")), ERR_OK);
		json = record(&w, &texts, "start");
		(void)snprintf(count, sizeof(count), "\"fileCount\":%u,\"files\":[{",
			       rows[i].files);
		assert_non_null(strstr(json, count));
		assert_int_equal(count_of(json, "\"digest\":\"sha256:"), rows[i].listed + 1);
	}
	world_destroy(&w);
}

static void
refuses_what_is_none(void **state)
{
	static const struct {
		const char *rule, *texts;
		size_t size;
		const char *reason;
	} rows[] = {
		{ "no texts", "", 0, "start" },
		{ "one that is cut", "\1\0\0\0\1\0\0\0\2\0\0\0pt", 14, "start" },
		{ "bytes left over", "\0\0\0\0x", 5, "start" },
		{ "no reason", "\0\0\0\0", 4, "" },
		{ "another reason", "\0\0\0\0", 4, "starts" },
		{ "a reason that is cut", "\0\0\0\0", 4, "star" },
	};
	static struct world w;
	uint64_t before;
	size_t i;

	(void)state;
	memset(&w, 0, sizeof(w));
	world_create(&w);
	world_commit(&w);
	before = world_size(&w, PROTO_OPERATIONS);
	for (i = 0; i < COUNT_OF(rows); i++) {
		const struct bytes texts = { (const uint8_t *)rows[i].texts, rows[i].size };
		enum err e = notary_configured(w.core, texts, bytes_of(rows[i].reason), 70, &w.now);

		if (e != ERR_FORMAT)
			fail_msg("%s: %d", rows[i].rule, (int)e);
	}
	world_commit(&w);
	assert_int_equal(world_size(&w, PROTO_OPERATIONS), before);
	assert_int_equal(w.answer_count, 0);
	world_destroy(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_files_and_digests),
		cmocka_unit_test(shows_a_path_as_a_person_may_see_it),
		cmocka_unit_test(lists_what_has_room),
		cmocka_unit_test(refuses_what_is_none),
	};

	return cmocka_run_group_tests_name("hark-notary/configured", tests, NULL, NULL);
}
