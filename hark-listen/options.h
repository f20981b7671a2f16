/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What hark-listen was asked to do: its command line, checked. */
#ifndef HARK_LISTEN_OPTIONS_H
#define HARK_LISTEN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <hark/telemetry.h>

#include "telemetry/probe_options.h"

/* The most probes of one cell: each source once. */
#define OPTIONS_PROBES_MAX 4u

struct options {
	const char *uds_base;
	const char *cell;
	const char *run_id;
	const char *spec_hash; /* NULL: none */
	const char *host;      /* NULL: the host's own name */
	uint64_t keepalive_ns;
	bool rearm;
	struct hark_listener_options listener;
	const char *probes[OPTIONS_PROBES_MAX];
	uint32_t probe_count;
	uint64_t probe_interval_ns;
	struct probe_options sources;
};

/* The option that says what this probe reads, such as "--tap". */
const char *options_source_of(const char *probe);

/*
 * Reads the command line.  On a mistake it says which on stderr and ends the program with the exit
 * code for usage; --help and --version end it with 0.
 */
void options_read(int argc, char **argv, struct options *out);

#endif
