/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a module asks of its host, and what it gets: order of checks, staging, events, classes.  The
 * engine is a fake one, so that each pointer and each end can be tried.
 */
#include <string.h>

#include <hark/observer.h>

#include "crypto/sha256.h"
#include "fake_engine.h"
#include "unit.h"

#define MEMORY_BYTES 65536u
#define EVENTS       3u

static uint8_t memory[MEMORY_BYTES];
static struct hark_observer_event events[EVENTS];

/* What the capabilities got. */
static struct {
	size_t count, bytes;
	uint8_t last[64];
	size_t fail_at; /* the count at which it fails */
} got;

static int
execute(void *self, const void *bytes, size_t size)
{
	(void)self;
	if (got.count == got.fail_at)
		return -1;
	got.count++;
	got.bytes += size;
	memcpy(got.last, bytes, size < sizeof(got.last) ? size : sizeof(got.last));
	return 0;
}

static struct engine_item
all_imports(size_t i)
{
	static const char *const names[][3] = {
		{ "arkhe:observer/event", "next", "i" }, { "arkhe:observer/event", "json", "i" },
		{ "arkhe:observer/pg", "write", "" },    { "arkhe:observer/metric", "emit", "" },
		{ "arkhe:observer/kms", "receipt", "" }, { "arkhe:observer/log", "write", "" },
	};

	return fake_import(names[i][0], names[i][1], "ii", names[i][2]);
}

static struct engine_item imports[6];
static struct hark_observer_host host;

static enum hark_observer_error
register_fake(uint32_t tokens, struct hark_observer_refusal *why)
{
	static const char hex[] = "0123456789abcdef";
	struct hark_observer_manifest manifest = { .tokens = tokens };
	uint8_t digest[SHA256_BYTES];
	char text[72] = "sha256:";
	size_t i;

	sha256_of("fake module", 11, digest);
	for (i = 0; i < SHA256_BYTES; i++) {
		text[7 + 2 * i] = hex[digest[i] >> 4];
		text[8 + 2 * i] = hex[digest[i] & 15];
	}
	manifest.digest = (struct hark_text){ text, 71 };
	return hark_observer_host_register(&host, "fake module", 11, &manifest, why);
}

static void
open_host(const struct hark_observer_limits *given)
{
	const struct hark_observer_capability capabilities[] = {
		{ HARK_OBSERVER_TOKEN_LOG, execute, NULL },
		{ HARK_OBSERVER_TOKEN_PG_WRITE, execute, NULL },
		{ HARK_OBSERVER_TOKEN_METRIC_EMIT, execute, NULL },
		{ HARK_OBSERVER_TOKEN_KMS_RECEIPT, execute, NULL },
	};
	struct hark_observer_limits limits;

	hark_observer_limits_default(&limits);
	limits.wall_ms = 0;
	if (given != NULL)
		limits = *given;
	assert_int_equal(hark_observer_host_open_wasmtime(&limits, capabilities, 4, &host, NULL),
			 HARK_OBSERVER_OK);
}

static int
set_up(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 6; i++)
		imports[i] = all_imports(i);
	memset(&fake, 0, sizeof(fake));
	fake.imports = imports;
	fake.import_count = 6;
	fake.exports_observer = true;
	fake.observer_is_function = true;
	fake.memory = memory;
	fake.memory_size = MEMORY_BYTES;
	memset(&got, 0, sizeof(got));
	got.fail_at = SIZE_MAX;
	for (i = 0; i < MEMORY_BYTES; i++)
		memory[i] = (uint8_t)i;
	for (i = 0; i < EVENTS; i++) {
		events[i] = (struct hark_observer_event){ .index = 10 + i,
							  .type = hark_text_of("t"),
							  .cell = hark_text_of("c0"),
							  .json = hark_text_of("{\"a\":1}") };
	}
	open_host(NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	hark_observer_host_close(&host);
	return 0;
}

static enum hark_observer_error
invoke(fake_code *code, void *ctx, uint32_t tokens, size_t count, struct hark_observer_outcome *out)
{
	const struct hark_observer_context context = { tokens };

	fake.code = code;
	fake.ctx = ctx;
	return hark_observer_host_invoke(&host, &context, count > 0 ? events : NULL, count, out);
}

