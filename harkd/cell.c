/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Cells as harkd has them: a bound socket, a receiver, and what the notary is told.  A cell comes
 * in the order bind, remember, answer; and goes in the order remember, unbind, last records,
 * `removed` in the ledger, forget.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "harkd/harkd.h"
#include "os/random.h"
#include "prog/exit.h"
#include "prog/log.h"

#define NS_PER_MS UINT64_C(1000000)
/* "run-" and the hex digits of 16 random bytes, terminated. */
#define RUN_ID_BYTES 37u

struct cell *
cell_find(struct harkd *h, const char *name)
{
	struct cell *cell = h->cells;

	while (cell != NULL && strcmp(cell->file.cell.name, name) != 0)
		cell = cell->next;
	return cell;
}

static void
cell_destroy(struct cell *cell)
{
	struct harkd *h = cell->h;
	struct cell **link = &h->cells;

	while (*link != NULL && *link != cell)
		link = &(*link)->next;
	if (*link == cell) {
		*link = cell->next;
		h->cell_count--;
	}
	pending_forget(h, cell);
	loop_timer_clear(h->loop, &cell->retry);
	hark_listener_close(cell->listener);
	config_cell_finish(&cell->file.cell);
	free(cell);
}

void
cell_forget_all(struct harkd *h)
{
	while (h->cells != NULL)
		cell_destroy(h->cells);
}

/* ---- the notary ---------------------------------------------------------------------------- */

static void
on_removed(struct harkd *h, void *ctx, const struct message *done)
{
	struct cell *cell = ctx;
	uint64_t asked_id = cell->asked_id;
	uint64_t asked_generation = cell->asked_generation;
	bool again = cell->again;

	if (done == NULL)
		return; /* the next notary is told again */
	if (!again)
		forget_cell(h, cell->file.cell.name);
	log_info("cell %s is removed", cell->file.cell.name);
	cell_destroy(cell);
	answer_done(h, asked_id, asked_generation, EXIT_OK, "");
	if (again)
		reload_cells(h);
}

static void
send_removal(struct cell *cell)
{
	struct message m;

	message_init(&m, MESSAGE_CELL_REMOVE, 0);
	message_set_number(&m, FIELD_CELL_NUMBER, cell->number);
	message_set_text(&m, FIELD_REASON, "removed");
	pending_ask(cell->h, &m, on_removed, cell, 0, 0);
}

void
cell_introduce(struct cell *cell)
{
	const struct config_cell *o = &cell->file.cell;
	struct message m;

	if (!notary_hears(cell->h))
		return;
	message_init(&m, MESSAGE_CELL, 0);
	message_set_number(&m, FIELD_CELL_NUMBER, cell->number);
	message_set_text(&m, FIELD_CELL, o->name);
	message_set_text(&m, FIELD_RUN, o->run_id);
	message_set_number(&m, FIELD_KEEPALIVE_MS, o->keepalive_ms);
	message_set_number(&m, FIELD_REARM, o->rearm);
	if (o->spec_hash != NULL && o->spec_hash[0] != '\0')
		message_set_text(&m, FIELD_SPEC_HASH, o->spec_hash);
	child_send(&cell->h->notary, &m);
	if (cell->state == CELL_LEAVING && cell->receiver == NULL)
		send_removal(cell);
}

/* ---- coming -------------------------------------------------------------------------------- */

static bool
refuse(struct cell_refusal *why, int code, const char *text)
{
	why->code = code;
	(void)snprintf(why->text, sizeof(why->text), "%s", text);
	return false;
}

/* Ours is known without a connection, which that cell's record would have. */
static const struct cell *
who_listens_there(const struct cell *cell)
{
	const struct cell *other = cell->h->cells;

	while (other != NULL && (other == cell || other->listener == NULL ||
				 strcmp(other->file.cell.uds_base, cell->file.cell.uds_base) != 0))
		other = other->next;
	return other;
}

