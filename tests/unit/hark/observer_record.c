/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Records about observers, and what is none. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hark/observer_record.h"

#define OPERATION(kind, members)                                                                 \
	"{\"data\":{\"operation\":{" members "}},\"type\":\"dev.hark.events.operations.v1." kind \
	"\"}"

static bool
read_text(const char *text, struct observer_record *r)
{
	enum err e = ERR_OK;

	return observer_record_read((struct bytes){ (const uint8_t *)text, strlen(text) }, r, &e);
}

static void
what_is_no_record_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"{}",
		"[]",
		"{\"type\":\"dev.hark.events.operations.v1.x\"}",
		"{\"data\":{\"operation\":{}},\"type\":\"dev.hark.events.operations.v1.\"}",
		"{\"data\":{\"operation\":{}},\"type\":\"dev.hark.events.host.v1.tick\"}",
		"{\"data\":{\"operation\":{}},\"type\":7}",
		"{\"data\":{\"operation\":{}}}",
		OPERATION("x", "\"a\":1,\"a\":2"),
		OPERATION("x", "\"a\":1") "x",
	};
	struct observer_record r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		if (read_text(rows[i], &r))
			fail_msg("%s", rows[i]);
	}
	assert_true(read_text(OPERATION("observer_refused", "\"observer\":\"o\""), &r));
	assert_true(observer_record_is(&r, "observer_refused"));
	assert_false(observer_record_is(&r, "observer_refuse"));
	assert_false(observer_record_is(&r, "observer_refused_"));
	assert_true(json_node_text_is(json_node_member(r.operation, "observer"), "o"));
	observer_record_finish(&r);
	observer_record_finish(&r);
}

static void
numbers_are_strings_of_digits(void **state)
{
	static const struct {
		const char *member;
		bool want;
	} rows[] = {
		{ "\"n\":\"18446744073709551615\"", true },
		{ "\"n\":\"18446744073709551616\"", false },
		{ "\"n\":\"0\"", true },
		{ "\"n\":\"00\"", false },
		{ "\"n\":\"-1\"", false },
		{ "\"n\":\"\"", false },
		{ "\"n\":7", false },
		{ "\"n\":null", false },
		{ "\"m\":\"7\"", false },
	};
	char text[256];
	struct observer_record r;
	uint64_t value;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		(void)snprintf(text, sizeof(text), OPERATION("x", "%s"), rows[i].member);
		assert_true(read_text(text, &r));
		value = 77;
		if (observer_number_of(r.operation, "n", &value) != rows[i].want)
			fail_msg("%s", rows[i].member);
		assert_true(rows[i].want || value == 77);
		observer_record_finish(&r);
	}
	assert_false(observer_number_of(NULL, "n", &value));
}

/* `count` numbers, the last of which is `last`. */
static bool
read_digest(unsigned int count, const char *last, uint8_t out[32])
{
	char text[1024];
	struct observer_record r;
	size_t size;
	unsigned int i;
	bool good;

	size = (size_t)snprintf(text, sizeof(text),
				"{\"data\":{\"operation\":{\"ObserverQuarantine\":{"
				"\"observer_module_digest\":[");
	for (i = 0; i + 1 < count; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size, "%u,", 200 + i);
	(void)snprintf(text + size, sizeof(text) - size,
		       "%s]}}},\"type\":\"dev.hark.events.operations.v1.observer_quarantine\"}",
		       last);
	assert_true(read_text(text, &r));
	good = observer_digest_of(&r, out);
	observer_record_finish(&r);
	return good;
}

static void
a_digest_is_32_bytes(void **state)
{
	struct observer_record r;
	uint8_t digest[32];

	(void)state;
	assert_true(read_digest(32, "255", digest));
	assert_true(digest[0] == 200 && digest[30] == 230 && digest[31] == 255);
	assert_false(read_digest(31, "1", digest));
	assert_false(read_digest(33, "1", digest));
	assert_false(read_digest(32, "256", digest));
	assert_false(read_digest(32, "-1", digest));
	assert_false(read_digest(32, "1.5", digest));
	assert_false(read_digest(32, "\"1\"", digest));
	assert_true(read_text(OPERATION("observer_quarantine", "\"ObserverQuarantine\":7"), &r));
	assert_false(observer_digest_of(&r, digest));
	observer_record_finish(&r);
}

static void
paths_are_made_absolute(void **state)
{
	char *path = observer_absolute("--x", "/a/b");

	(void)state;
	assert_string_equal(path, "/a/b");
	free(path);
	path = observer_absolute("--x", "b");
	assert_true(path[0] == '/' && strcmp(path + strlen(path) - 2, "/b") == 0);
	free(path);
	assert_null(observer_absolute("--x", ""));
	assert_null(observer_absolute("--x", "/\xff"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test(numbers_are_strings_of_digits),
		cmocka_unit_test(a_digest_is_32_bytes),
		cmocka_unit_test(paths_are_made_absolute),
	};

	return cmocka_run_group_tests_name("hark/observer_record", tests, NULL, NULL);
}