/* ---- pointers ---- */

struct pointer {
	const char *rule;
	int32_t ptr, len;
	enum hark_observer_reason want;
};

static const struct pointer pointers[] = {
	{ "nothing", 0, 0, HARK_OBSERVER_REASON_NONE },
	{ "nothing, anywhere", INT32_MAX, 0, HARK_OBSERVER_REASON_NONE },
	{ "one byte", 0, 1, HARK_OBSERVER_REASON_NONE },
	{ "the last byte", 65535, 1, HARK_OBSERVER_REASON_NONE },
	{ "all of it", 0, 65536, HARK_OBSERVER_REASON_NONE },
	{ "past the end", 65536, 1, HARK_OBSERVER_REASON_POINTER },
	{ "over the end", 65535, 2, HARK_OBSERVER_REASON_POINTER },
	{ "one too many", 0, 65537, HARK_OBSERVER_REASON_POINTER },
	{ "far away", INT32_MAX, INT32_MAX, HARK_OBSERVER_REASON_POINTER },
	{ "negative pointer to nothing", -1, 0, HARK_OBSERVER_REASON_POINTER },
	{ "negative pointer", -65536, 1, HARK_OBSERVER_REASON_POINTER },
	{ "negative size", 0, -1, HARK_OBSERVER_REASON_POINTER },
	{ "both negative", INT32_MIN, INT32_MIN, HARK_OBSERVER_REASON_POINTER },
};

static const char *const functions[][2] = { { "event", "next" },  { "event", "json" },
					    { "pg", "write" },    { "metric", "emit" },
					    { "kms", "receipt" }, { "log", "write" } };

struct one_call {
	const char *const *function;
	int32_t ptr, len;
	int32_t result;
};

static bool
call_once(void *ctx, struct engine_caller *caller)
{
	struct one_call *c = ctx;

	return fake_call(caller, c->function[0], c->function[1], c->ptr, c->len, &c->result);
}

static void
test_pointers(void **state)
{
	size_t i, j;

	(void)state;
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, NULL), HARK_OBSERVER_OK);
	for (j = 0; j < COUNT_OF(functions); j++) {
		for (i = 0; i < COUNT_OF(pointers); i++) {
			struct one_call c = { functions[j], pointers[i].ptr, pointers[i].len, 0 };
			struct hark_observer_outcome out;
			size_t before = got.count;
			enum hark_observer_error e =
				invoke(call_once, &c, HARK_OBSERVER_TOKENS_ALL, 0, &out);

			if (out.reason != pointers[i].want)
				fail_msg("%s: %s", pointers[i].rule,
					 hark_observer_reason_name(out.reason));
			assert_int_equal(e, pointers[i].want == HARK_OBSERVER_REASON_NONE
						    ? HARK_OBSERVER_OK
						    : HARK_OBSERVER_TRAPPED);
			assert_int_equal(out.trap_class, HARK_OBSERVER_TRAP_PANIC);
			/* input gives no effect; an effect of no bytes is one too */
			assert_int_equal(got.count - before, j >= 2 && e == HARK_OBSERVER_OK);
		}
	}
}

static void
test_no_memory(void **state)
{
	struct hark_observer_outcome out;
	struct one_call c = { functions[2], 7, 0, 0 };

	(void)state;
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, NULL), HARK_OBSERVER_OK);
	fake.memory = NULL;
	assert_int_equal(invoke(call_once, &c, HARK_OBSERVER_TOKENS_ALL, 0, &out),
			 HARK_OBSERVER_OK);
	c.len = 1;
	assert_int_equal(invoke(call_once, &c, HARK_OBSERVER_TOKENS_ALL, 0, &out),
			 HARK_OBSERVER_TRAPPED);
	assert_int_equal(out.reason, HARK_OBSERVER_REASON_NO_MEMORY);
	assert_int_equal(out.trap_class, HARK_OBSERVER_TRAP_PANIC);
}

/* ---- tokens: granted at registration, and looked at again in each call ---- */

