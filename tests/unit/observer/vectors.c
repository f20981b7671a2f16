/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every row of the recorded cases for observers: what Hark loads and refuses, how calls end, what
 * is handed over.  A row that no check knows fails the test.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/observer_host.h>

#include "unit.h"

#define ROWS         172u
#define MODULE_MAX   65536u
#define RECORDED_MAX 1024u

static json_t *rows[ROWS];

/* What the capability of a row got. */
static struct {
	size_t count;
	bool fails;
	char *hex[RECORDED_MAX];
} recorded;

static int
record(void *self, const void *bytes, size_t size)
{
	char *hex;
	size_t i;

	assert_ptr_equal(self, &recorded);
	if (recorded.fails)
		return 1;
	assert_true(recorded.count < RECORDED_MAX);
	hex = malloc(2 * size + 1);
	assert_non_null(hex);
	hex[0] = 0;
	for (i = 0; i < size; i++)
		(void)sprintf(hex + 2 * i, "%02x", ((const uint8_t *)bytes)[i]);
	recorded.hex[recorded.count++] = hex;
	return 0;
}

static void
forget(bool fails)
{
	while (recorded.count > 0)
		free(recorded.hex[--recorded.count]);
	recorded.fails = fails;
}

static const char *
text_of(const json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}

static bool
is_text(const json_t *row, const char *name, const char *text)
{
	const char *its = text_of(row, name);

	return its != NULL && strcmp(its, text) == 0;
}

static size_t
add_hex(const char *hex, size_t repeat, uint8_t *out, size_t at)
{
	size_t size = strlen(hex) / 2;
	size_t i, n;

	for (n = 0; n < repeat; n++) {
		for (i = 0; i < size; i++) {
			unsigned int v;

			assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
			assert_true(at < MODULE_MAX);
			out[at++] = (uint8_t)v;
		}
	}
	return at;
}

static size_t
module_of(const json_t *row, uint8_t *out)
{
	const json_t *parts = json_object_get(row, "parts");
	size_t size = 0;
	size_t i;

	if (parts == NULL)
		return add_hex(text_of(row, "hex"), 1, out, 0);
	for (i = 0; i < json_array_size(parts); i++) {
		const json_t *part = json_array_get(parts, i);

		size = add_hex(json_string_value(json_array_get(part, 0)),
			       (size_t)json_integer_value(json_array_get(part, 1)), out, size);
	}
	return size;
}

/* Opens the host of a row and registers its module. */
static enum hark_observer_error
load(const json_t *row, uint32_t tokens, struct hark_observer_host *host,
     struct hark_observer_refusal *why)
{
	static uint8_t module[MODULE_MAX];
	const struct hark_observer_capability capabilities[] = {
		{ HARK_OBSERVER_TOKEN_PG_WRITE, record, &recorded },
		{ HARK_OBSERVER_TOKEN_METRIC_EMIT, record, &recorded },
		{ HARK_OBSERVER_TOKEN_KMS_RECEIPT, record, &recorded },
		{ HARK_OBSERVER_TOKEN_LOG, record, &recorded },
	};
	struct hark_observer_manifest manifest = { .tokens = tokens };
	const json_t *fuel = json_object_get(row, "fuel");
	struct hark_observer_limits limits;
	struct hark_failure failure;
	char digest[80];
	size_t size = module_of(row, module);

	hark_observer_limits_default(&limits);
	limits.wall_ms = 0; /* no clock of its own: fuel ends all that spins */
	if (fuel != NULL)
		limits.fuel = (uint64_t)json_integer_value(fuel);
	(void)snprintf(digest, sizeof(digest), "blake3:%s", text_of(row, "blake3"));
	if (json_object_get(row, "digest_given") != NULL)
		memset(digest + 7, 'f', 64);
	manifest.digest = hark_text_of(digest);
	assert_int_equal(hark_observer_host_open_wasmtime(&limits, capabilities,
							  COUNT_OF(capabilities), host, &failure),
			 HARK_OBSERVER_OK);
	memset(why, 0, sizeof(*why));
	return hark_observer_host_register(host, module, size, &manifest, why);
}

