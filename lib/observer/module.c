/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is looked at when a module is registered, in an order that lets no byte of it be read before
 * its digest holds.  A refusal names the import or export, the reason and the remedy.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "os/clock.h"

#include "observer/observer_internal.h"

/* How much of a foreign name is shown. */
#define SHOWN_BYTES 72u

__attribute__((format(printf, 4, 5))) static enum hark_observer_error
refuse(struct hark_observer_refusal *why, enum hark_observer_error e,
       enum hark_observer_reason reason, const char *format, ...)
{
	va_list arguments;

	if (why == NULL)
		return e;
	memset(why, 0, sizeof(*why));
	why->reason = reason;
	va_start(arguments, format);
	(void)vsnprintf(why->failure.text, sizeof(why->failure.text), format, arguments);
	va_end(arguments);
	return e;
}

static enum hark_observer_error
check_digest(const struct hark_observer_manifest *manifest, const void *bytes, size_t size,
	     struct hark_observer_refusal *why)
{
	enum err e = digest_check(manifest->digest, bytes, size);
	char its[HARK_OBSERVER_DIGEST_TEXT];

	if (e == ERR_OK)
		return HARK_OBSERVER_OK;
	if (e == ERR_FORMAT)
		return HARK_OBSERVER_ARGUMENT;
	digest_write(manifest->digest, bytes, size, its);
	return refuse(why, HARK_OBSERVER_DIGEST, HARK_OBSERVER_REASON_DIGEST,
		      "the file is %s, not %.*s: register the digest of the file that is meant, or "
		      "bring that file",
		      its, (int)manifest->digest.size, manifest->digest.data);
}

/* What people take for a module most often is said in their words, not the engine's. */
static const char *
not_binary(const void *bytes, size_t size)
{
	static const char text[] = "(module", magic[] = "\0asm";

	if (size >= sizeof(text) - 1 && memcmp(bytes, text, sizeof(text) - 1) == 0)
		return "it is the text format: make it binary, as wat2wasm does";
	if (size < sizeof(magic) - 1 || memcmp(bytes, magic, sizeof(magic) - 1) != 0)
		return "it does not begin with \\0asm: name the file that the linker wrote";
	return NULL;
}

static enum hark_observer_error
compile(struct observer *o, const void *bytes, size_t size, struct engine_module **out,
	struct hark_observer_refusal *why)
{
	struct hark_failure words = { 0 };
	/* Its own time: on a busy machine a module is no larger. */
	uint64_t begun = clock_thread_ns();
	enum err e = engine_validate(o->engine, bytes, size, &words);
	const char *plainly = e != ERR_OK ? not_binary(bytes, size) : NULL;
	uint64_t took_ms;

	if (plainly != NULL)
		return refuse(why, HARK_OBSERVER_PARSE, HARK_OBSERVER_REASON_PARSE,
			      "not a WebAssembly module: %s", plainly);
	if (e != ERR_OK)
		return refuse(why, HARK_OBSERVER_PARSE, HARK_OBSERVER_REASON_PARSE,
			      "not a core WebAssembly module of the proposals that are on: %s",
			      words.text);
	e = engine_compile(o->engine, bytes, size, out, &words);
	if (e == ERR_MEMORY)
		return HARK_OBSERVER_MEMORY;
	if (e != ERR_OK)
		return refuse(why, HARK_OBSERVER_LIMIT, HARK_OBSERVER_REASON_MODULE_LIMIT,
			      "it declares more than its limits (memory_bytes %" PRIu64
			      ", table_elements %" PRIu64 "): %s",
			      o->limits.memory_bytes, o->limits.table_elements, words.text);
	took_ms = (clock_thread_ns() - begun) / 1000000u;
	if (took_ms > o->limits.compile_ms) {
		engine_module_destroy(*out);
		*out = NULL;
		return refuse(why, HARK_OBSERVER_LIMIT, HARK_OBSERVER_REASON_COMPILE_TIME,
			      "compiling took %" PRIu64
			      " ms of a processor, over compile_ms %" PRIu64
			      ": make it smaller, or raise the limit",
			      took_ms, o->limits.compile_ms);
	}
	return HARK_OBSERVER_OK;
}

/* Both halves of an import's name, escaped and cut. */
static void
show(const struct engine_item *item, char out[2 * SHOWN_BYTES + 4])
{
	char module[SHOWN_BYTES], name[SHOWN_BYTES];

	(void)text_escape((const char *)item->module.data, item->module.size, module,
			  sizeof(module));
	(void)text_escape((const char *)item->name.data, item->name.size, name, sizeof(name));
	(void)snprintf(out, 2 * SHOWN_BYTES + 4, "%s::%s", module, name);
}

static enum hark_observer_error
check_import(const struct engine_item *item, uint32_t tokens, const struct import **out,
	     struct hark_observer_refusal *why)
{
	const struct import *row = import_find(item->module, item->name);
	const enum hark_observer_error e = HARK_OBSERVER_IMPORT;
	char shown[2 * SHOWN_BYTES + 4];