static void
test_denied_at_call(void **state)
{
	unsigned token;

	(void)state;
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, NULL), HARK_OBSERVER_OK);
	for (token = 0; token < HARK_OBSERVER_TOKEN_COUNT; token++) {
		/* a bad pointer: the token is looked at first */
		struct one_call c = { functions[2 + token], -1, -1, 0 };
		struct hark_observer_outcome out;

		assert_int_equal(invoke(call_once, &c,
					HARK_OBSERVER_TOKENS_ALL & ~HARK_OBSERVER_TOKEN_BIT(token),
					0, &out),
				 HARK_OBSERVER_TRAPPED);
		assert_int_equal(out.reason, HARK_OBSERVER_REASON_DENIED);
		assert_int_equal(out.trap_class, HARK_OBSERVER_TRAP_CAPABILITY_DENIED);
		assert_int_equal(out.token, token);
	}
	assert_int_equal(got.count, 0);
}

/* ---- effects ---- */

struct writes {
	size_t count;
	int32_t len;
};

static bool
write_often(void *ctx, struct engine_caller *caller)
{
	const struct writes *w = ctx;
	size_t i;

	for (i = 0; i < w->count; i++) {
		if (!fake_call(caller, "pg", "write", 0, w->len, NULL))
			return false;
	}
	return true;
}

static void
test_limits_of_effects(void **state)
{
	static const struct {
		const char *rule;
		struct writes writes;
		enum hark_observer_reason want;
	} rows[] = {
		{ "as many as there may be", { 4, 1 }, HARK_OBSERVER_REASON_NONE },
		{ "one more", { 5, 1 }, HARK_OBSERVER_REASON_EFFECTS },
		{ "as large as one may be", { 1, 100 }, HARK_OBSERVER_REASON_NONE },
		{ "larger", { 1, 101 }, HARK_OBSERVER_REASON_PAYLOAD_BYTES },
		{ "as large as all may be", { 3, 80 }, HARK_OBSERVER_REASON_NONE },
		{ "all larger", { 3, 81 }, HARK_OBSERVER_REASON_EFFECTS },
		{ "fuel for its bytes", { 4, 60 }, HARK_OBSERVER_REASON_NONE },
	};
	struct hark_observer_limits limits;
	size_t i;

	(void)state;
	hark_observer_limits_default(&limits);
	limits.wall_ms = 0;
	limits.effects = 4;
	limits.payload_bytes = 100;
	limits.effect_bytes = 240;
	hark_observer_host_close(&host);
	open_host(&limits);
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, NULL), HARK_OBSERVER_OK);
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct writes writes = rows[i].writes;
		struct hark_observer_outcome out;

		memset(&got, 0, sizeof(got));
		got.fail_at = SIZE_MAX;
		(void)invoke(write_often, &writes, HARK_OBSERVER_TOKENS_ALL, 0, &out);
		if (out.reason != rows[i].want)
			fail_msg("%s: %s", rows[i].rule, hark_observer_reason_name(out.reason));
		assert_int_equal(got.count,
				 out.reason == HARK_OBSERVER_REASON_NONE ? writes.count : 0);
		if (out.reason != HARK_OBSERVER_REASON_NONE)
			assert_int_equal(out.trap_class, HARK_OBSERVER_TRAP_BUDGET_EXCEEDED);
	}
}

static void
test_fuel_of_host_calls(void **state)
{
	struct writes writes = { 10, 80 };
	struct hark_observer_limits limits;
	struct hark_observer_outcome out;
	const uint64_t each = HARK_OBSERVER_HOST_CALL_FUEL + 10;

	(void)state;
	hark_observer_limits_default(&limits);
	limits.wall_ms = 0;
	limits.fuel = 10 * each;
	hark_observer_host_close(&host);
	open_host(&limits);
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, NULL), HARK_OBSERVER_OK);
	assert_int_equal(invoke(write_often, &writes, HARK_OBSERVER_TOKENS_ALL, 0, &out),
			 HARK_OBSERVER_OK);
	assert_int_equal(out.fuel_used, 10 * each);
	writes.count = 11;
	assert_int_equal(invoke(write_often, &writes, HARK_OBSERVER_TOKENS_ALL, 0, &out),
			 HARK_OBSERVER_TRAPPED);
	assert_int_equal(out.reason, HARK_OBSERVER_REASON_FUEL);
	assert_int_equal(got.count, 10);
}

