/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What harkd says, one message at a time, and what the core makes of it. */
#include <string.h>

#include "base/must.h"
#include "hark-notary/daemon.h"
#include "os/file.h"
#include "os/shared.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/texts.h"
#include "role/role.h"

static void
answer(struct daemon *d, uint64_t id, int code, const char *text)
{
	struct message m;

	if (id == 0)
		return;
	message_init(&m, MESSAGE_DONE, id);
	message_set_number(&m, FIELD_CODE, (uint64_t)code);
	if (text != NULL)
		message_set_text(&m, FIELD_TEXT, text);
	daemon_say(d, &m);
}

/* What was refused.  ERR_AGAIN does not come here: that waits. */
static void
answer_error(struct daemon *d, const struct message *m, enum err e)
{
	bool is_of_leaf = m->type == MESSAGE_PRUNE || m->type == MESSAGE_REDACT;

	switch (e) {
	case ERR_OK:
		return; /* the core answers when it is durable */
	case ERR_RANGE:
		/* A person reads this one. */
		answer(d, m->id, EXIT_NO_INPUT,
		       is_of_leaf ? "the ledger has no such leaf" : err_text(e));
		break;
	case ERR_MISSING:
		answer(d, m->id, EXIT_NO_INPUT, err_text(e));
		break;
	case ERR_MEMORY:
		daemon_end(d, EXIT_SOFTWARE, err_text(e));
		return;
	default:
		answer(d, m->id, EXIT_DATA, err_text(e));
		break;
	}
	log_warning("%s of harkd is refused: %s", message_name(m->type), err_text(e));
}

static struct hark_text
text_of(const struct message *m, enum message_field field)
{
	struct bytes b = message_bytes(m, field);

	return (struct hark_text){ (const char *)b.data, b.size };
}

static enum err
hear_cell(struct daemon *d, const struct message *m, const struct event_clock *now)
{
	const struct notary_cell cell = {
		.number = message_number(m, FIELD_CELL_NUMBER, 0),
		.cell_id = text_of(m, FIELD_CELL),
		.run_id = text_of(m, FIELD_RUN),
		.spec_hash = text_of(m, FIELD_SPEC_HASH),
		.keepalive_ms = message_number(m, FIELD_KEEPALIVE_MS, 0),
		.rearm = message_number(m, FIELD_REARM, 0) != 0,
	};

	return notary_cell_add(d->core, &cell, m->id, now);
}

static enum err
hear_configuration(struct daemon *d, const struct message *m, const struct event_clock *now)
{
	struct file_info info;
	void *memory = NULL;
	enum err e = file_stat(m->fds[0], &info);

	if (e != ERR_OK)
		return e;
	if (info.size == 0 || info.size > TEXTS_BYTES_MAX)
		return ERR_FORMAT;
	e = shared_map(m->fds[0], (size_t)info.size, false, &memory);
	if (e != ERR_OK)
		return e;
	e = notary_configured(d->core, (struct bytes){ memory, (size_t)info.size },
			      message_bytes(m, FIELD_REASON), m->id, now);
	shared_unmap(memory, (size_t)info.size);
	return e;
}

/* ERR_ARGUMENT where there is no such ledger. */
static enum err
ledger_of(const struct message *m, enum proto_ledger *out)
{
	uint64_t ledger = message_number(m, FIELD_LEDGER, PROTO_LEDGERS);

	if (ledger >= PROTO_LEDGERS)
		return ERR_ARGUMENT;
	*out = (enum proto_ledger)ledger;
	return ERR_OK;
}

