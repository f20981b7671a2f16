/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The state machine of the connection to the host.  Nothing here waits, and nothing that the host
 * does reaches further than the eight bytes of a confirmation.
 */
#include <string.h>

#include "base/must.h"
#include "hark-agent/stream.h"
#include "os/outlet.h"

#define NS_A_MS UINT64_C(1000000)

static const uint32_t state_limit_ms[] = {
#define STREAM_STATE_LIMIT(name, limit_ms) limit_ms,
	STREAM_STATES(STREAM_STATE_LIMIT)
#undef STREAM_STATE_LIMIT
};

static const bool state_step[STREAM_STATE_COUNT][STREAM_STATE_COUNT] = {
	[STREAM_WAITING] = { [STREAM_WAITING] = true,
			     [STREAM_CONNECTING] = true,
			     [STREAM_OPEN] = true },
	[STREAM_CONNECTING] = { [STREAM_WAITING] = true, [STREAM_OPEN] = true },
	[STREAM_OPEN] = { [STREAM_WAITING] = true },
};

static void
stream_enter(struct stream *s, enum stream_state next, uint64_t now_ns)
{
	MUST(state_step[s->state][next]);

	s->state = next;
	s->limit_ns =
		state_limit_ms[next] == 0 ? UINT64_MAX : now_ns + state_limit_ms[next] * NS_A_MS;
}

void
stream_init(struct stream *s, const struct stream_target *target, struct ring *ring,
	    const struct declarer *declarer, uint64_t heartbeat_interval_ns)
{
	MUST(heartbeat_interval_ns > 0);

	memset(s, 0, sizeof(*s));
	s->target = *target;
	s->ring = ring;
	s->declarer = declarer;
	s->fd = -1;
	s->retry_ms = STREAM_RETRY_MS_MIN;
	s->patience_ms = STREAM_PATIENCE_MS_MIN;
	s->patience_ns = UINT64_MAX;
	s->heartbeat_interval_ns = heartbeat_interval_ns;
}

/* Between three quarters and the whole of the interval, so that many guests do not march in step.
 */
static uint64_t
jittered_ns(uint32_t ms)
{
	uint64_t whole = ms * NS_A_MS;
	uint32_t random = 0;

	if (wait_random(&random, sizeof(random)) != ERR_OK)
		return whole; /* in step is still right */
	return whole - whole / 4 * (random % 1024u) / 1024u;
}

/* Gives the connection up and tries again later. */
static void
drop(struct stream *s, uint64_t now_ns)
{
	outlet_close(s->fd);
	s->fd = -1;
	stream_enter(s, STREAM_WAITING, now_ns);
	s->retry_ns = now_ns + jittered_ns(s->retry_ms);
	s->retry_ms = s->retry_ms * 2 > STREAM_RETRY_MS_MAX ? STREAM_RETRY_MS_MAX : s->retry_ms * 2;
}

static void
opened(struct stream *s, uint64_t now_ns)
{
	stream_enter(s, STREAM_OPEN, now_ns);
	s->said_goodbye = false;
	s->acked_since_goodbye = false;
	s->patience_ns = UINT64_MAX;
	s->ack_size = 0;
	s->out_at = 0;
	s->heartbeat_ns = now_ns + s->heartbeat_interval_ns;
	ring_rewind(s->ring);
	s->out_size = declare_hello(s->declarer, s->ring->oldest, now_ns, s->out);
}

static void
begin_connect(struct stream *s, uint64_t now_ns)
{
	enum err e;

	if (s->target.path != NULL)
		e = outlet_connect_unix(s->target.path, &s->fd);
	else
		e = outlet_connect_vsock(s->target.cid, s->target.port, &s->fd);
	if (e == ERR_OK)
		opened(s, now_ns);
	else if (e == ERR_AGAIN)
		stream_enter(s, STREAM_CONNECTING, now_ns);
	else
		drop(s, now_ns);
}

/* One confirmation.  RANGE: it speaks of events that do not exist. */
static enum err
take_ack(struct stream *s)
{
	uint64_t oldest = s->ring->oldest;
	uint64_t number = 0;
	size_t i;
	enum err e;

	for (i = 0; i < STREAM_ACK_BYTES; i++)
		number |= (uint64_t)s->ack[i] << (8 * i);
	s->ack_size = 0;
	e = ring_ack(s->ring, number);
	if (e != ERR_OK)
		return e;
	s->host_acks = true;
	s->acked_since_goodbye = s->said_goodbye && s->out_at == s->out_size;
	s->retry_ms = STREAM_RETRY_MS_MIN;
	if (s->ring->oldest > oldest || s->acked_since_goodbye) {
		s->patience_ms = STREAM_PATIENCE_MS_MIN;
		s->patience_ns = UINT64_MAX;
	}
	return ERR_OK;
}

/* END, SYSTEM or RANGE: the connection is of no more use. */
static enum err
read_acks(struct stream *s)
{
	uint8_t in[STREAM_ACK_BYTES * 64];
	size_t size;
	size_t i;
	enum err e = outlet_read(s->fd, in, sizeof(in), &size);

	if (e == ERR_AGAIN)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	for (i = 0; i < size; i++) {
		s->ack[s->ack_size++] = in[i];
		if (s->ack_size == STREAM_ACK_BYTES) {
			e = take_ack(s);
			if (e != ERR_OK)
				return e;
		}
	}
	return ERR_OK;
}