static void
test_effects_only_if_it_returns(void **state)
{
	struct writes writes = { 3, 5 };
	struct hark_observer_outcome out;

	(void)state;
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, NULL), HARK_OBSERVER_OK);
	fake.traps_with = HARK_OBSERVER_REASON_UNREACHABLE;
	assert_int_equal(invoke(write_often, &writes, HARK_OBSERVER_TOKENS_ALL, 0, &out),
			 HARK_OBSERVER_TRAPPED);
	assert_int_equal(out.effects, 3);
	assert_int_equal(got.count, 0);
	fake.traps_with = HARK_OBSERVER_REASON_NONE;
	writes.count = 1;
	assert_int_equal(invoke(write_often, &writes, HARK_OBSERVER_TOKENS_ALL, 0, &out),
			 HARK_OBSERVER_OK);
	assert_int_equal(got.count, 1); /* what was staged before is gone */
	assert_memory_equal(got.last, memory, 5);
}

static void
test_capability_that_fails(void **state)
{
	struct writes writes = { 3, 5 };
	struct hark_observer_outcome out;

	(void)state;
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, NULL), HARK_OBSERVER_OK);
	got.fail_at = 1;
	assert_int_equal(invoke(write_often, &writes, HARK_OBSERVER_TOKENS_ALL, 0, &out),
			 HARK_OBSERVER_CAPABILITY);
	assert_int_equal(out.reason, HARK_OBSERVER_REASON_CAPABILITY_FAILED);
	assert_int_equal(out.token, HARK_OBSERVER_TOKEN_PG_WRITE);
	assert_int_equal(got.count, 1); /* nothing after it was tried */
	got.fail_at = SIZE_MAX;
	assert_int_equal(invoke(write_often, &writes, HARK_OBSERVER_TOKENS_ALL, 0, &out),
			 HARK_OBSERVER_OK);
	assert_int_equal(got.count, 4);
}

/* ---- events ---- */

static bool
read_events(void *ctx, struct engine_caller *caller)
{
	const struct hark_event_record *record = (const void *)memory;
	int32_t result = 0;
	size_t i;

	(void)ctx;
	assert_true(fake_call(caller, "event", "json", 0, 100, &result));
	assert_int_equal(result, 0); /* there is no current event yet */
	for (i = 0; i < EVENTS; i++) {
		assert_true(fake_call(caller, "event", "next", 0, 10, &result));
		assert_int_equal(result, -131); /* too small: it is still to come */
		assert_true(fake_call(caller, "event", "next", 0, 131, &result));
		assert_int_equal(result, 131);
		assert_int_equal(record->size, 131);
		assert_int_equal(record->index, 10 + i);
		assert_int_equal(record->json_bytes, 7);
		assert_memory_equal(memory + record->cell.offset, "c0", record->cell.size);
		assert_true(fake_call(caller, "event", "json", 1000, 6, &result));
		assert_int_equal(result, -7);
		assert_true(fake_call(caller, "event", "json", 1000, 7, &result));
		assert_int_equal(result, 7);
		assert_memory_equal(memory + 1000, "{\"a\":1}", 7);
	}
	assert_true(fake_call(caller, "event", "next", 0, 10, &result));
	assert_int_equal(result, 0);
	assert_true(fake_call(caller, "event", "json", 0, 100, &result));
	assert_int_equal(result, 0);
	return true;
}

static void
test_events(void **state)
{
	struct hark_observer_outcome out;

	(void)state;
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, NULL), HARK_OBSERVER_OK);
	assert_int_equal(invoke(read_events, NULL, 0, EVENTS, &out), HARK_OBSERVER_OK);
	assert_int_equal(out.events_taken, EVENTS);
	assert_int_equal(fake.calls, 1);
}

static bool
read_json(void *ctx, struct engine_caller *caller)
{
	int32_t *sizes = ctx;

	return fake_call(caller, "event", "json", 0, 100, &sizes[fake.calls - 1]);
}

