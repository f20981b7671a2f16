/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The frame: its one reader and its one writer.  The reader goes over the bytes once, in their
 * order, and refuses at the first that breaks a rule; only a first frame that turns out to be
 * Hark's hello is read a second time, by the stricter rules of wire 2.
 */
#include "base/must.h"
#include "wire/prefix.h"
#include "wire/wire_internal.h"

/* By which rules a body is read. */
enum rules {
	RULES_EXACT, /* wire 1: the five keys alone */
	RULES_LATER, /* a later minor: the five keys, and others that mean nothing */
	RULES_HARK,  /* wire 2: the five keys, seq, dropped and detail */
};

/* Where the reading stands is not in here: read_body keeps that in registers. */
struct reading {
	struct hark_rejection *rejection;
	enum rules rules;
	uint32_t seen; /* bits of enum hark_frame_field */
	struct skip_keys unknown;
	struct hark_guest_declaration d;
};

#define BIT(field) (1u << (field))

#define FIVE_KEYS                                                         \
	(BIT(HARK_FIELD_CONTENT_VERSION) | BIT(HARK_FIELD_PROBE_SOURCE) | \
	 BIT(HARK_FIELD_GUEST_PID) | BIT(HARK_FIELD_GUEST_COMM) |         \
	 BIT(HARK_FIELD_GUEST_MONOTONIC_NS))

/* Which key this is: NONE for one that is not of the wire. */
static inline enum hark_frame_field
key_field(const uint8_t *key, size_t size)
{
#define IS(text) (memcmp(key, (text), sizeof(text) - 1) == 0)
	switch (size) {
	case sizeof("seq") - 1:
		return IS("seq") ? HARK_FIELD_SEQ : HARK_FIELD_NONE;
	case sizeof("detail") - 1:
		return IS("detail") ? HARK_FIELD_DETAIL : HARK_FIELD_NONE;
	case sizeof("dropped") - 1:
		return IS("dropped") ? HARK_FIELD_DROPPED : HARK_FIELD_NONE;
	case sizeof("guest_pid") - 1:
		return IS("guest_pid") ? HARK_FIELD_GUEST_PID : HARK_FIELD_NONE;
	case sizeof("guest_comm") - 1:
		return IS("guest_comm") ? HARK_FIELD_GUEST_COMM : HARK_FIELD_NONE;
	case sizeof("probe_source") - 1:
		return IS("probe_source") ? HARK_FIELD_PROBE_SOURCE : HARK_FIELD_NONE;
	case sizeof("content_version") - 1:
		return IS("content_version") ? HARK_FIELD_CONTENT_VERSION : HARK_FIELD_NONE;
	case sizeof("guest_monotonic_ns") - 1:
		return IS("guest_monotonic_ns") ? HARK_FIELD_GUEST_MONOTONIC_NS : HARK_FIELD_NONE;
	default:
		return HARK_FIELD_NONE;
	}
}

/* A signature that a guest brings is worth nothing, and a guest that tries is named. */
static bool
is_signing_key(const uint8_t *key, size_t size)
{
	return size == 9 && (IS("signature") || IS("signerKid"));
#undef IS
}

static bool
is_hello(const struct hark_guest_declaration *d)
{
	return d->probe_source.size == sizeof(HELLO_SOURCE) - 1 &&
	       memcmp(d->probe_source.data, HELLO_SOURCE, sizeof(HELLO_SOURCE) - 1) == 0;
}

static enum err
refuse(struct reading *g, enum hark_reject_reason reason, enum hark_frame_field field)
{
	return wire_refuse(g->rejection, reason, field);
}

static inline enum err
take_text(struct cbor_reader *r, uint64_t size, enum hark_frame_field field, struct hark_text *out,
	  struct hark_rejection *rejection)
{
	const uint8_t *data = cbor_take(r, size);

	if (data == NULL)
		return wire_refuse(rejection, HARK_REJECT_SHORT, HARK_FIELD_NONE);
	if (!wire_is_utf8(data, (size_t)size))
		return wire_refuse(rejection, HARK_REJECT_INVALID_UTF8, field);
	out->data = (const char *)data;
	out->size = (size_t)size;
	return ERR_OK;
}

enum err
wire_take_text(struct cbor_reader *r, uint64_t size, enum hark_frame_field field,
	       struct hark_text *out, struct hark_rejection *rejection)
{
	return take_text(r, size, field, out, rejection);
}

static inline enum err
read_typed_head(struct reading *g, struct cbor_reader *r, enum cbor_major major,
		enum hark_frame_field field, uint64_t *out)
{
	struct cbor_head head;
	enum cbor_fault fault = cbor_read_head(r, &head);

