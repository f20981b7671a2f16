/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Questions of people, as hark-control passed them on: it has read them strictly, knows who asks,
 * and has written them again.  Rights are looked at here once more.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "harkd/harkd.h"
#include "os/account.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/memfd.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/order.h"

void
answer_message(struct harkd *h, uint64_t generation, struct message *m)
{
	if (m->id == 0 || generation != h->control.generation) {
		message_close(m);
		return;
	}
	child_send(&h->control, m);
}

void
answer_done(struct harkd *h, uint64_t id, uint64_t generation, int code, const char *text)
{
	struct message m;
	size_t size = strlen(text);

	message_init(&m, MESSAGE_DONE, id);
	message_set_number(&m, FIELD_CODE, (uint64_t)code);
	/* A text that is cut is worth more than none. */
	if (size > 0)
		message_set_bytes(&m, FIELD_TEXT, text,
				  size < CHILD_TEXT_BYTES - 1 ? size : CHILD_TEXT_BYTES - 1);
	answer_message(h, generation, &m);
}

static void
refuse(struct harkd *h, const struct message *ask, int code, const char *text)
{
	answer_done(h, ask->id, h->control.generation, code, text);
}

/* ---- cells --------------------------------------------------------------------------------- */

/* A copy of a text that may be absent.  False: no memory. */
static bool
text_of(const struct message *m, enum message_field field, char **out)
{
	struct bytes b = message_bytes(m, field);

	*out = NULL;
	if (b.size == 0)
		return true;
	*out = strndup((const char *)b.data, b.size);
	return *out != NULL;
}

static int64_t
id_of(const struct message *m, enum message_field field)
{
	uint64_t value = message_number(m, field, UINT64_MAX);

	/* UINT32_MAX is nobody's id: chown takes it for "leave it". */
	return value < UINT32_MAX ? (int64_t)value : -1;
}

/* The base of a cell that names none: below the run directory. */
static bool
default_base(struct harkd *h, struct config_cell *cell)
{
	size_t size;
	bool made;

	if (cell->uds_base != NULL || cell->name == NULL)
		return true;
	if (folder_make(h->place.run_fd, "cells", 0711, &made) != ERR_OK)
		return true; /* binding says what is wrong */
	size = strlen(h->config.run) + strlen(cell->name) + sizeof("//cells/");
	cell->uds_base = malloc(size);
	if (cell->uds_base == NULL)
		return false;
	(void)snprintf(cell->uds_base, size, "%s/cells/%s", h->config.run, cell->name);
	return true;
}

static bool
read_cell(struct harkd *h, const struct message *ask, struct config_cell *out)
{
	struct config_cell cell = {
		.keepalive_ms = message_number(ask, FIELD_KEEPALIVE_MS, h->config.keepalive_ms),
		.rearm = message_number(ask, FIELD_REARM, 1) != 0,
		.events_per_s = message_number(ask, FIELD_EVENTS_PER_S, 0),
		.bytes_per_s = message_number(ask, FIELD_BYTES_PER_S, 0),
		.owner_uid = id_of(ask, FIELD_OWNER_UID),
		.owner_gid = id_of(ask, FIELD_OWNER_GID),
		.mode = id_of(ask, FIELD_MODE),
		.peer_uid = id_of(ask, FIELD_PEER_UID),
	};
	uint64_t connections = message_number(ask, FIELD_CONNECTIONS, HARK_CONNECTIONS_MAX);

	cell.connections = connections <= HARK_CONNECTIONS_MAX ? (uint32_t)connections : 0;
	if (text_of(ask, FIELD_CELL, &cell.name) && text_of(ask, FIELD_RUN, &cell.run_id) &&
	    text_of(ask, FIELD_UDS_BASE, &cell.uds_base) &&
	    text_of(ask, FIELD_SPEC_HASH, &cell.spec_hash) && default_base(h, &cell)) {
		*out = cell;
		return true;
	}
	config_cell_finish(&cell);
	return false;
}

static void
add_cell(struct harkd *h, const struct message *ask)
{
	struct cell_file file = { 0 };
	struct cell_refusal why = { 0 };
	struct message m;
	struct cell *cell;

	if (!read_cell(h, ask, &file.cell)) {
		refuse(h, ask, EXIT_SOFTWARE, "out of memory");
		return;
	}
	cell = cell_add(h, &file, true, true, &why);
	config_cell_finish(&file.cell);
	if (cell == NULL) {
		refuse(h, ask, why.code, why.text);
		return;
	}
	log_info("cell %s listens", cell->file.cell.name);
	message_init(&m, MESSAGE_DONE, ask->id);
	message_set_number(&m, FIELD_CODE, EXIT_OK);
	message_set_text(&m, FIELD_RUN, cell->file.cell.run_id);
	message_set_text(&m, FIELD_UDS_BASE, cell->file.cell.uds_base);
	answer_message(h, h->control.generation, &m);
}

