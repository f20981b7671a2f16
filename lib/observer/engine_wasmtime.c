/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Wasmtime, and the only file that sees it.  Signals are not used for traps, so that no handler of
 * an embedder is replaced: bounds are checked in the code that is compiled.  The pool reserves a
 * module's memory and tables once; an instance costs microseconds then.
 */
#include <stdlib.h>
#include <string.h>

#include <wasmtime/config.h>
#include <wasmtime/engine.h>
#include <wasmtime/error.h>
#include <wasmtime/func.h>
#include <wasmtime/instance.h>
#include <wasmtime/linker.h>
#include <wasmtime/memory.h>
#include <wasmtime/module.h>
#include <wasmtime/store.h>
#include <wasmtime/trap.h>

#include "base/must.h"
#include "base/text.h"

#include "observer/engine.h"

/* What a freed slot keeps of its memory: clearing that much is cheaper than giving it back. */
#define KEPT_BYTES (1024u * 1024u)

struct engine {
	wasm_engine_t *engine;
	uint64_t memory_bytes; /* as engine_memory_bytes */
	uint64_t table_elements;
};

struct engine_module {
	struct engine *engine;
	wasmtime_module_t *module;
	wasmtime_instance_pre_t *linked; /* NULL before engine_module_link */
	wasm_importtype_vec_t imports;
	wasm_exporttype_vec_t exports;
};

/* What a store carries while a call runs.  An export is looked up by its name, which takes longer
 * than all else that a host call does, and stays the same one for an instance's life: so once. */
struct running {
	void *call;
	bool stopped;
	bool has_looked; /* for the memory */
	bool has_memory;
	wasmtime_memory_t memory;
};

static void
set_pool(wasm_config_t *config, const struct engine *e)
{
	wasmtime_pooling_allocation_config_t *pool = wasmtime_pooling_allocation_config_new();

	wasmtime_pooling_allocation_config_total_core_instances_set(pool, 1);
	wasmtime_pooling_allocation_config_total_memories_set(pool, 1);
	wasmtime_pooling_allocation_config_total_tables_set(pool, ENGINE_TABLES_MAX);
	wasmtime_pooling_allocation_config_max_memories_per_module_set(pool, 1);
	wasmtime_pooling_allocation_config_max_tables_per_module_set(pool, ENGINE_TABLES_MAX);
	wasmtime_pooling_allocation_config_max_memory_size_set(pool, e->memory_bytes);
	wasmtime_pooling_allocation_config_table_elements_set(pool, e->table_elements);
	wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, KEPT_BYTES);
	wasmtime_pooling_allocation_config_table_keep_resident_set(pool, KEPT_BYTES);
	wasmtime_pooling_allocation_config_decommit_batch_size_set(pool, 1);
	wasmtime_pooling_allocation_strategy_set(config, pool);
	wasmtime_pooling_allocation_config_delete(pool);
}

static wasm_config_t *
config_of(const struct engine *e, const struct hark_observer_limits *limits)
{
	wasm_config_t *config = wasm_config_new();

	wasmtime_config_consume_fuel_set(config, true);
	wasmtime_config_epoch_interruption_set(config, true);
	wasmtime_config_max_wasm_stack_set(config, limits->stack_bytes);
	wasmtime_config_signals_based_traps_set(config, false);
	wasmtime_config_cranelift_opt_level_set(config, WASMTIME_OPT_LEVEL_SPEED);
	/* The same module and events give the same effects, whatever the machine's NaNs are. */
	wasmtime_config_cranelift_nan_canonicalization_set(config, true);
	wasmtime_config_native_unwind_info_set(config, false);

	wasmtime_config_wasm_simd_set(config, true);
	wasmtime_config_wasm_bulk_memory_set(config, true);
	wasmtime_config_wasm_multi_value_set(config, true);
	wasmtime_config_wasm_tail_call_set(config, true);
	wasmtime_config_wasm_relaxed_simd_set(config, false);
	wasmtime_config_wasm_multi_memory_set(config, false);
	wasmtime_config_wasm_memory64_set(config, false);
	wasmtime_config_wasm_wide_arithmetic_set(config, false);
	wasmtime_config_wasm_branch_hinting_set(config, false);
	wasmtime_config_wasm_custom_page_sizes_set(config, false);
	wasmtime_config_wasm_stack_switching_set(config, false);
	wasmtime_config_shared_memory_set(config, false);
	wasmtime_config_gc_support_set(config, false);

	wasmtime_config_memory_reservation_set(config, e->memory_bytes);
	wasmtime_config_memory_reservation_for_growth_set(config, 0);
	wasmtime_config_memory_guard_size_set(config, 0);
	/* Images would be mapped from a memfd, of which a confined process has none. */
	wasmtime_config_memory_init_cow_set(config, false);
	set_pool(config, e);
	return config;
}