static const struct {
	const char *why; /* how the row's reason begins */
	enum hark_observer_error error;
	enum hark_observer_reason reason;
	enum hark_observer_reason or_reason;
} refusals[] = {
	{ "digest", HARK_OBSERVER_DIGEST, HARK_OBSERVER_REASON_DIGEST, 0 },
	{ "parse", HARK_OBSERVER_PARSE, HARK_OBSERVER_REASON_PARSE, 0 },
	{ "denied by name", HARK_OBSERVER_IMPORT, HARK_OBSERVER_REASON_IMPORT_WASI, 0 },
	/* the first version of WASI has one name for all of it, and is denied by that */
	{ "outside arkhe:observer/*", HARK_OBSERVER_IMPORT, HARK_OBSERVER_REASON_IMPORT_STRANGER,
	  HARK_OBSERVER_REASON_IMPORT_WASI },
	{ "either may be named", HARK_OBSERVER_IMPORT, HARK_OBSERVER_REASON_IMPORT_STRANGER, 0 },
	{ "unknown import", HARK_OBSERVER_IMPORT, HARK_OBSERVER_REASON_IMPORT_UNKNOWN, 0 },
	{ "wrong signature", HARK_OBSERVER_IMPORT, HARK_OBSERVER_REASON_IMPORT_TYPE, 0 },
	{ "wrong kind", HARK_OBSERVER_IMPORT, HARK_OBSERVER_REASON_IMPORT_KIND, 0 },
	{ "ungranted", HARK_OBSERVER_IMPORT, HARK_OBSERVER_REASON_IMPORT_UNGRANTED, 0 },
	{ "no `observer` export", HARK_OBSERVER_EXPORT, HARK_OBSERVER_REASON_EXPORT_MISSING, 0 },
	{ "no usable `observer`", HARK_OBSERVER_EXPORT, HARK_OBSERVER_REASON_EXPORT_MISSING,
	  HARK_OBSERVER_REASON_EXPORT_TYPE },
};

static void
assert_refused_for(const json_t *row, enum hark_observer_error e,
		   const struct hark_observer_refusal *why)
{
	const char *words = text_of(row, "why");
	size_t i;

	assert_non_null(words);
	for (i = 0; i < COUNT_OF(refusals); i++) {
		if (strncmp(words, refusals[i].why, strlen(refusals[i].why)) != 0)
			continue;
		if (e != refusals[i].error ||
		    (why->reason != refusals[i].reason && why->reason != refusals[i].or_reason))
			fail_msg("%s: error %d, reason %s: %s", text_of(row, "name"), (int)e,
				 hark_observer_reason_name(why->reason), why->failure.text);
		assert_true(strlen(why->failure.text) > 10);
		return;
	}
	fail_msg("%s: no such reason here: %s", text_of(row, "name"), words);
}

static enum hark_observer_error
want_of(const char *run, enum hark_observer_trap_class *trap_class_out)
{
	unsigned i;

	if (strcmp(run, "ok") == 0)
		return HARK_OBSERVER_OK;
	if (strcmp(run, "retried") == 0)
		return HARK_OBSERVER_CAPABILITY;
	for (i = 0; i < 4; i++) {
		*trap_class_out = (enum hark_observer_trap_class)i;
		if (strcmp(run, hark_observer_trap_class_name(*trap_class_out)) == 0)
			return HARK_OBSERVER_TRAPPED;
	}
	fail_msg("no such run: %s", run);
	return HARK_OBSERVER_ARGUMENT;
}

/* What was handed over is what Arkhe's implementation got, where the row has that as plain hex. */
static void
assert_writes(const json_t *row)
{
	const json_t *writes = json_object_get(row, "writes");
	size_t i;

	for (i = 0; i < json_array_size(writes); i++) {
		const char *hex = json_string_value(json_array_get(writes, i));

		if (hex == NULL)
			return;
		assert_true(i < recorded.count);
		assert_string_equal(recorded.hex[i], hex);
	}
}

static void
run(const json_t *row, struct hark_observer_host *host)
{
	const json_t *count = json_object_get(row, "hark_rows");
	const struct hark_observer_context context = { HARK_OBSERVER_TOKENS_ALL };
	enum hark_observer_trap_class want_class = HARK_OBSERVER_TRAP_OTHER;
	enum hark_observer_error want = want_of(text_of(row, "hark_run"), &want_class);
	size_t runs = json_object_get(row, "runs") != NULL
			      ? (size_t)json_integer_value(json_object_get(row, "runs"))
			      : 1;

	for (; runs > 0; runs--) {
		struct hark_observer_outcome outcome;
		enum hark_observer_error e =
			hark_observer_host_invoke(host, &context, NULL, 0, &outcome);

		if (e != want || (e == HARK_OBSERVER_TRAPPED && outcome.trap_class != want_class))
			fail_msg("%s: %s, %s, %s", text_of(row, "name"),
				 hark_observer_error_text(e),
				 hark_observer_trap_class_name(outcome.trap_class),
				 hark_observer_reason_name(outcome.reason));
	}
	if (count != NULL)
		assert_int_equal(recorded.count, json_integer_value(count));
	if (want == HARK_OBSERVER_OK)
		assert_writes(row);
}

