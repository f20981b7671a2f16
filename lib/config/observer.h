/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An observer as the configuration has it, or the manifest that `hark observer add` sends: the same
 * keys, read by the same code.  Written again it has one form, so that two are the same where their
 * texts are.
 */
#ifndef CONFIG_OBSERVER_H
#define CONFIG_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hark/observer_host.h>

#include "base/bytes.h"
#include "base/err.h"
#include "json/writer.h"

#define CONFIG_OBSERVERS_MAX           256u
#define CONFIG_OBSERVER_NAME_BYTES_MAX 64u
/* One observer as a text, in bytes: what a message can carry. */
#define CONFIG_OBSERVER_TEXT_MAX   32768u
#define CONFIG_OBSERVER_BATCH_MAX  1024u
#define CONFIG_OBSERVER_STRIKES    3u
#define CONFIG_OBSERVER_STRIKE_MAX 1000u
#define CONFIG_FILTER_CELLS_MAX    1024u
#define CONFIG_FILTER_TEXTS_MAX    256u
#define CONFIG_FILTER_BYTES_MAX    256u
#define CONFIG_KEY_COLUMNS_MAX     16u
#define CONFIG_SQL_NAME_BYTES_MAX  63u /* as PostgreSQL has it */
#define CONFIG_METRIC_BYTES_MAX    64u
#define CONFIG_METRIC_SERIES       1000u
#define CONFIG_METRIC_SERIES_MAX   100000u
#define CONFIG_LOG_LINES_PER_S     10u
#define CONFIG_LOG_LINES_MAX       10000u

struct config_failure;

struct config_texts {
	char **texts;
	size_t count;
};

/* Texts are owned; NULL: not given. */
struct config_observer {
	char *name;
	char *module; /* path */
	char *digest;
	bool noop; /* engine: wasmtime (default) | noop */
	uint32_t tokens;
	struct config_texts cells, types, sources; /* the filter; empty: all */
	struct hark_observer_limits limits;
	uint32_t batch;   /* events of one call, at the most */
	uint32_t strikes; /* traps until its digest is quarantined */
	bool stop_on_trap;
	uint64_t from; /* the first leaf where it has no cursor yet */
	char *projection;
	char *table;
	struct config_texts key;
	char *create; /* path of a file of SQL */
	char *metric_file;
	char *metric_prefix;
	uint32_t metric_series;
	char *receipt_file;
	uint32_t log_lines_per_s;
};

/* The usual limits, and no texts. */
void config_observer_init(struct config_observer *o);
/* NULL and zeroed are fine. */
void config_observer_finish(struct config_observer *o);
/* As a cell's name, at most 64 bytes, and not ending as files beside its manifest do. */
bool config_observer_name_is_good(const char *name);
/* "blake3:" or "sha256:", and 64 lower-case hex digits. */
bool config_observer_digest_is_good(const char *text);

/*
 * One entry, as below `observers:`, in a text of its own; `name` is for messages.  What it does not
 * say is filled in; data is the data directory, below which it may write nothing.  Errors of
 * config_parse.  To be finished.
 */
MUST_USE enum err config_observer_read(const char *name, const void *text, size_t size,
				       const char *data, struct config_observer *out,
				       struct config_failure *why);
/* Appends the entry with all its values, in one order.  Without `secrets` its projection is as
 * config_projection_shown has it.  ERR_LIMIT, ERR_MEMORY. */
MUST_USE enum err config_observer_write(const struct config_observer *o, bool secrets,
					struct buf *out);
/* Writes it as an object whose members have the keys' names, in their order, and without secrets.
 * What is not given is left out.  Only of one that was read whole. */
void config_observer_json(const struct config_observer *o, struct json_writer *w);
/* True where nothing differs.  False too where there is no memory to tell. */
bool config_observer_is_same(const struct config_observer *a, const struct config_observer *b);

/* ---- projections --------------------------------------------------------------------------- */

/* "sqlite:/absolute/path", "postgresql://..." or "postgres://...". */
bool config_projection_is_good(const char *text, size_t size);
/* The path of a SQLite file; NULL of another projection. */
const char *config_projection_path(const char *projection);
/* True where it holds a password, or might. */
bool config_projection_has_secret(const char *projection);
/* As it may be shown: without password and parameters.  Always terminates. */
void config_projection_shown(const char *projection, char *out, size_t capacity);
/* True where `path` is `folder` or leads below it, by their texts: links are not looked at. */
bool config_path_is_below(const char *path, const char *folder);

#endif
