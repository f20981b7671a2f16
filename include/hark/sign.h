/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Envelopes over single events in CellOS's form (SignedEventEnvelopeV1), for its verifiers and
 * ours. The signed bytes are the event rebuilt as CellOS writes it: its eight attributes in its
 * order, null where absent, keys of `data` sorted, numbers as they were written.  Order and
 * completeness of a record are not what an envelope can show.  docs/format/envelope.md.
 *
 * Key material lives in guarded memory that is wiped when it is freed.  Functions are safe from any
 * thread on separate objects; a signer or a key set may be shared for reading.
 */
#ifndef HARK_SIGN_H
#define HARK_SIGN_H

#include <hark/telemetry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The type and source of an event that carries an envelope as its data. */
#define HARK_SIGNED_ENVELOPE_TYPE   "dev.cellos.events.signed_envelope.v1"
#define HARK_SIGNED_ENVELOPE_SOURCE "/cellos-supervisor/event-signing"
/* The largest event or envelope that is read, in bytes (CellOS's line limit), and its depth. */
#define HARK_SIGN_JSON_BYTES_MAX 1048576u
#define HARK_SIGN_JSON_DEPTH_MAX 64u
/* The longest key id in bytes and the most keys in a set. */
#define HARK_SIGN_KID_BYTES_MAX 256u
#define HARK_SIGN_KEYS_MAX      4096u

enum hark_sign_error {
	HARK_SIGN_OK = 0,
	HARK_SIGN_ARGUMENT = 1,
	HARK_SIGN_MEMORY = 2,
	HARK_SIGN_CONFIG =
		3, /* a mistake in keys or settings; `why` says which variable or member */
	HARK_SIGN_FORMAT = 4, /* not an event, or one that this envelope cannot carry; `why` */
	HARK_SIGN_LIMIT = 5,
	HARK_SIGN_OFF = 6,    /* signing is off: nothing was signed, nothing was written */
	HARK_SIGN_SYSTEM = 7, /* see errno */
};

/* A static text for people, never NULL. */
HARK_API const char *hark_sign_error_text(enum hark_sign_error e);

enum hark_sign_algorithm {
	HARK_SIGN_ALGORITHM_OFF = 0,
	HARK_SIGN_ALGORITHM_HMAC_SHA256 = 1,
	HARK_SIGN_ALGORITHM_ED25519 = 2,
};

/* A key with its id, or the decision not to sign. */
struct hark_signer;

/*
 * Reads CELLOS_HOST_TELEMETRY_SIGN_ALG, _KID, _HMAC_KEY and _ED25519_SK by `lookup` (NULL: getenv),
 * whose texts must last until this returns.  Fail closed: an unknown algorithm, a missing or blank
 * kid, a missing, malformed or second key, or a key while signing is off is CONFIG, never an
 * unsigned start.
 */
typedef const char *hark_sign_lookup_fn(void *context, const char *name);
HARK_API HARK_MUST_USE enum hark_sign_error hark_signer_from_environment(
	hark_sign_lookup_fn *lookup, void *context, struct hark_signer **out,
	struct hark_failure *why);
/* The same from bytes: an Ed25519 seed of 32 bytes, or an HMAC key of 1 or more.  They are copied.
 */
HARK_API HARK_MUST_USE enum hark_sign_error hark_signer_create(enum hark_sign_algorithm algorithm,
							       struct hark_text kid,
							       const void *key, size_t key_size,
							       struct hark_signer **out,
							       struct hark_failure *why);
HARK_API enum hark_sign_algorithm hark_signer_algorithm(const struct hark_signer *signer);
HARK_API struct hark_text hark_signer_kid(const struct hark_signer *signer);
/* Wipes the key.  NULL is fine. */
HARK_API void hark_signer_destroy(struct hark_signer *signer);

/*
 * An envelope as JSON on one line, allocated: free with hark_host_stamped_envelope_finish.
 * `signature` is its base64url text, a part of json.
 */
struct hark_host_stamped_envelope {
	char *json; /* terminated too */
	size_t size;
	struct hark_text signature;
};

/* Frees what an envelope holds and zeroes it.  NULL and zeroed are fine. */
HARK_API void hark_host_stamped_envelope_finish(struct hark_host_stamped_envelope *envelope);

/*
 * Signs one CloudEvent given as JSON (attributes in any order; `subject` is left out, any other
 * attribute that CellOS does not have is FORMAT, and so is a number in `data` that CellOS would
 * print otherwise than it is written).  OFF where the signer is off.  LIMIT where the envelope
 * would be over HARK_SIGN_JSON_BYTES_MAX, or its transport event over HARK_SIGN_JSON_DEPTH_MAX:
 * what is signed can be read.
 */
HARK_API HARK_MUST_USE enum hark_sign_error hark_sign_host_stamped_envelope(
	const struct hark_signer *signer, struct hark_text event_json,
	struct hark_host_stamped_envelope *out, struct hark_failure *why);

/* CellOS's own event over a declaration: `data.guest` and `data.host`, whole seconds, its names. */
struct hark_cellos_event {
	struct hark_text id;
	struct hark_text source;
	struct hark_text type;
};