/*
 * Fills the empty buffer: events first.  A heartbeat and a goodbye carry the number of the next
 * event, so they are said only when every event held has been.
 */
static void
refill(struct stream *s, uint64_t now_ns)
{
	MUST(s->out_at == s->out_size);

	s->out_at = 0;
	s->out_size = ring_take(s->ring, s->out, sizeof(s->out) - FRAME_BYTES_MAX);
	if (s->ring->unsent != s->ring->next || s->said_goodbye)
		return;
	if (s->ending) {
		s->out_size += declare_goodbye(s->declarer, s->ring->next, s->wait_status, now_ns,
					       s->out + s->out_size);
		s->said_goodbye = true;
	} else if (now_ns >= s->heartbeat_ns) {
		s->out_size +=
			declare_heartbeat(s->declarer, s->ring->next, now_ns, s->out + s->out_size);
		s->heartbeat_ns = now_ns + s->heartbeat_interval_ns;
	}
}

static enum err
write_out(struct stream *s, uint64_t now_ns)
{
	uint32_t turn;

	for (turn = 0; turn < STREAM_WRITES_A_TURN; turn++) {
		size_t written;
		enum err e;

		if (s->out_at == s->out_size)
			refill(s, now_ns);
		if (s->out_at == s->out_size)
			return ERR_OK;
		e = outlet_write(s->fd, s->out + s->out_at, s->out_size - s->out_at, &written);
		if (e == ERR_AGAIN)
			return ERR_OK;
		if (e != ERR_OK)
			return e;
		s->out_at += written;
		/* A connection that takes bytes is a good one: the next wait is short again. */
		s->retry_ms = STREAM_RETRY_MS_MIN;
	}
	return ERR_OK;
}

/* True where what was said should have been confirmed long ago. */
static bool
is_overdue(struct stream *s, uint64_t now_ns)
{
	bool owed =
		s->ring->oldest < s->ring->unsent || (s->said_goodbye && !s->acked_since_goodbye);

	if (!s->host_acks || !owed)
		s->patience_ns = UINT64_MAX;
	else if (s->patience_ns == UINT64_MAX)
		s->patience_ns = now_ns + s->patience_ms * NS_A_MS;
	if (now_ns < s->patience_ns)
		return false;
	s->patience_ms = s->patience_ms * 2 > STREAM_PATIENCE_MS_MAX ? STREAM_PATIENCE_MS_MAX
								     : s->patience_ms * 2;
	return true;
}

static bool
has_something_to_say(const struct stream *s, uint64_t now_ns)
{
	return s->out_at < s->out_size || s->ring->unsent < s->ring->next ||
	       (s->ending && !s->said_goodbye) || (!s->said_goodbye && now_ns >= s->heartbeat_ns);
}

void
stream_prepare(struct stream *s, uint64_t now_ns, struct wait_item *item, uint64_t *deadline_ns)
{
	uint64_t until = UINT64_MAX;

	item->fd = s->fd;
	item->want_read = s->state == STREAM_OPEN;
	item->want_write = s->state == STREAM_CONNECTING ||
			   (s->state == STREAM_OPEN && has_something_to_say(s, now_ns));
	if (s->state == STREAM_WAITING)
		until = s->retry_ns;
	else if (s->state == STREAM_CONNECTING)
		until = s->limit_ns;
	else if (!s->said_goodbye && !item->want_write)
		until = s->heartbeat_ns;
	if (s->state == STREAM_OPEN && s->patience_ns < until)
		until = s->patience_ns;
	if (until < *deadline_ns)
		*deadline_ns = until;
}

void
stream_service(struct stream *s, uint64_t now_ns, const struct wait_item *item)
{
	bool ours = item->fd == s->fd;

	if (s->state == STREAM_WAITING && now_ns >= s->retry_ns)
		begin_connect(s, now_ns);
	else if (s->state == STREAM_CONNECTING && ours && item->ready_write) {
		if (outlet_finish_connect(s->fd) == ERR_OK)
			opened(s, now_ns);
		else
			drop(s, now_ns);
	} else if (s->state == STREAM_CONNECTING && now_ns >= s->limit_ns)
		drop(s, now_ns);
	if (s->state != STREAM_OPEN)
		return;
	if (ours && item->ready_read && read_acks(s) != ERR_OK) {
		drop(s, now_ns);
		return;
	}
	if ((has_something_to_say(s, now_ns) && write_out(s, now_ns) != ERR_OK) ||
	    is_overdue(s, now_ns))
		drop(s, now_ns);
}

void
stream_end(struct stream *s, int wait_status)
{
	s->ending = true;
	s->wait_status = wait_status;
}

bool
stream_is_done(const struct stream *s)
{
	size_t unread;

	if (s->state != STREAM_OPEN || !s->said_goodbye || s->out_at < s->out_size)
		return false;
	if (s->host_acks && s->ring->oldest < s->ring->next)
		return false;
	if (s->acked_since_goodbye)
		return true;
	/* Through a VMM, what has left our kernel is not yet with the host: only time helps. */
	if (s->target.path == NULL)
		return false;
	return outlet_unread(s->fd, &unread) == ERR_OK && unread == 0;
}

void
stream_finish(struct stream *s)
{
	outlet_close(s->fd);
	s->fd = -1;
}
