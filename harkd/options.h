/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* harkd's command line, and the configuration that it leads to. */
#ifndef HARKD_OPTIONS_H
#define HARKD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "config/config.h"

struct options {
	const char *config; /* NULL: data and run are given */
	const char *data;
	const char *run;
	char *libexec; /* where the children's programs are; owned */
};

/* True to go on; else *exit_out is how harkd ends, and all is said.  To be finished. */
MUST_USE bool options_read(int argc, char **argv, struct options *out, int *exit_out);
/* Reads the configuration that the options name, and appends its texts (proto/texts.h) to *texts,
 * which is empty.  False: said why. */
MUST_USE bool options_load(const struct options *o, struct config *out, struct buf *texts,
			   int *exit_out);
/* Whether an observer could run: its programs are there, and the build has an engine, or it needs
 * none.  EXIT_OK; EXIT_UNAVAILABLE, EXIT_CONFIG (no engine) with words. */
int options_may_observe(const struct options *o, const struct config_observer *observer, char *text,
			size_t capacity);
void options_finish(struct options *o);

#endif
