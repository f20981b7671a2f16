/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Stands in for the engine where none is built: it does not start, and so nothing else is called
 * but for digests, by which a module is known whether it runs or not. */
#include "observer/engine.h"

#include "base/must.h"
#include "crypto/blake3.h"

#define UNCALLED MUST_NOT_REACH("a call of an engine that is not built")

enum err
engine_create(const struct hark_observer_limits *limits, struct engine **out,
	      struct hark_failure *why)
{
	(void)limits;
	(void)out;
	if (why != NULL)
		*why = (struct hark_failure){
			.text = "this build has no WebAssembly engine: build with -Dwasm=auto "
				"where "
				"cargo 1.95 or later is, or use the noop host",
		};
	return ERR_UNSUPPORTED;
}

void
engine_destroy(struct engine *engine)
{
	MUST(engine == NULL);
}

bool
engine_is_built(void)
{
	return false;
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
	UNCALLED;
}

enum err
engine_validate(struct engine *engine, const void *bytes, size_t size, struct hark_failure *why)
{
	(void)engine;
	(void)bytes;
	(void)size;
	(void)why;
	UNCALLED;
}

enum err
engine_compile(struct engine *engine, const void *bytes, size_t size, struct engine_module **out,
	       struct hark_failure *why)
{
	(void)engine;
	(void)bytes;
	(void)size;
	(void)out;
	(void)why;
	UNCALLED;
}

void
engine_module_destroy(struct engine_module *module)
{
	MUST(module == NULL);
}

bool
engine_module_import(const struct engine_module *module, size_t index, struct engine_item *out)
{
	(void)module;
	(void)index;
	(void)out;
	UNCALLED;
}

bool
engine_module_export(const struct engine_module *module, size_t index, struct engine_item *out)
{
	(void)module;
	(void)index;
	(void)out;
	UNCALLED;
}

enum err
engine_module_link(struct engine_module *module, const struct engine_function *const *functions,
		   size_t count)
{
	(void)module;
	(void)functions;
	(void)count;
	UNCALLED;
}

bool
engine_caller_memory(struct engine_caller *caller, uint8_t **data_out, size_t *size_out)
{
	(void)caller;
	(void)data_out;
	(void)size_out;
	UNCALLED;
}

bool
engine_caller_take_fuel(struct engine_caller *caller, uint64_t amount)
{
	(void)caller;
	(void)amount;
	UNCALLED;
}

void
engine_module_call(struct engine_module *module, struct engine_call *call)
{
	(void)module;
	(void)call;
	UNCALLED;
}
