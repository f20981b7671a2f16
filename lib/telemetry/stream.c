/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One connection of a guest: frames out of a fixed buffer, judged in order, dead after the first
 * refusal.  It decides nothing about what a frame says, and owns no clock.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "os/file.h"
#include "os/memory.h"
#include "telemetry/stream.h"
#include "telemetry/stream_internal.h"
#include "wire/prefix.h"

/* What one read takes at most: hundreds of usual frames for one system call. */
#define STREAM_BUFFER_BYTES 65536u
#define STREAM_FRAME_BYTES  (HARK_FRAME_PREFIX_BYTES + HARK_MAX_FRAME_BYTES)

static_assert(STREAM_BUFFER_BYTES >= 2 * STREAM_FRAME_BYTES,
	      "after the rest of a frame moved to the front there is room for another");

/*
 * at <= end <= STREAM_BUFFER_BYTES.  Bytes from at to end were read and not yet given.  `answer` is
 * OK while the stream lives; else it is what every later call says, with `rejection` or
 * `system_error`.
 */
struct hark_stream {
	int fd;
	enum hark_telemetry_error answer;
	struct hark_rejection rejection;
	bool drained; /* the latest read found nothing in the socket */
	int system_error;
	struct hark_peer peer;
	struct hark_wire_session session;
	struct connections *connections;
	size_t at;
	size_t end;
	uint64_t read_ns;  /* when the latest bytes came */
	uint64_t begun_ns; /* when the first byte of the frame at `at` came */
	uint8_t buffer[STREAM_BUFFER_BYTES];
};

/* ---- the count of streams ------------------------------------------------------------------ */

struct connections *
connections_create(struct connections *place)
{
	struct connections *c = place != NULL ? place : malloc(sizeof(*c));

	if (c == NULL)
		return NULL;
	c->is_in_place = place != NULL;
	atomic_init(&c->references, 1);
	atomic_init(&c->open, 0);
	return c;
}

void
connections_release(struct connections *c)
{
	bool is_in_place;

	if (c == NULL)
		return;
	/* Without our reference it may be gone. */
	is_in_place = c->is_in_place;
	if (atomic_fetch_sub(&c->references, 1) == 1 && !is_in_place)
		free(c);
}

/* ---- life ---------------------------------------------------------------------------------- */

enum err
stream_create(int *fd, const struct hark_peer *peer, struct connections *connections,
	      struct hark_stream **out)
{
	struct hark_stream *s;

	MUST(fd != NULL && *fd >= 0 && peer != NULL && connections != NULL && out != NULL);

	/* Not zeroed: the buffer's pages are touched when bytes come, and only so far. */
	s = malloc(sizeof(*s));
	if (s == NULL)
		return ERR_MEMORY;
	s->fd = *fd;
	s->answer = HARK_TELEMETRY_OK;
	s->rejection = (struct hark_rejection){ HARK_REJECT_NONE, HARK_FIELD_NONE };
	s->drained = false;
	s->system_error = 0;
	s->peer = *peer;
	s->session = (struct hark_wire_session){ 0 };
	s->connections = connections;
	s->at = 0;
	s->end = 0;
	s->read_ns = 0;
	s->begun_ns = 0;
	(void)atomic_fetch_add(&connections->references, 1);
	(void)atomic_fetch_add(&connections->open, 1);
	*fd = -1;
	*out = s;
	return ERR_OK;
}

void
hark_stream_close(struct hark_stream *stream)
{
	if (stream == NULL)
		return;
	file_close(&stream->fd);
	(void)atomic_fetch_sub(&stream->connections->open, 1);
	connections_release(stream->connections);
	free(stream);
}

int
hark_stream_fd(const struct hark_stream *stream)
{
	return stream == NULL ? -1 : stream->fd;
}

void
hark_stream_peer(const struct hark_stream *stream, struct hark_peer *out)
{
	if (stream != NULL && out != NULL)
		*out = stream->peer;
}

void
hark_stream_session(const struct hark_stream *stream, struct hark_wire_session *out)
{
	if (stream != NULL && out != NULL)
		*out = stream->session;
}

/* ---- frames -------------------------------------------------------------------------------- */

/* Ends the stream with this answer, for this call and every later one. */
static enum hark_telemetry_error
end_with(struct hark_stream *s, enum hark_telemetry_error answer)
{
	MUST(s->answer == HARK_TELEMETRY_OK && answer != HARK_TELEMETRY_OK);
	s->answer = answer;
	s->at = s->end;
	return answer;
}

static size_t
left(const struct hark_stream *s)
{
	MUST(s->at <= s->end && s->end <= STREAM_BUFFER_BYTES);
	return s->end - s->at;
}

/* The next frame of the buffer; AGAIN where it is not whole.  A prefix is judged as soon as it is
 * there: nobody waits for a body that would be refused. */