	if (fault != CBOR_FINE)
		return wire_refuse_fault(g->rejection, fault);
	if (head.major != major)
		return wire_refuse_type(g->rejection, head.major, field);
	*out = head.argument;
	return ERR_OK;
}

static inline enum err
read_text(struct reading *g, struct cbor_reader *r, enum hark_frame_field field,
	  struct hark_text *out)
{
	uint64_t size = 0;
	enum err e = read_typed_head(g, r, CBOR_TEXT, field, &size);

	return e != ERR_OK ? e : take_text(r, size, field, out, g->rejection);
}

static inline enum err
read_key(struct reading *g, struct cbor_reader *r, struct bytes *out)
{
	uint64_t size = 0;
	enum err e = read_typed_head(g, r, CBOR_TEXT, HARK_FIELD_KEY, &size);

	if (e != ERR_OK)
		return e;
	out->data = cbor_take(r, size);
	if (out->data == NULL)
		return refuse(g, HARK_REJECT_SHORT, HARK_FIELD_NONE);
	out->size = (size_t)size;
	return ERR_OK;
}

/* A key that is not of the wire, with its value. */
static enum err
read_unknown(struct reading *g, struct cbor_reader *r, struct bytes key)
{
	enum err e;

	if (is_signing_key(key.data, key.size))
		return refuse(g, HARK_REJECT_GUEST_SIGNED, HARK_FIELD_NONE);
	if (!wire_is_utf8(key.data, key.size))
		return refuse(g, HARK_REJECT_INVALID_UTF8, HARK_FIELD_KEY);
	if (g->rules != RULES_LATER)
		return refuse(g, HARK_REJECT_UNKNOWN_KEY, HARK_FIELD_NONE);
	e = skip_key(&g->unknown, key, g->rejection);
	if (e != ERR_OK)
		return e;
	return skip_value(r, HARK_FIELD_UNKNOWN, g->rejection);
}

/* The value of a key that only wire 2 has.  A later minor of CellOS may have it too: no meaning. */
static enum err
read_extension(struct reading *g, struct cbor_reader *r, enum hark_frame_field field)
{
	if (g->rules == RULES_EXACT)
		return refuse(g, HARK_REJECT_UNKNOWN_KEY, HARK_FIELD_NONE);
	if (g->rules == RULES_LATER)
		return skip_value(r, field, g->rejection);
	if (field == HARK_FIELD_DETAIL)
		return detail_read(r, &g->d, g->rejection);
	if (field == HARK_FIELD_SEQ) {
		g->d.has_seq = true;
		return read_typed_head(g, r, CBOR_UNSIGNED, field, &g->d.seq);
	}
	g->d.has_dropped = true;
	return read_typed_head(g, r, CBOR_UNSIGNED, field, &g->d.dropped);
}

/* A pair that CellOS's agent does not write: NONE is a key that is not of the wire at all. */
static enum err
read_seldom(struct reading *g, struct cbor_reader *r, struct bytes key, enum hark_frame_field field)
{
	return field == HARK_FIELD_NONE ? read_unknown(g, r, key) : read_extension(g, r, field);
}

/* One pair after content_version. */
static inline enum err
read_pair(struct reading *g, struct cbor_reader *r)
{
	enum hark_frame_field field;
	struct cbor_reader slow;
	struct bytes key;
	uint64_t pid = 0;
	enum err e = read_key(g, r, &key);

	if (e != ERR_OK)
		return e;
	field = key_field(key.data, key.size);
	if (field != HARK_FIELD_NONE && (g->seen & BIT(field)) != 0)
		return refuse(g, HARK_REJECT_DUPLICATE_KEY, field);
	switch (field) {
	case HARK_FIELD_PROBE_SOURCE:
		e = read_text(g, r, field, &g->d.probe_source);
		break;
	case HARK_FIELD_GUEST_COMM:
		e = read_text(g, r, field, &g->d.guest_comm);
		break;
	case HARK_FIELD_GUEST_MONOTONIC_NS:
		e = read_typed_head(g, r, CBOR_UNSIGNED, field, &g->d.guest_monotonic_ns);
		break;
	case HARK_FIELD_GUEST_PID:
		e = read_typed_head(g, r, CBOR_UNSIGNED, field, &pid);
		if (e == ERR_OK && pid > UINT32_MAX)
			e = refuse(g, HARK_REJECT_OUT_OF_RANGE, field);
		g->d.guest_pid = (uint32_t)pid;
		break;
	default:
		/* By a copy, as in cbor_read_head. */
		slow = *r;
		e = read_seldom(g, &slow, key, field);
		*r = slow;
		break;
	}
	if (field != HARK_FIELD_NONE)
		g->seen |= BIT(field);
	return e;
}