static void
test_row(const json_t *row)
{
	struct hark_observer_host host = { NULL, NULL };
	struct hark_observer_refusal why;
	bool granted = is_text(row, "hark_load", "ok if granted");
	/* A row without the member is not about grants. */
	uint32_t tokens = json_is_false(json_object_get(row, "token"))
				  ? 0
				  : HARK_OBSERVER_TOKEN_BIT(HARK_OBSERVER_TOKEN_PG_WRITE);
	enum hark_observer_error e;

	forget(is_text(row, "impl", "fails") || is_text(row, "impl", "panics"));
	if (granted) {
		e = load(row, 0, &host, &why);
		assert_int_equal(e, HARK_OBSERVER_IMPORT);
		assert_int_equal(why.reason, HARK_OBSERVER_REASON_IMPORT_UNGRANTED);
		hark_observer_host_close(&host);
		tokens = HARK_OBSERVER_TOKENS_ALL;
	}
	e = load(row, tokens, &host, &why);
	if (is_text(row, "hark_load", "reject")) {
		assert_refused_for(row, e, &why);
	} else {
		if (e != HARK_OBSERVER_OK)
			fail_msg("%s: %s", text_of(row, "name"), why.failure.text);
		if (text_of(row, "hark_run") != NULL)
			run(row, &host);
	}
	hark_observer_host_close(&host);
	forget(false);
}

static void
needs_engine(void)
{
	if (!hark_observer_has_engine())
		skip();
}

static void
test_rows(void **state)
{
	size_t tested = 0;
	size_t i;

	(void)state;
	needs_engine();
	for (i = 0; i < ROWS; i++) {
		if (text_of(rows[i], "hark_load") == NULL)
			continue;
		test_row(rows[i]);
		tested++;
	}
	assert_int_equal(tested, 129);
}

/* The rows that rest on a choice of ours, with the choice. */
static const struct {
	const char *name;
	enum hark_observer_reason want;
} features[] = {
	{ "simd", HARK_OBSERVER_REASON_NONE },
	{ "relaxed-simd", HARK_OBSERVER_REASON_PARSE },
	{ "floats", HARK_OBSERVER_REASON_NONE },
	{ "multi-memory", HARK_OBSERVER_REASON_PARSE },
	{ "memory64", HARK_OBSERVER_REASON_PARSE },
	{ "shared-memory", HARK_OBSERVER_REASON_PARSE },
	{ "tail-call", HARK_OBSERVER_REASON_NONE },
	{ "multi-value", HARK_OBSERVER_REASON_NONE },
	{ "reference-types", HARK_OBSERVER_REASON_PARSE },
	{ "gc-struct", HARK_OBSERVER_REASON_PARSE },
	{ "function-references", HARK_OBSERVER_REASON_PARSE },
	{ "exceptions", HARK_OBSERVER_REASON_PARSE },
	{ "wide-arithmetic", HARK_OBSERVER_REASON_PARSE },
	{ "extended-const", HARK_OBSERVER_REASON_NONE },
	{ "bulk-memory", HARK_OBSERVER_REASON_NONE },
	{ "65536-pages-declared", HARK_OBSERVER_REASON_MODULE_LIMIT },
	{ "10m-table-declared", HARK_OBSERVER_REASON_MODULE_LIMIT },
};

static void
test_features(void **state)
{
	size_t seen = 0;
	size_t i, j;

	(void)state;
	needs_engine();
	for (i = 0; i < ROWS; i++) {
		struct hark_observer_host host = { NULL, NULL };
		struct hark_observer_refusal why;

		if (!is_text(rows[i], "class", "feature"))
			continue;
		for (j = 0; j < COUNT_OF(features); j++) {
			if (strcmp(text_of(rows[i], "name") + strlen("feature-"),
				   features[j].name) == 0)
				break;
		}
		assert_true(j < COUNT_OF(features));
		(void)load(rows[i], HARK_OBSERVER_TOKENS_ALL, &host, &why);
		if (why.reason != features[j].want)
			fail_msg("%s: %s: %s", features[j].name,
				 hark_observer_reason_name(why.reason), why.failure.text);
		hark_observer_host_close(&host);
		seen++;
	}
	assert_int_equal(seen, COUNT_OF(features));
}

static int
read_rows(void **state)
{
	char line[65536];
	FILE *file = fopen(TEST_VECTORS "/arkhe-observers.jsonl", "r");
	size_t count = 0;

	(void)state;
	if (file == NULL)
		return -1;
	while (fgets(line, sizeof(line), file) != NULL && count < ROWS) {
		rows[count] = json_loads(line, 0, NULL);
		if (rows[count] == NULL)
			return -1;
		count++;
	}
	(void)fclose(file);
	return count == ROWS ? 0 : -1;
}

static int
drop_rows(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS; i++)
		json_decref(rows[i]);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_features),
	};

	return cmocka_run_group_tests(tests, read_rows, drop_rows);
}
