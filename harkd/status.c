/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How it goes, in items: programs, ledgers, cells. */
#include <string.h>

#include "base/must.h"
#include "harkd/harkd.h"
#include "prog/exit.h"

bool
status_is_whole(const struct harkd *h)
{
	const struct receiver *r;
	unsigned int i;

	if (!child_runs(&h->notary) || !child_runs(&h->control))
		return false;
	for (i = 0; i < PROTO_LEDGERS; i++) {
		if (!child_runs(&h->ledgers[i].signer))
			return false;
	}
	for (r = h->receivers; r != NULL; r = r->next) {
		if (!child_runs(&r->child))
			return false;
	}
	return true;
}

struct child *
status_child_of(struct harkd *h, uint64_t pid)
{
	struct child *const always[] = { &h->notary, &h->control,
					 &h->ledgers[PROTO_EVIDENCE].signer,
					 &h->ledgers[PROTO_OPERATIONS].signer };
	struct receiver *r;
	struct observer *o;
	size_t i;

	MUST(pid > 0);

	for (i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		if ((uint64_t)always[i]->pid == pid)
			return always[i];
	}
	for (r = h->receivers; r != NULL; r = r->next) {
		if ((uint64_t)r->child.pid == pid)
			return &r->child;
	}
	for (o = h->observers; o != NULL; o = o->next) {
		if ((uint64_t)o->module.pid == pid)
			return &o->module;
		if ((uint64_t)o->projector.pid == pid)
			return &o->projector;
	}
	return NULL;
}

static void
send(struct harkd *h, struct message *m)
{
	answer_message(h, h->control.generation, m);
}

static void
send_role(struct harkd *h, uint64_t id, const struct child *c, const char *label)
{
	const char *text = child_runs(c) ? c->report : c->last_words;
	struct message m;

	message_init(&m, MESSAGE_ITEM_ROLE, id);
	message_set_text(&m, FIELD_ROLE, c->kind->role);
	message_set_text(&m, FIELD_STATE, child_state_text(c->state));
	if (c->pid > 0)
		message_set_number(&m, FIELD_PID, (uint64_t)c->pid);
	message_set_number(&m, FIELD_RESTARTS, c->restarts);
	if (text[0] != '\0')
		message_set_text(&m, FIELD_TEXT, text);
	if (label != NULL)
		message_set_text(&m, FIELD_CELL, label);
	send(h, &m);
}

static void
send_ledger(struct harkd *h, uint64_t id, unsigned int ledger)
{
	const struct ledger_view *l = &h->ledgers[ledger];
	struct page_state state;
	uint32_t counter;
	struct message m;

	message_init(&m, MESSAGE_ITEM_LEDGER, id);
	message_set_number(&m, FIELD_LEDGER, ledger);
	message_set_text(&m, FIELD_ORIGIN, l->origin);
	message_set_text(&m, FIELD_STATE,
			 l->state[0] != '\0'      ? l->state
			 : child_runs(&h->notary) ? "ok"
						  : "closed");
	if (page_read(l->page, &state, &counter)) {
		message_set_number(&m, FIELD_SIZE, state.committed_size);
		message_set_number(&m, FIELD_COUNT, state.sealed_size);
		message_set_bytes(&m, FIELD_ROOT, state.committed_root.bytes,
				  sizeof(state.committed_root.bytes));
	}
	if (l->text[0] != '\0')
		message_set_text(&m, FIELD_TEXT, l->text);
	if (l->key[0] != '\0')
		message_set_text(&m, FIELD_KEY, l->key);
	send(h, &m);
}

static const char *
state_of(const struct cell *cell)
{
	switch (cell->state) {
	case CELL_LISTENING:
		return "listening";
	case CELL_FAILING:
		return "failing";
	default:
		return "leaving";
	}
}

static void
set_id(struct message *m, enum message_field field, int64_t value)
{
	if (value >= 0)
		message_set_number(m, field, (uint64_t)value);
}

static void
send_cell(struct harkd *h, uint64_t id, const struct cell *cell)
{
	const struct config_cell *o = &cell->file.cell;
	struct message m;

	message_init(&m, MESSAGE_ITEM_CELL, id);
	message_set_text(&m, FIELD_CELL, o->name);
	message_set_text(&m, FIELD_RUN, o->run_id);
	message_set_text(&m, FIELD_UDS_BASE, o->uds_base);
	message_set_text(&m, FIELD_STATE, state_of(cell));
	if (o->spec_hash != NULL && o->spec_hash[0] != '\0')
		message_set_text(&m, FIELD_SPEC_HASH, o->spec_hash);
	message_set_number(&m, FIELD_KEEPALIVE_MS, o->keepalive_ms);
	message_set_number(&m, FIELD_REARM, o->rearm);
	message_set_number(&m, FIELD_EVENTS_PER_S, o->events_per_s);
	message_set_number(&m, FIELD_BYTES_PER_S, o->bytes_per_s);
	message_set_number(&m, FIELD_CONNECTIONS, o->connections);
	set_id(&m, FIELD_OWNER_UID, o->owner_uid);
	set_id(&m, FIELD_OWNER_GID, o->owner_gid);
	set_id(&m, FIELD_MODE, o->mode);
	set_id(&m, FIELD_PEER_UID, o->peer_uid);
	if (cell->receiver != NULL && cell->receiver->child.pid > 0)
		message_set_number(&m, FIELD_PID, (uint64_t)cell->receiver->child.pid);
	if (cell->receiver != NULL)
		message_set_number(&m, FIELD_RESTARTS, cell->receiver->child.restarts);
	if (cell->why[0] != '\0')
		message_set_text(&m, FIELD_TEXT, cell->why);
	send(h, &m);
}

/* All cells, or the one that is asked for.  Gives the exit code. */
static int
send_cells(struct harkd *h, const struct message *ask)
{
	char name[129];
	const struct cell *cell;

	if (!message_has(ask, FIELD_CELL)) {
		for (cell = h->cells; cell != NULL; cell = cell->next)
			send_cell(h, ask->id, cell);
		return EXIT_OK;
	}
	cell = NULL;
	if (message_text(ask, FIELD_CELL, name, sizeof(name)) == ERR_OK)
		cell = cell_find(h, name);
	if (cell == NULL)
		return EXIT_NO_INPUT;
	send_cell(h, ask->id, cell);
	return EXIT_OK;
}

void
status_answer(struct harkd *h, const struct message *ask)
{
	const struct observer *o;
	const struct receiver *r;
	unsigned int i;
	int code;

	if (ask->type == MESSAGE_ASK_CELLS) {
		code = send_cells(h, ask);
		answer_done(h, ask->id, h->control.generation, code,
			    code == EXIT_OK ? "" : "there is no cell of that name");
		return;
	}
	send_role(h, ask->id, &h->notary, NULL);
	for (i = 0; i < PROTO_LEDGERS; i++)
		send_role(h, ask->id, &h->ledgers[i].signer,
			  origin_ledger_name((enum proto_ledger)i));
	send_role(h, ask->id, &h->control, NULL);
	for (r = h->receivers; r != NULL; r = r->next)
		send_role(h, ask->id, &r->child, r->label);
	for (o = h->observers; o != NULL; o = o->next) {
		send_role(h, ask->id, &o->module, o->manifest.name);
		send_role(h, ask->id, &o->projector, o->manifest.name);
	}
	for (i = 0; i < PROTO_LEDGERS; i++)
		send_ledger(h, ask->id, i);
	observer_send_items(h, ask->id);
	answer_done(h, ask->id, h->control.generation,
		    status_is_whole(h) ? EXIT_OK : EXIT_UNREACHABLE, "");
}