enum err
engine_create(const struct hark_observer_limits *limits, struct engine **out,
	      struct hark_failure *why)
{
	struct engine *e = calloc(1, sizeof(*e));

	(void)why;
	if (e == NULL)
		return ERR_MEMORY;
	e->memory_bytes = engine_memory_bytes(limits);
	e->table_elements = limits->table_elements;
	e->engine = wasm_engine_new_with_config(config_of(e, limits));
	MUST(e->engine != NULL);
	*out = e;
	return ERR_OK;
}

void
engine_destroy(struct engine *engine)
{
	if (engine == NULL)
		return;
	wasm_engine_delete(engine->engine);
	free(engine);
}

bool
engine_is_built(void)
{
	return true;
}

void
engine_tick(struct engine *engine)
{
	wasmtime_engine_increment_epoch(engine->engine);
}

enum err
engine_compile(struct engine *engine, const void *bytes, size_t size, struct engine_module **out,
	       struct hark_failure *why)
{
	struct engine_module *m = calloc(1, sizeof(*m));
	wasmtime_error_t *error;
	wasm_name_t message;

	if (m == NULL)
		return ERR_MEMORY;
	m->engine = engine;
	error = wasmtime_module_new(engine->engine, bytes, size, &m->module);
	if (error != NULL) {
		wasmtime_error_message(error, &message);
		engine_say(why, message.data, message.size);
		wasm_byte_vec_delete(&message);
		wasmtime_error_delete(error);
		free(m);
		return ERR_LIMIT;
	}
	wasmtime_module_imports(m->module, &m->imports);
	wasmtime_module_exports(m->module, &m->exports);
	*out = m;
	return ERR_OK;
}

void
engine_module_destroy(struct engine_module *module)
{
	if (module == NULL)
		return;
	wasm_importtype_vec_delete(&module->imports);
	wasm_exporttype_vec_delete(&module->exports);
	if (module->linked != NULL)
		wasmtime_instance_pre_delete(module->linked);
	wasmtime_module_delete(module->module);
	free(module);
}

static void
spell(const wasm_valtype_vec_t *types, char out[17])
{
	static const char letters[] = {
		[WASM_I32] = 'i', [WASM_I64] = 'I', [WASM_F32] = 'f', [WASM_F64] = 'F'
	};
	size_t i;

	for (i = 0; i < types->size && i < 15; i++) {
		wasm_valkind_t kind = wasm_valtype_kind(types->data[i]);

		out[i] = kind < sizeof(letters) ? letters[kind] : '?';
	}
	if (types->size > 15)
		out[i++] = '+';
	out[i] = 0;
}

static void
describe(const wasm_externtype_t *type, struct engine_item *out)
{
	const wasm_functype_t *function;

	out->is_function = wasm_externtype_kind(type) == WASM_EXTERN_FUNC;
	out->parameters[0] = 0;
	out->results[0] = 0;
	if (!out->is_function)
		return;
	function = wasm_externtype_as_functype_const(type);
	spell(wasm_functype_params(function), out->parameters);
	spell(wasm_functype_results(function), out->results);
}

static struct bytes
slice(const wasm_name_t *name)
{
	return (struct bytes){ (const uint8_t *)name->data, name->size };
}

bool
engine_module_import(const struct engine_module *module, size_t index, struct engine_item *out)
{
	const wasm_importtype_t *import;

	if (index >= module->imports.size)
		return false;
	import = module->imports.data[index];
	out->module = slice(wasm_importtype_module(import));
	out->name = slice(wasm_importtype_name(import));
	describe(wasm_importtype_type(import), out);
	return true;
}

