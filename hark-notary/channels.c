/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Channels of receivers as descriptors.  All are in one epoll of their own, which the loop watches
 * as one: where the ledger is behind it is paused as a whole, and their sockets fill, which is how
 * receivers hear of it.  Ready ones are taken in turn, one message each.
 */
#include <stdlib.h>

#include "base/must.h"
#include "hark-notary/daemon.h"
#include "os/file.h"
#include "os/packet.h"
#include "os/poll.h"
#include "prog/exit.h"
#include "prog/log.h"

static void
stop_watching(struct daemon *d, struct daemon_channel *c)
{
	if (!c->is_read)
		return;
	c->is_read = false;
	/* It fails for no descriptor that is in it. */
	(void)!poll_remove(d->channels_fd, c->fd);
}

static void
drop(struct daemon *d, struct daemon_channel *c)
{
	stop_watching(d, c);
	file_close(&c->fd);
	(void)table_remove(&d->channels, c->number);
	free(c);
}

/* Nothing more can come: the core may end it. */
static void
at_end(struct daemon *d, struct daemon_channel *c)
{
	const struct event_clock now = daemon_clock();
	uint64_t number = c->number;

	stop_watching(d, c);
	if (!c->is_gone)
		return; /* harkd will say so soon */
	drop(d, c);
	if (notary_channel_gone(d->core, number, &now) != ERR_OK)
		daemon_end(d, EXIT_SOFTWARE, "a channel is not the core's");
}

/* False: the core has no place for more now. */
static bool
went_on(struct daemon *d, enum notary_take take)
{
	if (take == NOTARY_WANTS_CONTROL) {
		supervisor_read(d);
		take = notary_resume(d->core);
		/* It asks once for a record; for the next one in a later turn. */
	}
	return take == NOTARY_TAKEN;
}

/* One message.  False: the core has no place for more now. */
static bool
read_one(struct daemon *d, struct daemon_channel *c, const struct event_clock *now)
{
	void *buffer = notary_buffer(d->core);
	size_t size = 0;
	size_t fd_count = 0;
	enum err e;

	if (buffer == NULL)
		return false;
	e = packet_receive(c->fd, buffer, RECORD_BATCH_BYTES_MAX, &size, NULL, 0, &fd_count);
	if (e == ERR_AGAIN)
		return true;
	if (e == ERR_END || e == ERR_SYSTEM) {
		at_end(d, c);
		return true;
	}
	if (e == ERR_LIMIT)
		size = 0; /* too large, or with a descriptor: no batch is that */
	return went_on(d, notary_message(d->core, c->number, size, now));
}

static void
pause_channels(struct daemon *d, bool pause)
{
	if (d->channels_are_paused == pause)
		return;
	d->channels_are_paused = pause;
	if (loop_fd_modify(d->loop, d->channels_fd, pause ? 0 : EPOLLIN) != ERR_OK)
		daemon_end(d, EXIT_OS, "the channels cannot be watched");
}

static void
on_channels(void *ctx, uint32_t ready)
{
	struct daemon *d = ctx;
	struct epoll_event events[DAEMON_CHANNELS_PER_TURN];
	const struct event_clock now = daemon_clock();
	size_t count = 0;
	size_t i;

	(void)ready;
	if (notary_buffer(d->core) == NULL) {
		pause_channels(d, true);
		return;
	}
	if (poll_wait(d->channels_fd, events, (int)DAEMON_CHANNELS_PER_TURN, 0, &count) != ERR_OK) {
		daemon_end(d, EXIT_OS, "the channels cannot be watched");
		return;
	}
	for (i = 0; i < count && !d->has_ended; i++) {
		/* One before it in this turn may have led to its end. */
		struct daemon_channel *c = table_get(&d->channels, events[i].data.u64);

		if (c != NULL && c->is_read && !read_one(d, c, &now)) {
			pause_channels(d, true);
			break;
		}
	}
	loop_timer_set(d->loop, &d->again, loop_now_ns(d->loop));
}