/*
 * Builds that event and signs it.  FORMAT where a text is missing that CellOS requires: id, source,
 * type, cell, run, and the spec's hash too.  OFF where the signer is off.  LIMIT as above.
 */
HARK_API HARK_MUST_USE enum hark_sign_error hark_host_stamp_and_sign(
	const struct hark_signer *signer, const struct hark_guest_declaration *guest,
	const struct hark_host_stamp *host, const struct hark_cellos_event *event,
	struct hark_host_stamped_envelope *out, struct hark_failure *why);

/* Wraps an envelope into CellOS's transport event, with id, time and traceparent of the inner one.
 * LIMIT where that would be over the limits above. */
HARK_API HARK_MUST_USE enum hark_sign_error hark_sign_transport_event(
	struct hark_text envelope_json, struct hark_host_stamped_envelope *out,
	struct hark_failure *why);

/* ---- verifying ----------------------------------------------------------------------------- */

/* Public keys and HMAC keys by kid.  A kid is looked up among the keys of the envelope's algorithm.
 */
struct hark_verify_keys;

/* An empty set: with it every envelope is of an unknown key. */
HARK_API HARK_MUST_USE enum hark_sign_error hark_verify_keys_create(struct hark_verify_keys **out);
/*
 * Adds the keys of a key file's text: a JSON object, kid -> base64url.  Ed25519 public keys have 32
 * bytes and may not be of small order; HMAC keys have 1 or more.  A kid that is there already, in
 * whatever escapes, is CONFIG.  On failure nothing was added.
 */
HARK_API HARK_MUST_USE enum hark_sign_error hark_verify_keys_add(struct hark_verify_keys *keys,
								 enum hark_sign_algorithm algorithm,
								 struct hark_text file_text,
								 struct hark_failure *why);
/* How many keys there are, of both algorithms. */
HARK_API size_t hark_verify_keys_count(const struct hark_verify_keys *keys);
/* Wipes the keys.  NULL is fine. */
HARK_API void hark_verify_keys_destroy(struct hark_verify_keys *keys);

/*
 * Why an envelope was refused, and whether that speaks of a change (TAMPERED) or of something that
 * cannot be judged (UNVERIFIABLE).
 */
#define HARK_VERIFY_REASONS(X)                                  \
	X(NONE, "none", OK)                                     \
	X(BAD_SIGNATURE, "bad_signature", TAMPERED)             \
	X(BAD_LENGTH, "bad_length", TAMPERED)                   \
	X(BAD_BASE64, "bad_base64", TAMPERED)                   \
	X(DUPLICATE_KEY, "duplicate_key", TAMPERED)             \
	X(UNKNOWN_MEMBER, "unknown_member", TAMPERED)           \
	X(UNKNOWN_ATTRIBUTE, "unknown_attribute", TAMPERED)     \
	X(TRANSPORT_MISMATCH, "transport_mismatch", TAMPERED)   \
	X(UNKNOWN_KID, "unknown_kid", UNVERIFIABLE)             \
	X(UNKNOWN_ALGORITHM, "unknown_algorithm", UNVERIFIABLE) \
	X(OUTSIDE_WINDOW, "outside_window", UNVERIFIABLE)       \
	X(NOT_JSON, "not_json", UNVERIFIABLE)                   \
	X(MISSING_MEMBER, "missing_member", UNVERIFIABLE)       \
	X(WRONG_TYPE, "wrong_type", UNVERIFIABLE)               \
	X(TOO_LARGE, "too_large", UNVERIFIABLE)

enum hark_verify_reason {
#define HARK_VERIFY_ENUM(name, text, judgement) HARK_VERIFY_##name,
	HARK_VERIFY_REASONS(HARK_VERIFY_ENUM)
#undef HARK_VERIFY_ENUM
		HARK_VERIFY_REASON_COUNT
};

enum hark_verify_judgement {
	HARK_VERIFY_JUDGED_OK = 0,
	HARK_VERIFY_JUDGED_TAMPERED = 1,
	HARK_VERIFY_JUDGED_UNVERIFIABLE = 4,
};

/* The names above; NULL for a value that is not of the enum. */
HARK_API const char *hark_verify_reason_name(enum hark_verify_reason reason);
/* The judgements above; UNVERIFIABLE for a value that is not of the enum. */
HARK_API enum hark_verify_judgement hark_verify_reason_judgement(enum hark_verify_reason reason);

/* What was verified.  Texts are terminated, cut to their size, and escaped as in JSON. */
struct hark_verify_result {
	enum hark_verify_reason reason;
	enum hark_sign_algorithm algorithm;
	char kid[HARK_SIGN_KID_BYTES_MAX];
	char event_id[256];
	char event_type[256];
	char detail[128]; /* which member, where the reason has one */
};

/*
 * Verifies one envelope, or a transport event with one as its data.  `now` is what notBefore and
 * notAfter are compared with.  OK with result->reason NONE only where a signature by a key of
 * `keys` covers the event; a refusal is OK too, with its reason.  Errors: ARGUMENT, MEMORY.
 */
HARK_API HARK_MUST_USE enum hark_sign_error hark_verify_host_stamped_envelope(
	const struct hark_verify_keys *keys, struct hark_text json, const struct hark_time *now,
	struct hark_verify_result *result);

#ifdef __cplusplus
}
#endif

#endif
