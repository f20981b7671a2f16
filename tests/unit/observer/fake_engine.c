/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An engine whose module is C.  It keeps fuel, because the host asks for it. */
#include "fake_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "crypto/blake3.h"

struct engine {
	int nothing;
};

struct engine_module {
	const struct engine_function *functions[8];
	size_t count;
	bool linked;
};

struct engine_caller {
	struct engine_module *module;
	struct engine_call *call;
	uint64_t fuel;
};

struct fake fake;

struct engine_item
fake_import(const char *module, const char *name, const char *parameters, const char *results)
{
	struct engine_item item = {
		.module = { (const uint8_t *)module, strlen(module) },
		.name = { (const uint8_t *)name, strlen(name) },
		.is_function = true,
	};

	(void)snprintf(item.parameters, sizeof(item.parameters), "%s", parameters);
	(void)snprintf(item.results, sizeof(item.results), "%s", results);
	return item;
}

bool
fake_call(struct engine_caller *caller, const char *interface, const char *name, int32_t ptr,
	  int32_t len, int32_t *result_out)
{
	size_t i;

	for (i = 0; i < caller->module->count; i++) {
		const struct engine_function *f = caller->module->functions[i];

		if (strcmp(f->module + strlen("arkhe:observer/"), interface) == 0 &&
		    strcmp(f->name, name) == 0)
			return f->run(f, caller->call->call, caller, ptr, len, result_out);
	}
	MUST_NOT_REACH("a function that is not linked");
}

enum err
engine_create(const struct hark_observer_limits *limits, struct engine **out,
	      struct hark_failure *why)
{
	(void)limits;
	(void)why;
	*out = malloc(sizeof(**out));
	return *out != NULL ? ERR_OK : ERR_MEMORY;
}

void
engine_destroy(struct engine *engine)
{
	free(engine);
}

bool
engine_is_built(void)
{
	return true;
}

void
engine_blake3(const void *bytes, size_t size, uint8_t out[32])
{
	blake3_of(bytes, size, out);
}

void
engine_tick(struct engine *engine)
{
	(void)engine;
	__atomic_add_fetch(&fake.ticks, 1, __ATOMIC_RELAXED);
}

enum err
engine_validate(struct engine *engine, const void *bytes, size_t size, struct hark_failure *why)
{
	(void)engine;
	(void)why;
	return size >= 4 && memcmp(bytes, "fake", 4) == 0 ? ERR_OK : ERR_FORMAT;
}

enum err
engine_compile(struct engine *engine, const void *bytes, size_t size, struct engine_module **out,
	       struct hark_failure *why)
{
	(void)engine;
	(void)bytes;
	(void)size;
	(void)why;
	if (fake.compile != ERR_OK)
		return fake.compile;
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? ERR_OK : ERR_MEMORY;
}

void
engine_module_destroy(struct engine_module *module)
{
	free(module);
}

bool
engine_module_import(const struct engine_module *module, size_t index, struct engine_item *out)
{
	(void)module;
	if (index >= fake.import_count)
		return false;
	*out = fake.imports[index];
	return true;
}

bool
engine_module_export(const struct engine_module *module, size_t index, struct engine_item *out)
{
	(void)module;
	/* Before it one whose name begins as its does. */
	if (index > 0 && (index > 1 || !fake.exports_observer))
		return false;
	*out = fake_import("", index == 0 ? "observe" : "observer",
			   fake.observer_parameters != NULL ? fake.observer_parameters : "", "");
	out->is_function = fake.observer_is_function;
	return true;
}

enum err
engine_module_link(struct engine_module *module, const struct engine_function *const *functions,
		   size_t count)
{
	MUST(!module->linked && count <= 8);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers it is */
	memcpy(module->functions, functions, count * sizeof(functions[0]));
	module->count = count;
	module->linked = true;
	return ERR_OK;
}

bool
engine_caller_memory(struct engine_caller *caller, uint8_t **data_out, size_t *size_out)
{
	(void)caller;
	if (fake.memory == NULL)
		return false;
	*data_out = fake.memory;
	*size_out = fake.memory_size;
	return true;
}

bool
engine_caller_take_fuel(struct engine_caller *caller, uint64_t amount)
{
	bool enough = caller->fuel >= amount;

	caller->fuel -= enough ? amount : caller->fuel;
	return enough;
}

void
engine_module_call(struct engine_module *module, struct engine_call *call)
{
	struct engine_caller caller = { module, call, call->fuel };

	MUST(module->linked && call->ticks > 0);
	fake.calls++;
	call->reason = HARK_OBSERVER_REASON_NONE;
	if (!fake.code(fake.ctx, &caller)) {
		call->end = ENGINE_STOPPED;
	} else if (fake.traps_with != HARK_OBSERVER_REASON_NONE) {
		call->end = ENGINE_TRAPPED;
		call->reason = fake.traps_with;
	} else {
		call->end = ENGINE_RETURNED;
	}
	call->fuel_used = call->fuel - caller.fuel;
}