static enum err
hear_of_ledger(struct daemon *d, struct message *m, const struct event_clock *now)
{
	uint64_t index = message_number(m, FIELD_INDEX, 0);
	enum proto_ledger ledger = PROTO_EVIDENCE;
	enum err e = ledger_of(m, &ledger);

	if (e != ERR_OK)
		return e;
	switch (m->type) {
	case MESSAGE_SIGNER_CHANNEL:
		signers_add(d, ledger, m->fds[0]);
		m->fds[0] = -1;
		return ERR_OK;
	case MESSAGE_PRUNE:
		return notary_prune(d->core, ledger, index, m->id, now);
	case MESSAGE_REDACT:
		return notary_redact(d->core, ledger, index, message_bytes(m, FIELD_TEXT), m->id,
				     now);
	default:
		return notary_seal(d->core, ledger, m->id, now);
	}
}

static enum err
hear_of_channel(struct daemon *d, struct message *m)
{
	uint64_t channel = message_number(m, FIELD_CHANNEL, 0);
	uint64_t slot = message_number(m, FIELD_SLOT, 0);

	switch (m->type) {
	case MESSAGE_CHANNEL:
		channels_add(d, channel, message_number(m, FIELD_INCARNATION, 0), m->fds[0]);
		m->fds[0] = -1;
		return ERR_OK;
	case MESSAGE_CHANNEL_SLOT:
		if (slot > UINT16_MAX)
			return ERR_RANGE;
		return notary_channel_slot(d->core, channel, (uint16_t)slot,
					   message_number(m, FIELD_CELL_NUMBER, 0));
	default:
		channels_gone(d, channel);
		return ERR_OK;
	}
}

/* NULL where it is not said.  ERR_ARGUMENT: not of that size. */
static enum err
digest_of(const struct message *m, const uint8_t **out)
{
	struct bytes digest = message_bytes(m, FIELD_DIGEST);

	*out = NULL;
	if (!message_has(m, FIELD_DIGEST))
		return ERR_OK;
	if (digest.size != QUARANTINE_DIGEST_BYTES)
		return ERR_ARGUMENT;
	*out = digest.data;
	return ERR_OK;
}

static enum err
hear_of_observer(struct daemon *d, struct message *m, const struct event_clock *now)
{
	struct notary_observer words = {
		.name = message_bytes(m, FIELD_OBSERVER),
		.manifest = message_bytes(m, FIELD_JSON),
		.strikes = message_number(m, FIELD_COUNT, 0),
	};
	enum err e = digest_of(m, &words.digest);
	int fd;

	if (e != ERR_OK)
		return e;
	switch (m->type) {
	case MESSAGE_OBSERVER:
		fd = m->fds[0];
		m->fds[0] = -1;
		return traps_add(d, &words, m->id, fd, now);
	case MESSAGE_OBSERVER_GONE:
		e = traps_gone(d, words.name, message_bytes(m, FIELD_REASON), now);
		/* It ended before it was let run: there is nothing to be said of its module. */
		return e == ERR_MISSING ? ERR_OK : e;
	default:
		return notary_observer_release(d->core, words.name, words.digest,
					       message_bytes(m, FIELD_TEXT), m->id, now);
	}
}

/* What harkd may say before it has given the links to its signers: nothing of it is written. */
static bool
is_of_the_start(enum message_type type)
{
	return type == MESSAGE_SIGNER_CHANNEL || type == MESSAGE_PING || type == MESSAGE_STOP ||
	       type == MESSAGE_NOTARY_STOP;
}

