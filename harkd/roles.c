/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is particular to the signers and to hark-control. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "harkd/harkd.h"
#include "os/account.h"
#include "os/file.h"
#include "prog/exit.h"
#include "prog/log.h"

/* ---- signers ------------------------------------------------------------------------------- */

static struct ledger_view *
ledger_of(struct child *c)
{
	return (struct ledger_view *)((char *)c - offsetof(struct ledger_view, signer));
}

static bool
set_up_signer(struct child *c, struct message *m)
{
	struct ledger_view *l = ledger_of(c);

	message_init(m, MESSAGE_SIGNER_SETUP, 0);
	message_set_number(m, FIELD_LEDGER, (uint64_t)(l - c->h->ledgers));
	message_set_text(m, FIELD_ORIGIN, l->origin);
	message_set_number(m, FIELD_CONFINE, c->h->config.require_confinement);
	if (l->create)
		message_set_number(m, FIELD_CREATE, 1);
	if (l->rotate)
		message_set_number(m, FIELD_ROTATE, 1);
	if (file_duplicate(c->h->place.keys_fd, &m->fds[0]) != ERR_OK) {
		log_error("the signer's descriptor cannot be made: %s", strerror(errno));
		return false;
	}
	m->fd_count = 1;
	return true;
}

/* Puts the verifier key of a READY where status finds it. */
static void
keep_key(struct ledger_view *l, const struct message *ready)
{
	if (message_text(ready, FIELD_KEY, l->key, sizeof(l->key)) != ERR_OK)
		l->key[0] = '\0';
}

static void
answer_rotation(struct child *c, struct ledger_view *l)
{
	struct message m;

	message_init(&m, MESSAGE_DONE, l->rotate_id);
	message_set_number(&m, FIELD_CODE, EXIT_OK);
	message_set_text(&m, FIELD_KEY, l->key);
	message_set_text(&m, FIELD_ORIGIN, l->origin);
	answer_message(c->h, l->rotate_generation, &m);
	l->rotate_id = 0;
}

static void
on_rotation_recorded(struct harkd *h, void *ctx, const struct message *done)
{
	struct ledger_view *l = ctx;

	(void)h;
	if (done == NULL)
		return; /* the next notary is told again */
	l->rotation_untold = false;
	if (message_number(done, FIELD_CODE, EXIT_SOFTWARE) != EXIT_OK)
		log_error("the notary does not record that ledger %s has a new key", l->origin);
}

void
signer_tell_rotation(struct harkd *h, struct ledger_view *l)
{
	char json[1024];
	struct message m;

	if (!l->rotation_untold || !notary_hears(h))
		return;
	/* Origin and key are of letters, digits and a few signs: nothing to escape. */
	(void)snprintf(json, sizeof(json), "{\"key\":\"%s\",\"ledger\":\"%s\"}", l->key,
		       origin_ledger_name((enum proto_ledger)(l - h->ledgers)));
	message_init(&m, MESSAGE_OPERATION, 0);
	message_set_text(&m, FIELD_KIND, "key_rotated");
	message_set_text(&m, FIELD_JSON, json);
	pending_ask(h, &m, on_rotation_recorded, l, 0, 0);
}

static void
on_signer_ready(struct child *c, const struct message *ready)
{
	struct ledger_view *l = ledger_of(c);
	bool rotated = l->rotate;

	keep_key(l, ready);
	l->rotate = false;
	if (l->is_new)
		log_info("the verifier key of ledger %s; keep it where this machine cannot change "
			 "it: "
			 "%s",
			 l->origin, l->key);
	l->create = l->is_new = false;
	if (rotated) {
		log_info("ledger %s has a new key: %s", l->origin, l->key);
		l->rotation_untold = true;
		signer_tell_rotation(c->h, l);
		if (l->rotate_id != 0)
			answer_rotation(c, l);
	}
	notary_link_signer(c->h, l);
}

static bool
on_signer_message(struct child *c, struct message *m)
{
	(void)c;
	(void)m;
	return false; /* it has nothing to say but READY and FAILED */
}

static void
on_signer_ended(struct child *c)
{
	struct ledger_view *l = ledger_of(c);

	/* A rotation that has failed is not tried again by itself. */
	if (l->rotate && l->rotate_id != 0 && c->failed_code != 0) {
		answer_done(c->h, l->rotate_id, l->rotate_generation, c->failed_code,
			    c->last_words);
		l->rotate_id = 0;
		l->rotate = false;
		c->failed_code = 0;
	}
}

const struct child_kind role_signer = {
	.role = "signer",
	.program = "hark-signer",
	.messages_per_s = SIGNER_MESSAGES_PER_S,
	.start_limit_s = 30,
	.stop_limit_s = 5,
	.stop = MESSAGE_STOP,
	.setup = set_up_signer,
	.ready = on_signer_ready,
	.hear = on_signer_message,
	.ended = on_signer_ended,
};

/* ---- control ------------------------------------------------------------------------------- */

static bool
set_up_control(struct child *c, struct message *m)
{
	message_init(m, MESSAGE_CONTROL_SETUP, 0);
	message_set_number(m, FIELD_CONFINE, c->h->config.require_confinement);
	message_set_number(m, FIELD_OWNER_UID, account_own_uid());
	if (c->h->has_group)
		message_set_number(m, FIELD_OWNER_GID, c->h->group);
	if (file_duplicate(c->h->control_fd, &m->fds[0]) != ERR_OK) {
		log_error("control's descriptor cannot be made: %s", strerror(errno));
		return false;
	}
	m->fd_count = 1;
	return true;
}

static void
on_control_ready(struct child *c, const struct message *ready)
{
	(void)c;
	(void)ready;
}

static bool
on_control_message(struct child *c, struct message *m)
{
	return answer_ask(c->h, m);
}

static void
on_control_ended(struct child *c)
{
	(void)c; /* who waits for an answer is gone with it: generations tell */
}

const struct child_kind role_control = {
	.role = "control",
	.program = "hark-control",
	.asks = true,
	.messages_per_s = CONTROL_MESSAGES_PER_S,
	.start_limit_s = 30,
	.stop_limit_s = 5,
	.stop = MESSAGE_STOP,
	.setup = set_up_control,
	.ready = on_control_ready,
	.hear = on_control_message,
	.ended = on_control_ended,
};
