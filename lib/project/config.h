/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a projector is told: whose effects it commits, where to, and within which bounds.  Read once
 * from the options of the setup message; nothing of it comes from the module.
 */
#ifndef PROJECT_CONFIG_H
#define PROJECT_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define PROJECT_KEYS_MAX 16u
/* Series of metrics, whatever the manifest says. */
#define PROJECT_SERIES_MAX 100000u
/* Words for a person about what is wrong, with their terminator. */
#define PROJECT_TEXT_BYTES 1024u

/* Always terminated; holds no password. */
struct project_failure {
	char text[PROJECT_TEXT_BYTES];
};

/* Fills in the words; cut where they do not fit. */
__attribute__((format(printf, 2, 3))) void project_say(struct project_failure *why,
						       const char *format, ...);

/* Texts are owned and terminated; NULL where the option is not there. */
struct project_config {
	char *observer;
	char *origin;
	uint32_t tokens; /* granted: a mask */
	uint64_t from;   /* the first leaf of an observer without a cursor */
	/* Of one batch. */
	uint64_t payload_bytes;
	uint64_t effects;
	uint64_t effect_bytes;
	/* After "sqlite:", or the whole of a URI, which may hold a password. */
	char *projection;
	const struct database_ops *database;
	/* Of a server, by database_ops.find: lists with commas, an address for each name, "" for a
	 * socket's. */
	char *hosts;
	char *addresses;
	char *ports;
	char *unfound; /* why there are none: it is not connected to */
	char *table;
	char *keys[PROJECT_KEYS_MAX];
	size_t key_count;
	char *create;
	char *metric_file;
	char *metric_prefix;
	uint64_t metric_series;
	char *receipt_file;
	uint64_t log_lines_per_s;
};

/*
 * Reads checked options (options_check).  *out is to be finished whatever comes back.  ERR_FORMAT
 * with *why: something is missing, of no known database, or does not go together; ERR_MEMORY.
 */
MUST_USE enum err project_config_read(struct bytes observer, struct bytes origin,
				      struct bytes options, struct project_config *out,
				      struct project_failure *why);
/* Wipes and frees.  Zeroed is fine. */
void project_config_finish(struct project_config *c);

#endif
