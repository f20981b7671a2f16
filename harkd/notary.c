/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is particular to the notary: its four descriptors, whom it is linked to, what it reports. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "harkd/harkd.h"
#include "os/file.h"
#include "os/packet.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/origin.h"

#define NS_PER_MS UINT64_C(1000000)

static bool
add_copy(struct message *m, int fd)
{
	if (file_duplicate(fd, &m->fds[m->fd_count]) == ERR_OK) {
		m->fd_count++;
		return true;
	}
	log_error("the notary's descriptors cannot be made: %s", strerror(errno));
	message_close(m);
	return false;
}

static bool
set_up(struct child *c, struct message *m)
{
	struct harkd *h = c->h;
	bool clean = c->generation == 1 && h->place.was_clean;

	message_init(m, MESSAGE_NOTARY_SETUP, 0);
	message_set_text(m, FIELD_HOST, h->place.host);
	message_set_number(m, FIELD_CLEAN, clean);
	/* A notary that follows another of this harkd was not ended in order: that shows too. */
	message_set_number(m, FIELD_RESTARTS, c->generation - 1);
	message_set_number(m, FIELD_COMMIT_US, h->config.commit_us);
	message_set_number(m, FIELD_BATCH_BYTES, h->config.batch_bytes);
	message_set_number(m, FIELD_SEGMENT_BYTES, h->config.segment_bytes);
	message_set_number(m, FIELD_TICK_MS, h->config.tick_ms);
	message_set_number(m, FIELD_CHECKPOINT_MS, h->config.checkpoint_ms);
	message_set_number(m, FIELD_CONFINE, h->config.require_confinement);
	return add_copy(m, h->place.ledger_fds[PROTO_EVIDENCE]) &&
	       add_copy(m, h->place.ledger_fds[PROTO_OPERATIONS]) &&
	       add_copy(m, h->ledgers[PROTO_EVIDENCE].page_fd) &&
	       add_copy(m, h->ledgers[PROTO_OPERATIONS].page_fd);
}

void
notary_link_signer(struct harkd *h, struct ledger_view *l)
{
	struct message m;
	int pair[2];

	if (!child_runs(&h->notary) || !child_runs(&l->signer))
		return;
	if (packet_pair(pair) != ERR_OK) {
		log_error("notary and signer cannot be linked: %s", strerror(errno));
		child_kill(&l->signer, "it can have no link");
		return;
	}
	message_init(&m, MESSAGE_SIGNER_LINK, 0);
	m.fds[0] = pair[0];
	m.fd_count = 1;
	child_send(&l->signer, &m);
	message_init(&m, MESSAGE_SIGNER_CHANNEL, 0);
	message_set_number(&m, FIELD_LEDGER, (uint64_t)(l - h->ledgers));
	m.fds[0] = pair[1];
	m.fd_count = 1;
	child_send(&h->notary, &m);
}

bool
notary_hears(const struct harkd *h)
{
	return child_runs(&h->notary) && h->notary_is_told;
}

/* A signer of the first start that may still become ready; it has a time limit. */
static bool
a_signer_is_expected(const struct harkd *h)
{
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++) {
		const struct child *signer = &h->ledgers[i].signer;

		if (signer->state == CHILD_STARTING && signer->generation == 1)
			return true;
	}
	return false;
}

void
notary_tell(struct harkd *h)
{
	struct cell *cell;
	unsigned int i;

	if (!child_runs(&h->notary) || h->notary_is_told || life_is_ending(h) ||
	    a_signer_is_expected(h))
		return;
	h->notary_is_told = true;
	for (cell = h->cells; cell != NULL; cell = cell->next)
		cell_introduce(cell);
	receiver_pair_all(h);
	configured_tell(h);
	violation_tell(h);
	for (i = 0; i < PROTO_LEDGERS; i++)
		signer_tell_rotation(h, &h->ledgers[i]);
	observer_start_all(h);
	h->ping_waits = false;
	loop_timer_set(h->loop, &h->ping, loop_now_ns(h->loop));
}

static void
on_ready(struct child *c, const struct message *ready)
{
	struct harkd *h = c->h;
	unsigned int i;

	(void)ready;
	h->notary_was_ready = true;
	for (i = 0; i < PROTO_LEDGERS; i++)
		notary_link_signer(h, &h->ledgers[i]);
}

/* True where a checkpoint of it was made since harkd started. */
static bool
was_sealed(const struct ledger_view *l)
{
	struct page_state state;
	uint32_t counter;

	return page_read(l->page, &state, &counter) && state.sealed_size > 0;
}

