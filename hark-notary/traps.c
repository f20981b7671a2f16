/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Channels on which observers report traps, as descriptors.  Of each one message is read and then
 * nothing more, whoever is at its other end: so none can hold up receivers or fill a ledger.
 */
#include <stdlib.h>
#include <string.h>

#include "hark-notary/daemon.h"
#include "os/file.h"
#include "os/packet.h"
#include "prog/exit.h"
#include "proto/trap.h"

static struct bytes
name_of(const struct daemon_observer *o)
{
	return (struct bytes){ (const uint8_t *)o->name, strlen(o->name) };
}

static struct daemon_observer **
find(struct daemon *d, struct bytes name)
{
	struct daemon_observer **at = &d->observers;

	while (*at != NULL &&
	       (strlen((*at)->name) != name.size || memcmp((*at)->name, name.data, name.size) != 0))
		at = &(*at)->next;
	return at;
}

static void
close_channel(struct daemon_observer *o)
{
	if (o->fd < 0)
		return;
	loop_fd_remove(o->daemon->loop, o->fd);
	file_close(&o->fd);
}

/* Gives the core what is there, where it still wants it. */
static void
read_one(struct daemon_observer *o)
{
	const struct event_clock now = daemon_clock();
	/* One more, so that what is too large is seen to be. */
	uint8_t report[TRAP_REPORT_BYTES + 1];
	size_t fd_count = 0;
	size_t size = 0;
	enum err e;

	if (o->fd < 0)
		return;
	if (!notary_observer_is_read(o->daemon->core, name_of(o))) {
		close_channel(o);
		return;
	}
	e = packet_receive(o->fd, report, sizeof(report), &size, NULL, 0, &fd_count);
	if (e == ERR_AGAIN)
		return;
	close_channel(o);
	/* Of its end harkd tells. */
	if (e == ERR_END || e == ERR_SYSTEM)
		return;
	if (e != ERR_OK)
		size = 0; /* too large, or with a descriptor: no report is that */
	notary_observer_report(o->daemon->core, name_of(o), report, size, &now);
}

static void
on_report(void *ctx, uint32_t ready)
{
	struct daemon_observer *o = ctx;

	(void)ready;
	read_one(o);
	loop_timer_set(o->daemon->loop, &o->daemon->again, loop_now_ns(o->daemon->loop));
}

enum err
traps_add(struct daemon *d, const struct notary_observer *words, uint64_t id, int fd,
	  const struct event_clock *now)
{
	struct daemon_observer *o = calloc(1, sizeof(*o));
	enum err e = o == NULL ? ERR_MEMORY : notary_observer_add(d->core, words, id, now);

	if (e != ERR_OK || !notary_observer_is_read(d->core, words->name)) {
		free(o);
		file_close(&fd);
		return e;
	}
	*o = (struct daemon_observer){ .daemon = d, .fd = fd, .next = d->observers };
	memcpy(o->name, words->name.data, words->name.size);
	if (loop_fd_add(d->loop, fd, EPOLLIN, on_report, o) != ERR_OK) {
		free(o);
		file_close(&fd);
		daemon_end(d, EXIT_OS, "an observer's channel cannot be watched");
		return ERR_OK;
	}
	d->observers = o;
	return ERR_OK;
}

enum err
traps_gone(struct daemon *d, struct bytes name, struct bytes reason, const struct event_clock *now)
{
	struct daemon_observer **at = find(d, name);
	struct daemon_observer *o = *at;
	enum err e;

	/* What it said before it ended comes first. */
	if (o != NULL)
		read_one(o);
	e = notary_observer_gone(d->core, name, reason, now);
	if (o != NULL && e == ERR_OK) {
		close_channel(o);
		*at = o->next;
		free(o);
	}
	return e;
}

void
traps_close(struct daemon *d)
{
	while (d->observers != NULL) {
		struct daemon_observer *o = d->observers;

		d->observers = o->next;
		close_channel(o);
		free(o);
	}
}
