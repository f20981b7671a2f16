/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What becomes of a cell and its streams, as a host with a ledger reports it.  Nothing in these
 * events is a guest's text. */
#include "base/must.h"
#include "telemetry/event_internal.h"
#include "telemetry/event_ledger.h"
#include "telemetry/event_word.h"

#define END(event, type, size_out) event_end((event), type, sizeof(type) - 1, (size_out))

static enum err
begin(struct event *event, const struct hark_host_stamp *host, const struct event_place *to)
{
	MUST(to != NULL);
	return event_begin(event, host, to->origin, to->json, to->capacity);
}

enum err
event_registered(const struct hark_host_stamp *host, uint32_t keepalive_window_ms, bool rearm,
		 const struct event_place *to, size_t *size_out)
{
	struct event event;
	enum err e = begin(&event, host, to);

	if (e != ERR_OK)
		return e;
	event_write_cell(&event);
	json_write_literal(&event.json, ",\"keepaliveWindowMs\":");
	json_write_u64_digits(&event.json, keepalive_window_ms);
	json_write_literal(&event.json, ",\"rearm\":");
	json_write_bool(&event.json, rearm);
	event_write_run(&event);
	event_write_spec_hash(&event);
	return END(&event, EVENT_TYPE_REGISTERED, size_out);
}

enum err
event_removed(const struct hark_host_stamp *host, const char *reason_word,
	      const struct event_place *to, size_t *size_out)
{
	struct event event;
	enum err e;

	if (!event_word_is_good(reason_word, strlen(reason_word)))
		return ERR_ARGUMENT;
	e = begin(&event, host, to);
	if (e != ERR_OK)
		return e;
	event_write_cell(&event);
	json_write_literal(&event.json, ",\"reason\":");
	event_write_name(&event.json, reason_word);
	event_write_run(&event);
	event_write_spec_hash(&event);
	return END(&event, EVENT_TYPE_REMOVED, size_out);
}

/* `,"stream":"...","wire":"..."`, the first on wire 2 alone. */
static void
write_session(struct event *event, const struct hark_wire_session *session)
{
	if (session->mode == HARK_WIRE_HARK)
		event_write_stream(&event->json, session->stream);
	json_write_literal(&event->json, ",\"wire\":");
	event_write_name(&event->json, event_wire_name(session));
}

enum err
event_conflict(const struct hark_host_stamp *host, enum event_conflict cause, uint32_t other_epoch,
	       const struct hark_wire_session *session, const struct event_place *to,
	       size_t *size_out)
{
	static const char *const causes[] = {
		[EVENT_CONFLICT_SECOND_SPEAKER] = "second_speaker",
		[EVENT_CONFLICT_STREAM_SHARED] = "stream_shared",
	};
	struct event event;
	enum err e;

	if ((unsigned int)cause >= sizeof(causes) / sizeof(causes[0]) ||
	    event_wire_name(session) == NULL)
		return ERR_ARGUMENT;
	e = begin(&event, host, to);
	if (e != ERR_OK)
		return e;
	json_write_literal(&event.json, "\"cause\":");
	event_write_name(&event.json, causes[cause]);
	json_write_literal(&event.json, ",");
	event_write_cell(&event);
	event_write_epoch(&event);
	json_write_literal(&event.json, ",\"otherEpoch\":");
	json_write_u64_digits(&event.json, other_epoch);
	event_write_run(&event);
	event_write_spec_hash(&event);
	write_session(&event, session);
	return END(&event, EVENT_TYPE_CONFLICT, size_out);
}

enum err
event_limited(const struct hark_host_stamp *host, uint64_t paused_ms, const struct event_place *to,
	      size_t *size_out)
{
	struct event event;
	enum err e = begin(&event, host, to);

	if (e != ERR_OK)
		return e;
	event_write_cell(&event);
	json_write_literal(&event.json, ",\"pausedMs\":");
	json_write_u64_string(&event.json, paused_ms);
	event_write_run(&event);
	event_write_spec_hash(&event);
	return END(&event, EVENT_TYPE_LIMITED, size_out);
}

enum err
event_gap_receiver_died(const struct hark_host_stamp *host, const struct hark_wire_session *session,
			const struct event_place *to, size_t *size_out)
{
	struct event event;
	enum err e;

	if (event_wire_name(session) == NULL)
		return ERR_ARGUMENT;
	e = begin(&event, host, to);
	if (e != ERR_OK)
		return e;
	json_write_literal(&event.json, "\"cause\":\"receiver_died\",");
	event_write_cell(&event);
	event_write_epoch(&event);
	event_write_run(&event);
	event_write_spec_hash(&event);
	write_session(&event, session);
	return END(&event, EVENT_TYPE_GAP, size_out);
}

enum err
event_stream_silenced(const struct hark_agent_silenced_signal *signal, uint64_t stream,
		      const struct hark_host_stamp *host, const struct event_place *to,
		      size_t *size_out)
{
	const char *cause = hark_silence_cause_name(signal->cause);
	struct event event;
	enum err e;

	if (cause == NULL)
		return ERR_ARGUMENT;
	e = begin(&event, host, to);
	if (e != ERR_OK)
		return e;
	json_write_literal(&event.json, "\"cause\":");
	event_write_name(&event.json, cause);
	json_write_literal(&event.json, ",");
	event_write_cell(&event);
	json_write_literal(&event.json, ",\"elapsedMs\":");
	json_write_u64_digits(&event.json, signal->elapsed_ms);
	json_write_literal(&event.json, ",\"epistemicStatus\":\"" EVENT_EPISTEMIC_DECLARED "\"");
	event_write_epoch(&event);
	json_write_literal(&event.json, ",\"keepaliveWindowMs\":");
	json_write_u64_digits(&event.json, signal->keepalive_window_ms);
	json_write_literal(&event.json, ",\"ruleClass\":\"" EVENT_RULE_CLASS "\"");
	event_write_run(&event);
	event_write_spec_hash(&event);
	event_write_stream(&event.json, stream);
	return END(&event, EVENT_TYPE_AGENT_SILENCED, size_out);
}

enum err
event_stream_resumed(uint64_t silence_ns, uint64_t stream, const struct hark_host_stamp *host,
		     const struct event_place *to, size_t *size_out)
{
	struct event event;
	enum err e = begin(&event, host, to);

	if (e != ERR_OK)
		return e;
	event_write_cell(&event);
	event_write_epoch(&event);
	event_write_run(&event);
	json_write_literal(&event.json, ",\"silenceMs\":");
	json_write_u64_string(&event.json, silence_ns / NANOSECONDS_PER_MILLISECOND);
	event_write_spec_hash(&event);
	event_write_stream(&event.json, stream);
	return END(&event, EVENT_TYPE_AGENT_RESUMED, size_out);
}
