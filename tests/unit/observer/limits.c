/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each limit of a module, with a module that hits it, by the engine that is built in. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <hark/observer_host.h>

#include "crypto/sha256.h"
#include "unit.h"
#include "wasm.h"

#define MODULE_MAX 1048576u

static uint8_t module[MODULE_MAX];

static struct {
	size_t count;
	uint8_t first[8];
} got;

static int
execute(void *self, const void *bytes, size_t size)
{
	(void)self;
	if (got.count++ == 0)
		memcpy(got.first, bytes, size < sizeof(got.first) ? size : sizeof(got.first));
	return 0;
}

static enum hark_observer_error
load(const struct wasm *wasm, const struct hark_observer_limits *limits,
     struct hark_observer_host *host, struct hark_observer_refusal *why)
{
	static const char hex[] = "0123456789abcdef";
	const struct hark_observer_capability write = { HARK_OBSERVER_TOKEN_PG_WRITE, execute,
							NULL };
	size_t size = wasm_make(wasm, module, sizeof(module));
	struct hark_observer_manifest manifest = {
		.tokens = HARK_OBSERVER_TOKEN_BIT(HARK_OBSERVER_TOKEN_PG_WRITE),
	};
	uint8_t digest[SHA256_BYTES];
	char text[72] = "sha256:";
	size_t i;

	memset(&got, 0, sizeof(got));
	memset(why, 0, sizeof(*why));
	sha256_of(module, size, digest);
	for (i = 0; i < SHA256_BYTES; i++) {
		text[7 + 2 * i] = hex[digest[i] >> 4];
		text[8 + 2 * i] = hex[digest[i] & 15];
	}
	manifest.digest = (struct hark_text){ text, 71 };
	assert_int_equal(hark_observer_host_open_wasmtime(limits, &write, 1, host, NULL),
			 HARK_OBSERVER_OK);
	return hark_observer_host_register(host, module, size, &manifest, why);
}

/* Bodies. */
static const uint8_t nothing[] = { 0x01 };
static const uint8_t spins[] = { 0x03, 0x40, 0x0c, 0, 0x0b };
static const uint8_t recurses[] = { 0x10, 0 };
static const uint8_t recurses_after_import[] = { 0x10, 1 };
/* i32.store 0 (memory.grow 16); pg.write(0, 4) */
static const uint8_t grows_memory[] = { 0x41, 0,    0x41, 16,   0x40, 0,    0x36, 2,
					0,    0x41, 0,    0x41, 4,    0x10, 0 };
/* i32.store 0 (table.grow null 100); pg.write(0, 4) */
static const uint8_t grows_table[] = { 0x41, 0, 0xd0, 0x70, 0x41, 0xe4, 0, 0xfc, 0x0f, 0,
				       0x36, 2, 0,    0x41, 0,    0x41, 4, 0x10, 0 };
/* pg.write(0, 101), pg.write(0, 1) for ever */
static const uint8_t writes_much[] = { 0x41, 0, 0x41, 0xe5, 0, 0x10, 0 };
static const uint8_t writes_often[] = { 0x03, 0x40, 0x41, 0, 0x41, 1, 0x10, 0, 0x0c, 0, 0x0b };

#define BODY(bytes) .body = bytes, .body_size = sizeof(bytes)

