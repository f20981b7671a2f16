/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The events that only a host with a ledger writes: what becomes of a cell, of its streams, and of
 * the host itself.  As in hark/event.h they allocate nothing, do not terminate and give the size.
 * Errors: ERR_ARGUMENT, ERR_RANGE (the time), ERR_LIMIT.  A `word` is 1 to EVENT_WORD_BYTES_MAX of
 * a-z, 0-9 and underscore.
 */
#ifndef TELEMETRY_EVENT_LEDGER_H
#define TELEMETRY_EVENT_LEDGER_H

#include <hark/event.h>

#include "base/bytes.h"
#include "base/err.h"

/* Where an event is written to. */
struct event_place {
	const struct hark_event_origin *origin;
	char *json;
	size_t capacity;
};

/* ---- of a cell ---- */

MUST_USE enum err event_registered(const struct hark_host_stamp *host, uint32_t keepalive_window_ms,
				   bool rearm, const struct event_place *to, size_t *size_out);
MUST_USE enum err event_removed(const struct hark_host_stamp *host, const char *reason_word,
				const struct event_place *to, size_t *size_out);
/* Why two speakers of a cell are one too many. */
enum event_conflict {
	EVENT_CONFLICT_SECOND_SPEAKER, /* another stream or connection spoke already */
	EVENT_CONFLICT_STREAM_SHARED,  /* one stream's name, two connections that speak */
};
/* host has the epoch of the one who is found beside; other_epoch is who spoke before. */
MUST_USE enum err event_conflict(const struct hark_host_stamp *host, enum event_conflict cause,
				 uint32_t other_epoch, const struct hark_wire_session *session,
				 const struct event_place *to, size_t *size_out);
/* Reading has paused for the cell's own limits. */
MUST_USE enum err event_limited(const struct hark_host_stamp *host, uint64_t paused_ms,
				const struct event_place *to, size_t *size_out);
/* A receiver ended with what it had read of a connection: how much, nobody knows. */
MUST_USE enum err event_gap_receiver_died(const struct hark_host_stamp *host,
					  const struct hark_wire_session *session,
					  const struct event_place *to, size_t *size_out);
/* agent_silenced and agent_resumed of one stream beside others that speak; host has its epoch. */
MUST_USE enum err event_stream_silenced(const struct hark_agent_silenced_signal *signal,
					uint64_t stream, const struct hark_host_stamp *host,
					const struct event_place *to, size_t *size_out);
MUST_USE enum err event_stream_resumed(uint64_t silence_ns, uint64_t stream,
				       const struct hark_host_stamp *host,
				       const struct event_place *to, size_t *size_out);

/* ---- of the host ---- */

/* What the host's clocks say. */
struct event_clock {
	struct hark_time real;
	uint64_t monotonic_ns;
	bool is_synchronized; /* as the kernel believes */
	uint64_t error_us;    /* the kernel's estimate of the most */
};

struct event_counts {
	uint64_t cells;
	uint64_t connections;
	uint64_t declarations; /* taken since the start */
	uint64_t duplicates;   /* dropped since the start */
	uint64_t rejected;     /* since the start */
};

/* harkd has started; its last end was an orderly one, or it is its first start. */
MUST_USE enum err event_started(const struct event_clock *clock, bool clean,
				const struct event_place *to, size_t *size_out);
/* The notary has started again below the same harkd, for the restarts-th time. */
MUST_USE enum err event_notary_restarted(const struct event_clock *clock, uint64_t restarts,
					 const struct event_place *to, size_t *size_out);
MUST_USE enum err event_stopped(const struct event_clock *clock, const struct event_counts *counts,
				const struct event_place *to, size_t *size_out);
MUST_USE enum err event_tick(const struct event_clock *clock, const struct event_counts *counts,
			     const struct event_place *to, size_t *size_out);
MUST_USE enum err event_clock_stepped(const struct event_clock *clock, int64_t step_ns,
				      const struct event_place *to, size_t *size_out);
MUST_USE enum err event_ledger_full(const struct event_clock *clock, const char *ledger_word,
				    const struct event_place *to, size_t *size_out);
/* The first leaf of a ledger that follows one that was retired.  root is 32 bytes, or NULL where
 * nothing tells of a checkpoint; origin may be "" where nothing tells it. */
MUST_USE enum err event_ledger_begun(const struct event_clock *clock, const char *origin,
				     const uint8_t *root, uint64_t size,
				     const struct event_place *to, size_t *size_out);
/* cell may be NULL: it has cell_id and run_id where the channel has one cell alone. */
MUST_USE enum err event_protocol_violation(const struct event_clock *clock, const char *reason_word,
					   const struct hark_host_stamp *cell,
					   const struct event_place *to, size_t *size_out);

/* The longest members of an act: a reason of 1,024 bytes, each six in JSON, and the rest. */
#define EVENT_ACT_BYTES_MAX 8192u
/*
 * The members of an act on a ledger (pruned, redacted, and what failed of them), for
 * event_operation.  reason may be empty, error NULL; both are UTF-8.  ERR_LIMIT.
 */
MUST_USE enum err event_act_members(const char *ledger, uint64_t index, struct bytes reason,
				    const char *error, char members[EVENT_ACT_BYTES_MAX],
				    size_t *size_out);
/* One record of the operations ledger; root is 32 bytes.  `members` is a JSON object, read strictly
 * and written canonically.  ERR_FORMAT also where it is none; ERR_MEMORY. */
MUST_USE enum err event_operation(const struct event_clock *clock, struct bytes kind_word,
				  uint64_t evidence_size, const uint8_t *evidence_root,
				  struct bytes members, const struct event_place *to,
				  size_t *size_out);

#endif