	show(item, shown);
	if (import_is_wasi(item->module))
		return refuse(why, e, HARK_OBSERVER_REASON_IMPORT_WASI,
			      "%s is WASI, which no observer gets: build for a freestanding target "
			      "(wasm32-unknown-unknown)",
			      shown);
	if (!import_is_ours(item->module))
		return refuse(why, e, HARK_OBSERVER_REASON_IMPORT_STRANGER,
			      "%s is outside arkhe:observer/*: remove it, or link what it is",
			      shown);
	if (row == NULL)
		return refuse(why, e, HARK_OBSERVER_REASON_IMPORT_UNKNOWN,
			      "%s does not exist: hark-observer(7) lists what does", shown);
	if (!item->is_function)
		return refuse(why, e, HARK_OBSERVER_REASON_IMPORT_KIND,
			      "%s is a function, and this imports something else", shown);
	if (strcmp(item->parameters, "ii") != 0 ||
	    strcmp(item->results, row->function.has_result ? "i" : "") != 0)
		return refuse(why, e, HARK_OBSERVER_REASON_IMPORT_TYPE,
			      "%s is imported with another type: it is (i32, i32)%s", shown,
			      row->function.has_result ? " -> i32" : "");
	if (row->token >= 0 && (tokens & HARK_OBSERVER_TOKEN_BIT(row->token)) == 0)
		return refuse(
			why, e, HARK_OBSERVER_REASON_IMPORT_UNGRANTED,
			"%s needs %s, which is not granted: grant it, or remove the import", shown,
			hark_observer_cap_token_name((enum hark_observer_cap_token)row->token));
	*out = row;
	return HARK_OBSERVER_OK;
}

static bool
find_export(const struct engine_module *module, const char *name, struct engine_item *out)
{
	size_t size = strlen(name);
	size_t i;

	for (i = 0; engine_module_export(module, i, out); i++) {
		if (out->name.size == size && memcmp(out->name.data, name, size) == 0)
			return true;
	}
	return false;
}

static enum hark_observer_error
check_export(const struct engine_module *module, struct hark_observer_refusal *why)
{
	struct engine_item item;

	if (!find_export(module, "observer", &item))
		return refuse(why, HARK_OBSERVER_EXPORT, HARK_OBSERVER_REASON_EXPORT_MISSING,
			      "it exports no `observer`: export a function of that name, () -> ()");
	if (!item.is_function || item.parameters[0] != 0 || item.results[0] != 0)
		return refuse(why, HARK_OBSERVER_EXPORT, HARK_OBSERVER_REASON_EXPORT_TYPE,
			      "its export `observer` is not a function () -> (): make it one");
	return HARK_OBSERVER_OK;
}

/* Gives the module those functions that it imports, and no other: what it does not import it could
 * not name anyway, and what it may not have is not there. */
static enum hark_observer_error
check_and_link(struct engine_module *module, uint32_t tokens, bool *takes_batches_out,
	       struct hark_observer_refusal *why)
{
	const struct engine_function *functions[8];
	enum hark_observer_error e = HARK_OBSERVER_OK;
	struct engine_item item;
	size_t count = 0;
	uint32_t wanted = 0;
	size_t i;

	for (i = 0; engine_module_import(module, i, &item); i++) {
		const struct import *row = NULL;

		e = check_import(&item, tokens, &row, why);
		if (e != HARK_OBSERVER_OK)
			return e;
		wanted |= 1u << (row - import_at(0));
	}
	for (i = 0; import_at(i) != NULL; i++) {
		MUST(i < sizeof(functions) / sizeof(functions[0]));
		if ((wanted & 1u << i) != 0)
			functions[count++] = &import_at(i)->function;
	}
	e = check_export(module, why);
	if (e != HARK_OBSERVER_OK)
		return e;
	*takes_batches_out = (wanted & 1u) != 0;
	return engine_module_link(module, functions, count) == ERR_OK ? HARK_OBSERVER_OK
								      : HARK_OBSERVER_LINKER;
}

enum hark_observer_error
module_register(struct observer *o, const void *bytes, size_t size,
		const struct hark_observer_manifest *manifest, struct hark_observer_refusal *why)
{
	struct engine_module *module = NULL;
	enum hark_observer_error e;
	bool takes_batches = false;
	uint32_t token;

	if (!digest_is_well_formed(manifest->digest) ||
	    (manifest->tokens & ~HARK_OBSERVER_TOKENS_ALL) != 0)
		return HARK_OBSERVER_ARGUMENT;
	for (token = 0; token < HARK_OBSERVER_TOKEN_COUNT; token++) {
		if ((manifest->tokens & HARK_OBSERVER_TOKEN_BIT(token)) != 0 &&
		    o->capabilities[token].execute == NULL)
			return HARK_OBSERVER_ARGUMENT;
	}
	if (size > o->limits.module_bytes)
		return refuse(why, HARK_OBSERVER_LIMIT, HARK_OBSERVER_REASON_MODULE_BYTES,
			      "the file has %zu bytes, over module_bytes %" PRIu64
			      ": make it smaller, or raise the limit",
			      size, o->limits.module_bytes);
	e = check_digest(manifest, bytes, size, why);
	if (e != HARK_OBSERVER_OK)
		return e;
	e = compile(o, bytes, size, &module, why);
	if (e == HARK_OBSERVER_OK)
		e = check_and_link(module, manifest->tokens, &takes_batches, why);
	if (e != HARK_OBSERVER_OK) {
		engine_module_destroy(module);
		return e;
	}
	engine_module_destroy(o->module);
	o->module = module;
	o->takes_batches = takes_batches;
	return HARK_OBSERVER_OK;
}
