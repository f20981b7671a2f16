/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The names of ledgers, both ways. */
#include <string.h>

#include "unit.h"

#include "proto/origin.h"

static void
reads(void **state)
{
	static const struct {
		const char *rule, *origin;
		enum proto_ledger ledger;
		uint32_t want; /* 0: it is none of this host and ledger */
	} rows[] = {
		{ "the first", "h.example/evidence", PROTO_EVIDENCE, 1 },
		{ "the second", "h.example/evidence.2", PROTO_EVIDENCE, 2 },
		{ "the last", "h.example/operations.1000000000", PROTO_OPERATIONS, 1000000000 },
		{ "past the last", "h.example/operations.1000000001", PROTO_OPERATIONS, 0 },
		{ "the other ledger", "h.example/evidence", PROTO_OPERATIONS, 0 },
		{ "another host", "g.example/evidence", PROTO_EVIDENCE, 0 },
		{ "a longer host", "h.example.org/evidence", PROTO_EVIDENCE, 0 },
		{ "a shorter host", "h/evidence", PROTO_EVIDENCE, 0 },
		{ "the host alone", "h.example", PROTO_EVIDENCE, 0 },
		{ "a longer name", "h.example/evidences", PROTO_EVIDENCE, 0 },
		{ "a first that is numbered", "h.example/evidence.1", PROTO_EVIDENCE, 0 },
		{ "a zero before it", "h.example/evidence.02", PROTO_EVIDENCE, 0 },
		{ "no number", "h.example/evidence.", PROTO_EVIDENCE, 0 },
		{ "empty", "", PROTO_EVIDENCE, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint32_t generation = 0;

		if (origin_is_of(rows[i].origin, "h.example", rows[i].ledger, &generation) !=
			    (rows[i].want > 0) ||
		    generation != rows[i].want)
			fail_msg("%s: %u", rows[i].rule, generation);
	}
}

static void
finds_it_in_a_file(void **state)
{
	static const struct {
		const char *rule, *file;
		size_t size;
		const char *want; /* NULL: refused */
	} rows[] = {
		{ "empty", "", 0, NULL },
		{ "one line", "hark-ledger 1\n", 14, NULL },
		{ "a second without its end", "hark-ledger 1\nh/evidence", 24, NULL },
		{ "an empty second", "hark-ledger 1\n\n", 15, NULL },
		{ "a zero byte in it", "hark-ledger 1\nh\0e\n", 18, NULL },
		{ "the second", "hark-ledger 1\nh/evidence\n", 25, "h/evidence" },
		{ "whatever stands around it", "\nh/evidence\nmore", 16, "h/evidence" },
	};
	char longest[ORIGIN_TEXT_BYTES + 2];
	char out[ORIGIN_TEXT_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct bytes file = { (const uint8_t *)rows[i].file, rows[i].size };
		enum err e;

		memcpy(out, "x", 2);
		e = origin_of_file(file, out);
		if (e != (rows[i].want != NULL ? ERR_OK : ERR_FORMAT) ||
		    strcmp(out, rows[i].want != NULL ? rows[i].want : "x") != 0)
			fail_msg("%s: %s", rows[i].rule, out);
	}
	/* One byte over, and the longest. */
	memset(longest, 'a', sizeof(longest));
	longest[0] = longest[sizeof(longest) - 1] = '\n';
	assert_int_equal(
		origin_of_file((struct bytes){ (const uint8_t *)longest, sizeof(longest) }, out),
		ERR_FORMAT);
	longest[sizeof(longest) - 2] = '\n';
	assert_int_equal(
		origin_of_file((struct bytes){ (const uint8_t *)longest, sizeof(longest) }, out),
		ERR_OK);
	assert_int_equal(strlen(out), ORIGIN_TEXT_BYTES - 1);
}

static void
writes_what_it_reads(void **state)
{
	static const uint32_t rows[] = { 1, 2, 10, ORIGIN_GENERATION_MAX };
	char text[ORIGIN_TEXT_BYTES];
	char host[ORIGIN_TEXT_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint32_t generation = 0;

		assert_int_equal(origin_write("h", PROTO_OPERATIONS, rows[i], text), ERR_OK);
		assert_true(origin_is_of(text, "h", PROTO_OPERATIONS, &generation));
		assert_int_equal(generation, rows[i]);
	}
	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	memcpy(text, "kept", 5);
	assert_int_equal(origin_write(host, PROTO_EVIDENCE, 1, text), ERR_LIMIT);
	assert_string_equal(text, "kept");
	host[ORIGIN_TEXT_BYTES - 1 - strlen("/evidence")] = '\0';
	assert_int_equal(origin_write(host, PROTO_EVIDENCE, 1, text), ERR_OK);
	assert_int_equal(strlen(text), ORIGIN_TEXT_BYTES - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(finds_it_in_a_file),
		cmocka_unit_test(writes_what_it_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
