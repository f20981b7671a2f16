/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What samples have come to: a series is a metric's name with its labels.  Kept in memory as it is
 * in the database, in the order in which it is written out.
 */
#ifndef PROJECT_SERIES_H
#define PROJECT_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "project/sample.h"

struct series {
	char *name;
	char *labels; /* JSON */
	char *shown;
	enum sample_type type;
	struct decimal value; /* of a histogram the sum */
	uint64_t count;       /* of a histogram: all that were observed */
	struct decimal *bounds;
	uint64_t *counts; /* a bound: at most it and above the one before */
	size_t bound_count;
	bool changed; /* since it was stored */
};

/* By name, then labels, bytewise.  Zeroed is empty. */
struct series_set {
	struct series **items;
	size_t count;
	size_t capacity;
};

/*
 * Adds a sample to its series, which is made where there are fewer than `most`.  ERR_LIMIT: there
 * are not; ERR_FORMAT: it does not go with what is there, and `error` says why; ERR_MEMORY.
 */
MUST_USE enum err series_apply(struct series_set *s, const struct sample *sample, size_t most,
			       char error[SAMPLE_ERROR_BYTES]);

/* A series in the database's columns. */
#define SERIES_BUCKETS_BYTES (SAMPLE_BUCKETS_MAX * (DECIMAL_TEXT_BYTES + 32u) + 64u)
/* What its count and buckets are as a text; terminated.  Empty but for histograms. */
void series_write_buckets(const struct series *s, char text[SERIES_BUCKETS_BYTES]);
/* Takes one that was stored; they come in any order.  ERR_FORMAT: it was not by us; ERR_MEMORY. */
MUST_USE enum err series_load(struct series_set *s, struct bytes name, struct bytes labels,
			      struct bytes type, struct bytes value, struct bytes buckets);
void series_finish(struct series_set *s);

/* All of them in OpenMetrics' text form, with its end.  ERR_MEMORY. */
MUST_USE enum err series_write(const struct series_set *s, struct buf *out);

#endif
