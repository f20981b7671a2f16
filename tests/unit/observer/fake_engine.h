/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stands in for the engine in tests of what is around it: a "module" is a function in C that calls
 * the host's functions by name.  Linked before the room's archive, it keeps the real one out.
 */
#ifndef TESTS_FAKE_ENGINE_H
#define TESTS_FAKE_ENGINE_H

#include "observer/engine.h"

/* A module's code: gives false where it must end because a host function did.  `caller` goes back
 * into fake_call. */
typedef bool fake_code(void *ctx, struct engine_caller *caller);

/* Calls one of the linked functions; false where it stopped the call.  It must be linked. */
bool fake_call(struct engine_caller *caller, const char *interface, const char *name, int32_t ptr,
	       int32_t len, int32_t *result_out);

/* The one module that this engine has. */
struct fake {
	const struct engine_item *imports;
	size_t import_count;
	bool exports_observer;
	bool observer_is_function;
	const char *observer_parameters;
	fake_code *code;
	void *ctx;
	uint8_t *memory; /* NULL: it exports none */
	size_t memory_size;
	enum hark_observer_reason traps_with; /* after code gave true; NONE: it returns */
	enum err compile;                     /* what compiling gives */
	size_t calls;                         /* counted */
	uint64_t ticks;                       /* counted */
};
extern struct fake fake;

/* An import of a function with those letters. */
struct engine_item fake_import(const char *module, const char *name, const char *parameters,
			       const char *results);

#endif