/*
 * A ledger that its signer refuses before it has sealed anything is not the one that was here: that
 * ends harkd, as each other ledger does that is not what it was.  Later it grows on, and is not
 * sealed: what guests say is worth more in a ledger that somebody must look at than nowhere.
 */
static void
hear_state(struct harkd *h, const struct message *m)
{
	uint64_t ledger = message_number(m, FIELD_LEDGER, PROTO_LEDGERS);
	struct bytes state = message_bytes(m, FIELD_STATE);
	struct bytes text = message_bytes(m, FIELD_TEXT);
	struct ledger_view *l;
	char before[sizeof(l->state)];

	if (ledger >= PROTO_LEDGERS)
		return;
	l = &h->ledgers[ledger];
	memcpy(before, l->state, sizeof(before));
	(void)text_escape((const char *)state.data, state.size, l->state, sizeof(l->state));
	(void)text_escape((const char *)text.data, text.size, l->text, sizeof(l->text));
	if (strcmp(before, l->state) == 0)
		return;
	if (strcmp(l->state, "refused") == 0 && !was_sealed(l))
		life_fail(h, EXIT_TAMPERED,
			  "%s/%s: %s: restore it, or begin anew with `hark ledger retire`",
			  h->config.data, origin_ledger_name((enum proto_ledger)ledger), l->text);
	else if (strcmp(l->state, "ok") != 0)
		log_error("ledger %s: %s%s%s", l->origin, l->state, l->text[0] != '\0' ? ": " : "",
			  l->text);
	else if (before[0] != '\0')
		log_info("ledger %s is written again", l->origin);
}

static void
hear_violation(struct harkd *h, const struct message *m)
{
	struct receiver *r = receiver_of_channel(h, message_number(m, FIELD_CHANNEL, 0));
	struct bytes reason = message_bytes(m, FIELD_REASON);
	char shown[160];
	char why[224];

	if (r == NULL)
		return; /* it has ended meanwhile */
	(void)text_escape((const char *)reason.data, reason.size, shown, sizeof(shown));
	(void)snprintf(why, sizeof(why), "the notary says that it broke the protocol: %s", shown);
	child_kill(&r->child, why);
}

static bool
on_message(struct child *c, struct message *m)
{
	switch (m->type) {
	case MESSAGE_DONE:
		pending_done(c->h, m);
		return true;
	case MESSAGE_LEDGER_STATE:
		hear_state(c->h, m);
		return true;
	case MESSAGE_OBSERVER_TRAPPED:
		observer_hear_trapped(c->h, m);
		return true;
	case MESSAGE_VIOLATION:
		hear_violation(c->h, m);
		return true;
	default:
		return false;
	}
}

static void
on_ended(struct child *c)
{
	c->h->notary_is_told = false;
	loop_timer_clear(c->h->loop, &c->h->ping);
	pending_fail_all(c->h);
	receiver_unpair_all(c->h);
	observer_stop_all(c->h, "the notary has ended: it is started again with the next");
}

const struct child_kind role_notary = {
	.role = "notary",
	.program = "hark-notary",
	.messages_per_s = NOTARY_MESSAGES_PER_S,
	/* Recovery reads one segment, and the tree's tail. */
	.start_limit_s = 300,
	.stop_limit_s = 30,
	.stop = MESSAGE_NOTARY_STOP,
	.setup = set_up,
	.ready = on_ready,
	.hear = on_message,
	.ended = on_ended,
};

/* ---- is it alive --------------------------------------------------------------------------- */

static void
on_pong(struct harkd *h, void *ctx, const struct message *done)
{
	(void)ctx;
	if (done == NULL)
		return;
	h->ping_waits = false;
	/* The service manager hears of us only while the notary answers. */
	if (h->notify.watchdog_ns != 0)
		notify_say(&h->notify, "WATCHDOG=1");
}

void
notary_ping(void *ctx, uint64_t now_ns)
{
	struct harkd *h = ctx;
	uint64_t every_ns = PING_MS * NS_PER_MS;
	struct message m;

	pending_expire(h, now_ns);
	if (h->notify.watchdog_ns != 0 && h->notify.watchdog_ns / 4 < every_ns)
		every_ns = h->notify.watchdog_ns / 4;
	loop_timer_set(h->loop, &h->ping, now_ns + every_ns);
	if (h->ping_waits)
		return;
	h->ping_waits = true;
	message_init(&m, MESSAGE_PING, 0);
	pending_ask(h, &m, on_pong, h, 0, 0);
}
