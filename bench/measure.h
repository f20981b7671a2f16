/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How the benchmarks of stages measure: a stage and its floor in turns, so that what else the
 * machine does meets both, and the median of the rounds.  It prints; it judges nothing.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MEASURE_ROUNDS   7u
#define MEASURE_ROUND_NS UINT64_C(60000000)
/* The clock is read once for so many calls. */
#define MEASURE_CHECK_EVERY 16u

/* The clock: who measures one process alone may take its processor time. */
#ifndef MEASURE_CLOCK
#define MEASURE_CLOCK CLOCK_MONOTONIC
#endif

typedef void measure_fn(void *ctx);

static inline uint64_t
measure_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(MEASURE_CLOCK, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int
measure_compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline double
measure_median(double *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), measure_compare);
	return values[count / 2];
}

/* One round, in ns for one call. */
static inline double
measure_round(measure_fn *fn, void *ctx)
{
	uint64_t start = measure_now_ns();
	uint64_t calls = 0;
	uint64_t spent;

	do {
		unsigned int i;

		for (i = 0; i < MEASURE_CHECK_EVERY; i++)
			fn(ctx);
		calls += MEASURE_CHECK_EVERY;
		spent = measure_now_ns() - start;
	} while (spent < MEASURE_ROUND_NS);
	return (double)spent / (double)calls;
}

/* A row; floor_ns 0: there is none. */
static inline void
measure_print(const char *name, const char *config, double ns, double floor_ns,
	      const char *baseline)
{
	(void)printf("{\"name\":\"%s\",\"config\":\"%s\",\"value\":%.1f,\"unit\":\"ns\"", name,
		     config, ns);
	if (floor_ns > 0)
		(void)printf(",\"floor\":%.1f,\"ratio\":%.2f,\"baseline\":\"%s\"", floor_ns,
			     ns / floor_ns, baseline);
	(void)puts("}");
	(void)fflush(stdout);
}

/* Measures and prints; `floor` may be NULL. */
static inline void
measure_stage(const char *name, const char *config, measure_fn *stage, measure_fn *floor,
	      const char *baseline, void *ctx)
{
	double rounds[MEASURE_ROUNDS];
	double floors[MEASURE_ROUNDS];
	size_t i;

	for (i = 0; i < MEASURE_ROUNDS; i++) {
		rounds[i] = measure_round(stage, ctx);
		floors[i] = floor != NULL ? measure_round(floor, ctx) : 0;
	}
	measure_print(name, config, measure_median(rounds, MEASURE_ROUNDS),
		      measure_median(floors, MEASURE_ROUNDS), baseline);
}

#endif
