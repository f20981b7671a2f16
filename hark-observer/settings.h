/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What harkd tells of one observer: its manifest as options, read once into what is used. */
#ifndef HARK_OBSERVER_SETTINGS_H
#define HARK_OBSERVER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hark/observer_host.h>

#include "base/bytes.h"
#include "base/err.h"

/* Events of one call, at the most, and where the manifest does not say. */
#define SETTINGS_BATCH_MAX     65536u
#define SETTINGS_BATCH_DEFAULT 1024u

/* Texts of one kind, borrowed from the options.  Empty: every event passes. */
struct settings_filter {
	struct bytes *texts; /* as options_matches takes them */
	size_t count;
};

struct settings {
	struct buf options; /* all that is borrowed below points there */
	struct hark_text digest;
	uint32_t tokens;
	bool noop;
	bool stop_on_trap;
	uint64_t from;
	uint32_t batch;
	struct hark_observer_limits limits;
	struct settings_filter cells, types, sources;
};

/*
 * Copies and reads FIELD_OPTIONS.  ERR_FORMAT: not options, no digest, or numbers that no manifest
 * has; ERR_MEMORY.
 */
MUST_USE enum err settings_read(struct bytes options, struct settings *out);
/* NULL and zeroed are fine. */
void settings_finish(struct settings *s);
/* Whether the event matches one of each kind that is given. */
bool settings_pass(const struct settings *s, const struct hark_observer_event *event);

#endif
