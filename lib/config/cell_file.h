/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What harkd remembers of a cell in DATA/cells/<name>: a text of one "key value" a line, every key
 * once and in one order, so that a cell has its run id and its limits again after a restart.
 * Reader and writer are one file, and pure; docs/format/cell-file.md has the form.
 */
#ifndef CONFIG_CELL_FILE_H
#define CONFIG_CELL_FILE_H

#include "base/bytes.h"
#include "config/config.h"

/* The largest file in bytes: the longest path and what stands beside it. */
#define CELL_FILE_BYTES_MAX 8192u

struct cell_file {
	struct config_cell cell;
	bool from_config; /* it stands in the configuration; else `hark cell add` made it */
	bool is_leaving;  /* its removal has begun and is not yet in the ledger */
};

/* Appends the text.  ERR_FORMAT where a text has a line break or is empty and must not be,
 * ERR_LIMIT, ERR_MEMORY. */
MUST_USE enum err cell_file_write(const struct cell_file *file, struct buf *out);
/* ERR_FORMAT for anything but what the writer writes, ERR_MEMORY.  To be finished. */
MUST_USE enum err cell_file_read(const void *data, size_t size, struct cell_file *out);
/* A copy with texts of its own.  ERR_MEMORY. */
MUST_USE enum err config_cell_copy(const struct config_cell *from, struct config_cell *out);
/* True where nothing differs; texts that are not given equal empty ones. */
bool config_cell_is_same(const struct config_cell *a, const struct config_cell *b);

#endif
