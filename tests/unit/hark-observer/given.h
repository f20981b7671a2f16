/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a process of hark-observer is given by its harkd: a ledger of a few leaves with its page, a
 * module, which is the fake engine's, and options. */
#ifndef TESTS_HARK_OBSERVER_GIVEN_H
#define TESTS_HARK_OBSERVER_GIVEN_H

#include <stdbool.h>

#include "base/bytes.h"

#define GIVEN_LEAVES  12u
#define GIVEN_TRAP_AT 6u /* where the module traps */

extern struct given {
	int dirfd, page_fd, module_fd;
	struct buf options;
	bool traps; /* at that leaf; it writes the index of each */
} given;

int given_set_up(void **state);
int given_tear_down(void **state);

#endif
