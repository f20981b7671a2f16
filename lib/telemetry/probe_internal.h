/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the probes share: how they fail, how they name a missing part, how they write a reading. */
#ifndef TELEMETRY_PROBE_INTERNAL_H
#define TELEMETRY_PROBE_INTERNAL_H

#include <hark/probe.h>

#include "base/err.h"
#include "json/writer.h"

/* What a system error means to a probe: MISSING, DENIED, PLATFORM_UNSUPPORTED, MEMORY or IO. */
enum hark_probe_error probe_error_of_errno(int system_error);

/*
 * Fills *why (which may be NULL) and gives `e`.  The text's arguments are ours or were checked;
 * text of others is to be escaped by the caller.
 */
__attribute__((format(printf, 4, 5))) enum hark_probe_error probe_fail(struct hark_failure *why,
								       enum hark_probe_error e,
								       int system_error,
								       const char *format, ...);

/*
 * The same from what lib/os answered for `name`: ERR_SYSTEM is judged by errno, ERR_LIMIT is LIMIT,
 * ERR_REFUSED and the other refusals of content are PARSE.
 */
enum hark_probe_error probe_fail_on(struct hark_failure *why, enum err e, const char *name);

/* Adds a part that could not be read; beyond HARK_PROBE_MISSING_MAX it is dropped. */
void probe_missing_add(struct hark_probe_reading *out, enum hark_probe_error e,
		       const struct hark_failure *why);

/* Begins out->json; the two that follow set inputs and output to what `w` has, from `mark` on. */
void probe_write_begin(struct hark_probe_reading *out, struct json_writer *w);
enum hark_probe_error probe_write_inputs(struct hark_probe_reading *out,
					 const struct json_writer *w, struct hark_failure *why);
enum hark_probe_error probe_write_output(struct hark_probe_reading *out,
					 const struct json_writer *w, struct hark_failure *why);

#endif