/* The first pair, judged before anything else.  ERR_UNSUPPORTED is a refusal for the version. */
static enum err
read_version(struct reading *g, struct cbor_reader *r)
{
	const enum hark_frame_field field = HARK_FIELD_CONTENT_VERSION;
	struct bytes key;
	uint64_t version = 0;
	enum err e = read_key(g, r, &key);

	if (e != ERR_OK)
		return e;
	if (key_field(key.data, key.size) != field)
		return refuse(g, HARK_REJECT_VERSION_NOT_FIRST, HARK_FIELD_NONE);
	e = read_typed_head(g, r, CBOR_UNSIGNED, field, &version);
	if (e != ERR_OK)
		return e;
	if (version > UINT16_MAX)
		return refuse(g, HARK_REJECT_OUT_OF_RANGE, field);
	if (version == 0) {
		(void)refuse(g, HARK_REJECT_VERSION_ZERO, HARK_FIELD_NONE);
		return ERR_UNSUPPORTED;
	}
	if (version >> 8 != HARK_WIRE_CONTENT_VERSION_MAJOR >> 8) {
		(void)refuse(g, HARK_REJECT_VERSION_MAJOR, HARK_FIELD_NONE);
		return ERR_UNSUPPORTED;
	}
	g->seen = BIT(field);
	g->d.content_version = (uint16_t)version;
	return ERR_OK;
}

/* After the last pair: all five are there, and nothing follows. */
static enum err
judge_whole(struct reading *g, const struct cbor_reader *r)
{
	/* In the order in which CellOS's agent writes them. */
	enum hark_frame_field field = HARK_FIELD_CONTENT_VERSION;

	if ((g->seen & FIVE_KEYS) != FIVE_KEYS) {
		while ((g->seen & BIT(field)) != 0)
			field++;
		return refuse(g, HARK_REJECT_MISSING_FIELD, field);
	}
	if (r->at != r->end)
		return refuse(g, HARK_REJECT_TRAILING_BYTES, HARK_FIELD_NONE);
	return ERR_OK;
}

/* Reads the whole body.  `strict` asks for wire 2's rules where the version is above 1. */
static enum err
read_body(struct reading *g, struct bytes body, enum hark_wire_mode mode, bool strict)
{
	struct cbor_reader r = { body.data, body.data + body.size };
	struct cbor_head head;
	enum cbor_fault fault;
	uint64_t i;
	enum err e;

	g->seen = 0;
	g->unknown.count = 0;
	g->d.has_seq = false;
	g->d.has_dropped = false;
	g->d.seq = 0;
	g->d.dropped = 0;
	g->d.detail_count = 0;
	fault = cbor_read_head(&r, &head);
	if (fault != CBOR_FINE)
		return wire_refuse_fault(g->rejection, fault);
	if (head.major == CBOR_SIMPLE)
		return refuse(g, HARK_REJECT_SIMPLE_VALUE, HARK_FIELD_NONE);
	if (head.major != CBOR_MAP)
		return refuse(g, HARK_REJECT_NOT_A_MAP, HARK_FIELD_NONE);
	if (head.argument == 0)
		return refuse(g, HARK_REJECT_VERSION_NOT_FIRST, HARK_FIELD_NONE);
	e = read_version(g, &r);
	if (e != ERR_OK)
		return e;
	if (mode == HARK_WIRE_HARK && g->d.content_version != HARK_WIRE_CONTENT_VERSION_HARK)
		return refuse(g, HARK_REJECT_VERSION_MIXED, HARK_FIELD_NONE);
	if (g->d.content_version == HARK_WIRE_CONTENT_VERSION_MAJOR)
		g->rules = RULES_EXACT;
	else
		g->rules = strict ? RULES_HARK : RULES_LATER;
	/* The count is the sender's word, but every turn takes a byte at least or ends. */
	for (i = 1; i < head.argument; i++) {
		e = read_pair(g, &r);
		if (e != ERR_OK)
			return e;
	}
	return judge_whole(g, &r);
}