bool
engine_module_export(const struct engine_module *module, size_t index, struct engine_item *out)
{
	const wasm_exporttype_t *export;

	if (index >= module->exports.size)
		return false;
	export = module->exports.data[index];
	out->module = (struct bytes){ NULL, 0 };
	out->name = slice(wasm_exporttype_name(export));
	describe(wasm_exporttype_type(export), out);
	return true;
}

/* A module's call into the host.  A trap with a code comes back as a trap; one with a text does
 * not. */
static wasm_trap_t *
enter_host(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count)
{
	const struct engine_function *function = env;
	struct running *running = wasmtime_context_get_data(wasmtime_caller_context(caller));
	int32_t result = 0;

	MUST(count == 2);
	if (!function->run(function, running->call, (struct engine_caller *)caller, values[0].i32,
			   values[1].i32, &result)) {
		running->stopped = true;
		return wasmtime_trap_new_code(WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED);
	}
	if (function->has_result)
		values[0].i32 = result;
	return NULL;
}

enum err
engine_module_link(struct engine_module *module, const struct engine_function *const *functions,
		   size_t count)
{
	wasmtime_linker_t *linker = wasmtime_linker_new(module->engine->engine);
	wasmtime_error_t *error = NULL;
	size_t i;

	MUST(module->linked == NULL);
	for (i = 0; i < count && error == NULL; i++) {
		const struct engine_function *f = functions[i];
		wasm_functype_t *type = f->has_result
						? wasm_functype_new_2_1(wasm_valtype_new_i32(),
									wasm_valtype_new_i32(),
									wasm_valtype_new_i32())
						: wasm_functype_new_2_0(wasm_valtype_new_i32(),
									wasm_valtype_new_i32());

		error = wasmtime_linker_define_func_unchecked(
			linker, f->module, strlen(f->module), f->name, strlen(f->name), type,
			enter_host, (void *)(uintptr_t)f, NULL);
		wasm_functype_delete(type);
	}
	if (error == NULL)
		error = wasmtime_linker_instantiate_pre(linker, module->module, &module->linked);
	wasmtime_linker_delete(linker);
	if (error != NULL) {
		wasmtime_error_delete(error);
		return ERR_REFUSED;
	}
	return ERR_OK;
}

bool
engine_caller_memory(struct engine_caller *caller, uint8_t **data_out, size_t *size_out)
{
	wasmtime_caller_t *its = (wasmtime_caller_t *)caller;
	wasmtime_context_t *context = wasmtime_caller_context(its);
	struct running *running = wasmtime_context_get_data(context);
	wasmtime_extern_t found;

	if (!running->has_looked) {
		running->has_looked = true;
		running->has_memory = wasmtime_caller_export_get(its, "memory", 6, &found) &&
				      found.kind == WASMTIME_EXTERN_MEMORY;
		if (running->has_memory)
			running->memory = found.of.memory;
	}
	if (!running->has_memory)
		return false;
	/* It may have grown since, and moved. */
	*data_out = wasmtime_memory_data(context, &running->memory);
	*size_out = wasmtime_memory_data_size(context, &running->memory);
	return true;
}

bool
engine_caller_take_fuel(struct engine_caller *caller, uint64_t amount)
{
	wasmtime_context_t *context = wasmtime_caller_context((wasmtime_caller_t *)caller);
	uint64_t fuel = 0;
	wasmtime_error_t *error = wasmtime_context_get_fuel(context, &fuel);
	bool enough = fuel >= amount;

	MUST(error == NULL); /* it would be that fuel is off */
	error = wasmtime_context_set_fuel(context, enough ? fuel - amount : 0);
	MUST(error == NULL);
	return enough;
}

