/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The kernel's flat key-value files: what is refused, and the conformance cases. */
#include <string.h>

#include "probes_rows.h"
#include "telemetry/probes/flat_kv.h"

static void
reads_strictly(void **state)
{
	static const struct {
		const char *rule, *text;
		enum err want;
		size_t count;
	} rows[] = {
		{ "no line feed at the end", "a 1", ERR_FORMAT, 0 },
		{ "no value", "a\n", ERR_FORMAT, 0 },
		{ "a blank and no value", "a \n", ERR_FORMAT, 0 },
		{ "third column", "a 1 2\n", ERR_FORMAT, 0 },
		{ "blank line first", "\na 1\n", ERR_FORMAT, 0 },
		{ "blank line last", "a 1\n\n", ERR_FORMAT, 0 },
		{ "two blanks", "a  1\n", ERR_FORMAT, 0 },
		{ "tab", "a\t1\n", ERR_FORMAT, 0 },
		{ "blank before the key", " a 1\n", ERR_FORMAT, 0 },
		{ "blank after the value", "a 1 \n", ERR_FORMAT, 0 },
		{ "carriage return", "a 1\r\n", ERR_FORMAT, 0 },
		{ "sign", "a +1\n", ERR_FORMAT, 0 },
		{ "minus", "a -1\n", ERR_FORMAT, 0 },
		{ "max is no number", "a max\n", ERR_FORMAT, 0 },
		{ "leading zero", "a 01\n", ERR_FORMAT, 0 },
		{ "a key with a colon", "a: 1\n", ERR_FORMAT, 0 },
		{ "a key beyond ASCII", "\xc3\xa4 1\n", ERR_FORMAT, 0 },
		{ "one past u64", "a 18446744073709551616\n", ERR_LIMIT, 0 },
		{ "given twice", "a 1\nb 1\na 1\n", ERR_DUPLICATE, 0 },
		{ "empty", "", ERR_OK, 0 },
		{ "one", "a 1\n", ERR_OK, 1 },
		{ "a key that begins another", "a 1\nab 2\n", ERR_OK, 2 },
		{ "every kind of byte in a key", "aZ09_.x 1\n", ERR_OK, 1 },
		{ "largest", "a 18446744073709551615\n", ERR_OK, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct flat_kv kv = { .count = 77 };
		enum err e = flat_kv_read(rows[i].text, strlen(rows[i].text), &kv);

		if (e != rows[i].want)
			fail_msg("%s: %s", rows[i].rule, err_text(e));
		if (kv.count != (e == ERR_OK ? rows[i].count : 77))
			fail_msg("%s: %zu entries", rows[i].rule, kv.count);
	}
}

static void
counts_lines(void **state)
{
	char text[FLAT_KV_COUNT_MAX * 8 + 16];
	struct flat_kv kv;
	size_t size = 0;
	unsigned i;

	(void)state;
	for (i = 0; i < FLAT_KV_COUNT_MAX; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size, "k%u 1\n", i);
	assert_int_equal(flat_kv_read(text, size, &kv), ERR_OK);
	assert_int_equal(kv.count, FLAT_KV_COUNT_MAX);
	size += (size_t)snprintf(text + size, sizeof(text) - size, "k%u 1\n", i);
	assert_int_equal(flat_kv_read(text, size, &kv), ERR_LIMIT);
}

static void
kernel_bytes_cut_and_flipped(void **state)
{
	static const char good[] = "usage_usec 123456\nuser_usec 100000\nnr_periods 10\nx.y 0\n";
	size_t whole = sizeof(good) - 1;
	size_t size, bit;

	(void)state;
	for (size = 0; size < whole; size++) {
		/* An own copy of just that size, so that a read past it is seen by a sanitizer. */
		char *cut = malloc(size > 0 ? size : 1);
		struct flat_kv kv;
		enum err want = size == 0 || good[size - 1] == '\n' ? ERR_OK : ERR_FORMAT;

		assert_non_null(cut);
		memcpy(cut, good, size);
		if (flat_kv_read(cut, size, &kv) != want)
			fail_msg("cut at %zu", size);
		free(cut);
	}
	for (bit = 0; bit < whole * 8; bit++) {
		char text[sizeof(good)];
		char before[256];
		char after[256];
		struct flat_kv kv;
		struct json_writer w;
		size_t before_size = 0;
		size_t after_size = 0;

		assert_int_equal(flat_kv_read(good, whole, &kv), ERR_OK);
		json_writer_init(&w, before, sizeof(before));
		flat_kv_write(&kv, &w);
		assert_int_equal(json_writer_finish(&w, &before_size), ERR_OK);
		memcpy(text, good, sizeof(good));
		text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
		if (flat_kv_read(text, whole, &kv) != ERR_OK)
			continue;
		json_writer_init(&w, after, sizeof(after));
		flat_kv_write(&kv, &w);
		assert_int_equal(json_writer_finish(&w, &after_size), ERR_OK);
		if (after_size == before_size && memcmp(after, before, after_size) == 0)
			fail_msg("bit %zu changes nothing", bit);
	}
}

static void
check_row(const char *name, const struct json_node *row)
{
	const struct json_node *text = json_node_member(row, "text");
	const struct json_node *want = json_node_member(row, "hark_result");
	char wanted[256];
	char got[256];
	size_t wanted_size = 0;
	size_t got_size = 0;
	struct json_writer w;
	struct flat_kv kv;
	enum err e;

	assert_non_null(text);
	if (want == NULL)
		fail_msg("%s: no hark_result", name);
	e = flat_kv_read(text->text, text->text_size, &kv);
	if (want->type == JSON_STRING) {
		assert_true(json_node_text_is(want, "PARSE"));
		if (e == ERR_OK)
			fail_msg("%s: accepted", name);
		return;
	}
	if (e != ERR_OK)
		fail_msg("%s: %s", name, err_text(e));
	json_writer_init(&w, wanted, sizeof(wanted));
	assert_int_equal(json_node_write(want, JSON_ORDER_UTF16, JSON_NUMBERS_SAFE, &w), ERR_OK);
	assert_int_equal(json_writer_finish(&w, &wanted_size), ERR_OK);
	json_writer_init(&w, got, sizeof(got));
	flat_kv_write(&kv, &w);
	assert_int_equal(json_writer_finish(&w, &got_size), ERR_OK);
	if (got_size != wanted_size || memcmp(got, wanted, got_size) != 0)
		fail_msg("%s: %.*s", name, (int)got_size, got);
}

static void
conformance_cases(void **state)
{
	(void)state;
	assert_int_equal(rows_each("flat-kv-", check_row), 9);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_strictly),
		cmocka_unit_test(counts_lines),
		cmocka_unit_test(kernel_bytes_cut_and_flipped),
		cmocka_unit_test(conformance_cases),
	};

	return cmocka_run_group_tests_name("telemetry/probes_flat_kv", tests, NULL, NULL);
}
