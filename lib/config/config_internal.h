/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of this room share: the reader of events, and the rows of keys. */
#ifndef CONFIG_CONFIG_INTERNAL_H
#define CONFIG_CONFIG_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yaml.h>

#include "config/config.h"
#include "config/observer.h"

/* The largest file, in bytes: room for CONFIG_CELLS_MAX cells with all that they may say. */
#define CONFIG_FILE_BYTES_MAX 16777216u
/* A file and its drop-ins together. */
#define CONFIG_BYTES_MAX 33554432u
/* A shown file name, or value of the file, in bytes. */
#define CONFIG_SHOWN_BYTES 200u

/* Where something stands: from 1. */
struct config_mark {
	size_t line;
	size_t column;
};

/* Where a cell was given, to name the first of two. */
struct cell_place {
	uint64_t name_hash;
	uint64_t base_hash;
	struct config_mark mark;
	size_t file; /* number of the file */
};

/* Where an observer was given. */
struct observer_place {
	struct config_mark mark;
	char file[CONFIG_SHOWN_BYTES];
	size_t file_number;
};

/* One file of a configuration as it is read. */
struct config_reader {
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	const char *text;
	size_t size;
	char file[CONFIG_SHOWN_BYTES]; /* escaped */
	struct config_failure *why;
	/* Across files. */
	struct config *config;
	size_t file_number;
	size_t bytes;            /* that were read */
	config_text_fn *on_text; /* NULL: nobody wants to know */
	void *on_text_ctx;
	struct cell_place *places;
	size_t place_capacity;
	struct observer_place *observer_places;
	size_t observer_capacity;
};

/* ---- events (source.c) ---- */

/* Fills *why with "<file>:<line>:<column>: <what>; <remedy>" and gives e. */
__attribute__((format(printf, 4, 5))) enum err config_refuse(struct config_reader *r, enum err e,
							     struct config_mark mark,
							     const char *format, ...);
/* Borrows the text.  ERR_MEMORY. */
MUST_USE enum err config_source_open(struct config_reader *r, const char *name, const char *text,
				     size_t size);
void config_source_close(struct config_reader *r);
/* The next event into r->event.  What we do not take of YAML is refused here: anchors, aliases,
 * tags, directives. */
MUST_USE enum err config_source_next(struct config_reader *r);
struct config_mark config_event_mark(const struct config_reader *r);
/* A word for what the event is, such as "a list". */
const char *config_event_text(const struct config_reader *r);

/* ---- keys (keys.c, scalar.c) ---- */

enum config_kind {
	KIND_PATH,        /* absolute */
	KIND_HOST,        /* as in os/host.h */
	KIND_CELL,        /* config_cell_name_is_good */
	KIND_ID,          /* a run id */
	KIND_SPEC_HASH,   /* sha256: and 64 digits */
	KIND_WORD,        /* a group's name */
	KIND_SWITCH,      /* true or false */
	KIND_ISOLATION,   /* cell or shared */
	KIND_COUNT,       /* u64 */
	KIND_COUNT_32,    /* u32 */
	KIND_THOUSANDTHS, /* u64, a thousand times what is written */
	KIND_BYTES,       /* u64 */
	KIND_OWNER,       /* two i64: user and group */
	KIND_MODE,        /* i64 */
	KIND_USER,        /* i64 */
	KIND_TABLE,       /* keys below it, of the same struct */
	KIND_CELLS,       /* the list of cells */
	KIND_OBSERVERS,   /* the list of observers */
	KIND_LIST,        /* a struct config_texts: `min` to `max` of kind `item` */
	KIND_TOKENS,      /* u32: the mask of a list of HARK_OBSERVER_TOKEN_NAMES */
	KIND_LIMIT,       /* u64: in bytes where the key's name says so */
	KIND_OBSERVER,    /* config_observer_name_is_good */
	KIND_DIGEST,      /* blake3: or sha256: and 64 digits */
	KIND_ENGINE,      /* wasmtime or noop */
	KIND_ON_TRAP,     /* skip or stop */
	KIND_TYPE,        /* of events; a '*' at its end makes it a prefix */
	KIND_PROJECTION,  /* config_projection_is_good */
	KIND_SQL_TABLE,   /* NAME or SCHEMA.NAME */
	KIND_SQL_NAME,    /* of a column */
	KIND_METRIC,      /* a prefix of names of metrics */
};

/* A row: zeroed it ends a table. */
struct config_key {
	const char *name;
	enum config_kind kind;
	size_t offset;
	uint64_t min, max; /* as stored */
	const struct config_key *below;
	bool required;
	enum config_kind item;
};

/* A value of the file as it may be shown. */
struct config_shown {
	char text[CONFIG_SHOWN_BYTES];
};
/* That of the scalar in the event. */
struct config_shown config_show(const struct config_reader *r);
/* The value that a key's row describes, into the struct that the row's offset is of; the event is
 * its first. */
MUST_USE enum err config_scalar_read(struct config_reader *r, const struct config_key *key,
				     void *into);

/* A list of scalars; the event is its first. */
MUST_USE enum err config_list_read(struct config_reader *r, const struct config_key *key,
				   void *into);

/* Reads one whole file into r->config. */
MUST_USE enum err config_keys_read(struct config_reader *r);
/* Reads a text that is one entry of the observers. */
MUST_USE enum err config_keys_read_observer(struct config_reader *r, struct config_observer *into,
					    struct config_mark *mark_out);

#endif
