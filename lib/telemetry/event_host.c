/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the host says by itself of a cell's channel: silence, refusals, ends, gaps, losses.  Nothing
 * in these events is a guest's text; `stream` is a number that its hello chose. */
#include <string.h>

#include <hark/event.h>

#include "base/num.h"
#include "telemetry/event_internal.h"

/* A stream's number in hex digits, as its hello has it. */
#define STREAM_DIGITS 16u

#define END(event, type, size_out) \
	event_error(event_end((event), type, sizeof(type) - 1, (size_out)))

bool
event_text_equals(struct hark_text a, struct hark_text b)
{
	if (a.size != b.size || (a.data == NULL && a.size > 0))
		return false;
	return a.size == 0 || memcmp(a.data, b.data, a.size) == 0;
}

void
event_write_stream(struct json_writer *w, uint64_t stream)
{
	static const char hex[] = "0123456789abcdef";
	char digits[STREAM_DIGITS];
	size_t i;

	for (i = 0; i < STREAM_DIGITS; i++)
		digits[i] = hex[stream >> (60 - 4 * i) & 15];
	json_write_literal(w, ",\"stream\":\"");
	json_write_raw(w, digits, sizeof(digits));
	json_write_literal(w, "\"");
}

const char *
event_wire_name(const struct hark_wire_session *session)
{
	static const char *const wires[] = {
		[HARK_WIRE_FIRST] = "none",
		[HARK_WIRE_CELLOS] = "cellos",
		[HARK_WIRE_HARK] = "hark",
	};

	if ((unsigned int)session->mode >= sizeof(wires) / sizeof(wires[0]))
		return NULL;
	return wires[session->mode];
}

enum hark_telemetry_error
hark_event_agent_silenced(const struct hark_agent_silenced_signal *signal,
			  const struct hark_host_stamp *host,
			  const struct hark_event_origin *origin, char *json, size_t capacity,
			  size_t *size_out)
{
	const char *cause;
	struct event event;
	enum err e;

	if (signal == NULL || size_out == NULL)
		return HARK_TELEMETRY_ARGUMENT;
	cause = hark_silence_cause_name(signal->cause);
	if (cause == NULL)
		return HARK_TELEMETRY_ARGUMENT;
	e = event_begin(&event, host, origin, json, capacity);
	if (e != ERR_OK)
		return event_error(e);
	/* A signal of one cell under another's stamp would be a false statement. */
	if (!event_text_equals(signal->cell_id, host->cell_id) ||
	    !event_text_equals(signal->run_id, host->run_id))
		return HARK_TELEMETRY_ARGUMENT;

	json_write_literal(&event.json, "\"cause\":");
	event_write_name(&event.json, cause);
	json_write_literal(&event.json, ",");
	event_write_cell(&event);
	json_write_literal(&event.json, ",\"elapsedMs\":");
	json_write_u64_digits(&event.json, signal->elapsed_ms);
	json_write_literal(&event.json, ",\"epistemicStatus\":\"" EVENT_EPISTEMIC_DECLARED
					"\",\"keepaliveWindowMs\":");
	json_write_u64_digits(&event.json, signal->keepalive_window_ms);
	json_write_literal(&event.json, ",\"ruleClass\":\"" EVENT_RULE_CLASS "\"");
	event_write_run(&event);
	event_write_spec_hash(&event);
	return END(&event, EVENT_TYPE_AGENT_SILENCED, size_out);
}

enum hark_telemetry_error
hark_event_agent_resumed(uint64_t silence_ns, const struct hark_host_stamp *host,
			 const struct hark_event_origin *origin, char *json, size_t capacity,
			 size_t *size_out)
{
	struct event event;
	enum err e;

	if (size_out == NULL)
		return HARK_TELEMETRY_ARGUMENT;
	e = event_begin(&event, host, origin, json, capacity);
	if (e != ERR_OK)
		return event_error(e);

	event_write_cell(&event);
	event_write_run(&event);
	json_write_literal(&event.json, ",\"silenceMs\":");
	json_write_u64_string(&event.json, silence_ns / NANOSECONDS_PER_MILLISECOND);
	event_write_spec_hash(&event);
	return END(&event, EVENT_TYPE_AGENT_RESUMED, size_out);
}

