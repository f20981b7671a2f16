/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One sample of a metric, as an observer asks for it: {"name", "type", "value", "labels": {},
 * "buckets": []}; every other member is a label too.  docs/format/projection.md has the form.
 */
#ifndef PROJECT_SAMPLE_H
#define PROJECT_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"
#include "project/decimal.h"

#define SAMPLE_NAME_BYTES_MAX  128u /* with the host's prefix */
#define SAMPLE_LABELS_MAX      16u
#define SAMPLE_LABEL_BYTES_MAX 256u /* of a value; of a name as of a metric's */
#define SAMPLE_BUCKETS_MAX     64u
/* Why a sample is refused, with its terminator. */
#define SAMPLE_ERROR_BYTES 256u
/* All labels as JSON or as OpenMetrics writes them: each byte may become six. */
#define SAMPLE_LABELS_BYTES \
	(SAMPLE_LABELS_MAX * (SAMPLE_NAME_BYTES_MAX + 6u * SAMPLE_LABEL_BYTES_MAX + 8u))

enum sample_type { SAMPLE_COUNTER, SAMPLE_GAUGE, SAMPLE_HISTOGRAM };

struct sample {
	char name[SAMPLE_NAME_BYTES_MAX + 1];
	enum sample_type type;
	struct decimal value;
	/* A JSON object of texts, by their names' bytes: a series is a name with these. */
	char labels[SAMPLE_LABELS_BYTES];
	/* The same in OpenMetrics' form, without braces. */
	char shown[SAMPLE_LABELS_BYTES];
	struct decimal bounds[SAMPLE_BUCKETS_MAX]; /* of a histogram, ascending */
	size_t bound_count;
};

/* Whether a metric may be called that. */
bool sample_is_name(struct bytes name);
/* "counter", "gauge", "histogram". */
const char *sample_type_name(enum sample_type type);
/* ERR_MISSING: none of them. */
MUST_USE enum err sample_type_of(struct bytes name, enum sample_type *out);
/*
 * Reads one; its name gets the prefix, which may be NULL.  ERR_FORMAT: it is none, and `error` says
 * why; ERR_MEMORY.
 */
MUST_USE enum err sample_read(struct bytes payload, const char *prefix, struct sample *out,
			      char error[SAMPLE_ERROR_BYTES]);
/* Labels of a series as they are kept: fills in labels and shown.  As sample_read. */
MUST_USE enum err sample_read_labels(struct bytes labels, struct sample *out,
				     char error[SAMPLE_ERROR_BYTES]);

#endif
