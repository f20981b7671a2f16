/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The host's clocks.  None can fail. */
#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Real time since 1970-01-01T00:00:00Z; nanoseconds < 1e9. */
void clock_realtime(int64_t *seconds_out, uint32_t *nanoseconds_out);
/* Never runs backwards; from an unknown start. */
uint64_t clock_monotonic_ns(void);

/* Returns after at least so long, or with the next signal.  For less than a second. */
void clock_rest(uint64_t ns);

/* Whether the kernel believes that real time is kept right, and its estimate of the most that it is
 * wrong by.  false and UINT64_MAX where it does not say. */
void clock_quality(bool *synchronized_out, uint64_t *error_us_out);

/* Processor time of the thread that calls: what it waits for others does not count. */
uint64_t clock_thread_ns(void);

#endif
