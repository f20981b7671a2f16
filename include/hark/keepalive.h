/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Notices that a cell has fallen silent, once per silence, and that it speaks again.  It owns no
 * clock: every call takes the caller's monotonic time in nanoseconds, which must not run backwards
 * (an earlier time than one seen before counts as that one).
 */
#ifndef HARK_KEEPALIVE_H
#define HARK_KEEPALIVE_H

#include <hark/telemetry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* CellOS's default window: 10 seconds, in nanoseconds. */
#define HARK_DEFAULT_KEEPALIVE_WINDOW UINT64_C(10000000000)
/* The largest window: its milliseconds fit into 32 bits (49 days). */
#define HARK_KEEPALIVE_WINDOW_MAX (UINT64_C(4294967295) * UINT64_C(1000000))

/* When the cell was last heard.  Initialised by hark_keepalive_init. */
struct hark_keepalive {
	uint64_t window_ns;
	uint64_t last_seen_ns;
};

/* As far as the host can tell. */
#define HARK_SILENCE_CAUSES(X)                \
	X(NEVER_CONNECTED, "never_connected") \
	X(DISCONNECTED, "disconnected")       \
	X(MUTE, "connected_but_mute")         \
	X(VMM_GONE, "vmm_gone")               \
	X(HOST_OVERLOADED, "host_overloaded") \
	X(WATCHER_LATE, "watcher_late")

enum hark_silence_cause {
#define HARK_CAUSE_ENUM(name, text) HARK_SILENCE_##name,
	HARK_SILENCE_CAUSES(HARK_CAUSE_ENUM)
#undef HARK_CAUSE_ENUM
		HARK_SILENCE_CAUSE_COUNT
};

/* The name above, or NULL. */
HARK_API const char *hark_silence_cause_name(enum hark_silence_cause cause);

/* Fires once per silence; with rearm false once per run, as CellOS does.  Zeroed: rearm is off. */
struct hark_agent_silenced_trigger {
	bool rearm;
	bool fired;               /* it has fired and the silence lasts, or rearm is off */
	uint64_t silent_since_ns; /* where fired: when the cell was last heard */
};

/* What a silence, or its end, looks like.  Texts are borrowed from the stamp. */
struct hark_agent_silenced_signal {
	struct hark_text cell_id;
	struct hark_text run_id;
	uint32_t keepalive_window_ms;
	uint32_t elapsed_ms; /* saturates */
	enum hark_silence_cause cause;
};

enum hark_silence_change {
	HARK_SILENCE_NONE = 0,
	HARK_SILENCE_BEGAN = 1, /* the signal is filled: report agent_silenced */
	HARK_SILENCE_ENDED = 2, /* *silence_ns is filled: report agent_resumed */
};

/* Starts the window at now_ns.  Errors: ARGUMENT where window_ns is 0 or over the maximum. */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_keepalive_init(
	struct hark_keepalive *keepalive, uint64_t window_ns, uint64_t now_ns);

/*
 * To be called for each frame that decoded, and for no other.  HARK_SILENCE_ENDED with
 * *silence_ns (last frame to this one) where a reported silence is over and `trigger` rearms; else
 * HARK_SILENCE_NONE.  `trigger` and `silence_ns` may be NULL.
 */
HARK_API enum hark_silence_change hark_notify_frame(struct hark_keepalive *keepalive,
						    struct hark_agent_silenced_trigger *trigger,
						    uint64_t now_ns, uint64_t *silence_ns);

/* True from the moment that the window has passed: elapsed >= window. */
HARK_API bool hark_is_silenced(const struct hark_keepalive *keepalive, uint64_t now_ns);

/* When hark_is_silenced will become true if nothing comes: for the caller's timer. */
HARK_API uint64_t hark_keepalive_deadline(const struct hark_keepalive *keepalive);

/*
 * To be called now and then, at the latest at the deadline.  HARK_SILENCE_BEGAN once per silence
 * with *signal filled from `host`, the keepalive and `cause`; else HARK_SILENCE_NONE.
 */
HARK_API enum hark_silence_change hark_watch_for_silence(
	const struct hark_keepalive *keepalive, struct hark_agent_silenced_trigger *trigger,
	const struct hark_host_stamp *host, enum hark_silence_cause cause, uint64_t now_ns,
	struct hark_agent_silenced_signal *signal);

#ifdef __cplusplus
}
#endif

#endif
