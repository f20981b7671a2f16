/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a child and harkd say to each other.  A child that breaks the form, or does not read, ends.
 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "harkd/child_internal.h"
#include "harkd/harkd.h"
#include "os/file.h"
#include "prog/exit.h"
#include "prog/log.h"

/* The most messages of one child in one turn. */
#define MESSAGES_A_TURN 64u
#define NS_PER_S        UINT64_C(1000000000)

/* Where a message of a child is read: its texts live until the next one. */
static uint8_t buffer[IPC_BYTES_MAX];

void
child_close_channel(struct child *c)
{
	if (c->channel < 0)
		return;
	loop_fd_remove(c->h->loop, c->channel);
	file_close(&c->channel);
	outbox_finish(&c->outbox);
}

static void
watch(struct child *c)
{
	bool waits = outbox_is_waiting(&c->outbox);
	uint32_t events = (waits && c->kind->asks ? 0u : EPOLLIN) | (waits ? EPOLLOUT : 0u);

	if (loop_fd_modify(c->h->loop, c->channel, events) != ERR_OK)
		child_kill(c, "its channel cannot be watched");
}

void
child_send(struct child *c, struct message *m)
{
	/* What is said to who asks is itself an answer. */
	bool wants_answer = m->id != 0 && !c->kind->asks;
	bool waited;
	enum err e;

	if (c->channel < 0) {
		message_close(m);
		return;
	}
	waited = outbox_is_waiting(&c->outbox);
	e = outbox_send(&c->outbox, c->channel, m);
	if (e == ERR_OK && wants_answer)
		c->owed++;
	/* Its end is heard on the other descriptor. */
	if (e != ERR_OK && e != ERR_END)
		child_kill(c, e == ERR_LIMIT ? "it does not read what it is sent"
					     : "it cannot be sent to");
	else if (outbox_is_waiting(&c->outbox) != waited)
		watch(c);
}

static void
hear_ready(struct child *c, const struct message *m)
{
	char name[192];
	char shown[CHILD_TEXT_BYTES];
	struct bytes text = message_bytes(m, FIELD_TEXT);

	c->said_ready = true;
	if (c->state == CHILD_STOPPING)
		return; /* it was told to end before it had said so */
	if (c->state != CHILD_STARTING) {
		child_punish(c, "ready_twice", "it said READY twice");
		return;
	}
	(void)text_escape((const char *)text.data, text.size, c->report, sizeof(c->report));
	c->ready_ns = loop_now_ns(c->h->loop);
	child_enter(c, CHILD_RUNNING, 0);
	if (c->report[0] != '\0' && c->generation == 1) {
		(void)snprintf(shown, sizeof(shown), "%s", c->report);
		log_info("%s runs without: %s", child_name(c, name, sizeof(name)), shown);
	}
	c->kind->ready(c, m);
	if (c->stop_due)
		child_stop(c);
	life_step(c->h);
}

static void
hear_failed(struct child *c, const struct message *m)
{
	struct bytes text = message_bytes(m, FIELD_TEXT);
	uint64_t code = message_number(m, FIELD_CODE, 0);

	c->failed_code = code >= 1 && code <= EXIT_CONFIG ? (int)code : EXIT_SOFTWARE;
	(void)text_escape((const char *)text.data, text.size, c->last_words, sizeof(c->last_words));
}

/* True where it has said more than it may in this second.  An answer that is owed is none of that:
 * of those harkd decides how many there are. */
static bool
floods(struct child *c, const struct message *m)
{
	uint64_t now = loop_now_ns(c->h->loop);

	if (m->type == MESSAGE_DONE && m->id != 0 && c->owed > 0) {
		c->owed--;
		return false;
	}
	if (c->said == 0 || now - c->second_ns >= NS_PER_S) {
		c->second_ns = now;
		c->said = 0;
	}
	c->said++;
	return c->said > c->kind->messages_per_s;
}

static void
hear(struct child *c, struct message *m)
{
	if (floods(c, m))
		child_punish(c, "too_many_messages", "it says too much");
	else if (m->type == MESSAGE_READY)
		hear_ready(c, m);
	else if (m->type == MESSAGE_FAILED)
		hear_failed(c, m);
	else if (!c->kind->hear(c, m))
		child_punish(c, "not_due", "it said what it may not say");
	message_close(m);
}

/* The channel has ended, or is no channel any more. */
static void
lose_channel(struct child *c, enum err e)
{
	if (e != ERR_END) {
		child_punish(c, "unreadable", "its message cannot be read");
		return;
	}
	child_close_channel(c);
	if (c->state != CHILD_STOPPING)
		child_enter(c, CHILD_STOPPING, CHILD_END_LIMIT_MS);
}

void
child_on_channel(void *ctx, uint32_t ready)
{
	struct child *c = ctx;
	unsigned int left;

	if ((ready & EPOLLOUT) != 0 && outbox_is_waiting(&c->outbox)) {
		enum err e = outbox_flush(&c->outbox, c->channel);

		if (e != ERR_OK && e != ERR_AGAIN && e != ERR_END) {
			child_kill(c, "it cannot be sent to");
			return;
		}
		watch(c);
	}
	for (left = MESSAGES_A_TURN; left > 0 && c->channel >= 0; left--) {
		struct message m;
		enum err e;

		if (c->kind->asks && outbox_is_waiting(&c->outbox))
			return;
		e = message_receive(c->channel, buffer, sizeof(buffer), &m);

		if (e == ERR_AGAIN)
			return;
		if (e != ERR_OK) {
			lose_channel(c, e);
			return;
		}
		hear(c, &m);
	}
}
