/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The two backends behind their table of functions, and the door in front of any. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/memory.h"

#include "observer/observer_internal.h"

/* ---- noop: says ok and runs nothing ---- */

static enum hark_observer_error
noop_register(void *state, const void *bytes, size_t size,
	      const struct hark_observer_manifest *manifest, struct hark_observer_refusal *why)
{
	(void)state;
	(void)bytes;
	(void)size;
	(void)why;
	return digest_is_well_formed(manifest->digest) ? HARK_OBSERVER_OK : HARK_OBSERVER_ARGUMENT;
}

static enum hark_observer_error
noop_invoke(void *state, const struct hark_observer_context *context,
	    const struct hark_observer_event *events, size_t count,
	    struct hark_observer_outcome *out)
{
	(void)state;
	(void)context;
	(void)events;
	(void)count;
	(void)out;
	return HARK_OBSERVER_OK;
}

static void
noop_nothing(void *state)
{
	(void)state;
}

static const struct hark_observer_host_functions noop_functions = { "noop", noop_register,
								    noop_invoke, noop_nothing,
								    noop_nothing };

enum hark_observer_error
hark_observer_host_open_noop(struct hark_observer_host *out)
{
	if (out == NULL)
		return HARK_OBSERVER_ARGUMENT;
	*out = (struct hark_observer_host){ &noop_functions, NULL };
	return HARK_OBSERVER_OK;
}

/* ---- wasmtime ---- */

static enum hark_observer_error
observer_register(void *state, const void *bytes, size_t size,
		  const struct hark_observer_manifest *manifest, struct hark_observer_refusal *why)
{
	return module_register(state, bytes, size, manifest, why);
}

static enum hark_observer_error
observer_invoke(void *state, const struct hark_observer_context *context,
		const struct hark_observer_event *events, size_t count,
		struct hark_observer_outcome *out)
{
	return call_run(state, context, events, count, out);
}

static void
observer_tick(void *state)
{
	struct observer *o = state;

	engine_tick(o->engine);
}

static void
observer_close(void *state)
{
	struct observer *o = state;

	ticker_destroy(o->ticker); /* it ticks the engine: first */
	engine_module_destroy(o->module);
	engine_destroy(o->engine);
	buf_finish(&o->staged);
	free(o);
}

static const struct hark_observer_host_functions observer_functions = {
	"wasmtime", observer_register, observer_invoke, observer_tick, observer_close
};

/* Each token at most once, each with a function. */
static bool
take_capabilities(const struct hark_observer_capability *capabilities, size_t count,
		  struct hark_observer_capability out[HARK_OBSERVER_TOKEN_COUNT])
{
	size_t i;

	memset(out, 0, HARK_OBSERVER_TOKEN_COUNT * sizeof(*out));
	for (i = 0; i < count; i++) {
		unsigned token = (unsigned)capabilities[i].token;

		if (token >= HARK_OBSERVER_TOKEN_COUNT || capabilities[i].execute == NULL ||
		    out[token].execute != NULL)
			return false;
		out[token] = capabilities[i];
	}
	return true;
}

/* No clock, and no fuel: with none a call ends at once, which is what was asked for. */
static bool
may_be_zero(const char *limit)
{
	return strcmp(limit, "wall_ms") == 0 || strcmp(limit, "fuel") == 0;
}

