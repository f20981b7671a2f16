/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the rest of this room asks of a WebAssembly engine.  engine_wasmtime.c is the one file that
 * sees Wasmtime; engine_none.c stands in where it is not built.  Nothing of the engine's own words
 * decides anything: stops are numbers, and its texts are for people.
 */
#ifndef OBSERVER_ENGINE_H
#define OBSERVER_ENGINE_H

#include <hark/observer_host.h>

#include "base/bytes.h"

/* The most tables of one module: a compiler's indirect calls need one. */
#define ENGINE_TABLES_MAX 4u

struct engine;
struct engine_module;
struct engine_caller; /* a host call under way */

/* What an engine reserves for an instance: its memory, in whole pages, and its tables. */
#define ENGINE_PAGE_BYTES          65536u
#define ENGINE_TABLE_ELEMENT_BYTES 16u

static inline uint64_t
engine_memory_bytes(const struct hark_observer_limits *limits)
{
	return (limits->memory_bytes + ENGINE_PAGE_BYTES - 1) / ENGINE_PAGE_BYTES *
	       ENGINE_PAGE_BYTES;
}

/* The process ends where there is no address space for what it reserves: host.c asks before.
 * ERR_UNSUPPORTED, with *why: not built. */
MUST_USE enum err engine_create(const struct hark_observer_limits *limits, struct engine **out,
				struct hark_failure *why);
/* NULL is fine; no module of it may be left. */
void engine_destroy(struct engine *engine);
bool engine_is_built(void);
/* Also where it is not built. */
void engine_blake3(const void *bytes, size_t size, uint8_t out[32]);
/* From any thread or signal handler. */
void engine_tick(struct engine *engine);

/* The engine's words, which are not terminated and may name what a module's author chose: escaped,
 * and of several lines one.  NULL is fine. */
void engine_say(struct hark_failure *why, const char *text, size_t size);

/* Checks that the bytes are a module of the proposals that are on.  ERR_FORMAT with *why. */
MUST_USE enum err engine_validate(struct engine *engine, const void *bytes, size_t size,
				  struct hark_failure *why);
/* Compiles what was validated.  ERR_LIMIT with *why: it declares more than the limits. */
MUST_USE enum err engine_compile(struct engine *engine, const void *bytes, size_t size,
				 struct engine_module **out, struct hark_failure *why);
void engine_module_destroy(struct engine_module *module);

/* An import (or, with an empty module, an export).  Of a function: its parameters and results, one
 * letter each: i i32, I i64, f f32, F f64, v v128, ? any other; cut at 15 with a '+'. */
struct engine_item {
	struct bytes module, name;
	bool is_function;
	char parameters[17];
	char results[17];
};

/* The index-th import; false past the last.  Slices live as long as the module. */
bool engine_module_import(const struct engine_module *module, size_t index,
			  struct engine_item *out);
/* The same of exports. */
bool engine_module_export(const struct engine_module *module, size_t index,
			  struct engine_item *out);

/*
 * A function of the host's as a module sees it: (i32 ptr, i32 len), and where has_result -> i32.
 * `run` gives false to end the call; what it says of the reason it keeps for itself.
 */
struct engine_function {
	const char *module;
	const char *name;
	bool has_result;
	bool (*run)(const struct engine_function *self, void *call, struct engine_caller *caller,
		    int32_t ptr, int32_t len, int32_t *result_out);
};

/* Binds imports to those functions, and nothing else.  ERR_REFUSED: not all are there. */
MUST_USE enum err engine_module_link(struct engine_module *module,
				     const struct engine_function *const *functions, size_t count);

/* The memory exported as `memory`, as it is now; false where there is none.  It is good until the
 * host call returns. */
bool engine_caller_memory(struct engine_caller *caller, uint8_t **data_out, size_t *size_out);
/* Takes fuel; false, with all of it gone, where there is less. */
bool engine_caller_take_fuel(struct engine_caller *caller, uint64_t amount);

enum engine_end {
	ENGINE_RETURNED,
	ENGINE_STOPPED, /* a function of ours gave false */
	ENGINE_TRAPPED, /* for the reason given */
};

struct engine_call {
	uint64_t fuel;
	uint64_t ticks; /* it is interrupted by the ticks-th tick from now */
	void *call;     /* what functions get */
	/* results */
	enum engine_end end;
	enum hark_observer_reason reason; /* of ENGINE_TRAPPED */
	uint64_t fuel_used;
};

/* Makes a fresh instance of a linked module, calls its export `observer`, and throws it away. */
void engine_module_call(struct engine_module *module, struct engine_call *call);

#endif