static const struct {
	const char *rule;
	struct wasm wasm;
	enum hark_observer_reason at_load, at_call;
	enum hark_observer_trap_class trap_class;
} rows[] = {
	{ "within all", { .pages = 1, BODY(nothing) }, 0, 0, 0 },
	{ "fuel",
	  { .pages = 1, BODY(spins) },
	  0,
	  HARK_OBSERVER_REASON_FUEL,
	  HARK_OBSERVER_TRAP_BUDGET_EXCEEDED },
	{ "fuel in a start function",
	  { .pages = 1, .starts = true, BODY(spins) },
	  0,
	  HARK_OBSERVER_REASON_FUEL,
	  HARK_OBSERVER_TRAP_BUDGET_EXCEEDED },
	{ "stack",
	  { .pages = 1, BODY(recurses) },
	  0,
	  HARK_OBSERVER_REASON_STACK,
	  HARK_OBSERVER_TRAP_PANIC },
	{ "stack in a start function",
	  { .imports_write = true, .pages = 1, .starts = true, BODY(recurses_after_import) },
	  0,
	  HARK_OBSERVER_REASON_STACK,
	  HARK_OBSERVER_TRAP_PANIC },
	{ "as much memory as there may be", { .pages = 16, BODY(nothing) }, 0, 0, 0 },
	{ "more memory at first",
	  { .pages = 17, BODY(nothing) },
	  HARK_OBSERVER_REASON_MODULE_LIMIT,
	  0,
	  0 },
	{ "as long a table", { .pages = 1, .elements = 100, BODY(nothing) }, 0, 0, 0 },
	{ "a longer table",
	  { .pages = 1, .elements = 101, BODY(nothing) },
	  HARK_OBSERVER_REASON_MODULE_LIMIT,
	  0,
	  0 },
	{ "payload",
	  { .imports_write = true, .pages = 1, BODY(writes_much) },
	  0,
	  HARK_OBSERVER_REASON_PAYLOAD_BYTES,
	  HARK_OBSERVER_TRAP_BUDGET_EXCEEDED },
	{ "effects",
	  { .imports_write = true, .pages = 1, BODY(writes_often) },
	  0,
	  HARK_OBSERVER_REASON_EFFECTS,
	  HARK_OBSERVER_TRAP_BUDGET_EXCEEDED },
	{ "a file that is too large",
	  { .pages = 1, .nops = 2000, BODY(nothing) },
	  HARK_OBSERVER_REASON_MODULE_BYTES,
	  0,
	  0 },
};

static struct hark_observer_limits
small(void)
{
	struct hark_observer_limits limits;

	hark_observer_limits_default(&limits);
	limits.wall_ms = 0;
	limits.fuel = 1000000;
	limits.memory_bytes = 1048576;
	limits.table_elements = 100;
	limits.stack_bytes = 65536;
	limits.payload_bytes = 100;
	limits.effects = 10;
	limits.module_bytes = 10000;
	return limits;
}

static enum hark_observer_error
invoke(struct hark_observer_host *host, struct hark_observer_outcome *out)
{
	const struct hark_observer_context all = { HARK_OBSERVER_TOKENS_ALL };

	return hark_observer_host_invoke(host, &all, NULL, 0, out);
}

static void
needs_engine(void)
{
	if (!hark_observer_has_engine())
		skip();
}

static void
test_limits(void **state)
{
	const struct hark_observer_limits limits = small();
	size_t i;

	(void)state;
	needs_engine();
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct hark_observer_host host = { NULL, NULL };
		struct hark_observer_refusal why;
		struct hark_observer_outcome out = { 0 };
		enum hark_observer_error e = load(&rows[i].wasm, &limits, &host, &why);

		if (why.reason != rows[i].at_load)
			fail_msg("%s: %s: %s", rows[i].rule, hark_observer_reason_name(why.reason),
				 why.failure.text);
		if (e == HARK_OBSERVER_OK) {
			e = invoke(&host, &out);
			if (out.reason != rows[i].at_call || out.trap_class != rows[i].trap_class)
				fail_msg("%s: %s", rows[i].rule,
					 hark_observer_reason_name(out.reason));
			assert_int_equal(e, rows[i].at_call == 0 ? HARK_OBSERVER_OK
								 : HARK_OBSERVER_TRAPPED);
			assert_int_equal(got.count, 0);
		}
		hark_observer_host_close(&host);
	}
}

/* Growing past a limit is no trap: the module is told -1. */
static void
test_growing(void **state)
{
	static const struct wasm grow[] = {
		{ .imports_write = true, .pages = 1, BODY(grows_memory) },
		{ .imports_write = true, .pages = 1, .elements = 1, BODY(grows_table) },
	};
	struct hark_observer_limits limits = small();
	size_t i, more;

	(void)state;
	needs_engine();
	for (i = 0; i < 2; i++) {
		for (more = 0; more < 2; more++) {
			struct hark_observer_host host = { NULL, NULL };
			struct hark_observer_refusal why;
			struct hark_observer_outcome out;

			limits.memory_bytes = (16 + more) * 65536;
			limits.table_elements = 100 + more;
			assert_int_equal(load(&grow[i], &limits, &host, &why), HARK_OBSERVER_OK);
			assert_int_equal(invoke(&host, &out), HARK_OBSERVER_OK);
			assert_int_equal(got.count, 1);
			assert_memory_equal(got.first, more ? "\1\0\0\0" : "\xff\xff\xff\xff", 4);
			hark_observer_host_close(&host);
		}
	}
}

