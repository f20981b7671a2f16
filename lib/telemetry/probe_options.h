/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Opens a probe as a command line names it: a source, and the option that says what it reads. */
#ifndef TELEMETRY_PROBE_OPTIONS_H
#define TELEMETRY_PROBE_OPTIONS_H

#include <hark/probe.h>

/* What the options gave; NULL where one was not given.  Borrowed for the call. */
struct probe_options {
	const char *cgroup;     /* --cgroup PATH */
	const char *tap;        /* --tap IF */
	const char *nft;        /* --nft FAMILY/TABLE */
	const char *fc_metrics; /* --fc-metrics FILE */
};

/* The source's full name ("host.cgroup") for a name with or without "host."; NULL for no source. */
const char *probe_source_name(const char *source);

/*
 * Opens the probe `source`.  ARGUMENT with *why where the source is unknown or its option was not
 * given; else what the opener says.  A cgroup that is not there yet is MISSING here; the other
 * sources say so at each reading.
 */
HARK_MUST_USE enum hark_probe_error probe_from_options(const char *source,
						       const struct probe_options *options,
						       struct hark_host_probe *out,
						       struct hark_failure *why);

/* The exit code of a program for such an error: 2 for usage, else as in sysexits.h. */
int probe_exit_code(enum hark_probe_error e);

#endif