static enum hark_telemetry_error
take_frame(struct hark_stream *s, struct hark_guest_declaration *out)
{
	enum hark_telemetry_error e;
	uint32_t size;

	if (left(s) < HARK_FRAME_PREFIX_BYTES)
		return HARK_TELEMETRY_AGAIN;
	if (frame_prefix_read(s->buffer + s->at, &size, &s->rejection) != ERR_OK)
		return end_with(s, HARK_TELEMETRY_WIRE);
	if (left(s) - HARK_FRAME_PREFIX_BYTES < size)
		return HARK_TELEMETRY_AGAIN;
	e = hark_decode_frame(&s->session, s->buffer + s->at + HARK_FRAME_PREFIX_BYTES, size, out,
			      &s->rejection);
	if (e != HARK_TELEMETRY_OK)
		return end_with(s, e);
	s->at += HARK_FRAME_PREFIX_BYTES + size;
	/* Nothing is read while a whole frame waits: what follows this one came with its end. */
	s->begun_ns = s->read_ns;
	return HARK_TELEMETRY_OK;
}

/* One read.  OK where bytes came, AGAIN where none are there; else the stream has ended. */
static enum hark_telemetry_error
read_once(struct hark_stream *s, uint64_t now_ns)
{
	size_t size = 0;
	bool was_empty = left(s) == 0;

	MUST(left(s) < STREAM_FRAME_BYTES);

	if (s->at > 0) {
		/* Less than a frame, moved once for a buffer full of frames. */
		memmove(s->buffer, s->buffer + s->at, left(s));
		s->end = left(s);
		s->at = 0;
	}
	s->drained = false;
	switch (file_read(s->fd, s->buffer + s->end, STREAM_BUFFER_BYTES - s->end, &size)) {
	case ERR_OK:
		s->end += size;
		s->read_ns = now_ns;
		if (was_empty)
			s->begun_ns = now_ns;
		return HARK_TELEMETRY_OK;
	case ERR_AGAIN:
		s->drained = true;
		return HARK_TELEMETRY_AGAIN;
	case ERR_END:
		if (frame_end_read(left(s), &s->rejection) == ERR_OK)
			return end_with(s, HARK_TELEMETRY_END);
		return end_with(s, HARK_TELEMETRY_WIRE);
	default:
		s->system_error = errno;
		return end_with(s, HARK_TELEMETRY_SYSTEM);
	}
}

/* True where a whole frame, or a prefix that will be refused, waits for its reader. */
static bool
frame_waits(const struct hark_stream *s)
{
	struct hark_rejection ignored;
	uint32_t size;

	if (left(s) < HARK_FRAME_PREFIX_BYTES)
		return false;
	if (frame_prefix_read(s->buffer + s->at, &size, &ignored) != ERR_OK)
		return true;
	return left(s) - HARK_FRAME_PREFIX_BYTES >= size;
}

static bool
is_late(const struct hark_stream *s, uint64_t now_ns)
{
	return left(s) > 0 && !frame_waits(s) && now_ns >= s->begun_ns &&
	       now_ns - s->begun_ns >= HARK_FRAME_TIME_LIMIT_NS;
}

/* Ends a stream whose guest took too long. */
static enum hark_telemetry_error
time_out(struct hark_stream *s)
{
	s->rejection = (struct hark_rejection){ HARK_REJECT_FRAME_TIMEOUT, HARK_FIELD_NONE };
	return end_with(s, HARK_TELEMETRY_WIRE);
}

static enum hark_telemetry_error
next_frame(struct hark_stream *s, uint64_t now_ns, struct hark_guest_declaration *out)
{
	enum hark_telemetry_error e = take_frame(s, out);

	if (e != HARK_TELEMETRY_AGAIN)
		return e;
	e = read_once(s, now_ns);
	if (e == HARK_TELEMETRY_OK)
		e = take_frame(s, out);
	/* Judged after the read, so that a caller who comes late does not blame the guest. */
	if (e == HARK_TELEMETRY_AGAIN && is_late(s, now_ns))
		return time_out(s);
	return e;
}

enum hark_telemetry_error
hark_stream_next(struct hark_stream *stream, uint64_t now_ns, struct hark_guest_declaration *out,
		 struct hark_rejection *rejection)
{
	enum hark_telemetry_error e;

	if (stream == NULL || out == NULL || rejection == NULL)
		return HARK_TELEMETRY_ARGUMENT;
	e = stream->answer;
	if (e == HARK_TELEMETRY_OK)
		e = next_frame(stream, now_ns, out);
	if (e == HARK_TELEMETRY_WIRE || e == HARK_TELEMETRY_UNSUPPORTED_VERSION)
		*rejection = stream->rejection;
	if (e == HARK_TELEMETRY_SYSTEM)
		errno = stream->system_error;
	return e;
}

bool
hark_stream_is_stalled(struct hark_stream *stream, uint64_t now_ns,
		       struct hark_rejection *rejection)
{
	if (stream == NULL || rejection == NULL || stream->answer != HARK_TELEMETRY_OK ||
	    !is_late(stream, now_ns))
		return false;
	(void)time_out(stream);
	*rejection = stream->rejection;
	return true;
}

bool
stream_is_drained(const struct hark_stream *s)
{
	MUST(s != NULL);
	return s->drained;
}

uint64_t
stream_deadline_ns(const struct hark_stream *s)
{
	MUST(s != NULL);
	if (s->answer != HARK_TELEMETRY_OK || left(s) == 0 || frame_waits(s))
		return UINT64_MAX;
	return num_add_saturating(s->begun_ns, HARK_FRAME_TIME_LIMIT_NS);
}

void
stream_give_back(struct hark_stream *s)
{
	MUST(s != NULL);
	if (left(s) == 0)
		memory_give_back(s->buffer, sizeof(s->buffer));
}