/* Reads a body as the session asks for; *next is the session after it. */
static enum err
read_in_session(struct reading *g, struct bytes body, struct hark_wire_session *next)
{
	const enum hark_wire_mode mode = next->mode;
	enum err e = read_body(g, body, mode, mode == HARK_WIRE_HARK);

	if (e != ERR_OK)
		return e;
	if (mode == HARK_WIRE_CELLOS)
		return ERR_OK;
	if (mode == HARK_WIRE_HARK)
		return is_hello(&g->d) ? refuse(g, HARK_REJECT_HELLO_REPEATED, HARK_FIELD_NONE)
				       : ERR_OK;
	next->mode = HARK_WIRE_CELLOS;
	if (g->d.content_version != HARK_WIRE_CONTENT_VERSION_HARK || !is_hello(&g->d))
		return ERR_OK;
	e = read_body(g, body, mode, true);
	if (e != ERR_OK)
		return e;
	next->mode = HARK_WIRE_HARK;
	return detail_read_stream(&g->d, &next->stream, g->rejection);
}

/* Every member but the detail's entries, which detail_count says how many there are of. */
static void
begin_nothing_read(struct hark_guest_declaration *d)
{
	d->content_version = 0;
	d->has_seq = false;
	d->has_dropped = false;
	d->guest_pid = 0;
	d->guest_monotonic_ns = 0;
	d->probe_source = (struct hark_text){ NULL, 0 };
	d->guest_comm = (struct hark_text){ NULL, 0 };
	d->seq = 0;
	d->dropped = 0;
	d->detail_count = 0;
}

/*
 * Member by member, in the sizes in which they were just stored: a wider load over two of them
 * waits until both stores have reached the cache, which is a fifth of the whole reading.
 */
static void
copy_declaration(const struct hark_guest_declaration *d, struct hark_guest_declaration *out)
{
	uint32_t i;

	out->content_version = d->content_version;
	out->has_seq = d->has_seq;
	out->has_dropped = d->has_dropped;
	out->guest_pid = d->guest_pid;
	out->guest_monotonic_ns = d->guest_monotonic_ns;
	out->probe_source.data = d->probe_source.data;
	out->probe_source.size = d->probe_source.size;
	out->guest_comm.data = d->guest_comm.data;
	out->guest_comm.size = d->guest_comm.size;
	out->seq = d->seq;
	out->dropped = d->dropped;
	out->detail_count = d->detail_count;
	for (i = 0; i < d->detail_count; i++)
		out->detail[i] = d->detail[i];
}

enum hark_telemetry_error
hark_decode_frame(struct hark_wire_session *session, const void *body, size_t size,
		  struct hark_guest_declaration *out, struct hark_rejection *rejection)
{
	struct hark_wire_session next = { 0 };
	struct reading g; /* not initialised: its detail alone is a kilobyte, and seldom used */
	enum err e;

	if (out == NULL || rejection == NULL || (body == NULL && size > 0))
		return HARK_TELEMETRY_ARGUMENT;
	if (session != NULL)
		next = *session;
	if ((unsigned int)next.mode > HARK_WIRE_HARK)
		return HARK_TELEMETRY_ARGUMENT;
	g.rejection = rejection;
	begin_nothing_read(&g.d);
	if (size == 0)
		e = refuse(&g, HARK_REJECT_LENGTH_ZERO, HARK_FIELD_NONE);
	else if (size > HARK_MAX_FRAME_BYTES)
		e = refuse(&g, HARK_REJECT_LENGTH_OVER_4096, HARK_FIELD_NONE);
	else
		e = read_in_session(&g, (struct bytes){ body, size }, &next);
	if (e != ERR_OK)
		return e == ERR_UNSUPPORTED ? HARK_TELEMETRY_UNSUPPORTED_VERSION
					    : HARK_TELEMETRY_WIRE;
	copy_declaration(&g.d, out);
	if (session != NULL)
		*session = next;
	return HARK_TELEMETRY_OK;
}

/* A key with a head of one byte. */
#define KEY_SIZE(text) (sizeof(text))

#define WRITE_KEY(w, text) cbor_write_text((w), (text), sizeof(text) - 1)

static enum err
measure_text(struct hark_text text, size_t *total)
{
	if (text.data == NULL && text.size > 0)
		return ERR_ARGUMENT;
	if (text.size > HARK_MAX_FRAME_BYTES)
		return ERR_LIMIT;
	if (text.size > 0 && !wire_is_utf8((const uint8_t *)text.data, text.size))
		return ERR_ARGUMENT;
	*total += cbor_head_size(text.size) + text.size;
	return ERR_OK;
}