static enum hark_observer_reason
reason_of(const wasm_trap_t *trap)
{
	static const enum hark_observer_reason reasons[] = {
		[WASMTIME_TRAP_CODE_STACK_OVERFLOW] = HARK_OBSERVER_REASON_STACK,
		[WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS] = HARK_OBSERVER_REASON_MEMORY_BOUNDS,
		[WASMTIME_TRAP_CODE_HEAP_MISALIGNED] = HARK_OBSERVER_REASON_MEMORY_BOUNDS,
		[WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS] = HARK_OBSERVER_REASON_TABLE_BOUNDS,
		[WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL] = HARK_OBSERVER_REASON_INDIRECT_CALL,
		[WASMTIME_TRAP_CODE_BAD_SIGNATURE] = HARK_OBSERVER_REASON_INDIRECT_CALL,
		[WASMTIME_TRAP_CODE_INTEGER_OVERFLOW] = HARK_OBSERVER_REASON_ARITHMETIC,
		[WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO] = HARK_OBSERVER_REASON_ARITHMETIC,
		[WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER] = HARK_OBSERVER_REASON_ARITHMETIC,
		[WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED] = HARK_OBSERVER_REASON_UNREACHABLE,
		[WASMTIME_TRAP_CODE_INTERRUPT] = HARK_OBSERVER_REASON_WALL_CLOCK,
		[WASMTIME_TRAP_CODE_OUT_OF_FUEL] = HARK_OBSERVER_REASON_FUEL,
	};
	wasmtime_trap_code_t code;

	/* The engine has more of them, of proposals that are off. */
	if (!wasmtime_trap_code(trap, &code) || code >= sizeof(reasons) / sizeof(reasons[0]))
		return HARK_OBSERVER_REASON_UNKNOWN_TRAP;
	return reasons[code];
}

/* Instantiates and calls; gives what the engine gave, each NULL where there is none. */
static wasmtime_error_t *
run(struct engine_module *module, wasmtime_context_t *context, bool *instantiated_out,
    wasm_trap_t **trap_out)
{
	wasmtime_instance_t instance;
	wasmtime_extern_t observer;
	wasmtime_error_t *error =
		wasmtime_instance_pre_instantiate(module->linked, context, &instance, trap_out);
	wasmtime_val_raw_t none[1];
	bool found;

	if (error != NULL || *trap_out != NULL)
		return error; /* what failed here must not be used */
	*instantiated_out = true;
	found = wasmtime_instance_export_get(context, &instance, "observer", 8, &observer);
	MUST(found && observer.kind == WASMTIME_EXTERN_FUNC); /* looked at when it was registered */
	return wasmtime_func_call_unchecked(context, &observer.of.func, none, 0, trap_out);
}

void
engine_module_call(struct engine_module *module, struct engine_call *call)
{
	struct running running = { .call = call->call };
	wasmtime_store_t *store = wasmtime_store_new(module->engine->engine, &running, NULL);
	wasmtime_context_t *context = wasmtime_store_context(store);
	wasmtime_error_t *error;
	wasm_trap_t *trap = NULL;
	bool instantiated = false;
	uint64_t left = 0;

	MUST(module->linked != NULL);
	wasmtime_store_limiter(store, (int64_t)module->engine->memory_bytes,
			       (int64_t)module->engine->table_elements, 1, ENGINE_TABLES_MAX, 1);
	error = wasmtime_context_set_fuel(context, call->fuel);
	MUST(error == NULL);
	wasmtime_context_set_epoch_deadline(context, call->ticks);

	error = run(module, context, &instantiated, &trap);
	call->reason = HARK_OBSERVER_REASON_NONE;
	if (trap != NULL)
		call->reason = reason_of(trap);
	else if (error != NULL)
		call->reason = instantiated ? HARK_OBSERVER_REASON_UNKNOWN_TRAP
					    : HARK_OBSERVER_REASON_INSTANCE_LIMIT;
	call->end = running.stopped                             ? ENGINE_STOPPED
		    : call->reason != HARK_OBSERVER_REASON_NONE ? ENGINE_TRAPPED
								: ENGINE_RETURNED;
	if (trap != NULL)
		wasm_trap_delete(trap);
	if (error != NULL)
		wasmtime_error_delete(error);
	error = wasmtime_context_get_fuel(context, &left);
	MUST(error == NULL);
	call->fuel_used = call->fuel - left;
	wasmtime_store_delete(store);
}
