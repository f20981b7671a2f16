/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * harkd's configuration: one YAML file, drop-ins beside it (<file>.d/NAME.yaml in the order of
 * their names), or defaults alone.  A later file replaces single values and adds cells and
 * observers.  Unknown key, duplicate, wrong type or value: an error with file, line, column and
 * remedy.  By libyaml's events and a table that keeps each mark.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"
#include "config/observer.h"

#define CONFIG_CELLS_MAX      10000u
#define CONFIG_PATH_BYTES_MAX 4096u /* with its terminator */
#define CONFIG_ID_BYTES_MAX   128u

/* What values may be: hark.yaml(5) has them for people.  The batch's are the ledger's own. */
#define CONFIG_SEGMENT_BYTES_MIN (UINT64_C(4) << 20)
#define CONFIG_SEGMENT_BYTES_MAX (UINT64_C(1) << 30)
#define CONFIG_BATCH_BYTES_MIN   (UINT64_C(128) << 10)
#define CONFIG_BATCH_BYTES_MAX   (UINT64_C(2) << 20)
/* Below what one receiver's window becomes as leaves (1.5 MiB), so that a single busy cell fills a
 * batch and fills the next while that one is written, and need not wait for the commit's time. */
#define CONFIG_BATCH_BYTES_DEFAULT (UINT64_C(1) << 20)
/* A segment has at least two batches and so much more. */
#define CONFIG_SEGMENT_BYTES_REST 4096u
#define CONFIG_KEEPALIVE_MS_MIN   UINT64_C(100)
#define CONFIG_KEEPALIVE_MS_MAX   UINT64_C(86400000)
#define CONFIG_EVENTS_PER_S_MAX   UINT64_C(10000000)
#define CONFIG_BYTES_PER_S_MAX    (UINT64_C(16) << 30)
#define CONFIG_CONNECTIONS_MAX    8u

/* A cell, from the file or from `hark cell add`.  Texts are owned by the config; "" or -1: not
 * given. */
struct config_cell {
	char *name;
	char *uds_base;
	char *run_id;
	char *spec_hash;
	uint64_t keepalive_ms; /* from a file: never 0 */
	bool rearm;
	uint64_t events_per_s; /* 0: no limit */
	uint64_t bytes_per_s;
	uint32_t connections;
	int64_t owner_uid, owner_gid; /* -1: not given */
	int64_t mode;
	int64_t peer_uid;
};

struct config {
	char *data; /* directory */
	char *run;  /* directory */
	char *host; /* NULL: the system's name */
	bool require_confinement;
	bool receivers_shared;     /* receiver.isolation: cell (default) | shared */
	uint32_t shared_cells_max; /* cells in one shared receiver */
	uint64_t segment_bytes;
	uint64_t batch_bytes;
	uint64_t commit_us;
	uint64_t checkpoint_ms;
	uint64_t tick_ms;
	uint64_t keepalive_ms; /* default of cells */
	char *admin_group; /* control socket: the group that reads; NULL: "hark" if there is one */
	struct config_cell *cells;
	size_t cell_count;
	struct config_observer *observers;
	size_t observer_count;
};

/* "<file>:<line>:<column>: <what>; <remedy>", or without the place where the file as a whole is
 * meant.  All that comes from outside is escaped in it. */
struct config_failure {
	char text[768];
	bool is_file; /* the file itself is meant, such as one that is not there */
};

/* Defaults alone; data and run are copied. */
MUST_USE enum err config_defaults(const char *data, const char *run, struct config *out);
/* ERR_FORMAT, ERR_DUPLICATE, ERR_RANGE, ERR_MISSING (the file, or a required key), ERR_LIMIT,
 * ERR_REFUSED (a secret that everybody may read), ERR_MEMORY, ERR_SYSTEM: all with *why. */
MUST_USE enum err config_read(const char *path, struct config *out, struct config_failure *why);
/* One file that was read, in the order of reading; borrowed for the call.  ERR_MEMORY ends it all.
 */
typedef enum err config_text_fn(void *ctx, const char *path, struct bytes text);
/* As config_read, and says the bytes of each file that it took, so that what was read can be told
 * from what stands there later. */
MUST_USE enum err config_read_texts(const char *path, config_text_fn *fn, void *ctx,
				    struct config *out, struct config_failure *why);
/* One text alone, without drop-ins; `name` is for messages.  Same errors. */
MUST_USE enum err config_parse(const char *name, const void *text, size_t size, struct config *out,
			       struct config_failure *why);
/* NULL and zeroed are fine. */
void config_finish(struct config *c);
/* True for what a cell may be named: 1 to 128 of [A-Za-z0-9._:@-], neither '.' nor '-' first. */
bool config_cell_name_is_good(const char *name);
/* Frees the texts of a cell. */
void config_cell_finish(struct config_cell *cell);
/* True for "sha256:" and 64 lower-case hex digits. */
bool config_spec_hash_is_good(const char *text);

#endif