static enum err
hear(struct daemon *d, struct message *m)
{
	const struct event_clock now = daemon_clock();

	if (!is_of_the_start(m->type)) {
		notary_begin(d->core, &now);
		if (notary_is_barred(d->core)) {
			answer(d, m->id, EXIT_TAMPERED, "the signer refuses this ledger");
			return ERR_OK;
		}
	}
	switch (m->type) {
	case MESSAGE_PING:
		answer(d, m->id, EXIT_OK, NULL);
		return ERR_OK;
	case MESSAGE_STOP:
		daemon_end(d, EXIT_OK, NULL);
		return ERR_OK;
	case MESSAGE_NOTARY_STOP:
		if (d->wants_stop)
			return ERR_EXISTS;
		d->wants_stop = true;
		d->stop_id = m->id;
		return ERR_OK;
	case MESSAGE_CELL:
		return hear_cell(d, m, &now);
	case MESSAGE_CELL_REMOVE:
		return notary_cell_remove(d->core, message_number(m, FIELD_CELL_NUMBER, 0),
					  message_bytes(m, FIELD_REASON), m->id, &now);
	case MESSAGE_OPERATION:
		return notary_operation(d->core, message_bytes(m, FIELD_KIND),
					message_bytes(m, FIELD_JSON), m->id, &now);
	case MESSAGE_CONFIG_LOADED:
		return hear_configuration(d, m, &now);
	case MESSAGE_CHANNEL:
	case MESSAGE_CHANNEL_SLOT:
	case MESSAGE_CHANNEL_GONE:
		return hear_of_channel(d, m);
	case MESSAGE_OBSERVER:
	case MESSAGE_OBSERVER_GONE:
	case MESSAGE_OBSERVER_RELEASE:
		return hear_of_observer(d, m, &now);
	case MESSAGE_SIGNER_CHANNEL:
	case MESSAGE_PRUNE:
	case MESSAGE_REDACT:
	case MESSAGE_SEAL:
		return hear_of_ledger(d, m, &now);
	default:
		/* Our own who break the protocol end. */
		daemon_end(d, EXIT_PROTOCOL, "harkd says what is not due");
		return ERR_OK;
	}
}

static void
watch(struct daemon *d)
{
	uint32_t events = (d->has_held ? 0 : (uint32_t)EPOLLIN) |
			  (d->outbox_is_watched ? (uint32_t)EPOLLOUT : 0);

	if (loop_fd_modify(d->loop, ROLE_SUPERVISOR_FD, events) != ERR_OK)
		daemon_end(d, EXIT_OS, "harkd's channel cannot be watched");
}

/* False: it waits for room, and what comes after it waits behind it. */
static bool
take(struct daemon *d, struct message *m)
{
	enum err e = hear(d, m);

	if (e == ERR_AGAIN)
		return false;
	answer_error(d, m, e);
	message_close(m);
	return true;
}

void
supervisor_read(struct daemon *d)
{
	while (!d->has_ended && !d->has_held) {
		enum err e =
			message_receive(ROLE_SUPERVISOR_FD, d->bytes, sizeof(d->bytes), &d->held);

		if (e == ERR_AGAIN)
			break;
		if (e == ERR_END) {
			daemon_end(d, EXIT_OK, NULL);
			break;
		}
		if (e != ERR_OK) {
			daemon_end(d, EXIT_PROTOCOL, "harkd's message cannot be read");
			break;
		}
		if (take(d, &d->held))
			continue;
		d->has_held = true;
		watch(d);
	}
	loop_timer_set(d->loop, &d->again, loop_now_ns(d->loop));
}

void
supervisor_resume(struct daemon *d)
{
	if (!d->has_held || !take(d, &d->held))
		return;
	d->has_held = false;
	watch(d);
	supervisor_read(d);
}

static void
on_supervisor(void *ctx, uint32_t ready)
{
	struct daemon *d = ctx;

	if ((ready & EPOLLOUT) != 0) {
		enum err e = outbox_flush(&d->outbox, ROLE_SUPERVISOR_FD);

		if (e == ERR_OK) {
			d->outbox_is_watched = false;
			watch(d);
		} else if (e != ERR_AGAIN) {
			daemon_end(d, EXIT_OK, NULL); /* harkd has gone */
		}
	}
	if ((ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		supervisor_read(d);
}

void
supervisor_watch_outbox(struct daemon *d)
{
	if (!outbox_is_waiting(&d->outbox) || d->outbox_is_watched)
		return;
	d->outbox_is_watched = true;
	watch(d);
}

enum err
supervisor_open(struct daemon *d)
{
	return loop_fd_add(d->loop, ROLE_SUPERVISOR_FD, EPOLLIN, on_supervisor, d);
}
