/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the probes share; each of them knows nothing of the others. */
#include "telemetry/probe_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"

enum hark_probe_error
probe_error_of_errno(int system_error)
{
	switch (system_error) {
	case ENOENT:
	case ENOTDIR:
	case ENODEV: /* the file of a cgroup or interface that went away while it was open */
	case ENXIO:
		return HARK_PROBE_MISSING;
	case EACCES:
	case EPERM:
		return HARK_PROBE_DENIED;
	case ENOSYS:
	case EOPNOTSUPP:
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
		return HARK_PROBE_PLATFORM_UNSUPPORTED;
	case ENOMEM:
		return HARK_PROBE_MEMORY;
	default:
		return HARK_PROBE_IO;
	}
}

enum hark_probe_error
probe_fail(struct hark_failure *why, enum hark_probe_error e, int system_error, const char *format,
	   ...)
{
	va_list ap;

	MUST(e != HARK_PROBE_OK);
	if (why == NULL)
		return e;
	why->system_error = system_error;
	va_start(ap, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, ap); /* what does not fit is cut */
	va_end(ap);
	return e;
}

enum hark_probe_error
probe_fail_on(struct hark_failure *why, enum err e, const char *name)
{
	int system_error = e == ERR_SYSTEM ? errno : 0;
	char shown[160];
	char text[64];

	(void)text_escape(name, strlen(name), shown, sizeof(shown));
	switch (e) {
	case ERR_SYSTEM:
		return probe_fail(why, probe_error_of_errno(system_error), system_error, "%s: %s",
				  shown, strerror_r(system_error, text, sizeof(text)));
	case ERR_MEMORY:
		return probe_fail(why, HARK_PROBE_MEMORY, 0, "%s: out of memory", shown);
	case ERR_LIMIT:
		return probe_fail(why, HARK_PROBE_LIMIT, 0, "%s: larger than it may be", shown);
	case ERR_REFUSED:
		return probe_fail(why, HARK_PROBE_PARSE, 0, "%s: not the kind of file expected",
				  shown);
	default:
		return probe_fail(why, HARK_PROBE_PARSE, 0, "%s: %s", shown, err_text(e));
	}
}

void
probe_missing_add(struct hark_probe_reading *out, enum hark_probe_error e,
		  const struct hark_failure *why)
{
	struct hark_probe_missing *m;

	if (out->missing_count >= HARK_PROBE_MISSING_MAX)
		return;
	m = &out->missing[out->missing_count++];
	m->error = e;
	(void)snprintf(m->text, sizeof(m->text), "%.*s", (int)sizeof(m->text) - 1, why->text);
}

void
probe_write_begin(struct hark_probe_reading *out, struct json_writer *w)
{
	json_writer_init(w, out->json, out->json_capacity);
}

static enum hark_probe_error
written(struct hark_probe_reading *out, const struct json_writer *w, const char *from,
	struct hark_text *part, struct hark_failure *why)
{
	size_t size;

	if (json_writer_finish(w, &size) != ERR_OK || size > HARK_PROBE_READING_BYTES)
		return probe_fail(why, HARK_PROBE_LIMIT, 0, "the reading has more than %u bytes",
				  HARK_PROBE_READING_BYTES);
	MUST(from >= out->json && from <= out->json + size);
	*part = (struct hark_text){ from, (size_t)(out->json + size - from) };
	return HARK_PROBE_OK;
}

enum hark_probe_error
probe_write_inputs(struct hark_probe_reading *out, const struct json_writer *w,
		   struct hark_failure *why)
{
	return written(out, w, out->json, &out->inputs, why);
}

enum hark_probe_error
probe_write_output(struct hark_probe_reading *out, const struct json_writer *w,
		   struct hark_failure *why)
{
	return written(out, w, out->inputs.data + out->inputs.size, &out->output, why);
}
