/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The directory that an export fills.  It is an export's only where a file of ours says so, and
 * only files of the layout are written, each whole.
 */
#ifndef HARK_EXPORT_DIR_H
#define HARK_EXPORT_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "checkpoint/checkpoint.h"

/* ".hark-export": of which ledger it is, and how many leaves are durably written below it. */
#define EXPORT_MARKER "hark-export 1"

struct export_dir {
	const char *path; /* borrowed, for messages */
	int fd;
	int folder_fd; /* the folder that was written to last */
	char folder[128];
	uint64_t done; /* leaves whose bundles and tiles are there, as the marker says */
	bool has_head;
	struct checkpoint head; /* of the last whole export */
};

/*
 * Makes the directory where it is not there.  EXIT_OK, or told: EXIT_CANT_CREATE where it holds
 * anything that is not an export of that origin.
 */
MUST_USE int export_dir_open(struct export_dir *d, const char *path, const char *origin);
/* Writes a file of the layout; its folders are made.  EXIT_OK, or told. */
MUST_USE int export_dir_put(struct export_dir *d, const char *name, const void *data, size_t size);
/* Makes what was written durable and says so in the marker. */
MUST_USE int export_dir_settle(struct export_dir *d, const char *origin, uint64_t done);
/* The last act: the checkpoint that all the rest belongs to. */
MUST_USE int export_dir_checkpoint(struct export_dir *d, const void *note, size_t size);
void export_dir_close(struct export_dir *d);

#endif
