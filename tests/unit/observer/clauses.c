/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What carries out an effect sees itself and bytes: no event, no ledger, no module, no context. The
 * types say so; and a call shows that nothing else comes.  tests/system/87-clauses.py has the rest.
 */
#include <stddef.h>
#include <string.h>

#include <hark/observer_host.h>

#include "unit.h"
#include "wasm.h"

/* Just these members, and of these types. */
#define MEMBER(name) (((const struct hark_observer_capability *)0)->name)
_Static_assert(_Generic(MEMBER(execute), int (*)(void *, const void *, size_t) : 1, default : 0),
	       "an effect is carried out with self and bytes");
_Static_assert(_Generic(MEMBER(self), void * : 1, default : 0), "self is the embedder's");
_Static_assert(_Generic(MEMBER(token), enum hark_observer_cap_token : 1, default : 0), "a token");
_Static_assert(sizeof(struct hark_observer_capability) == 3 * sizeof(void *),
	       "a capability has no other member");
_Static_assert(sizeof(struct hark_observer_context) == sizeof(uint32_t) &&
		       offsetof(struct hark_observer_context, tokens) == 0,
	       "a context is tokens and nothing else");

static struct seen {
	unsigned int calls;
	uint8_t bytes[8];
	size_t size;
} seen;

static int
look(void *self, const void *bytes, size_t size)
{
	struct seen *s = self;

	assert_ptr_equal(s, &seen);
	assert_true(size <= sizeof(s->bytes));
	s->calls++;
	s->size = size;
	memcpy(s->bytes, bytes, size);
	return 0;
}

static void
gets_the_modules_bytes_and_nothing_else(void **state)
{
	static const uint8_t body[] = { 0x41, 0, 0x41, 4, 0x10, 0 }; /* pg.write(0, 4) */
	const struct wasm wasm = {
		.imports_write = true, .pages = 1, .body = body, .body_size = sizeof(body)
	};
	const struct hark_observer_capability mine = { HARK_OBSERVER_TOKEN_PG_WRITE, look, &seen };
	const struct hark_observer_context context = { HARK_OBSERVER_TOKEN_BIT(
		HARK_OBSERVER_TOKEN_PG_WRITE) };
	const struct hark_observer_event event = { .index = 7,
						   .json = hark_text_of("{\"secret\":1}") };
	static const char digits[] = "0123456789abcdef";
	struct hark_observer_manifest manifest = { .tokens = context.tokens };
	struct hark_observer_outcome outcome;
	struct hark_observer_host host;
	uint8_t module[256];
	uint8_t hash[32];
	char digest[] = "blake3:................................................................";
	size_t size = wasm_make(&wasm, module, sizeof(module));
	size_t i;

	(void)state;
	if (!hark_observer_has_engine())
		skip();
	assert_int_equal(hark_observer_blake3(module, size, hash), HARK_OBSERVER_OK);
	for (i = 0; i < sizeof(hash); i++) {
		digest[7 + 2 * i] = digits[hash[i] >> 4];
		digest[8 + 2 * i] = digits[hash[i] & 15];
	}
	manifest.digest = hark_text_of(digest);
	assert_int_equal(hark_observer_host_open_wasmtime(NULL, &mine, 1, &host, NULL),
			 HARK_OBSERVER_OK);
	assert_int_equal(hark_observer_host_register(&host, module, size, &manifest, NULL),
			 HARK_OBSERVER_OK);
	assert_int_equal(hark_observer_host_invoke(&host, &context, &event, 1, &outcome),
			 HARK_OBSERVER_OK);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.size, 4);
	assert_memory_equal(seen.bytes, "\0\0\0\0", 4);
	hark_observer_host_close(&host);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(gets_the_modules_bytes_and_nothing_else),
	};

	return cmocka_run_group_tests_name("observer/clauses", tests, NULL, NULL);
}
