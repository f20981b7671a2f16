/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a record says of its cells, counted while its leaves go by.  Bounded: cells beyond the limit
 * share one row without names. */
#ifndef VERIFY_CELLS_H
#define VERIFY_CELLS_H

#include <hark/verify.h>

#include "base/err.h"
#include "verify/leaf.h"

struct cells;

/* What one event meant for its cell's completeness. */
enum cell_note {
	CELL_NOTHING,
	CELL_GAP,
	CELL_DROPPED,
	CELL_REJECTED,
	CELL_CONFLICT,
	CELL_OUTAGE, /* of the host, not of a cell */
};

/* ERR_MEMORY. */
MUST_USE enum err cells_create(struct cells **out);
/* NULL is fine. */
void cells_destroy(struct cells *c);
/* Counts one event.  ERR_MEMORY. */
MUST_USE enum err cells_count(struct cells *c, uint64_t index, const struct leaf_event *event,
			      enum cell_note *note_out);
/* The rows in the order in which they appeared, good until the next call of cells_count. */
const struct hark_cell_report *cells_rows(const struct cells *c, size_t *count_out);

#endif