/* What wire 2 adds; nothing of it may be there in any other version. */
static enum err
measure_extension(const struct hark_guest_declaration *d, size_t *total)
{
	struct hark_rejection ignored;
	uint64_t stream;
	size_t size;
	enum err e;

	if (d->content_version != HARK_WIRE_CONTENT_VERSION_HARK)
		return d->has_seq || d->has_dropped || d->detail_count > 0 ? ERR_ARGUMENT : ERR_OK;
	if (d->has_seq)
		*total += KEY_SIZE("seq") + cbor_head_size(d->seq);
	if (d->has_dropped)
		*total += KEY_SIZE("dropped") + cbor_head_size(d->dropped);
	if (d->detail_count > 0) {
		e = detail_measure(d, &size);
		if (e != ERR_OK)
			return e;
		*total += KEY_SIZE("detail") + size;
	}
	/* A hello without a good stream is refused wherever it can mean something. */
	if (is_hello(d) && detail_read_stream(d, &stream, &ignored) != ERR_OK)
		return ERR_ARGUMENT;
	return ERR_OK;
}

/* The size of the body, or why it cannot be written. */
static enum err
measure_body(const struct hark_guest_declaration *d, size_t *out)
{
	size_t total = 1 + KEY_SIZE("content_version") + KEY_SIZE("probe_source") +
		       KEY_SIZE("guest_pid") + KEY_SIZE("guest_comm") +
		       KEY_SIZE("guest_monotonic_ns");
	enum err e;

	if (d->content_version == 0 ||
	    d->content_version >> 8 != HARK_WIRE_CONTENT_VERSION_MAJOR >> 8)
		return ERR_ARGUMENT;
	total += cbor_head_size(d->content_version) + cbor_head_size(d->guest_pid) +
		 cbor_head_size(d->guest_monotonic_ns);
	e = measure_text(d->probe_source, &total);
	if (e == ERR_OK)
		e = measure_text(d->guest_comm, &total);
	if (e == ERR_OK)
		e = measure_extension(d, &total);
	if (e != ERR_OK)
		return e;
	if (total > HARK_MAX_FRAME_BYTES)
		return ERR_LIMIT;
	*out = total;
	return ERR_OK;
}

static void
write_body(struct cbor_writer *w, const struct hark_guest_declaration *d)
{
	cbor_write_head(w, CBOR_MAP, 5u + d->has_seq + d->has_dropped + (d->detail_count > 0));
	WRITE_KEY(w, "content_version");
	cbor_write_head(w, CBOR_UNSIGNED, d->content_version);
	WRITE_KEY(w, "probe_source");
	cbor_write_text(w, d->probe_source.data, d->probe_source.size);
	WRITE_KEY(w, "guest_pid");
	cbor_write_head(w, CBOR_UNSIGNED, d->guest_pid);
	WRITE_KEY(w, "guest_comm");
	cbor_write_text(w, d->guest_comm.data, d->guest_comm.size);
	WRITE_KEY(w, "guest_monotonic_ns");
	cbor_write_head(w, CBOR_UNSIGNED, d->guest_monotonic_ns);
	if (d->has_seq) {
		WRITE_KEY(w, "seq");
		cbor_write_head(w, CBOR_UNSIGNED, d->seq);
	}
	if (d->has_dropped) {
		WRITE_KEY(w, "dropped");
		cbor_write_head(w, CBOR_UNSIGNED, d->dropped);
	}
	if (d->detail_count > 0) {
		WRITE_KEY(w, "detail");
		detail_write(w, d);
	}
}

enum hark_telemetry_error
hark_encode_frame(const struct hark_guest_declaration *declaration, void *frame, size_t capacity,
		  size_t *size_out)
{
	struct cbor_writer w;
	uint8_t *bytes = frame;
	size_t size = 0;
	enum err e;

	if (declaration == NULL || frame == NULL || size_out == NULL)
		return HARK_TELEMETRY_ARGUMENT;
	e = measure_body(declaration, &size);
	if (e != ERR_OK)
		return e == ERR_LIMIT ? HARK_TELEMETRY_LIMIT : HARK_TELEMETRY_ARGUMENT;
	if (capacity < HARK_FRAME_PREFIX_BYTES + size)
		return HARK_TELEMETRY_LIMIT;
	/* Measured first, so that a refusal leaves the caller's buffer as it was. */
	w = (struct cbor_writer){ .at = bytes + HARK_FRAME_PREFIX_BYTES,
				  .end = bytes + HARK_FRAME_PREFIX_BYTES + size };
	write_body(&w, declaration);
	MUST(!w.full && w.at == w.end);
	frame_prefix_write((uint32_t)size, bytes);
	*size_out = HARK_FRAME_PREFIX_BYTES + size;
	return HARK_TELEMETRY_OK;
}