/* Without event.next a module is called for each event, and event.json is of that one. */
static void
test_an_event_a_call(void **state)
{
	struct hark_observer_outcome out;
	int32_t sizes[EVENTS] = { 0 };

	(void)state;
	fake.imports = imports + 1;
	fake.import_count = 5;
	events[1].json = hark_text_of("{\"longer\":true}");
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, NULL), HARK_OBSERVER_OK);
	assert_int_equal(invoke(read_json, sizes, 0, EVENTS, &out), HARK_OBSERVER_OK);
	assert_int_equal(fake.calls, EVENTS);
	assert_int_equal(sizes[0], 7);
	assert_int_equal(sizes[1], 15);
	assert_int_equal(out.events_taken, EVENTS);
	/* a trap in one ends the batch there */
	fake.calls = 0;
	fake.traps_with = HARK_OBSERVER_REASON_STACK;
	assert_int_equal(invoke(read_json, sizes, 0, EVENTS, &out), HARK_OBSERVER_TRAPPED);
	assert_int_equal(out.events_taken, 1);
	assert_int_equal(fake.calls, 1);
}

static void
test_events_that_cannot_be_shown(void **state)
{
	static char much[HARK_OBSERVER_JSON_BYTES_MAX + 1];
	struct hark_observer_outcome out;

	(void)state;
	memset(much, 'x', sizeof(much));
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, NULL), HARK_OBSERVER_OK);
	events[2].run = (struct hark_text){ much, HARK_OBSERVER_TEXTS_MAX - 3 };
	assert_int_equal(invoke(write_often, &(struct writes){ 0, 0 }, 0, EVENTS, &out),
			 HARK_OBSERVER_OK);
	events[2].run.size++;
	assert_int_equal(invoke(write_often, &(struct writes){ 0, 0 }, 0, EVENTS, &out),
			 HARK_OBSERVER_EVENT);
	events[2].run.size = 0;
	events[2].json = (struct hark_text){ much, sizeof(much) };
	assert_int_equal(invoke(write_often, &(struct writes){ 0, 0 }, 0, EVENTS, &out),
			 HARK_OBSERVER_EVENT);
	assert_int_equal(fake.calls, 1);
}

/* ---- classes ---- */

static void
test_classes(void **state)
{
	static const struct {
		enum hark_observer_reason reason;
		enum hark_observer_trap_class want;
	} rows[] = {
		{ HARK_OBSERVER_REASON_UNREACHABLE, HARK_OBSERVER_TRAP_PANIC },
		{ HARK_OBSERVER_REASON_MEMORY_BOUNDS, HARK_OBSERVER_TRAP_PANIC },
		{ HARK_OBSERVER_REASON_TABLE_BOUNDS, HARK_OBSERVER_TRAP_PANIC },
		{ HARK_OBSERVER_REASON_INDIRECT_CALL, HARK_OBSERVER_TRAP_PANIC },
		{ HARK_OBSERVER_REASON_ARITHMETIC, HARK_OBSERVER_TRAP_PANIC },
		{ HARK_OBSERVER_REASON_STACK, HARK_OBSERVER_TRAP_PANIC },
		{ HARK_OBSERVER_REASON_FUEL, HARK_OBSERVER_TRAP_BUDGET_EXCEEDED },
		{ HARK_OBSERVER_REASON_WALL_CLOCK, HARK_OBSERVER_TRAP_BUDGET_EXCEEDED },
		{ HARK_OBSERVER_REASON_INSTANCE_LIMIT, HARK_OBSERVER_TRAP_BUDGET_EXCEEDED },
		{ HARK_OBSERVER_REASON_UNKNOWN_TRAP, HARK_OBSERVER_TRAP_OTHER },
	};
	struct writes none = { 0, 0 };
	size_t i;

	(void)state;
	assert_int_equal(register_fake(0, NULL), HARK_OBSERVER_IMPORT);
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, NULL), HARK_OBSERVER_OK);
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_observer_outcome out;

		fake.traps_with = rows[i].reason;
		assert_int_equal(invoke(write_often, &none, 0, 0, &out), HARK_OBSERVER_TRAPPED);
		assert_int_equal(out.trap_class, rows[i].want);
		assert_int_equal(out.reason, rows[i].reason);
	}
}