enum err
channels_open(struct daemon *d)
{
	enum err e = poll_open(&d->channels_fd);

	if (e != ERR_OK)
		return e;
	return loop_fd_add(d->loop, d->channels_fd, EPOLLIN, on_channels, d);
}

void
channels_close(struct daemon *d)
{
	struct daemon_channel *c;
	size_t i;

	for (i = 0; (c = table_next(&d->channels, &i)) != NULL; i = 0)
		drop(d, c);
	table_finish(&d->channels);
	if (d->channels_fd >= 0)
		loop_fd_remove(d->loop, d->channels_fd);
	file_close(&d->channels_fd);
}

void
channels_add(struct daemon *d, uint64_t number, uint64_t incarnation, int fd)
{
	struct daemon_channel *c = calloc(1, sizeof(*c));
	enum err e;

	if (c == NULL) {
		file_close(&fd);
		daemon_end(d, EXIT_SOFTWARE, "no memory for a channel");
		return;
	}
	*c = (struct daemon_channel){ .number = number, .fd = fd };
	e = table_set(&d->channels, number, c);
	if (e != ERR_OK) {
		file_close(&fd);
		free(c);
		daemon_end(d, EXIT_SOFTWARE, "no memory for a channel");
		return;
	}
	e = notary_channel_add(d->core, number, incarnation);
	if (e == ERR_OK)
		e = poll_add(d->channels_fd, fd, EPOLLIN, number);
	if (e != ERR_OK) {
		log_error("channel %llu: %s", (unsigned long long)number, err_text(e));
		daemon_end(d, EXIT_PROTOCOL, "harkd gave a channel that cannot be");
		return;
	}
	c->is_read = true;
}

void
channels_gone(struct daemon *d, uint64_t number)
{
	struct daemon_channel *c = table_get(&d->channels, number);

	if (c == NULL) {
		log_warning("harkd speaks of a channel that is not there: %llu",
			    (unsigned long long)number);
		return;
	}
	c->is_gone = true;
	/* Its end was read already, or it is not read for a violation. */
	if (!c->is_read)
		at_end(d, c);
}

void
channels_stop(struct daemon *d, uint64_t number)
{
	struct daemon_channel *c = table_get(&d->channels, number);

	/* The last of what it sent may have been taken after its end was read. */
	if (c == NULL)
		return;
	stop_watching(d, c);
	if (c->is_gone)
		loop_timer_set(d->loop, &d->again, loop_now_ns(d->loop));
}

bool
channels_receipt(struct daemon *d, uint64_t number, const struct record_receipt *receipt)
{
	static uint8_t bytes[RECORD_RECEIPT_BYTES_MAX];
	struct daemon_channel *c = table_get(&d->channels, number);
	size_t size = 0;

	if (c == NULL)
		return true;
	if (record_receipt_write(receipt, bytes, sizeof(bytes), &size) != ERR_OK)
		MUST_NOT_REACH("a receipt that has no room");
	/* A receiver that has gone needs none; of that its channel tells. */
	return packet_send(c->fd, bytes, size, NULL, 0) != ERR_AGAIN;
}

/* Channels that were stopped after harkd had said that they are gone. */
static void
end_stopped(struct daemon *d)
{
	struct daemon_channel *c;
	size_t i = 0;

	while ((c = table_next(&d->channels, &i)) != NULL) {
		if (c->is_gone && !c->is_read) {
			at_end(d, c);
			i = 0;
		}
	}
}

bool
channels_have_rest(const struct daemon *d)
{
	const struct daemon_channel *c;
	size_t i = 0;

	if (notary_is_stalled(d->core))
		return true;
	while ((c = table_next(&d->channels, &i)) != NULL) {
		if (c->is_gone)
			return true;
	}
	return false;
}

void
channels_resume(struct daemon *d)
{
	if (notary_is_stalled(d->core) && !went_on(d, notary_resume(d->core)))
		return;
	if (d->has_ended)
		return;
	if (!notary_is_stalled(d->core))
		end_stopped(d);
	if (notary_buffer(d->core) != NULL)
		pause_channels(d, false);
}
