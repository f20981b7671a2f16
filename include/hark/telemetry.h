/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a supervisor embeds to hear its guests: a listener per cell, a strict frame codec, and the
 * stamp that says what only the host knows.  Bytes on the wire: docs/format/wire.md.
 *
 * Every function is safe to call from any thread as long as no two threads use one object at the
 * same time.  Nothing here logs, exits or aborts: a caller's mistake is HARK_TELEMETRY_ARGUMENT.
 * Functions that return an error leave their out-parameters untouched, but for `rejection` and
 * `why`, which exist to explain it.
 */
#ifndef HARK_TELEMETRY_H
#define HARK_TELEMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef HARK_API
#define HARK_API __attribute__((visibility("default")))
#endif
#ifndef HARK_MUST_USE
#define HARK_MUST_USE __attribute__((warn_unused_result))
#endif

/* The vsock port that a guest agent connects to (CID 2), and the suffix of the host's socket. */
#define HARK_VSOCK_TELEMETRY_PORT 9001u
/*
 * The `content_version` that a CellOS agent sends.  As in CellOS, where it has this name, the major
 * of a version is its high byte, so this constant's major is 0 and a frame is of our major when
 * version >> 8 == HARK_WIRE_CONTENT_VERSION_MAJOR >> 8.
 */
#define HARK_WIRE_CONTENT_VERSION_MAJOR 0x0001u
/* Hark's own minor: sequence numbers, heartbeats, details. */
#define HARK_WIRE_CONTENT_VERSION_HARK 0x0002u
/* The largest frame body in bytes, both ways. */
#define HARK_MAX_FRAME_BYTES 4096u
/* The length prefix before a body: u32, little-endian. */
#define HARK_FRAME_PREFIX_BYTES 4u
/* The most entries in a declaration's detail, and the longest of their keys in bytes. */
#define HARK_DETAIL_COUNT_MAX     32u
#define HARK_DETAIL_KEY_BYTES_MAX 64u
/* The most connections that one cell's listener keeps. */
#define HARK_CONNECTIONS_MAX 8u
/* A frame that was begun must be whole within this time, or its connection ends. */
#define HARK_FRAME_TIME_LIMIT_NS UINT64_C(10000000000)
/* The longest cell id, run id and spec hash in bytes. */
#define HARK_ID_BYTES_MAX 128u

enum hark_telemetry_error {
	HARK_TELEMETRY_OK = 0,
	HARK_TELEMETRY_AGAIN = 1,               /* nothing there now; poll the descriptor */
	HARK_TELEMETRY_END = 2,                 /* the stream ended between two frames */
	HARK_TELEMETRY_BIND = 3,                /* the socket cannot be bound; `why` says it */
	HARK_TELEMETRY_WIRE = 4,                /* a frame was refused; `rejection` says why */
	HARK_TELEMETRY_UNSUPPORTED_VERSION = 5, /* refused for its version; `rejection` too */
	HARK_TELEMETRY_REFUSED = 6,             /* a connection was refused; `rejection` */
	HARK_TELEMETRY_ARGUMENT = 7,            /* the caller's mistake */
	HARK_TELEMETRY_MEMORY = 8,
	HARK_TELEMETRY_SYSTEM = 9, /* see errno */
	HARK_TELEMETRY_LIMIT = 10, /* does not fit into the caller's buffer or a named limit */
	HARK_TELEMETRY_SINK = 11,  /* the event sink refused the event */
};

/* A static text for people, never NULL. */
HARK_API const char *hark_telemetry_error_text(enum hark_telemetry_error e);

/* A borrowed slice of UTF-8, not terminated.  size is in bytes; data may be NULL where it is 0. */
struct hark_text {
	const char *data;
	size_t size;
};

/* A text of a terminated string, borrowed; NULL gives the empty text.  Of no library, so that who
 * links one of them alone has it too. */
static inline struct hark_text
hark_text_of(const char *string)
{
	struct hark_text text;

	text.data = string;
	text.size = string != NULL ? strlen(string) : 0;
	return text;
}

/* What went wrong while binding, for a person. */
struct hark_failure {
	int system_error; /* errno, or 0 */
	char text[256];   /* terminated; paths in it are escaped */
};

/* ---- frames -------------------------------------------------------------------------------- */

