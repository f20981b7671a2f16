/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The receiver's turns, and what all of its cells share. */

#include "hark-receiver/receiver.h"
#include "base/must.h"
#include "hark-receiver/cell.h"
#include "hark-receiver/channel.h"
#include "hark-receiver/connection.h"
#include "hark-receiver/supervisor.h"
#include "os/clock.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/message.h"

/* Under load a batch that is not full waits so many rounds of reading for more. */
#define ROUNDS_A_BATCH 8u
/* After so many turns in a row that brought less than this, each within this time of the one
 * before, there is a rest before the next. */
#define SMALL_TURNS      4u
#define SMALL_TURN_BYTES 16384u
#define TURN_APART_NS    UINT64_C(2000000)
/* Memory is given back where at least this much of the window was used since. */
#define GIVE_BACK_BYTES 16384u

/* ---- what all share ------------------------------------------------------------------------ */

struct cell *
receiver_cell(const struct receiver *r, uint16_t slot)
{
	return slot < r->cells_size ? r->cells[slot] : NULL;
}

void
receiver_want_tick(struct receiver *r, uint64_t at_ns)
{
	if (at_ns >= r->tick_ns)
		return;
	r->tick_ns = at_ns;
	loop_timer_set(r->loop, &r->tick, at_ns);
}

void
receiver_say(struct receiver *r, size_t *size_out)
{
	enum err e = window_add(&r->window, &r->record, size_out);

	/* Room was looked for before the guest was read. */
	MUST(e == ERR_OK);
	r->touched_bytes += *size_out;
	r->turn_bytes += *size_out;
	r->active_ns = loop_now_ns(r->loop);
	receiver_want_tick(r, r->active_ns + RECEIVER_TICK_NS);
}

void
receiver_fail(struct receiver *r, int exit_code, const char *text)
{
	struct message m;

	if (r->done)
		return;
	log_error("%s", text);
	message_init(&m, MESSAGE_FAILED, 0);
	message_set_number(&m, FIELD_CODE, (uint64_t)exit_code);
	message_set_text(&m, FIELD_TEXT, text);
	/* Where harkd does not take it, the exit code says it. */
	(void)!message_send(r->supervisor, &m);
	r->exit_code = exit_code;
	r->done = true;
}

/* ---- turns --------------------------------------------------------------------------------- */

/* One connection's share. */
static void
read_next(struct receiver *r)
{
	struct connection *c = link_owner(r->ready.next, struct connection, ready);

	link_remove(&c->ready);
	switch (connection_read(c)) {
	case CONNECTION_MORE:
		link_append(&r->ready, &c->ready);
		break;
	case CONNECTION_LIMITED:
		cell_park(c->cell, c);
		break;
	case CONNECTION_WAITS:
	case CONNECTION_ENDED: /* it may be gone */
		break;
	}
}

/* Everyone who waited at the begin of the round has a turn, in the order of waiting. */
static void
read_round(struct receiver *r)
{
	struct link mark;

	if (!link_is_linked(&r->ready))
		return;
	link_init(&mark);
	link_append(&r->ready, &mark);
	while (r->ready.next != &mark && window_has_room(&r->window))
		read_next(r);
	link_remove(&mark);
}

static bool
has_work(const struct receiver *r)
{
	return link_is_linked(&r->ready) && window_has_room(&r->window);
}

static void
on_limit(void *ctx, uint64_t now_ns)
{
	struct receiver *r = ctx;
	struct link *at = r->limited.next;
	uint64_t first_ns = UINT64_MAX;

	(void)now_ns;
	while (at != &r->limited) {
		struct cell *cell = link_owner(at, struct cell, limited);
		uint64_t again_ns;

		at = at->next;
		if (!cell_try_resume(cell, &again_ns) && again_ns < first_ns)
			first_ns = again_ns;
	}
	if (first_ns != UINT64_MAX)
		loop_timer_set(r->loop, &r->limit, first_ns);
}

static void
give_back(struct receiver *r, uint64_t now_ns)
{
	size_t i;

	if (r->touched_bytes < GIVE_BACK_BYTES)
		return;
	if (now_ns - r->active_ns < RECEIVER_TICK_NS || !window_is_empty(&r->window)) {
		receiver_want_tick(r, now_ns + RECEIVER_TICK_NS);
		return;
	}
	r->touched_bytes = 0;
	window_give_back(&r->window);
	for (i = 0; i < r->cells_size; i++) {
		if (r->cells[i] != NULL)
			cell_give_back(r->cells[i]);
	}
}

