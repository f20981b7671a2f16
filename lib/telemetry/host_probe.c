/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The door to all probes: reading and closing one, whoever wrote it, and the names of errors. */
#include <hark/probe.h>

#include <string.h>

#include "telemetry/probe_internal.h"

/* In the order of enum hark_probe_error. */
static const char *const error_names[] = {
	"ok",     "platform_unsupported",
	"io",     "parse",
	"sink",   "missing",
	"denied", "name",
	"limit",  "argument",
	"memory",
};

const char *
hark_probe_error_name(enum hark_probe_error e)
{
	if ((unsigned)e >= sizeof(error_names) / sizeof(error_names[0]))
		return NULL;
	return error_names[e];
}

void
hark_probe_close(struct hark_host_probe *probe)
{
	if (probe == NULL)
		return;
	if (probe->functions != NULL && probe->functions->close != NULL)
		probe->functions->close(probe->state);
	*probe = (struct hark_host_probe){ NULL, NULL };
}

enum hark_probe_error
hark_probe_read(struct hark_host_probe *probe, struct hark_probe_reading *out,
		struct hark_failure *why)
{
	struct hark_failure unused;
	enum hark_probe_error e;
	uint32_t i;

	if (why == NULL)
		why = &unused;
	*why = (struct hark_failure){ .system_error = 0 };
	if (probe == NULL || probe->functions == NULL || probe->functions->read == NULL ||
	    out == NULL || out->json == NULL || out->json_capacity < HARK_PROBE_READING_BYTES)
		return probe_fail(why, HARK_PROBE_ARGUMENT, 0,
				  "no open probe, or less than %u bytes for the reading",
				  HARK_PROBE_READING_BYTES);
	out->probe_source = probe->functions->name;
	out->inputs = (struct hark_text){ NULL, 0 };
	out->output = (struct hark_text){ NULL, 0 };
	out->missing_count = 0;
	e = probe->functions->read(probe->state, out, why);
	/* A supervisor's own probe may break the contract: what it gave is made safe to read. */
	why->text[sizeof(why->text) - 1] = '\0';
	if (out->missing_count > HARK_PROBE_MISSING_MAX) {
		out->missing_count = 0;
		return probe_fail(why, HARK_PROBE_PARSE, 0,
				  "the probe reports more than %u missing parts",
				  HARK_PROBE_MISSING_MAX);
	}
	for (i = 0; i < out->missing_count; i++)
		out->missing[i].text[HARK_PROBE_TEXT_BYTES - 1] = '\0';
	return e;
}