static void
remove_cell(struct harkd *h, const struct message *ask)
{
	struct cell_refusal why = { 0 };
	char name[129];
	struct cell *cell = NULL;

	if (message_text(ask, FIELD_CELL, name, sizeof(name)) == ERR_OK)
		cell = cell_find(h, name);
	if (cell == NULL)
		refuse(h, ask, EXIT_NO_INPUT, "there is no cell of that name");
	else if (cell->state == CELL_LEAVING)
		refuse(h, ask, EXIT_TEMPORARY, "the cell is being removed already");
	else if (cell->file.from_config)
		refuse(h, ask, EXIT_CONFIG,
		       "the cell stands in the configuration: take it out there and reload harkd");
	else {
		/* First: the answer may come while cell_remove runs. */
		cell->asked_id = ask->id;
		cell->asked_generation = h->control.generation;
		if (!cell_remove(cell, &why)) {
			cell->asked_id = 0;
			refuse(h, ask, why.code, why.text);
		}
	}
}

/* ---- ledgers ------------------------------------------------------------------------------- */

static void
open_ledger(struct harkd *h, const struct message *ask, unsigned int ledger)
{
	struct message m;

	message_init(&m, MESSAGE_LEDGER_OPEN, ask->id);
	message_set_number(&m, FIELD_LEDGER, ledger);
	message_set_text(&m, FIELD_ORIGIN, h->ledgers[ledger].origin);
	if (folder_open(h->place.data_fd, origin_ledger_name((enum proto_ledger)ledger),
			&m.fds[0]) != ERR_OK) {
		refuse(h, ask, EXIT_IO, strerror(errno));
		return;
	}
	m.fd_count = 1;
	if (memfd_reopen_read_only(h->ledgers[ledger].page_fd, &m.fds[1]) != ERR_OK) {
		message_close(&m);
		refuse(h, ask, EXIT_OS, strerror(errno));
		return;
	}
	m.fd_count = 2;
	answer_message(h, h->control.generation, &m);
}

static void
tell_key(struct harkd *h, const struct message *ask, const struct ledger_view *l)
{
	struct message m;

	if (l->key[0] == '\0') {
		refuse(h, ask, EXIT_TEMPORARY, "the signer has not started yet");
		return;
	}
	message_init(&m, MESSAGE_DONE, ask->id);
	message_set_number(&m, FIELD_CODE, EXIT_OK);
	message_set_text(&m, FIELD_KEY, l->key);
	message_set_text(&m, FIELD_ORIGIN, l->origin);
	answer_message(h, h->control.generation, &m);
}

static void
rotate(struct harkd *h, const struct message *ask, struct ledger_view *l)
{
	if (l->rotate || !child_runs(&l->signer)) {
		refuse(h, ask, EXIT_TEMPORARY,
		       l->rotate ? "a rotation is under way already"
				 : "the signer does not run just now");
		return;
	}
	l->rotate = true;
	l->rotate_id = ask->id;
	l->rotate_generation = h->control.generation;
	/* It ends in order and is wanted again: its next start makes the next key. */
	child_stop(&l->signer);
	l->signer.wanted = true;
}

static void
pass_on(struct harkd *h, const struct message *ask, enum message_type type)
{
	struct bytes text = message_bytes(ask, FIELD_TEXT);
	struct message m;

	message_init(&m, type, 0);
	message_set_number(&m, FIELD_LEDGER, message_number(ask, FIELD_LEDGER, 0));
	if (type != MESSAGE_SEAL)
		message_set_number(&m, FIELD_INDEX, message_number(ask, FIELD_INDEX, 0));
	if (type == MESSAGE_REDACT && text.size > 0)
		message_set_bytes(&m, FIELD_TEXT, text.data, text.size);
	pending_ask(h, &m, NULL, NULL, ask->id, h->control.generation);
}

/* What an observer has not read stays.  False: answered. */
static bool
may_prune(struct harkd *h, const struct message *ask)
{
	const struct observer *o = NULL;
	uint64_t next = 0;
	bool known = false;
	char text[512];

	if (message_number(ask, FIELD_LEDGER, 0) == PROTO_EVIDENCE)
		o = observer_holds(h, message_number(ask, FIELD_INDEX, 0), &known, &next);
	if (o == NULL)
		return true;
	(void)snprintf(text, sizeof(text),
		       "observer %s has read %s%llu: prune no further, or remove it first",
		       o->manifest.name, known ? "up to leaf " : "nothing yet, from leaf ",
		       (unsigned long long)next);
	refuse(h, ask, EXIT_TEMPORARY, text);
	return false;
}

