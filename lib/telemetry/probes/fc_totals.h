/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sums of Firecracker's metrics.  At each flush Firecracker writes what was counted since the last
 * one (its SharedIncMetric), so the sum is the count; other numbers (its SharedStoreMetric) are
 * states, of which the last one holds.
 */
#ifndef TELEMETRY_PROBES_FC_TOTALS_H
#define TELEMETRY_PROBES_FC_TOTALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Firecracker nests three deep: vcpu, exit_io_in_agg, min_us. */
#define FC_TOTALS_DEPTH_MAX 8u

/* Zeroed is without any flush. */
struct fc_totals {
	void *metrics; /* json_t */
};

/*
 * Adds one flush: a line without its line feed.  All of it or, on failure, nothing.  ERR_FORMAT: no
 * JSON object, or one that names a member twice; ERR_LIMIT: more members or deeper than any
 * Firecracker writes; ERR_MEMORY.
 */
MUST_USE enum err fc_totals_add(struct fc_totals *t, const char *line, size_t size);
bool fc_totals_is_empty(const struct fc_totals *t);
/* As JSON in jansson's own form, terminated; the caller frees it.  ERR_MEMORY. */
MUST_USE enum err fc_totals_text(const struct fc_totals *t, char **out);
void fc_totals_finish(struct fc_totals *t);

#endif
