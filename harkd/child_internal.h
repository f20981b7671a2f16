/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the two files of a child share. */
#ifndef HARKD_CHILD_INTERNAL_H
#define HARKD_CHILD_INTERNAL_H

#include "harkd/child.h"

/* The one function that changes the state.  limit_ms: until it must have been left; 0: none. */
void child_enter(struct child *c, enum child_state next, uint64_t limit_ms);
/* Nothing where it is closed. */
void child_close_channel(struct child *c);
/* Reads and sends what there is: a loop_fd_fn. */
void child_on_channel(void *ctx, uint32_t ready);

#endif
