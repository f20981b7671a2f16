/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Events as CloudEvents 1.0 in JSON, canonical by RFC 8785: the bytes that a sink gets are the
 * bytes that a ledger hashes.  Members and types: docs/format/events.md.
 *
 * Every builder writes into the caller's buffer, allocates nothing, does not terminate, and gives
 * the size in bytes.  Errors: ARGUMENT (also a time outside the years 0000 to 9999), LIMIT where
 * the event does not fit into `capacity` or HARK_EVENT_BYTES_MAX.  No guest byte can reach a member
 * that the host alone writes: what a guest claimed stands under data.declared, escaped.
 */
#ifndef HARK_EVENT_H
#define HARK_EVENT_H

#include <hark/keepalive.h>
#include <hark/telemetry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The largest event in bytes. */
#define HARK_EVENT_BYTES_MAX 65535u

/* The longest `source` and `id_prefix` in bytes. */
#define HARK_ORIGIN_BYTES_MAX 512u

/*
 * Where an event comes from: `source` is the CloudEvents attribute, `id` is <id_prefix>/<number>.
 * Both texts are 1 to HARK_ORIGIN_BYTES_MAX bytes of UTF-8.  The caller counts: an id must not be
 * used twice.
 */
struct hark_event_origin {
	struct hark_text source;
	struct hark_text id_prefix;
	uint64_t number;
};

/* Takes one event.  `json` is borrowed for the call.  Anything but OK is passed on to the caller.
 */
typedef enum hark_telemetry_error hark_event_emit_fn(void *context, const char *json, size_t size);

struct hark_event_sink {
	hark_event_emit_fn *emit;
	void *context;
};

/* A stamped declaration: one of CellOS's types, one of Hark's, or `...guest.other`. */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_event_from_stamped(
	const struct hark_stamped_declaration *stamped, const struct hark_event_origin *origin,
	char *json, size_t capacity, size_t *size_out);

/* `agent_silenced`; its time is host->host_received_at. */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_event_agent_silenced(
	const struct hark_agent_silenced_signal *signal, const struct hark_host_stamp *host,
	const struct hark_event_origin *origin, char *json, size_t capacity, size_t *size_out);

/* `agent_resumed`, with the length of the silence. */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_event_agent_resumed(
	uint64_t silence_ns, const struct hark_host_stamp *host,
	const struct hark_event_origin *origin, char *json, size_t capacity, size_t *size_out);

/* `rejected`: bytes or connections of this cell were refused, `count` of them since the last such
 * event. */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_event_rejected(
	const struct hark_rejection *rejection, uint64_t count, const struct hark_host_stamp *host,
	const struct hark_event_origin *origin, char *json, size_t capacity, size_t *size_out);

/* `closed`: a connection ended; `goodbye` says whether the agent had said so. */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_event_closed(
	const struct hark_wire_session *session, bool goodbye, uint64_t frames,
	const struct hark_host_stamp *host, const struct hark_event_origin *origin, char *json,
	size_t capacity, size_t *size_out);

/* `gap`: the events first to last (both included) of a stream never came. */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_event_gap(
	uint64_t stream, uint64_t first, uint64_t last, const struct hark_host_stamp *host,
	const struct hark_event_origin *origin, char *json, size_t capacity, size_t *size_out);

/* `telemetry.dropped`: the agent lost at least `count` events before it could number them. */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_event_dropped(
	uint64_t stream, uint64_t count, const struct hark_host_stamp *host,
	const struct hark_event_origin *origin, char *json, size_t capacity, size_t *size_out);

#ifdef __cplusplus
}
#endif

#endif