/* Why bytes of a guest were refused.  The names are in events and in the conformance cases. */
#define HARK_REJECT_REASONS(X)                          \
	X(NONE, "none")                                 \
	X(LENGTH_ZERO, "length_zero")                   \
	X(LENGTH_OVER_4096, "length_over_4096")         \
	X(SHORT_LENGTH_PREFIX, "short_length_prefix")   \
	X(SHORT_BODY, "short_body")                     \
	X(NOT_A_MAP, "not_a_map")                       \
	X(VERSION_NOT_FIRST, "version_not_first")       \
	X(VERSION_ZERO, "version_zero")                 \
	X(VERSION_MAJOR, "version_major")               \
	X(VERSION_MIXED, "version_mixed")               \
	X(WRONG_TYPE, "wrong_type")                     \
	X(OUT_OF_RANGE, "out_of_range")                 \
	X(FLOAT, "float")                               \
	X(TAG, "tag")                                   \
	X(SIMPLE_VALUE, "simple_value")                 \
	X(INDEFINITE_LENGTH, "indefinite_length")       \
	X(RESERVED_HEAD, "reserved_head")               \
	X(INVALID_UTF8, "invalid_utf8")                 \
	X(SHORT, "short")                               \
	X(MISSING_FIELD, "missing_field")               \
	X(DUPLICATE_KEY, "duplicate_key")               \
	X(UNKNOWN_KEY, "unknown_key")                   \
	X(GUEST_SIGNED, "guest_signed")                 \
	X(TRAILING_BYTES, "trailing_bytes")             \
	X(TOO_DEEP, "too_deep")                         \
	X(TOO_MANY, "too_many")                         \
	X(BAD_DETAIL_KEY, "bad_detail_key")             \
	X(BAD_HELLO, "bad_hello")                       \
	X(HELLO_REPEATED, "hello_repeated")             \
	X(FRAME_TIMEOUT, "frame_timeout")               \
	X(TOO_MANY_CONNECTIONS, "too_many_connections") \
	X(PEER_REFUSED, "peer_refused")

enum hark_reject_reason {
#define HARK_REASON_ENUM(name, text) HARK_REJECT_##name,
	HARK_REJECT_REASONS(HARK_REASON_ENUM)
#undef HARK_REASON_ENUM
		HARK_REJECT_COUNT
};

/* Which part of a frame a refusal speaks of. */
#define HARK_FRAME_FIELDS(X)                        \
	X(NONE, "")                                 \
	X(CONTENT_VERSION, "content_version")       \
	X(PROBE_SOURCE, "probe_source")             \
	X(GUEST_PID, "guest_pid")                   \
	X(GUEST_COMM, "guest_comm")                 \
	X(GUEST_MONOTONIC_NS, "guest_monotonic_ns") \
	X(SEQ, "seq")                               \
	X(DROPPED, "dropped")                       \
	X(DETAIL, "detail")                         \
	X(STREAM, "stream")                         \
	X(KEY, "key")                               \
	X(UNKNOWN, "unknown")

enum hark_frame_field {
#define HARK_FIELD_ENUM(name, text) HARK_FIELD_##name,
	HARK_FRAME_FIELDS(HARK_FIELD_ENUM)
#undef HARK_FIELD_ENUM
		HARK_FIELD_COUNT
};

struct hark_rejection {
	enum hark_reject_reason reason;
	enum hark_frame_field field;
};

/* The longest text that hark_rejection_text writes, with its terminator. */
#define HARK_REJECTION_TEXT_BYTES 64u

/* The names above; NULL for a value that is not of the enum. */
HARK_API const char *hark_reject_reason_name(enum hark_reject_reason reason);
HARK_API const char *hark_frame_field_name(enum hark_frame_field field);
/* Writes "reason" or "reason:field", terminated, into `text` of HARK_REJECTION_TEXT_BYTES. */
HARK_API void hark_rejection_text(const struct hark_rejection *rejection, char *text);

enum hark_detail_type {
	HARK_DETAIL_TEXT = 0,
	HARK_DETAIL_BOOL = 1,
	HARK_DETAIL_INTEGER = 2,
};

/* One entry of a declaration's detail: key [a-z0-9_.]{1,64}, integers within +-(2^53 - 1). */
struct hark_detail {
	struct hark_text key;
	enum hark_detail_type type;
	union {
		struct hark_text text;
		bool boolean;
		int64_t integer;
	} value;
};

