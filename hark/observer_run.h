/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One module over events, here, with nothing behind its effects: what `hark observer test` and
 * `hark observer replay` share.  All is read first; then the process gives up files, sockets and
 * privileges, and only then looks into the module.
 */
#ifndef HARK_OBSERVER_RUN_H
#define HARK_OBSERVER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hark/observer_host.h>

#include "base/bytes.h"

#define OBSERVER_MODULE_BYTES_MAX (64u * 1024u * 1024u)
#define OBSERVER_EVENTS_MAX       65536u

/* Zeroed, but for limits, is one without events. */
struct observer_run {
	uint32_t tokens;
	uint32_t failing; /* of which the capability fails, as where a database is away */
	struct hark_observer_limits limits;
	struct buf module;
	struct buf jsons; /* of the events, one behind the other */
	struct observer_run_place *places;
	size_t count, capacity;
	struct buf payloads; /* a token's byte, a u32 size, the bytes; and so on */
};

struct observer_verdict {
	bool loaded;
	struct hark_observer_refusal why; /* where it is not */
	enum hark_observer_error run;
	struct hark_observer_outcome outcome;
};

/* Reads a file; what goes wrong is told.  Gives an exit code, as all here. */
int observer_run_read(const char *path, size_t size_max, struct buf *out);
/* Appends an event's JSON, which is copied.  EXIT_DATA: it is none, which is not told. */
int observer_run_add(struct observer_run *r, struct bytes json);
/*
 * Gives up files and privileges, loads the module, whose digest is `digest` (NULL: the one that it
 * has), and runs it once over all events.  EXIT_OK with a verdict, also a bad one; else told.
 */
int observer_run_go(struct observer_run *r, const char *digest, struct observer_verdict *v);
/* The next payload that it asked for, from *at on, which begins at 0; false past the last. */
bool observer_run_payload(const struct observer_run *r, size_t *at, uint8_t *token,
			  struct bytes *out);
void observer_run_finish(struct observer_run *r);

#endif