/* ---- the clock ---- */

static const struct wasm spinner = { .pages = 1, BODY(spins) };

static void
test_wall_clock(void **state)
{
	struct hark_observer_limits limits = small();
	struct hark_observer_host host = { NULL, NULL };
	struct hark_observer_refusal why;
	struct hark_observer_outcome out;

	(void)state;
	needs_engine();
	limits.fuel = UINT64_MAX;
	limits.wall_ms = 1;
	assert_int_equal(load(&spinner, &limits, &host, &why), HARK_OBSERVER_OK);
	assert_int_equal(invoke(&host, &out), HARK_OBSERVER_TRAPPED);
	assert_int_equal(out.reason, HARK_OBSERVER_REASON_WALL_CLOCK);
	assert_int_equal(out.trap_class, HARK_OBSERVER_TRAP_BUDGET_EXCEEDED);
	hark_observer_host_close(&host);
}

struct ticking {
	struct hark_observer_host *host;
	bool ended;
};

static void *
tick(void *ctx)
{
	struct ticking *t = ctx;

	while (!__atomic_load_n(&t->ended, __ATOMIC_ACQUIRE))
		hark_observer_host_tick(t->host);
	return NULL;
}

/* With a clock of the embedder's: any tick after the call's begin ends it. */
static void
test_ticks_of_the_embedder(void **state)
{
	struct hark_observer_limits limits = small();
	struct hark_observer_host host = { NULL, NULL };
	struct ticking ticking = { &host, false };
	struct hark_observer_refusal why;
	struct hark_observer_outcome out;
	pthread_t thread;

	(void)state;
	needs_engine();
	limits.fuel = UINT64_MAX;
	assert_int_equal(load(&spinner, &limits, &host, &why), HARK_OBSERVER_OK);
	assert_int_equal(pthread_create(&thread, NULL, tick, &ticking), 0);
	assert_int_equal(invoke(&host, &out), HARK_OBSERVER_TRAPPED);
	__atomic_store_n(&ticking.ended, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(out.reason, HARK_OBSERVER_REASON_WALL_CLOCK);
	hark_observer_host_close(&host);
}

/* So much code takes any compiler longer than a millisecond. */
static void
test_compile_time(void **state)
{
	static const struct wasm large = { .pages = 1, .nops = 100000, BODY(nothing) };
	struct hark_observer_limits limits = small();
	struct hark_observer_host host = { NULL, NULL };
	struct hark_observer_refusal why;

	(void)state;
	needs_engine();
	limits.module_bytes = MODULE_MAX;
	limits.compile_ms = 1;
	assert_int_equal(load(&large, &limits, &host, &why), HARK_OBSERVER_LIMIT);
	assert_int_equal(why.reason, HARK_OBSERVER_REASON_COMPILE_TIME);
	hark_observer_host_close(&host);
}

/* ---- limits themselves ---- */

static void
test_limits_of_limits(void **state)
{
	struct hark_observer_limits limits;
	struct hark_observer_host host = { NULL, NULL };
	struct hark_failure why;

	(void)state;
#define CHECK(name, words, usual, most)                                                           \
	hark_observer_limits_default(&limits);                                                    \
	assert_true(limits.name == (usual));                                                      \
	limits.name = 0;                                                                          \
	if (strcmp(#name, "fuel") != 0 && strcmp(#name, "wall_ms") != 0) {                        \
		assert_int_equal(hark_observer_host_open_wasmtime(&limits, NULL, 0, &host, &why), \
				 HARK_OBSERVER_LIMIT);                                            \
		assert_non_null(strstr(why.text, #name));                                         \
	}                                                                                         \
	if ((uint64_t)(most) < UINT64_MAX) {                                                      \
		limits.name = (uint64_t)(most) + 1;                                               \
		assert_int_equal(hark_observer_host_open_wasmtime(&limits, NULL, 0, &host, &why), \
				 HARK_OBSERVER_LIMIT);                                            \
		assert_non_null(strstr(why.text, #name));                                         \
	}
	HARK_OBSERVER_LIMITS(CHECK)
#undef CHECK
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),       cmocka_unit_test(test_growing),
		cmocka_unit_test(test_wall_clock),   cmocka_unit_test(test_ticks_of_the_embedder),
		cmocka_unit_test(test_compile_time), cmocka_unit_test(test_limits_of_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