enum hark_telemetry_error
hark_event_rejected(const struct hark_rejection *rejection, uint64_t count,
		    const struct hark_host_stamp *host, const struct hark_event_origin *origin,
		    char *json, size_t capacity, size_t *size_out)
{
	const char *reason;
	const char *field;
	struct event event;
	enum err e;

	if (rejection == NULL || rejection->reason == HARK_REJECT_NONE || count == 0 ||
	    size_out == NULL)
		return HARK_TELEMETRY_ARGUMENT;
	reason = hark_reject_reason_name(rejection->reason);
	field = hark_frame_field_name(rejection->field);
	if (reason == NULL || field == NULL)
		return HARK_TELEMETRY_ARGUMENT;
	e = event_begin(&event, host, origin, json, capacity);
	if (e != ERR_OK)
		return event_error(e);

	event_write_cell(&event);
	json_write_literal(&event.json, ",\"count\":");
	json_write_u64_string(&event.json, count);
	if (rejection->field != HARK_FIELD_NONE) {
		json_write_literal(&event.json, ",\"field\":");
		event_write_name(&event.json, field);
	}
	json_write_literal(&event.json, ",\"reason\":");
	event_write_name(&event.json, reason);
	event_write_run(&event);
	event_write_spec_hash(&event);
	return END(&event, EVENT_TYPE_REJECTED, size_out);
}

enum hark_telemetry_error
hark_event_closed(const struct hark_wire_session *session, bool goodbye, uint64_t frames,
		  const struct hark_host_stamp *host, const struct hark_event_origin *origin,
		  char *json, size_t capacity, size_t *size_out)
{
	struct event event;
	enum err e;

	if (session == NULL || event_wire_name(session) == NULL || size_out == NULL)
		return HARK_TELEMETRY_ARGUMENT;
	e = event_begin(&event, host, origin, json, capacity);
	if (e != ERR_OK)
		return event_error(e);

	event_write_cell(&event);
	event_write_epoch(&event);
	json_write_literal(&event.json, ",\"frames\":");
	json_write_u64_string(&event.json, frames);
	json_write_literal(&event.json, ",\"goodbye\":");
	json_write_bool(&event.json, goodbye);
	event_write_run(&event);
	event_write_spec_hash(&event);
	if (session->mode == HARK_WIRE_HARK)
		event_write_stream(&event.json, session->stream);
	json_write_literal(&event.json, ",\"wire\":");
	event_write_name(&event.json, event_wire_name(session));
	return END(&event, EVENT_TYPE_CLOSED, size_out);
}

enum hark_telemetry_error
hark_event_gap(uint64_t stream, uint64_t first, uint64_t last, const struct hark_host_stamp *host,
	       const struct hark_event_origin *origin, char *json, size_t capacity,
	       size_t *size_out)
{
	struct event event;
	enum err e;

	if (first > last || size_out == NULL)
		return HARK_TELEMETRY_ARGUMENT;
	e = event_begin(&event, host, origin, json, capacity);
	if (e != ERR_OK)
		return event_error(e);

	json_write_literal(&event.json, "\"cause\":\"sequence_jump\",");
	event_write_cell(&event);
	json_write_literal(&event.json, ",\"count\":");
	json_write_u64_string(&event.json, num_add_saturating(last - first, 1));
	event_write_epoch(&event);
	json_write_literal(&event.json, ",\"first\":");
	json_write_u64_string(&event.json, first);
	json_write_literal(&event.json, ",\"last\":");
	json_write_u64_string(&event.json, last);
	event_write_run(&event);
	event_write_spec_hash(&event);
	event_write_stream(&event.json, stream);
	return END(&event, EVENT_TYPE_GAP, size_out);
}

enum hark_telemetry_error
hark_event_dropped(uint64_t stream, uint64_t count, const struct hark_host_stamp *host,
		   const struct hark_event_origin *origin, char *json, size_t capacity,
		   size_t *size_out)
{
	struct event event;
	enum err e;

	if (count == 0 || size_out == NULL)
		return HARK_TELEMETRY_ARGUMENT;
	e = event_begin(&event, host, origin, json, capacity);
	if (e != ERR_OK)
		return event_error(e);

	json_write_literal(&event.json, "\"atLeast\":");
	json_write_u64_string(&event.json, count);
	json_write_literal(&event.json, ",");
	event_write_cell(&event);
	event_write_epoch(&event);
	event_write_run(&event);
	event_write_spec_hash(&event);
	event_write_stream(&event.json, stream);
	return END(&event, EVENT_TYPE_DROPPED, size_out);
}
