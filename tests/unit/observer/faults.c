/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Every allocation of opening, registering and running fails once: it is told,
 * nothing is handed over, and the host is as good as before.  The engine is a fake one: the real
 * one aborts.
 */
#include <string.h>

#include "crypto/sha256.h"
#include "fake_engine.h"
#include "unit.h"

#define EVENT "{\"id\":\"h/0\",\"time\":\"2026-11-21T13:20:00.123456789Z\",\"type\":\"t\"}"

static unsigned int calls;
static unsigned int failing; /* the call that fails; 0: none */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *
__wrap_malloc(size_t size)
{
	return ++calls == failing ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return ++calls == failing ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return ++calls == failing ? NULL : __real_realloc(p, size);
}

static size_t executed;

static int
execute(void *self, const void *bytes, size_t size)
{
	(void)self;
	(void)bytes;
	(void)size;
	executed++;
	return 0;
}

static bool
write_much(void *ctx, struct engine_caller *caller)
{
	(void)ctx;
	return fake_call(caller, "pg", "write", 0, 5000, NULL) &&
	       fake_call(caller, "pg", "write", 0, 60000, NULL);
}

static enum hark_observer_error
live(const struct hark_observer_manifest *manifest)
{
	const struct hark_observer_capability write = { HARK_OBSERVER_TOKEN_PG_WRITE, execute,
							NULL };
	const struct hark_observer_context context = { HARK_OBSERVER_TOKENS_ALL };
	static char storage[HARK_OBSERVER_EVENT_STORAGE];
	struct hark_observer_host host = { NULL, NULL };
	struct hark_observer_limits limits;
	struct hark_observer_outcome out;
	struct hark_observer_event event;
	enum hark_observer_error e;

	hark_observer_limits_default(&limits);
	limits.wall_ms = 0;
	e = hark_observer_event_of(hark_text_of(EVENT), storage, &event);
	if (e == HARK_OBSERVER_OK)
		e = hark_observer_host_open_wasmtime(&limits, &write, 1, &host, NULL);
	if (e == HARK_OBSERVER_OK)
		e = hark_observer_host_register(&host, "fake", 4, manifest, NULL);
	if (e == HARK_OBSERVER_OK)
		e = hark_observer_host_invoke(&host, &context, &event, 1, &out);
	hark_observer_host_close(&host);
	return e;
}

static void
test_allocations(void **state)
{
	static uint8_t memory[65536];
	struct hark_observer_manifest manifest = {
		.tokens = HARK_OBSERVER_TOKEN_BIT(HARK_OBSERVER_TOKEN_PG_WRITE),
	};
	struct engine_item write = fake_import("arkhe:observer/pg", "write", "ii", "");
	enum hark_observer_error e = HARK_OBSERVER_MEMORY;
	uint8_t digest[SHA256_BYTES];
	char text[72] = "sha256:";
	unsigned int n;
	size_t i;

	(void)state;
	fake = (struct fake){ .imports = &write,
			      .import_count = 1,
			      .exports_observer = true,
			      .observer_is_function = true,
			      .code = write_much,
			      .memory = memory,
			      .memory_size = sizeof(memory) };
	sha256_of("fake", 4, digest);
	for (i = 0; i < SHA256_BYTES; i++) {
		text[7 + 2 * i] = "0123456789abcdef"[digest[i] >> 4];
		text[8 + 2 * i] = "0123456789abcdef"[digest[i] & 15];
	}
	manifest.digest = (struct hark_text){ text, 71 };
	for (n = 1; n < 100; n++) {
		executed = 0;
		calls = 0;
		failing = n;
		e = live(&manifest);
		failing = 0;
		if (e == HARK_OBSERVER_OK)
			break;
		assert_int_equal(e, HARK_OBSERVER_MEMORY);
		assert_int_equal(executed, 0);
	}
	assert_int_equal(e, HARK_OBSERVER_OK);
	assert_int_equal(executed, 2);
	/* the host, the engine, the module, and the staging buffer twice */
	assert_int_equal(n, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