/*
 * What a guest's agent says happened.  Nothing in it is believed beyond the channel it came by.
 * Texts borrow from the frame that it was decoded from.  After decoding, the first detail_count
 * entries of `detail` are sorted by key and unique; the others are not initialised.
 */
struct hark_guest_declaration {
	uint16_t content_version;
	bool has_seq;
	bool has_dropped;
	uint32_t guest_pid;
	uint64_t guest_monotonic_ns;
	struct hark_text probe_source;
	struct hark_text guest_comm;
	uint64_t seq;     /* where has_seq: this event's number in its stream */
	uint64_t dropped; /* where has_dropped: losses before numbering, "at least" */
	uint32_t detail_count;
	struct hark_detail detail[HARK_DETAIL_COUNT_MAX];
};

enum hark_wire_mode {
	HARK_WIRE_FIRST = 0,  /* no frame yet */
	HARK_WIRE_CELLOS = 1, /* wire 1, or a later minor of it whose extra keys mean nothing */
	HARK_WIRE_HARK = 2,   /* wire 2: the first frame was version 2 and an agent.hello */
};

/* What one connection has agreed on.  Zeroed is a new connection. */
struct hark_wire_session {
	enum hark_wire_mode mode;
	uint64_t stream; /* in HARK_WIRE_HARK: the hello's `stream` */
};

/*
 * Reads one frame's body (the bytes after the prefix) strictly: definite lengths, no tags, no
 * floats, valid UTF-8, no duplicate or unknown key, no trailing byte, content_version first and
 * judged first.  Allocates nothing.  `session` may be NULL: the body is then judged as a first
 * frame.  Errors: WIRE or UNSUPPORTED_VERSION with *rejection set, ARGUMENT.
 */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_decode_frame(
	struct hark_wire_session *session, const void *body, size_t size,
	struct hark_guest_declaration *out, struct hark_rejection *rejection);

/*
 * Writes a whole frame, prefix and body, every head in its shortest form: under content_version 1
 * the five keys that CellOS has and byte for byte as its agent, under 2 also seq, dropped and
 * detail where they are there.  Refuses (ARGUMENT) what hark_decode_frame would refuse, and (LIMIT)
 * a body over HARK_MAX_FRAME_BYTES or over the buffer.  *size_out counts the prefix.
 */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_encode_frame(
	const struct hark_guest_declaration *declaration, void *frame, size_t capacity,
	size_t *size_out);

/* ---- stamp --------------------------------------------------------------------------------- */

/* A point of the host's real time.  nanoseconds < 1e9; years 0000 to 9999 can be written. */
struct hark_time {
	int64_t seconds; /* since 1970-01-01T00:00:00Z, without leap seconds */
	uint32_t nanoseconds;
};

/*
 * What the host alone says.  Texts are borrowed and must outlive the stamp.  Made by
 * hark_host_stamp_init, which checks them; time and epoch may be set at will afterwards, but a
 * stamp whose texts were exchanged is refused (ARGUMENT).
 */
struct hark_host_stamp {
	struct hark_text cell_id;
	struct hark_text run_id;
	struct hark_text spec_signature_hash; /* size 0: none is known */
	struct hark_time host_received_at;
	bool has_epoch; /* the ledger's number of a stream; there is none without a ledger */
	uint32_t epoch;
	uint32_t checked; /* set by hark_host_stamp_init alone */
};

/* The authority (ADG) block: what such a statement is worth, by rule and never by the guest. */
struct hark_authority_output {
	uint8_t tier;       /* 0 to 4 */
	uint8_t confidence; /* 0 or 1: there are no floats in events */
	const char *epistemic_status;
	const char *binding_status;
};

/* A declaration with its stamp.  Both are borrowed. */
struct hark_stamped_declaration {
	const struct hark_guest_declaration *guest;
	const struct hark_host_stamp *host;
	struct hark_authority_output authority;
};

/*
 * Fills *out after checking the texts: cell_id and run_id are 1 to HARK_ID_BYTES_MAX bytes of UTF-8
 * without blanks and controls; spec_signature_hash (may be empty) is "sha256:" and 64 lower-case
 * hex digits.  Errors: ARGUMENT.
 */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_host_stamp_init(
	struct hark_text cell_id, struct hark_text run_id, struct hark_text spec_signature_hash,
	struct hark_host_stamp *out);

