/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is read of an event, and what is refused as one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#include "verify/leaf.h"

static const char whole[] =
	"{\"data\":{\"authority\":{\"output\":{\"tier\":1}},\"cellId\":\"c\\\"0\",\"count\":\"3\","
	"\"declared\":{\"detail\":{\"a\":\"}\"},\"guestPid\":7,\"probeSource\":\"process.spawned\","
	"\"seq\":\"17\"},\"runId\":\"run-1\"},\"id\":\"h/evidence/9\",\"source\":\"/hark/h/"
	"evidence\","
	"\"specversion\":\"1.0\",\"subject\":\"urn:cellos:cell:c0\",\"time\":\"t\",\"type\":\"x."
	"y\"}";

static struct bytes
of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void
reads_what_it_wants(void **state)
{
	struct leaf_event e;
	const char *why = NULL;

	(void)state;
	assert_int_equal(leaf_read(of(whole), &e, &why), ERR_OK);
	assert_true(leaf_text_is(e.id, "h/evidence/9"));
	assert_true(leaf_text_is(e.source, "/hark/h/evidence"));
	assert_true(leaf_text_is(e.subject, "urn:cellos:cell:c0"));
	assert_true(leaf_text_is(e.type, "x.y"));
	assert_true(leaf_text_is(e.members[LEAF_CELL], "c\\\"0"));
	assert_true(leaf_text_is(e.members[LEAF_RUN], "run-1"));
	assert_true(leaf_text_is(e.probe_source, "process.spawned"));
	assert_true(e.is_declaration);
	assert_true(e.is_numbered);
	assert_int_equal(leaf_number(&e, LEAF_COUNT, 99), 3);
	assert_int_equal(leaf_number(&e, LEAF_AT_LEAST, 99), 99);
	assert_null(e.members[LEAF_STREAM].data);
}

static void
reads_parts_of_operations(void **state)
{
	static const char text[] =
		"{\"data\":{\"evidence\":{\"root\":\"r\",\"size\":\"5\"},\"operation\":{\"index\":"
		"\"4\",\"ledger\":\"evidence\"}},\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}";
	struct leaf_event e;
	const char *why = NULL;

	(void)state;
	assert_int_equal(leaf_read(of(text), &e, &why), ERR_OK);
	assert_int_equal(leaf_number(&e, LEAF_SIZE, 0), 5);
	assert_int_equal(leaf_number(&e, LEAF_INDEX, 0), 4);
	assert_true(leaf_text_is(e.members[LEAF_LEDGER], "evidence"));
	assert_false(e.is_declaration);
}

#define ATTRIBUTES "\"id\":\"i\",\"source\":\"s\",\"type\":\"t\"}"

static void
refuses(void **state)
{
	static const struct {
		const char *rule, *text;
	} rows[] = {
		{ "empty", "" },
		{ "no object", "[]" },
		{ "only begun", "{" },
		{ "no id", "{\"source\":\"s\",\"type\":\"t\"}" },
		{ "no source", "{\"id\":\"i\",\"type\":\"t\"}" },
		{ "no type", "{\"id\":\"i\",\"source\":\"s\"}" },
		{ "an empty id", "{\"id\":\"\",\"source\":\"s\",\"type\":\"t\"}" },
		{ "an id that is a number", "{\"id\":1,\"source\":\"s\",\"type\":\"t\"}" },
		{ "names not in order", "{\"source\":\"s\",\"id\":\"i\",\"type\":\"t\"}" },
		{ "a name twice", "{\"id\":\"i\",\"id\":\"j\",\"source\":\"s\",\"type\":\"t\"}" },
		{ "a blank", "{ " ATTRIBUTES },
		{ "something after it", "{" ATTRIBUTES "x" },
		{ "data that is a string", "{\"data\":\"x\"," ATTRIBUTES },
		{ "declared that is a number", "{\"data\":{\"declared\":1}," ATTRIBUTES },
		{ "operation that is an array", "{\"data\":{\"operation\":[]}," ATTRIBUTES },
		{ "members of data not in order", "{\"data\":{\"b\":1,\"a\":1}," ATTRIBUTES },
		{ "a member twice in declared",
		  "{\"data\":{\"declared\":{\"a\":1,\"a\":1}}," ATTRIBUTES },
		{ "brackets that do not match", "{\"data\":{\"a\":[}]}," ATTRIBUTES },
		{ "a value that is not there", "{\"data\":{\"a\":}," ATTRIBUTES },
		{ "a comma that is not there", "{\"data\":{\"a\":1\"b\":1}," ATTRIBUTES },
		{ "a string that does not end", "{\"id\":\"i\\\"}" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct leaf_event e = { .is_numbered = true };
		const char *why = NULL;

		if (leaf_read(of(rows[i].text), &e, &why) != ERR_FORMAT || why == NULL)
			fail_msg("%s: it was read", rows[i].rule);
		assert_true(e.is_numbered); /* untouched */
	}
}

static void
bears_depth(void **state)
{
	char text[600] = "{\"data\":{\"a\":";
	size_t at = strlen(text);
	unsigned int depth;

	(void)state;
	for (depth = LEAF_DEPTH_MAX; depth <= LEAF_DEPTH_MAX + 1; depth++) {
		struct leaf_event e;
		const char *why = NULL;
		size_t end = at;

		memset(text + end, '[', depth);
		end += depth;
		memset(text + end, ']', depth);
		end += depth;
		(void)snprintf(text + end, sizeof(text) - end, "}," ATTRIBUTES);
		assert_int_equal(leaf_read(of(text), &e, &why),
				 depth <= LEAF_DEPTH_MAX ? ERR_OK : ERR_FORMAT);
	}
}

/* Each input in storage of its own size, so that a sanitizer sees a read past its end. */
static void
bears_every_cut_and_flip(void **state)
{
	size_t size = strlen(whole);
	size_t cut;
	unsigned int bit;

	(void)state;
	for (cut = 0; cut < size; cut++) {
		uint8_t *copy = malloc(cut + 1);
		struct leaf_event e;
		const char *why = NULL;

		assert_non_null(copy);
		memcpy(copy, whole, cut);
		assert_int_equal(leaf_read((struct bytes){ copy, cut }, &e, &why), ERR_FORMAT);
		free(copy);
	}
	for (bit = 0; bit < size * 8; bit++) {
		uint8_t *copy = malloc(size);
		struct leaf_event e;
		const char *why = NULL;

		assert_non_null(copy);
		memcpy(copy, whole, size);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (leaf_read((struct bytes){ copy, size }, &e, &why) == ERR_OK)
			assert_true(e.id.data >= copy && e.id.data + e.id.size <= copy + size);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_wants),
		cmocka_unit_test(reads_parts_of_operations),
		cmocka_unit_test(refuses),
		cmocka_unit_test(bears_depth),
		cmocka_unit_test(bears_every_cut_and_flip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
