/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The probes of one cell, read now and then into the cell's sink. */
#ifndef HARK_LISTEN_PROBES_H
#define HARK_LISTEN_PROBES_H

#include <hark/probe.h>

#include "hark-listen/cell.h"
#include "hark-listen/options.h"

struct probes {
	struct cell *cell;
	struct hark_host_probe open[OPTIONS_PROBES_MAX];
	const char *names[OPTIONS_PROBES_MAX];
	uint32_t count;
	struct probe_options sources; /* borrows the texts of the command line */
	uint64_t interval_ns;
	struct loop_timer timer;
};

/*
 * Opens every probe of `options`.  A source that is not there yet is no mistake: it is an error
 * event at each reading until it comes.  A name that is refused or an option that is missing is:
 * the answer is then false, *why says what is wrong and *probe_out with which.
 */
bool probes_open(struct probes *probes, const struct options *options, struct hark_failure *why,
		 const char **probe_out);
/* Takes the first reading in the loop's next turn. */
void probes_start(struct probes *probes, struct cell *cell);
void probes_stop(struct probes *probes);

#endif
