/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Silence and its end.  Two numbers and two flags: what happened is derived from them at each call,
 * so no timer is owned here and no state can be left behind by a call that did not come.
 */
#include <hark/keepalive.h>

#define NANOSECONDS_PER_MILLISECOND UINT64_C(1000000)

const char *
hark_silence_cause_name(enum hark_silence_cause cause)
{
	static const char *const names[] = {
#define CAUSE_NAME(name, text) [HARK_SILENCE_##name] = (text),
		HARK_SILENCE_CAUSES(CAUSE_NAME)
#undef CAUSE_NAME
	};

	if ((unsigned int)cause >= HARK_SILENCE_CAUSE_COUNT)
		return NULL;
	return names[cause];
}

enum hark_telemetry_error
hark_keepalive_init(struct hark_keepalive *keepalive, uint64_t window_ns, uint64_t now_ns)
{
	if (keepalive == NULL || window_ns == 0 || window_ns > HARK_KEEPALIVE_WINDOW_MAX)
		return HARK_TELEMETRY_ARGUMENT;

	*keepalive = (struct hark_keepalive){ .window_ns = window_ns, .last_seen_ns = now_ns };
	return HARK_TELEMETRY_OK;
}

/* A clock that ran backwards has not moved. */
static uint64_t
elapsed_ns(const struct hark_keepalive *keepalive, uint64_t now_ns)
{
	return now_ns > keepalive->last_seen_ns ? now_ns - keepalive->last_seen_ns : 0;
}

static uint32_t
to_milliseconds(uint64_t ns)
{
	uint64_t ms = ns / NANOSECONDS_PER_MILLISECOND;

	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

enum hark_silence_change
hark_notify_frame(struct hark_keepalive *keepalive, struct hark_agent_silenced_trigger *trigger,
		  uint64_t now_ns, uint64_t *silence_ns)
{
	uint64_t elapsed;

	if (keepalive == NULL)
		return HARK_SILENCE_NONE;
	elapsed = elapsed_ns(keepalive, now_ns);
	keepalive->last_seen_ns += elapsed;
	if (trigger == NULL || !trigger->fired || !trigger->rearm)
		return HARK_SILENCE_NONE;

	trigger->fired = false;
	trigger->silent_since_ns = 0;
	if (silence_ns != NULL)
		*silence_ns = elapsed;
	return HARK_SILENCE_ENDED;
}

bool
hark_is_silenced(const struct hark_keepalive *keepalive, uint64_t now_ns)
{
	return keepalive != NULL && elapsed_ns(keepalive, now_ns) >= keepalive->window_ns;
}

uint64_t
hark_keepalive_deadline(const struct hark_keepalive *keepalive)
{
	uint64_t deadline;

	if (keepalive == NULL ||
	    __builtin_add_overflow(keepalive->last_seen_ns, keepalive->window_ns, &deadline))
		return UINT64_MAX;
	return deadline;
}

enum hark_silence_change
hark_watch_for_silence(const struct hark_keepalive *keepalive,
		       struct hark_agent_silenced_trigger *trigger,
		       const struct hark_host_stamp *host, enum hark_silence_cause cause,
		       uint64_t now_ns, struct hark_agent_silenced_signal *signal)
{
	if (keepalive == NULL || trigger == NULL || host == NULL || signal == NULL)
		return HARK_SILENCE_NONE;
	if (!hark_is_silenced(keepalive, now_ns))
		return HARK_SILENCE_NONE;
	/* A frame may have come by without this trigger; the silence after it is another one. */
	if (trigger->fired &&
	    (!trigger->rearm || trigger->silent_since_ns == keepalive->last_seen_ns))
		return HARK_SILENCE_NONE;

	trigger->fired = true;
	trigger->silent_since_ns = keepalive->last_seen_ns;
	*signal = (struct hark_agent_silenced_signal){
		.cell_id = host->cell_id,
		.run_id = host->run_id,
		.keepalive_window_ms = to_milliseconds(keepalive->window_ns),
		.elapsed_ms = to_milliseconds(elapsed_ns(keepalive, now_ns)),
		.cause = cause,
	};
	return HARK_SILENCE_BEGAN;
}
