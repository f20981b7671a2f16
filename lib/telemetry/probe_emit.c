/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a probe to a sink: one reading, and an event for each part of it that is missing. */
#include <stdlib.h>
#include <string.h>

#include <hark/probe.h>

#include "base/bytes.h"
#include "base/text.h"
#include "os/clock.h"
#include "telemetry/probe_internal.h"

struct emission {
	struct hark_probe_context *context;
	struct hark_event_origin *origin;
	const struct hark_event_sink *sink;
	char event[HARK_EVENT_BYTES_MAX];
	char reading[HARK_PROBE_READING_BYTES];
};

static void
emission_freep(struct emission **emission)
{
	free(*emission);
}

static enum hark_probe_error
give(struct emission *n, size_t size)
{
	if (n->sink->emit(n->sink->context, n->event, size) != HARK_TELEMETRY_OK)
		return HARK_PROBE_SINK;
	n->origin->number++;
	return HARK_PROBE_OK;
}

static enum hark_probe_error
give_error(struct emission *n, const char *source, enum hark_probe_error error, const char *text)
{
	char shown[4 * sizeof(((struct hark_failure *)NULL)->text) + 8];
	enum hark_probe_error e;
	size_t size = 0;

	/* Texts are cut to fit, which may be in the middle of a character. */
	if (!text_is_utf8(text, strlen(text))) {
		(void)text_escape(text, strlen(text), shown, sizeof(shown));
		text = shown;
	}
	e = hark_event_probe_error(source, error, text, n->context, n->origin, n->event,
				   sizeof(n->event), &size);
	return e == HARK_PROBE_OK ? give(n, size) : e;
}

static enum hark_probe_error
give_reading(struct emission *n, const struct hark_probe_reading *reading)
{
	enum hark_probe_error e;
	size_t size = 0;
	uint32_t i;

	e = hark_build_host_probe_envelope(reading, n->context, n->origin, n->event,
					   sizeof(n->event), &size);
	if (e == HARK_PROBE_OK)
		e = give(n, size);
	for (i = 0; i < reading->missing_count && e == HARK_PROBE_OK; i++)
		e = give_error(n, reading->probe_source, reading->missing[i].error,
			       reading->missing[i].text);
	return e;
}

enum hark_probe_error
hark_emit_reading(struct hark_host_probe *probe, struct hark_probe_context *context,
		  struct hark_event_origin *origin, const struct hark_event_sink *sink)
{
	cleanup(emission_freep) struct emission *n = NULL;
	struct hark_probe_reading reading = { .json = NULL };
	struct hark_failure why = { 0 };
	enum hark_probe_error e, given;

	if (probe == NULL || probe->functions == NULL || probe->functions->name == NULL ||
	    context == NULL || origin == NULL || sink == NULL || sink->emit == NULL)
		return HARK_PROBE_ARGUMENT;
	n = malloc(sizeof(*n));
	if (n == NULL)
		return HARK_PROBE_MEMORY;
	n->context = context;
	n->origin = origin;
	n->sink = sink;
	reading.json = n->reading;
	reading.json_capacity = sizeof(n->reading);
	e = hark_probe_read(probe, &reading, &why);
	clock_realtime(&context->host.host_received_at.seconds,
		       &context->host.host_received_at.nanoseconds);
	if (e == HARK_PROBE_OK)
		return give_reading(n, &reading);
	given = give_error(n, probe->functions->name, e, why.text);
	return given == HARK_PROBE_OK ? e : given;
}