/* ---- registering ---- */

static void
test_refused_leaves_the_old(void **state)
{
	struct writes one = { 1, 1 };
	struct hark_observer_outcome out;
	struct hark_observer_refusal why;

	(void)state;
	/* a host without a module says ok and runs nothing */
	assert_int_equal(invoke(write_often, &one, HARK_OBSERVER_TOKENS_ALL, 0, &out),
			 HARK_OBSERVER_OK);
	assert_int_equal(fake.calls, 0);
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, &why), HARK_OBSERVER_OK);
	fake.observer_is_function = false;
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, &why), HARK_OBSERVER_EXPORT);
	assert_int_equal(why.reason, HARK_OBSERVER_REASON_EXPORT_TYPE);
	fake.observer_is_function = true;
	fake.observer_parameters = "i";
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, &why), HARK_OBSERVER_EXPORT);
	fake.exports_observer = false;
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, &why), HARK_OBSERVER_EXPORT);
	assert_int_equal(why.reason, HARK_OBSERVER_REASON_EXPORT_MISSING);
	fake.compile = ERR_LIMIT;
	assert_int_equal(register_fake(HARK_OBSERVER_TOKENS_ALL, &why), HARK_OBSERVER_LIMIT);
	assert_int_equal(why.reason, HARK_OBSERVER_REASON_MODULE_LIMIT);
	assert_int_equal(invoke(write_often, &one, HARK_OBSERVER_TOKENS_ALL, 0, &out),
			 HARK_OBSERVER_OK);
	assert_int_equal(got.count, 1);
}

static void
test_manifests(void **state)
{
	static const struct {
		const char *rule, *digest;
		uint32_t tokens;
		enum hark_observer_error want;
	} rows[] = {
		{ "another digest",
		  "sha256:0000000000000000000000000000000000000000000000000000000000000000", 0,
		  HARK_OBSERVER_DIGEST },
		{ "another by BLAKE3",
		  "blake3:0000000000000000000000000000000000000000000000000000000000000000", 0,
		  HARK_OBSERVER_DIGEST },
		{ "the digest by BLAKE3",
		  "blake3:94998ac373918aff041eebb05d45903669a767610e7528ac4e9695b44c90afc6",
		  HARK_OBSERVER_TOKENS_ALL, HARK_OBSERVER_OK },
		{ "upper case",
		  "sha256:A000000000000000000000000000000000000000000000000000000000000000", 0,
		  HARK_OBSERVER_ARGUMENT },
		{ "one digit short",
		  "sha256:000000000000000000000000000000000000000000000000000000000000000", 0,
		  HARK_OBSERVER_ARGUMENT },
		{ "one too many",
		  "sha256:00000000000000000000000000000000000000000000000000000000000000000", 0,
		  HARK_OBSERVER_ARGUMENT },
		{ "another hash",
		  "sha512:0000000000000000000000000000000000000000000000000000000000000000", 0,
		  HARK_OBSERVER_ARGUMENT },
		{ "no digest", "", 0, HARK_OBSERVER_ARGUMENT },
		{ "a token that does not exist",
		  "sha256:0000000000000000000000000000000000000000000000000000000000000000", 16,
		  HARK_OBSERVER_ARGUMENT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		const struct hark_observer_manifest manifest = { hark_text_of(rows[i].digest),
								 rows[i].tokens };
		enum hark_observer_error e =
			hark_observer_host_register(&host, "fake", 4, &manifest, NULL);

		if (e != rows[i].want)
			fail_msg("%s: %s", rows[i].rule, hark_observer_error_text(e));
	}
}

static void
test_tick(void **state)
{
	(void)state;
	hark_observer_host_tick(&host);
	assert_int_equal(fake.ticks, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pointers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_denied_at_call, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limits_of_effects, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fuel_of_host_calls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_effects_only_if_it_returns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_capability_that_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_events, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_event_a_call, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_events_that_cannot_be_shown, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_classes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused_leaves_the_old, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_manifests, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tick, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