/* Joins what was said and who says so; the authority is what a guest can have: tier 1, DECLARED. */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_stamp(
	const struct hark_guest_declaration *guest, const struct hark_host_stamp *host,
	struct hark_stamped_declaration *out);

/* The same after setting host->host_received_at from the host's real-time clock. */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_stamp_now(
	const struct hark_guest_declaration *guest, struct hark_host_stamp *host,
	struct hark_stamped_declaration *out);

/* ---- listener ------------------------------------------------------------------------------ */

struct hark_listener;
struct hark_stream;

/* How a cell's socket is bound.  Zeroed but for mode and connections_max is the usual case. */
struct hark_listener_options {
	mode_t mode; /* permissions of the socket, such as 0600 */
	bool set_owner;
	uid_t owner;              /* with set_owner */
	gid_t group;              /* with set_owner */
	uint32_t connections_max; /* 1 to HARK_CONNECTIONS_MAX; 0 means HARK_CONNECTIONS_MAX */
	bool require_peer_uid;    /* refuse connections of any other uid */
	uid_t peer_uid;
};

/* Who stands at the other end, as the kernel says.  With a VMM in between it is the VMM. */
struct hark_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/*
 * Binds <base>_9001 and listens: when it returns, a guest may start.  `options` may be NULL (mode
 * 0600).  A stale socket in its place is replaced; a live one, a symlink, a directory or any other
 * file is refused and left as it was.  Only the file's name must fit into sun_path (with the few
 * bytes of the directory's descriptor), not the whole path.  `why` may be NULL.
 * Errors: BIND with *why, ARGUMENT, MEMORY.  Ownership of *out is the caller's.
 */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_listener_bind_for_cell(
	const char *base, const struct hark_listener_options *options, struct hark_listener **out,
	struct hark_failure *why);

/* The descriptor to poll for connections (readable).  It is non-blocking and close-on-exec. */
HARK_API int hark_listener_fd(const struct hark_listener *listener);

/*
 * Takes one connection.  AGAIN: none waits.  REFUSED: one was accepted and closed at once, and
 * *rejection says why (TOO_MANY_CONNECTIONS, PEER_REFUSED); call again.  Call it whenever the
 * descriptor is readable, whatever else is busy: a full backlog freezes every port of a VM.
 * SYSTEM: see errno; EMFILE and ENFILE leave the connection waiting.
 */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_listener_accept(
	struct hark_listener *listener, struct hark_stream **out, struct hark_rejection *rejection);

/* Removes the socket if it is still ours and closes it.  Streams live on.  NULL is fine. */
HARK_API void hark_listener_close(struct hark_listener *listener);

/* The descriptor to poll for bytes, and who connected. */
HARK_API int hark_stream_fd(const struct hark_stream *stream);
HARK_API void hark_stream_peer(const struct hark_stream *stream, struct hark_peer *out);
/* What the connection speaks so far. */
HARK_API void hark_stream_session(const struct hark_stream *stream, struct hark_wire_session *out);

/*
 * Gives the next declaration.  Its texts are good until the next call.  now_ns is the caller's
 * monotonic time, used for HARK_FRAME_TIME_LIMIT_NS alone.  OK; AGAIN: no whole frame is there;
 * END: ended between two frames; WIRE, UNSUPPORTED_VERSION: refused, and every later call says so
 * again: never resynchronise, close it; SYSTEM: the connection broke, see errno.
 * One call reads from the socket at most once, so a flood cannot hold the caller.
 */
HARK_API HARK_MUST_USE enum hark_telemetry_error hark_stream_next(
	struct hark_stream *stream, uint64_t now_ns, struct hark_guest_declaration *out,
	struct hark_rejection *rejection);

/*
 * True when a frame was begun HARK_FRAME_TIME_LIMIT_NS ago or longer and is not whole; *rejection
 * is then FRAME_TIMEOUT and the stream is dead.
 */
HARK_API bool hark_stream_is_stalled(struct hark_stream *stream, uint64_t now_ns,
				     struct hark_rejection *rejection);

/* Closes the connection.  NULL is fine. */
HARK_API void hark_stream_close(struct hark_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