/* ---- all of them --------------------------------------------------------------------------- */

static void
answer_ledger(struct harkd *h, const struct message *ask)
{
	uint64_t ledger = message_number(ask, FIELD_LEDGER, PROTO_LEDGERS);

	if (ledger >= PROTO_LEDGERS) {
		refuse(h, ask, EXIT_USAGE, "there is no such ledger");
		return;
	}
	switch (ask->type) {
	case MESSAGE_ASK_LEDGER:
		open_ledger(h, ask, (unsigned int)ledger);
		break;
	case MESSAGE_ASK_KEY:
		tell_key(h, ask, &h->ledgers[ledger]);
		break;
	case MESSAGE_ASK_ROTATE:
		rotate(h, ask, &h->ledgers[ledger]);
		break;
	case MESSAGE_ASK_PRUNE:
		if (may_prune(h, ask))
			pass_on(h, ask, MESSAGE_PRUNE);
		break;
	case MESSAGE_ASK_REDACT:
		pass_on(h, ask, MESSAGE_REDACT);
		break;
	default:
		pass_on(h, ask, MESSAGE_SEAL);
		break;
	}
}

/*
 * A projector may connect to sockets, and may run as the user who administers.  One that comes here
 * has been taken over: it is killed.
 */
static bool
is_from_within(struct harkd *h, const struct message *ask)
{
	uint64_t pid = message_number(ask, FIELD_PID, 0);
	struct child *c = pid > 0 ? status_child_of(h, pid) : NULL;

	if (c != NULL)
		child_punish(c, "asks", "it asks on the control socket");
	return c != NULL;
}

/* What is asked by an order.  False: answered. */
static bool
open_order(struct harkd *h, const struct message *order, struct message *out)
{
	static uint8_t buffer[IPC_BYTES_MAX]; /* its texts live until the next order */

	switch (order_take(order, account_own_uid(), buffer, sizeof(buffer), out)) {
	case ERR_OK:
		return true;
	case ERR_REFUSED:
		refuse(h, order, EXIT_NO_PERMISSION,
		       "what changes things must come once, from a process of root or of harkd's "
		       "user");
		return false;
	case ERR_FORMAT:
		refuse(h, order, EXIT_PROTOCOL, "the order holds no question that changes things");
		return false;
	default:
		refuse(h, order, EXIT_OS, strerror(errno));
		return false;
	}
}

static void
answer_question(struct harkd *h, const struct message *ask)
{
	switch (ask->type) {
	case MESSAGE_ASK_CELL_ADD:
		add_cell(h, ask);
		break;
	case MESSAGE_ASK_CELL_REMOVE:
		remove_cell(h, ask);
		break;
	case MESSAGE_ASK_OBSERVER_ADD:
	case MESSAGE_ASK_OBSERVER_REMOVE:
	case MESSAGE_ASK_OBSERVER_SWITCH:
	case MESSAGE_ASK_OBSERVER_RELEASE:
	case MESSAGE_ASK_OBSERVERS:
		observer_answer(h, ask);
		break;
	case MESSAGE_ASK_CELLS:
	case MESSAGE_ASK_STATUS:
		status_answer(h, ask);
		break;
	default:
		answer_ledger(h, ask);
		break;
	}
}

bool
answer_ask(struct harkd *h, struct message *ask)
{
	enum proto_rights needed = message_rights(ask->type);
	struct message ordered;

	if (needed == PROTO_MAY_NOTHING || ask->id == 0 || !message_has(ask, FIELD_RIGHTS))
		return false;
	/* hark-control refuses these itself: that it did not means that it is not what it was. */
	if (message_number(ask, FIELD_RIGHTS, 0) < (uint64_t)needed || order_is_needed(ask->type))
		return false;
	if (is_from_within(h, ask)) {
		refuse(h, ask, EXIT_NO_PERMISSION, "a program of harkd's own asks nothing");
		return true;
	}
	if (life_is_ending(h)) {
		refuse(h, ask, EXIT_TEMPORARY, "harkd is ending");
		return true;
	}
	if (ask->type != MESSAGE_ASK_ORDER)
		answer_question(h, ask);
	else if (open_order(h, ask, &ordered))
		answer_question(h, &ordered);
	return true;
}
