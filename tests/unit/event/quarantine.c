/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Arkhe's receipts: every recorded one reads and writes back, every hostile one and every cut is
 * refused. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "event/quarantine.h"
#include "unit.h"

static const char *const trap_classes[] = { "Panic", "BudgetExceeded", "CapabilityDenied",
					    "Other" };
static const char *const attestations[] = { "None", "Ed25519", "MlDsa65", "Hybrid" };

static size_t
unhex(const char *hex, uint8_t *out)
{
	size_t size = strlen(hex) / 2;
	size_t i;

	for (i = 0; i < size; i++) {
		unsigned int v;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		out[i] = (uint8_t)v;
	}
	return size;
}

/* What we write as JSON has the members, names and values of Arkhe's own, in canonical order. */
static void
assert_json_is(const struct quarantine *receipt, const char *text)
{
	json_t *want = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
	char written[1024];
	struct json_writer w;
	size_t size = 0;
	json_t *got;

	json_writer_init(&w, written, sizeof(written));
	quarantine_write_json(receipt, &w);
	assert_int_equal(json_writer_finish(&w, &size), ERR_OK);
	got = json_loadb(written, size, JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(got);
	assert_true(json_equal(got, want));
	assert_int_equal(memcmp(written, "{\"attestation_class\":", 21), 0);
	json_decref(got);
	json_decref(want);
}

/* Against the JSON form of the same receipt. */
static void
assert_is(const struct quarantine *got, const char *text)
{
	json_t *want = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
	const json_t *digest = json_object_get(want, "observer_module_digest");
	size_t i;

	assert_non_null(want);
	assert_true(got->schema_version ==
		    json_real_value(json_object_get(want, "schema_version")));
	assert_true((double)got->tick == json_real_value(json_object_get(want, "quarantine_tick")));
	for (i = 0; i < QUARANTINE_DIGEST_BYTES; i++)
		assert_true(got->digest[i] == json_real_value(json_array_get(digest, i)));
	assert_string_equal(trap_classes[got->trap_class],
			    json_string_value(json_object_get(want, "trap_class")));
	assert_string_equal(attestations[got->attestation],
			    json_string_value(json_object_get(want, "attestation_class")));
	json_decref(want);
}

/* All cuts are refused; a flipped bit gives another receipt or a refusal, never the same one. */
static void
spoil(uint8_t *bytes, size_t size)
{
	struct quarantine got;
	size_t i;

	for (i = 0; i < size; i++)
		assert_int_equal(quarantine_read(bytes, i, &got), ERR_FORMAT);
	for (i = 0; i < 8 * size; i++) {
		uint8_t again[QUARANTINE_BYTES_MAX];

		bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ (1u << i % 8));
		if (quarantine_read(bytes, size, &got) == ERR_OK) {
			assert_int_equal(quarantine_write(&got, again), size);
			assert_memory_equal(again, bytes, size);
		}
		bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ (1u << i % 8));
	}
}

static void
test_rows(void **state)
{
	FILE *file = fopen(TEST_VECTORS "/arkhe-observers.jsonl", "r");
	size_t good = 0, bad = 0;
	char line[65536];

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		json_t *row = json_loads(line, 0, NULL);
		const char *hex = json_string_value(json_object_get(row, "postcard_hex"));
		uint8_t bytes[128], again[QUARANTINE_BYTES_MAX];
		struct quarantine got;
		size_t size;

		assert_non_null(row);
		if (hex != NULL && json_object_get(row, "hark_verdict") != NULL) {
			assert_string_equal(json_string_value(json_object_get(row, "hark_verdict")),
					    "reject");
			size = unhex(hex, bytes);
			assert_int_equal(quarantine_read(bytes, size, &got), ERR_FORMAT);
			bad++;
		} else if (hex != NULL) {
			size = unhex(hex, bytes);
			assert_int_equal(quarantine_read(bytes, size, &got), ERR_OK);
			assert_is(&got, json_string_value(json_object_get(row, "json")));
			assert_int_equal(quarantine_write(&got, again), size);
			assert_memory_equal(again, bytes, size);
			assert_json_is(&got, json_string_value(json_object_get(row, "json")));
			spoil(bytes, size);
			good++;
		}
		json_decref(row);
	}
	(void)fclose(file);
	assert_int_equal(good, 11);
	assert_int_equal(bad, 7);
}

/* What postcard itself has no row for. */
static void
test_numbers(void **state)
{
	static const struct {
		const char *rule, *version;
		enum err want;
	} rows[] = {
		{ "the largest", "ffff03", ERR_OK },
		{ "one past", "808004", ERR_FORMAT },
		{ "longer than it need be", "818000", ERR_FORMAT },
		{ "without end", "ffffffffffffffffffffff", ERR_FORMAT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint8_t bytes[64] = { 0 };
		size_t size = unhex(rows[i].version, bytes) + QUARANTINE_DIGEST_BYTES + 3;
		struct quarantine got;

		if (quarantine_read(bytes, size, &got) != rows[i].want)
			fail_msg("%s", rows[i].rule);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