static bool
bind_socket(struct cell *cell, struct cell_refusal *why)
{
	const struct config_cell *o = &cell->file.cell;
	struct hark_listener_options options = {
		.mode = o->mode >= 0 ? (mode_t)o->mode : 0600,
		.set_owner = o->owner_uid >= 0 || o->owner_gid >= 0,
		.owner = o->owner_uid >= 0 ? (uid_t)o->owner_uid : (uid_t)-1,
		.group = o->owner_gid >= 0 ? (gid_t)o->owner_gid : (gid_t)-1,
		.connections_max = o->connections,
		.require_peer_uid = o->peer_uid >= 0,
		.peer_uid = o->peer_uid >= 0 ? (uid_t)o->peer_uid : 0,
	};
	struct hark_failure failure = { 0 };
	const struct cell *other = who_listens_there(cell);

	if (other != NULL) {
		(void)snprintf(why->text, sizeof(why->text), "cell %s listens on that path",
			       other->file.cell.name);
		why->code = EXIT_CANT_CREATE;
		return false;
	}
	switch (hark_listener_bind_for_cell(o->uds_base, &options, &cell->listener, &failure)) {
	case HARK_TELEMETRY_OK:
		return true;
	case HARK_TELEMETRY_BIND:
		return refuse(why, EXIT_CANT_CREATE, failure.text);
	case HARK_TELEMETRY_MEMORY:
		return refuse(why, EXIT_SOFTWARE, "out of memory");
	default:
		return refuse(why, EXIT_USAGE, "the socket's path or its mode is not one");
	}
}

static void
on_retry(void *ctx, uint64_t now_ns)
{
	struct cell *cell = ctx;
	struct cell_refusal why = { 0 };

	MUST(cell->state == CELL_FAILING);

	if (!bind_socket(cell, &why)) {
		(void)snprintf(cell->why, sizeof(cell->why), "%.*s", (int)sizeof(cell->why) - 1,
			       why.text);
		loop_timer_set(cell->h->loop, &cell->retry, now_ns + BIND_RETRY_MS * NS_PER_MS);
		return;
	}
	cell->state = CELL_LISTENING;
	cell->why[0] = '\0';
	log_info("cell %s listens now", cell->file.cell.name);
	receiver_listen(cell);
	life_step(cell->h);
}

static bool
make_run_id(struct config_cell *cell)
{
	uint8_t random[16];
	char *text;

	if (cell->run_id != NULL)
		return true;
	text = malloc(RUN_ID_BYTES);
	if (text == NULL || random_bytes(random, sizeof(random)) != ERR_OK) {
		free(text);
		return false;
	}
	memcpy(text, "run-", 5);
	text[4 + text_write_hex(random, sizeof(random), text + 4)] = '\0';
	cell->run_id = text;
	return true;
}

/* What the notary would refuse is refused here, where somebody can be told. */
static bool
texts_are_good(const struct config_cell *o, struct cell_refusal *why)
{
	struct hark_host_stamp stamp;

	if (o->name == NULL || !config_cell_name_is_good(o->name))
		return refuse(why, EXIT_USAGE,
			      "a cell's name is 1 to 128 of letters, digits and ._:@-, and begins "
			      "with none of . and -");
	/* Files that are being written have such names in DATA/cells. */
	if (strlen(o->name) > 4 && strcmp(o->name + strlen(o->name) - 4, ".new") == 0)
		return refuse(why, EXIT_USAGE, "a cell's name must not end in .new");
	if (o->uds_base == NULL || o->uds_base[0] != '/' || strchr(o->uds_base, '\n') != NULL)
		return refuse(why, EXIT_USAGE,
			      "the base of the socket's path must be absolute, "
			      "without line breaks");
	if (hark_host_stamp_init(hark_text_of(o->name), hark_text_of(o->run_id),
				 hark_text_of(o->spec_hash), &stamp) != HARK_TELEMETRY_OK)
		return refuse(why, EXIT_USAGE,
			      "the run id, or the specification's hash, is not "
			      "one: up to 128 bytes without blanks");
	if (o->connections < 1 || o->connections > HARK_CONNECTIONS_MAX)
		return refuse(why, EXIT_USAGE, "connections must be 1 to 8");
	if (o->keepalive_ms == 0)
		return refuse(why, EXIT_USAGE, "the keep-alive window must be above 0");
	if (o->mode > 0777)
		return refuse(why, EXIT_USAGE, "the socket's mode must be at most 0777");
	return true;
}

