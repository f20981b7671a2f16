/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The only place that asks for the time. */
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "os/clock.h"

#define NANOSECONDS_PER_SECOND UINT64_C(1000000000)

/*
 * The static programs ask the kernel itself.  The C library's way is a few tens of nanoseconds
 * shorter, but reads the vDSO, and that alone costs a process that maps nothing else there three
 * pages of page tables.
 */
static int
time_of(clockid_t clock, struct timespec *out)
{
#if defined(__GLIBC__)
	return clock_gettime(clock, out);
#else
	return (int)syscall(SYS_clock_gettime, clock, out);
#endif
}

void
clock_realtime(int64_t *seconds_out, uint32_t *nanoseconds_out)
{
	struct timespec now = { 0 };
	int r = time_of(CLOCK_REALTIME, &now);

	MUST(seconds_out != NULL && nanoseconds_out != NULL);
	MUST(r == 0);

	*seconds_out = now.tv_sec;
	*nanoseconds_out = (uint32_t)now.tv_nsec;
}

uint64_t
clock_monotonic_ns(void)
{
	struct timespec now = { 0 };
	int r = time_of(CLOCK_MONOTONIC, &now);

	MUST(r == 0);
	return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t
clock_thread_ns(void)
{
	struct timespec used = { 0 };
	int r = time_of(CLOCK_THREAD_CPUTIME_ID, &used);

	MUST(r == 0);
	return (uint64_t)used.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)used.tv_nsec;
}

void
clock_rest(uint64_t ns)
{
	struct timespec t = { .tv_sec = 0, .tv_nsec = (long)ns };

	MUST(ns < NANOSECONDS_PER_SECOND);
	/* A signal ends it early, which nobody minds. */
	(void)nanosleep(&t, NULL);
}

void
clock_quality(bool *synchronized_out, uint64_t *error_us_out)
{
	struct timex t = { .modes = 0 };
	int state = adjtimex(&t);

	MUST(synchronized_out != NULL && error_us_out != NULL);

	*synchronized_out = state >= 0 && state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
	*error_us_out = state >= 0 && t.maxerror >= 0 ? (uint64_t)t.maxerror : UINT64_MAX;
}