static void
on_tick(void *ctx, uint64_t now_ns)
{
	struct receiver *r = ctx;
	size_t i;

	r->tick_ns = UINT64_MAX;
	for (i = 0; i < r->cells_size; i++) {
		if (r->cells[i] != NULL)
			cell_tick(r->cells[i], now_ns);
	}
	if (r->cell_count > 1)
		(void)window_widen(&r->window);
	give_back(r, now_ns);
}

static void
on_stop_end(void *ctx, uint64_t now_ns)
{
	struct receiver *r = ctx;

	(void)now_ns;
	log_warning("ending without the last receipts");
	r->exit_code = EXIT_TEMPORARY;
	r->done = true;
}

/* What this turn was like, for receiver_may_rest.  A turn without a record was a receipt's. */
static void
count_turn(struct receiver *r)
{
	uint64_t now_ns = loop_now_ns(r->loop);

	if (now_ns - r->turn_ns > TURN_APART_NS || r->turn_bytes >= SMALL_TURN_BYTES)
		r->small_turns = 0;
	else if (r->turn_bytes > 0 && r->small_turns < SMALL_TURNS)
		r->small_turns++;
	r->turn_ns = now_ns;
	r->turn_bytes = 0;
}

bool
receiver_may_rest(const struct receiver *r)
{
	return r->small_turns == SMALL_TURNS && !has_work(r) && !r->stopping && !r->done;
}

enum err
receiver_turn(struct receiver *r, bool wait)
{
	enum err e = loop_turn(r->loop, wait && !has_work(r));

	if (e != ERR_OK)
		return e;
	read_round(r);
	supervisor_drop_stopped(r);
	/* Sent at once where nothing else is there to be read, and more at a time under load. */
	if (!has_work(r) || ++r->rounds >= ROUNDS_A_BATCH) {
		channel_flush(r, false);
		r->rounds = 0;
	} else {
		channel_flush(r, true);
	}
	while (link_is_linked(&r->answers))
		connection_answer(link_owner(r->answers.next, struct connection, answers));
	if (r->stopping && r->cell_count == 0 && window_is_empty(&r->window))
		r->done = true;
	count_turn(r);
	return ERR_OK;
}

int
receiver_run(struct receiver *r)
{
	while (!r->done) {
		if (receiver_may_rest(r))
			clock_rest(RECEIVER_REST_NS);
		if (receiver_turn(r, true) != ERR_OK)
			receiver_fail(r, EXIT_OS, "cannot wait for guests");
	}
	return r->exit_code;
}

/* ---- life ---------------------------------------------------------------------------------- */

enum err
receiver_init(struct receiver *r, struct loop *loop, int supervisor)
{
	enum err e;

	MUST(r != NULL && loop != NULL && supervisor >= 0);

	/* The large buffers are not touched before they are used. */
	r->loop = loop;
	r->supervisor = supervisor;
	r->channel = -1;
	r->channel_waits = r->stopping = r->done = false;
	r->exit_code = EXIT_OK;
	r->rounds = r->connections = r->small_turns = 0;
	r->turn_bytes = 0;
	r->turn_ns = 0;
	r->cell_count = r->stopped_count = r->touched_bytes = 0;
	r->first_cells[0] = NULL;
	r->cells = r->first_cells;
	r->cells_size = 1;
	r->first_cell.receiver = NULL;
	r->active_ns = 0;
	r->tick_ns = UINT64_MAX;
	r->tick = (struct loop_timer){ .fn = on_tick, .ctx = r };
	r->limit = (struct loop_timer){ .fn = on_limit, .ctx = r };
	r->stop = (struct loop_timer){ .fn = on_stop_end, .ctx = r };
	link_init(&r->ready);
	link_init(&r->answers);
	link_init(&r->limited);
	link_init(&r->shut);
	e = window_init(&r->window);
	if (e != ERR_OK)
		return e;
	e = supervisor_open(r);
	if (e != ERR_OK)
		window_finish(&r->window);
	return e;
}

void
receiver_finish(struct receiver *r)
{
	supervisor_close(r);
	channel_close(r);
	loop_timer_clear(r->loop, &r->tick);
	loop_timer_clear(r->loop, &r->limit);
	loop_timer_clear(r->loop, &r->stop);
	window_finish(&r->window);
}
