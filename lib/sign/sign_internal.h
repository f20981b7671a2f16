/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of this room share: failures in words, signatures, events and envelopes read. */
#ifndef SIGN_INTERNAL_H
#define SIGN_INTERNAL_H

#include <hark/sign.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "sign/secret.h"
#include "json/tree.h"
#include "json/writer.h"

/* The longest signature in bytes, and its text. */
#define SIGNATURE_BYTES_MAX 64u
#define ED25519_BYTES       64u
#define ED25519_KEY_BYTES   32u
#define HMAC_BYTES          32u

/* ---- error.c ---- */

/* Writes the words into *why (may be NULL) and gives `e`. */
__attribute__((format(printf, 3, 4))) void sign_say(enum hark_sign_error e,
						    struct hark_failure *why, const char *format,
						    ...);
/* Says why and gives e.  A macro, so that a reader of the code, man or machine, sees which it is.
 */
#define sign_fail(e, why, ...) (sign_say((e), (why), __VA_ARGS__), (e))
/* The same for what an internal function returned. */
enum hark_sign_error sign_fail_internal(enum err e, struct hark_failure *why);
/* For %.*s of a text that may be anything: its size and data are escaped into `out` first. */
const char *sign_shown(const char *text, size_t size, char out[64]);

/* ---- signature.c ---- */

/* "ed25519", "hmac-sha256", "off". */
const char *signature_algorithm_name(enum hark_sign_algorithm algorithm);
size_t signature_size(enum hark_sign_algorithm algorithm);
/* What signature_make signs with instead of an HMAC key of any size: ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err signature_hmac_key(const struct secret *key, struct secret *out);
/* key: 64 bytes of Ed25519 secret key, or what signature_hmac_key gave. */
void signature_make(enum hark_sign_algorithm algorithm, const struct secret *key,
		    const void *message, size_t size, uint8_t signature[SIGNATURE_BYTES_MAX]);
/* signature has signature_size bytes.  key: 32 bytes of Ed25519 public key, or an HMAC key. */
bool signature_holds(enum hark_sign_algorithm algorithm, const uint8_t *key, size_t key_size,
		     const void *message, size_t size, const uint8_t *signature);

/* ---- signer.c ---- */

struct hark_signer {
	enum hark_sign_algorithm algorithm;
	struct secret key;
	size_t kid_size;
	char kid[HARK_SIGN_KID_BYTES_MAX];
};

/* CONFIG, with words, for what cannot be a key id: empty, blank, too long, not UTF-8. */
enum hark_sign_error sign_check_kid(struct hark_text kid, const char *name,
				    struct hark_failure *why);

/* ---- event.c ---- */

/* In the order in which CellOS writes them. */
#define SIGN_ATTRIBUTES(X) \
	X(SPECVERSION)     \
	X(ID)              \
	X(SOURCE)          \
	X(TYPE)            \
	X(DATACONTENTTYPE) \
	X(DATA)            \
	X(TIME)            \
	X(TRACEPARENT)

enum sign_attribute {
#define SIGN_ATTRIBUTE_ENUM(name) SIGN_##name,
	SIGN_ATTRIBUTES(SIGN_ATTRIBUTE_ENUM)
#undef SIGN_ATTRIBUTE_ENUM
		SIGN_ATTRIBUTE_COUNT
};

/* The attributes of an event: NULL where one is absent or null.  They borrow from their tree. */
struct sign_event {
	const struct json_node *attribute[SIGN_ATTRIBUTE_COUNT];
};

/* Where a refusal speaks of a member: its name, a slice. */
struct sign_detail {
	const char *name;
	size_t size;
};

/*
 * NONE, UNKNOWN_ATTRIBUTE, MISSING_MEMBER or WRONG_TYPE with *detail.  `subject` is an attribute
 * only where allow_subject, and is not kept.
 */
enum hark_verify_reason sign_event_read(const struct json_node *node, bool allow_subject,
					struct sign_event *out, struct sign_detail *detail);
/* CellOS's form: the bytes that are signed.  ERR_MEMORY never: it is in UTF-8's order. */
void sign_event_write(const struct sign_event *event, struct json_writer *w);
/* The same members and nulls in the order of their names. */
void sign_event_write_sorted(const struct sign_event *event, struct json_writer *w);
/* The most that the form has beyond the text that it was read from: names, nulls, structure. */
#define SIGN_EVENT_MORE_BYTES 256u
/* True where both are the same text, or neither is there. */
bool sign_same_text(const struct json_node *a, const struct json_node *b);

/* ---- numbers.c ---- */

/* A number in the tree that CellOS would print otherwise than it is written, or NULL. */
const struct json_node *sign_number_changed(const struct json_node *node);

/* ---- moment.c ---- */

/* "2025-11-05T13:20:00[.fraction]Z" and nothing else; a fraction beyond nanoseconds is cut. */
bool moment_read(const char *text, size_t size, struct hark_time *out);
/* True for RFC 3339 with any offset, as an event's time may be. */
bool moment_is_rfc3339(const char *text, size_t size);
/* Whole seconds, without terminator.  False outside the years 0000 to 9999. */
#define MOMENT_SECONDS_BYTES 20u
bool moment_write_seconds(const struct hark_time *time, char text[MOMENT_SECONDS_BYTES]);
/* Below 0, 0 or above 0. */
int moment_compare(const struct hark_time *a, const struct hark_time *b);

/* ---- envelope.c ---- */

struct sign_envelope {
	struct sign_event event;
	const struct json_node *kid;
	const struct json_node *algorithm;
	const struct json_node *signature;
	const struct json_node *not_before; /* NULL where absent or null */
	const struct json_node *not_after;
};

/* NONE, UNKNOWN_MEMBER or what sign_event_read gives, with *detail. */
enum hark_verify_reason sign_envelope_read(const struct json_node *node, struct sign_envelope *out,
					   struct sign_detail *detail);
/* Frees *json and gives LIMIT, with words, where nobody could read what was written; else OK. */
enum hark_sign_error sign_check_size(char **json, size_t size, struct hark_failure *why);
/*
 * Takes json, whatever comes of it.  Signs bytes that are CellOS's form already and stand behind
 * the room for SIGN_ENVELOPE_HEAD; there is room for sign_envelope_more(signer) bytes beyond them.
 * LIMIT as sign_check_size.  Used by all that make envelopes.
 */
size_t sign_envelope_more(const struct hark_signer *signer);
enum hark_sign_error sign_envelope_finish(const struct hark_signer *signer, char *json,
					  size_t event_size, size_t capacity,
					  struct hark_host_stamped_envelope *out,
					  struct hark_failure *why);
/* What stands before the event. */
#define SIGN_ENVELOPE_HEAD "{\"event\":"

/*
 * Reads JSON within this room's limits; on failure the reason, its words in *failure.  depth_more
 * is how much deeper the form is that will be written around it, and read by others.
 */
#define SIGN_DEPTH_OF_ENVELOPE  1u
#define SIGN_DEPTH_OF_TRANSPORT 1u
enum hark_sign_error sign_tree_read(struct hark_text json, size_t depth_more,
				    struct json_tree **out, enum hark_verify_reason *reason,
				    struct json_failure *failure);

/* ---- keys.c ---- */

struct verify_key {
	enum hark_sign_algorithm algorithm;
	const char *kid;
	size_t kid_size;
	const uint8_t *bytes;
	size_t size;
};

/* NULL where there is none. */
const struct verify_key *sign_keys_find(const struct hark_verify_keys *keys,
					enum hark_sign_algorithm algorithm, const char *kid,
					size_t kid_size);

#endif
