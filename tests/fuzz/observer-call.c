/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a module may ask of its host, in any order and with any numbers: nothing outside its memory
 * is read or written (the memory is a heap block of its exact size), limits hold, and nothing is
 * handed over by a call that was stopped.  The first bytes choose the memory's size; then nine
 * bytes a host call.
 */
#include <string.h>

#include "crypto/sha256.h"
#include "fuzz.h"
#include "unit/observer/fake_engine.h"

struct script {
	const uint8_t *data;
	size_t size;
	bool stopped;
};

static struct {
	size_t count, bytes;
} got;

static const char *const functions[][2] = { { "event", "next" },  { "event", "json" },
					    { "pg", "write" },    { "metric", "emit" },
					    { "kms", "receipt" }, { "log", "write" } };

static int
execute(void *self, const void *bytes, size_t size)
{
	static uint8_t sink[1024];

	(void)self;
	FUZZ_CLAIM(size <= 1000);
	if (size > 0)
		memcpy(sink, bytes, size);
	got.count++;
	got.bytes += size;
	return 0;
}

static bool
play(void *ctx, struct engine_caller *caller)
{
	struct script *s = ctx;

	for (; s->size >= 9; s->data += 9, s->size -= 9) {
		const char *const *f = functions[s->data[0] % 6];
		int32_t ptr, len, result = 0;

		memcpy(&ptr, s->data + 1, 4);
		memcpy(&len, s->data + 5, 4);
		if (!fake_call(caller, f[0], f[1], ptr, len, &result)) {
			s->stopped = true;
			return false;
		}
		FUZZ_CLAIM(len >= 0 && ptr >= 0);
		FUZZ_CLAIM(len == 0 || (size_t)ptr + (size_t)len <= fake.memory_size);
		FUZZ_CLAIM(result <= len);
	}
	return true;
}

static void
register_fake(struct hark_observer_host *host)
{
	struct hark_observer_manifest manifest = { .tokens = HARK_OBSERVER_TOKENS_ALL };
	uint8_t digest[SHA256_BYTES];
	char text[72] = "sha256:";

	sha256_of("fake", 4, digest);
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		text[7 + 2 * i] = "0123456789abcdef"[digest[i] >> 4];
		text[8 + 2 * i] = "0123456789abcdef"[digest[i] & 15];
	}
	manifest.digest = (struct hark_text){ text, 71 };
	FUZZ_CLAIM(hark_observer_host_register(host, "fake", 4, &manifest, NULL) ==
		   HARK_OBSERVER_OK);
}

static void
open_host(struct hark_observer_host *host)
{
	struct hark_observer_capability capabilities[HARK_OBSERVER_TOKEN_COUNT];
	struct hark_observer_limits limits;

	for (unsigned i = 0; i < HARK_OBSERVER_TOKEN_COUNT; i++)
		capabilities[i] =
			(struct hark_observer_capability){ (enum hark_observer_cap_token)i, execute,
							   NULL };
	hark_observer_limits_default(&limits);
	limits.wall_ms = 0;
	limits.payload_bytes = 1000;
	limits.effects = 5;
	limits.effect_bytes = 3000;
	FUZZ_CLAIM(hark_observer_host_open_wasmtime(&limits, capabilities, 4, host, NULL) ==
		   HARK_OBSERVER_OK);
	register_fake(host);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hark_observer_event events[2] = {
		{ .type = { "type", 4 }, .cell = { "cell", 4 }, .json = { "{\"a\":1}", 7 } },
		{ .type = { "t", 1 }, .json = { "{}", 2 } },
	};
	static struct engine_item imports[6];
	const struct hark_observer_context all = { HARK_OBSERVER_TOKENS_ALL };
	struct hark_observer_host host = { NULL, NULL };
	struct hark_observer_outcome out;
	struct script script = { data + 2, size - 2, false };
	enum hark_observer_error e;

	if (size < 2)
		return 0;
	for (size_t i = 0; i < 6; i++) {
		static const char *const modules[] = {
			"arkhe:observer/event",  "arkhe:observer/event", "arkhe:observer/pg",
			"arkhe:observer/metric", "arkhe:observer/kms",   "arkhe:observer/log"
		};

		imports[i] = fake_import(modules[i], functions[i][1], "ii", i < 2 ? "i" : "");
	}
	fake = (struct fake){ .imports = imports,
			      .import_count = 6,
			      .exports_observer = true,
			      .observer_is_function = true,
			      .code = play,
			      .ctx = &script };
	fake.memory_size = (size_t)data[0] << 8 | data[1];
	fake.memory = fake.memory_size > 0 ? calloc(1, fake.memory_size) : NULL;
	got.count = 0;
	got.bytes = 0;
	open_host(&host);
	e = hark_observer_host_invoke(&host, &all, events, 2, &out);
	FUZZ_CLAIM(e == (script.stopped ? HARK_OBSERVER_TRAPPED : HARK_OBSERVER_OK));
	FUZZ_CLAIM(out.effects <= 5 && got.bytes <= 3000);
	FUZZ_CLAIM(got.count == (script.stopped ? 0 : out.effects));
#ifdef FUZZ_TWIN
	FUZZ_CLAIM(out.effects < 2); /* wrong: a module may ask for more than one thing */
#endif
	hark_observer_host_close(&host);
	free(fake.memory);
	return 0;
}
