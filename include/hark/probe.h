/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Readings that the host takes of a cell by itself, which the guest cannot forge.  A probe is a
 * table of functions; four are built in.  Members of each reading: docs/format/probes.md.
 */
#ifndef HARK_PROBE_H
#define HARK_PROBE_H

#include <hark/event.h>
#include <hark/telemetry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* CellOS's names.  Type is the prefix, a dot, and the probe's name without "host.". */
#define HARK_HOST_PROBE_EVENT_SOURCE      "cellos-host-telemetry/probes"
#define HARK_HOST_PROBE_EVENT_TYPE_PREFIX "dev.cellos.events.cell.observability.host.v1"

/* The most bytes of JSON in a reading's inputs and output together. */
#define HARK_PROBE_READING_BYTES 61440u
/* The most parts that one reading reports as missing, and the longest of their texts. */
#define HARK_PROBE_MISSING_MAX 4u
#define HARK_PROBE_TEXT_BYTES  160u

enum hark_probe_error {
	HARK_PROBE_OK = 0,
	HARK_PROBE_PLATFORM_UNSUPPORTED = 1, /* this build or kernel lacks it */
	HARK_PROBE_IO = 2,                   /* reading failed; failure.system_error says how */
	HARK_PROBE_PARSE = 3,                /* what was read is not what it should be */
	HARK_PROBE_SINK = 4,                 /* the sink refused the event */
	HARK_PROBE_MISSING = 5,              /* the source is not there */
	HARK_PROBE_DENIED = 6,               /* the rights are missing */
	HARK_PROBE_NAME = 7,  /* a cgroup's, interface's or table's name is refused */
	HARK_PROBE_LIMIT = 8, /* the reading is larger than its limit */
	HARK_PROBE_ARGUMENT = 9,
	HARK_PROBE_MEMORY = 10,
};

/* Names such as "missing", used in events; NULL for other values. */
HARK_API const char *hark_probe_error_name(enum hark_probe_error e);

/* For whom a reading is taken: the stamp without its time.  Texts are borrowed and checked as by
 * hark_host_stamp_init, which makes it. */
struct hark_probe_context {
	struct hark_host_stamp host;
};

/* One part of a source that could not be read, while the others could. */
struct hark_probe_missing {
	enum hark_probe_error error;
	char text[HARK_PROBE_TEXT_BYTES]; /* terminated: what, and why */
};

/*
 * One reading.  `inputs` and `output` are canonical JSON objects in `json`, which the caller
 * provides with at least HARK_PROBE_READING_BYTES.
 */
struct hark_probe_reading {
	const char *probe_source; /* static, such as "host.cgroup" */
	struct hark_text inputs;
	struct hark_text output;
	uint32_t missing_count;
	struct hark_probe_missing missing[HARK_PROBE_MISSING_MAX];
	char *json;
	size_t json_capacity;
};

/*
 * A probe: what it is called, what rights it needs (for people), how it is read and closed.  A
 * supervisor may bring its own.  `read` fills *out (inputs also where it fails, if it can) and *why
 * on failure; it must not block longer than its source does.
 */
struct hark_host_probe_functions {
	const char *name;
	const char *rights;
	enum hark_probe_error (*read)(void *state, struct hark_probe_reading *out,
				      struct hark_failure *why);
	void (*close)(void *state);
};

struct hark_host_probe {
	const struct hark_host_probe_functions *functions;
	void *state;
};

/*
 * The four probes.  Each opener checks the name that it is given and keeps what it opened (a
 * directory, a socket), so that a later change of the path cannot lead elsewhere.  `why` may be
 * NULL. Errors: NAME, MISSING, DENIED, IO, PLATFORM_UNSUPPORTED, MEMORY, ARGUMENT.
 */

/* `path`: the absolute path of a cgroup's directory, v2 or below any v1 controller; no "..". */
HARK_API HARK_MUST_USE enum hark_probe_error hark_probe_open_cgroup(const char *path,
								    struct hark_host_probe *out,
								    struct hark_failure *why);
/* `interface`: a network interface's name, such as "tap0". */
HARK_API HARK_MUST_USE enum hark_probe_error hark_probe_open_tap_link(const char *interface,
								      struct hark_host_probe *out,
								      struct hark_failure *why);
/* `family`: ip, ip6, inet, arp, bridge or netdev. */
HARK_API HARK_MUST_USE enum hark_probe_error hark_probe_open_nftables(const char *family,
								      const char *table,
								      struct hark_host_probe *out,
								      struct hark_failure *why);
/* `path`: the file or FIFO that Firecracker's metrics_path names.  Counters, which Firecracker
 * resets at each flush, are summed from the first reading on. */
HARK_API HARK_MUST_USE enum hark_probe_error hark_probe_open_fc_metrics(const char *path,
									struct hark_host_probe *out,
									struct hark_failure *why);

/* Closes and empties it.  NULL and a zeroed probe are fine. */
HARK_API void hark_probe_close(struct hark_host_probe *probe);

/* Takes one reading into out->json.  *out needs json and json_capacity set, the rest is
 * overwritten. */
HARK_API HARK_MUST_USE enum hark_probe_error hark_probe_read(struct hark_host_probe *probe,
							     struct hark_probe_reading *out,
							     struct hark_failure *why);

/*
 * A reading as an event of type HARK_HOST_PROBE_EVENT_TYPE_PREFIX.<name>.  The name is one of the
 * four, with or without "host."; another is HARK_PROBE_PARSE.  Its time is context->host's.
 */
HARK_API HARK_MUST_USE enum hark_probe_error hark_build_host_probe_envelope(
	const struct hark_probe_reading *reading, const struct hark_probe_context *context,
	const struct hark_event_origin *origin, char *json, size_t capacity, size_t *size_out);

/* `probe_error`: a source, or a part of one, that could not be read. */
HARK_API HARK_MUST_USE enum hark_probe_error hark_event_probe_error(
	const char *probe_source, enum hark_probe_error error, const char *text,
	const struct hark_probe_context *context, const struct hark_event_origin *origin,
	char *json, size_t capacity, size_t *size_out);

/*
 * Reads the probe, stamps the time at dispatch, and gives the sink the reading's event and a
 * `probe_error` event for each part that is missing; where nothing could be read, one `probe_error`
 * alone, and the probe's error is returned.  origin->number grows by one for each event given.
 */
HARK_API HARK_MUST_USE enum hark_probe_error hark_emit_reading(struct hark_host_probe *probe,
							       struct hark_probe_context *context,
							       struct hark_event_origin *origin,
							       const struct hark_event_sink *sink);

/*
 * A reading pushed from outside: CellOS's simple form {probe, value_json, timestamp_ms}. value_json
 * is any JSON value; it is read strictly and written canonically: numbers that are no integers
 * within +-(2^53 - 1) become strings with their text as it was.
 */
struct hark_host_probe_reading {
	struct hark_text probe;      /* checked like a cell id */
	struct hark_text value_json; /* at most HARK_PROBE_READING_BYTES */
	uint64_t timestamp_ms;       /* as the pusher says */
};

/* The event `cellos.events.host.probe.v1` of it.  Errors: PARSE, ARGUMENT, LIMIT, MEMORY. */
HARK_API HARK_MUST_USE enum hark_probe_error hark_event_from_host_probe_reading(
	const struct hark_host_probe_reading *reading, const struct hark_probe_context *context,
	const struct hark_event_origin *origin, char *json, size_t capacity, size_t *size_out);

#ifdef __cplusplus
}
#endif

#endif