static bool
limits_hold(const struct hark_observer_limits *limits, struct hark_failure *why)
{
	static const struct {
		const char *name, *words;
		size_t offset;
		uint64_t most;
	} rows[] = {
#define HARK_OBSERVER_LIMIT_ROW(name, words, usual, most) \
	{ #name, words, offsetof(struct hark_observer_limits, name), most },
		HARK_OBSERVER_LIMITS(HARK_OBSERVER_LIMIT_ROW)
#undef HARK_OBSERVER_LIMIT_ROW
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value;

		memcpy(&value, (const char *)limits + rows[i].offset, sizeof(value));
		if (value <= rows[i].most && (value > 0 || may_be_zero(rows[i].name)))
			continue;
		if (why == NULL)
			return false;
		why->system_error = 0;
		if (value == 0)
			(void)snprintf(why->text, sizeof(why->text), "%s (%s) may not be 0",
				       rows[i].words, rows[i].name);
		else
			(void)snprintf(why->text, sizeof(why->text),
				       "%s (%s) may be %" PRIu64 " at most", rows[i].words,
				       rows[i].name, rows[i].most);
		return false;
	}
	return true;
}

/* The engine ends the process where its reservation fails: so as much is asked for before. */
static bool
has_address_space(const struct hark_observer_limits *limits, struct hark_failure *why)
{
	size_t size = engine_memory_bytes(limits) +
		      ENGINE_TABLES_MAX * ENGINE_TABLE_ELEMENT_BYTES * limits->table_elements;
	void *tried = NULL;

	if (memory_map(size, &tried) == ERR_OK) {
		memory_unmap(tried, size);
		return true;
	}
	if (why != NULL)
		*why = (struct hark_failure){
			.text = "there is no address space for a module's memory and tables: "
				"lower memory_bytes, or raise the process's limit",
		};
	return false;
}

static enum hark_observer_error
observer_open(struct observer *o, struct hark_failure *why)
{
	enum err e;

	if (engine_is_built() && !has_address_space(&o->limits, why))
		return HARK_OBSERVER_ENGINE;
	e = engine_create(&o->limits, &o->engine, why);
	if (e == ERR_OK && o->limits.wall_ms > 0)
		e = ticker_create(OBSERVER_TICK_MS, observer_tick, o, &o->ticker);
	switch (e) {
	case ERR_OK:
		return HARK_OBSERVER_OK;
	case ERR_MEMORY:
		return HARK_OBSERVER_MEMORY;
	case ERR_SYSTEM:
		return HARK_OBSERVER_SYSTEM;
	default:
		return HARK_OBSERVER_ENGINE;
	}
}

enum hark_observer_error
hark_observer_host_open_wasmtime(const struct hark_observer_limits *limits,
				 const struct hark_observer_capability *capabilities,
				 size_t capability_count, struct hark_observer_host *out,
				 struct hark_failure *why)
{
	struct hark_observer_capability taken[HARK_OBSERVER_TOKEN_COUNT];
	struct hark_observer_limits usual;
	enum hark_observer_error e;
	struct observer *o;

	if (out == NULL || (capabilities == NULL && capability_count > 0) ||
	    !take_capabilities(capabilities, capability_count, taken))
		return HARK_OBSERVER_ARGUMENT;
	hark_observer_limits_default(&usual);
	if (limits == NULL)
		limits = &usual;
	if (!limits_hold(limits, why))
		return HARK_OBSERVER_LIMIT;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return HARK_OBSERVER_MEMORY;
	o->limits = *limits;
	memcpy(o->capabilities, taken, sizeof(taken));
	e = observer_open(o, why);
	if (e != HARK_OBSERVER_OK) {
		observer_close(o);
		return e;
	}
	*out = (struct hark_observer_host){ &observer_functions, o };
	return HARK_OBSERVER_OK;
}

/* ---- the door ---- */

enum hark_observer_error
hark_observer_host_register(struct hark_observer_host *host, const void *bytes, size_t size,
			    const struct hark_observer_manifest *manifest,
			    struct hark_observer_refusal *why)
{
	if (host == NULL || host->functions == NULL || (bytes == NULL && size > 0) ||
	    manifest == NULL)
		return HARK_OBSERVER_ARGUMENT;
	return host->functions->register_module(host->state, bytes != NULL ? bytes : "", size,
						manifest, why);
}

enum hark_observer_error
hark_observer_host_invoke(struct hark_observer_host *host,
			  const struct hark_observer_context *context,
			  const struct hark_observer_event *events, size_t count,
			  struct hark_observer_outcome *out)
{
	if (host == NULL || host->functions == NULL || context == NULL ||
	    (events == NULL && count > 0) || out == NULL)
		return HARK_OBSERVER_ARGUMENT;
	memset(out, 0, sizeof(*out));
	return host->functions->invoke(host->state, context, events, count, out);
}

void
hark_observer_host_tick(struct hark_observer_host *host)
{
	if (host != NULL && host->functions != NULL)
		host->functions->tick(host->state);
}

void
hark_observer_host_close(struct hark_observer_host *host)
{
	if (host == NULL || host->functions == NULL)
		return;
	host->functions->close(host->state);
	*host = (struct hark_observer_host){ NULL, NULL };
}

bool
hark_observer_has_engine(void)
{
	return engine_is_built();
}

enum hark_observer_error
hark_observer_digest_write(struct hark_text like, const void *bytes, size_t size,
			   char out[HARK_OBSERVER_DIGEST_TEXT])
{
	if ((bytes == NULL && size > 0) || out == NULL)
		return HARK_OBSERVER_ARGUMENT;
	digest_write(like, bytes != NULL ? bytes : "", size, out);
	return HARK_OBSERVER_OK;
}

enum hark_observer_error
hark_observer_digest_check(struct hark_text digest, const void *bytes, size_t size)
{
	if (bytes == NULL && size > 0)
		return HARK_OBSERVER_ARGUMENT;
	switch (digest_check(digest, bytes != NULL ? bytes : "", size)) {
	case ERR_OK:
		return HARK_OBSERVER_OK;
	case ERR_FORMAT:
		return HARK_OBSERVER_ARGUMENT;
	default:
		return HARK_OBSERVER_DIGEST;
	}
}

enum hark_observer_error
hark_observer_blake3(const void *bytes, size_t size, uint8_t out[32])
{
	if ((bytes == NULL && size > 0) || out == NULL)
		return HARK_OBSERVER_ARGUMENT;
	engine_blake3(bytes != NULL ? bytes : "", size, out);
	return HARK_OBSERVER_OK;
}
