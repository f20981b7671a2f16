/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What observers have read, as a harkd that does not run has left it, and what those of a
 * configuration will read that none has run with. */
#ifndef HARK_OBSERVER_CURSORS_H
#define HARK_OBSERVER_CURSORS_H

#include <stdint.h>

#include "base/err.h"

/*
 * EXIT_OK where every observer has read all below `index`, or begins there.  data: the data
 * directory; config: NULL, or a configuration's file, which must be that directory's.
 * EXIT_TEMPORARY: one has not, and is named; else what was told.
 */
MUST_USE int observer_cursors_allow(const char *data, const char *config, uint64_t index);

#endif
