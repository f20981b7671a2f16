/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of this room share: a host that runs modules, and a call under way. */
#ifndef OBSERVER_INTERNAL_H
#define OBSERVER_INTERNAL_H

#include <hark/observer_host.h>

#include "base/bytes.h"
#include "observer/engine.h"
#include "os/ticker.h"

/* One tick of the clock by which a call is ended. */
#define OBSERVER_TICK_MS 10u

/* A host of the backend `wasmtime`. */
struct observer {
	struct hark_observer_limits limits;
	struct hark_observer_capability capabilities[HARK_OBSERVER_TOKEN_COUNT]; /* by token */
	struct engine *engine;
	struct ticker *ticker;        /* NULL without wall_ms */
	struct engine_module *module; /* NULL: none is registered */
	bool takes_batches;           /* it imports event.next */
	struct buf staged;            /* kept between calls for its storage; empty between them */
};

/* ---- imports.c: what a module may import ---- */

struct import {
	struct engine_function function; /* the first member: engine_function's run gets this */
	int token; /* of enum hark_observer_cap_token, or -1: none is needed */
};

/* The row of that name, or NULL. */
const struct import *import_find(struct bytes module, struct bytes name);
/* Whether that module name is WASI's and denied by name. */
bool import_is_wasi(struct bytes module);
/* The rows by number, NULL past the last. */
const struct import *import_at(size_t index);
/* Whether it begins with "arkhe:observer/". */
bool import_is_ours(struct bytes module);

/* ---- digest.c ---- */

/* ERR_FORMAT: not "blake3:" or "sha256:" and 64 hex digits.  ERR_REFUSED: another digest (compared
 * in constant time). */
MUST_USE enum err digest_check(struct hark_text digest, const void *bytes, size_t size);
bool digest_is_well_formed(struct hark_text digest);
/* The same of these bytes, by SHA-256 where `like` is such a one, else by BLAKE3. */
void digest_write(struct hark_text like, const void *bytes, size_t size,
		  char out[HARK_OBSERVER_DIGEST_TEXT]);

/* ---- module.c: what is looked at when a module is registered ---- */

MUST_USE enum hark_observer_error module_register(struct observer *o, const void *bytes,
						  size_t size,
						  const struct hark_observer_manifest *manifest,
						  struct hark_observer_refusal *why);

/* ---- record.c: an event as event.next gives it ---- */

/* The size of the record of an event; 0 where its texts are too long. */
size_t record_size(const struct hark_observer_event *event);
/* Writes it, with what one effect may have; `out` has record_size bytes. */
void record_write(const struct hark_observer_event *event, uint32_t payload_bytes, uint8_t *out);

/* ---- call.c: one call, and the dispatcher of what it asks for ---- */

struct call {
	struct observer *observer;
	uint32_t tokens;
	const struct hark_observer_event *events;
	size_t count;
	size_t next;                               /* the event that event.next will give */
	const struct hark_observer_event *current; /* what event.json gives; NULL: none yet */
	size_t effects;
	uint64_t effect_bytes;
	enum err failure;                 /* other than ERR_OK: no fault of the module's */
	enum hark_observer_reason reason; /* why a function of ours gave false */
	enum hark_observer_cap_token token;
};

MUST_USE enum hark_observer_error call_run(struct observer *o,
					   const struct hark_observer_context *context,
					   const struct hark_observer_event *events, size_t count,
					   struct hark_observer_outcome *out);
bool call_event_next(const struct engine_function *self, void *call, struct engine_caller *caller,
		     int32_t ptr, int32_t len, int32_t *result_out);
bool call_event_json(const struct engine_function *self, void *call, struct engine_caller *caller,
		     int32_t ptr, int32_t len, int32_t *result_out);
bool call_effect(const struct engine_function *self, void *call, struct engine_caller *caller,
		 int32_t ptr, int32_t len, int32_t *result_out);

#endif