static struct cell *
cell_new(struct harkd *h, const struct cell_file *file)
{
	struct cell *cell = calloc(1, sizeof(*cell));

	if (cell == NULL)
		return NULL;
	cell->h = h;
	cell->file = *file;
	cell->retry.fn = on_retry;
	cell->retry.ctx = cell;
	if (config_cell_copy(&file->cell, &cell->file.cell) != ERR_OK) {
		free(cell);
		return NULL;
	}
	if (!make_run_id(&cell->file.cell)) {
		config_cell_finish(&cell->file.cell);
		free(cell);
		return NULL;
	}
	return cell;
}

static bool
may_come(const struct cell *cell, struct cell_refusal *why)
{
	if (!texts_are_good(&cell->file.cell, why))
		return false;
	if (cell_find(cell->h, cell->file.cell.name) != NULL)
		return refuse(why, EXIT_CANT_CREATE, "there is a cell of that name already");
	if (cell->h->cell_count >= CONFIG_CELLS_MAX)
		return refuse(why, EXIT_TEMPORARY, "there are as many cells as one harkd takes");
	return true;
}

/* Into the list, to its receiver and to the notary. */
static bool
bring_in(struct cell *cell, struct cell_refusal *why)
{
	struct harkd *h = cell->h;

	cell->number = ++h->last_cell;
	cell->next = h->cells;
	h->cells = cell;
	h->cell_count++;
	cell_introduce(cell);
	if (cell->state == CELL_LEAVING)
		return true;
	if (receiver_take(h, cell) != ERR_OK)
		return refuse(why, EXIT_SOFTWARE, "out of memory");
	if (cell->state == CELL_LISTENING)
		receiver_listen(cell);
	else
		loop_timer_set(h->loop, &cell->retry,
			       loop_now_ns(h->loop) + BIND_RETRY_MS * NS_PER_MS);
	return true;
}

struct cell *
cell_add(struct harkd *h, const struct cell_file *file, bool strict, bool remember,
	 struct cell_refusal *why)
{
	struct cell *cell = cell_new(h, file);

	if (cell == NULL) {
		(void)refuse(why, EXIT_SOFTWARE, "out of memory, or no random bytes for a run id");
		return NULL;
	}
	if (!may_come(cell, why)) {
		cell_destroy(cell);
		return NULL;
	}
	cell->state = file->is_leaving ? CELL_LEAVING : CELL_LISTENING;
	if (cell->state == CELL_LISTENING && !bind_socket(cell, why)) {
		if (strict) {
			cell_destroy(cell);
			return NULL;
		}
		cell->state = CELL_FAILING;
		log_error("cell %s: %s; it is tried again", cell->file.cell.name, why->text);
		(void)snprintf(cell->why, sizeof(cell->why), "%.*s", (int)sizeof(cell->why) - 1,
			       why->text);
	}
	if ((remember && !remember_cell(h, &cell->file, why)) || !bring_in(cell, why)) {
		cell_destroy(cell);
		return NULL;
	}
	return cell;
}

/* ---- going --------------------------------------------------------------------------------- */

bool
cell_remove(struct cell *cell, struct cell_refusal *why)
{
	MUST(cell->state != CELL_LEAVING);

	cell->file.is_leaving = true;
	if (!remember_cell(cell->h, &cell->file, why)) {
		cell->file.is_leaving = false;
		return false;
	}
	cell->state = CELL_LEAVING;
	loop_timer_clear(cell->h->loop, &cell->retry);
	/* A receiver that has just started hears the cell first: somebody may have connected. */
	if (cell->listener == NULL || !receiver_is_starting(cell->receiver))
		cell_let_go(cell);
	return true;
}

void
cell_let_go(struct cell *cell)
{
	MUST(cell->state == CELL_LEAVING);

	hark_listener_close(cell->listener);
	cell->listener = NULL;
	receiver_release(cell);
}

void
cell_left(struct cell *cell)
{
	MUST(cell->state == CELL_LEAVING && cell->receiver == NULL);

	hark_listener_close(cell->listener);
	cell->listener = NULL;
	if (notary_hears(cell->h))
		send_removal(cell);
}
