/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * harkd's configuration: one YAML file, drop-ins beside it (<file>.d/NAME.yaml in the order of
 * their names), or defaults alone.  Unknown key, duplicate, wrong type or value: an error with
 * file, line, column and remedy.  By libyaml's events and a table that keeps each mark.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define CONFIG_CELLS_MAX      10000u
#define CONFIG_PATH_BYTES_MAX 4096u

/* A cell, from the file or from `hark cell add`.  Texts are owned by the config; "" or -1: not
 * given. */
struct config_cell {
	char *name;
	char *uds_base;
	char *run_id;
	char *spec_hash;
	uint64_t keepalive_ms;
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
};

/* "<file>:<line>:<column>: <what>; <remedy>", file escaped. */
struct config_failure {
	char text[768];
};

/* Defaults alone; data and run are copied. */
MUST_USE enum err config_defaults(const char *data, const char *run, struct config *out);
/* ERR_FORMAT, ERR_DUPLICATE, ERR_RANGE, ERR_MISSING (the file, or a required key), ERR_MEMORY,
 * ERR_SYSTEM: all with *why. */
MUST_USE enum err config_read(const char *path, struct config *out, struct config_failure *why);
void config_finish(struct config *c);
/* True for what a cell may be named: 1 to 128 of [A-Za-z0-9._:@-], neither '.' nor '-' first. */
bool config_cell_name_is_good(const char *name);

#endif
