/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Harkd is heard between any two steps, so a call of the module is all that it may have to wait
 * for. */
#include "hark-observer/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "hark-observer/ports.h"
#include "prog/exit.h"

/* How often harkd is told where we are, at the most. */
#define STATE_NS UINT64_C(1000000000)
/* The waiter looks up so often, so that a page whose writer has died is no lock. */
#define WAIT_MS 10000

static void
end(struct daemon *d, int code)
{
	if (d->is_ended)
		return;
	d->is_ended = true;
	d->code = code;
}

__attribute__((format(printf, 3, 4))) static void
fail(struct daemon *d, int code, const char *format, ...)
{
	char text[1024];
	va_list list;

	if (d->is_ended)
		return;
	va_start(list, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the line above begins it */
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	end(d, role_fail(code, text));
}

/* Something that a person should know; harkd logs it, and it stays in what it shows. */
__attribute__((format(printf, 2, 3))) static void
note(struct daemon *d, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the line above begins it */
	(void)vsnprintf(d->notes, sizeof(d->notes), format, list);
	va_end(list);
	d->has_said = false;
}

/* ---- what harkd hears ----------------------------------------------------------------------- */

static void
say_state(struct daemon *d)
{
	const struct deliver *l = &d->deliver;
	uint64_t index = d->stage == DAEMON_RUNS ? l->cursor : d->cursor;
	struct message m;

	if (d->stage == DAEMON_CURSOR ||
	    (d->has_said && d->said_index == index && d->said_shown == l->shown))
		return;
	message_init(&m, MESSAGE_OBSERVER_STATE, 0);
	message_set_number(&m, FIELD_INDEX, index);
	message_set_number(&m, FIELD_COUNT, l->shown);
	if (d->notes[0] != '\0')
		message_set_text(&m, FIELD_TEXT, d->notes);
	/* Where its queue is full the next one will do. */
	if (message_send(ROLE_SUPERVISOR_FD, &m) != ERR_OK)
		return;
	d->has_said = true;
	d->said_index = index;
	d->said_shown = l->shown;
}

static void
on_state(void *ctx, uint64_t now_ns)
{
	struct daemon *d = ctx;

	say_state(d);
	loop_timer_set(d->loop, &d->state, now_ns + STATE_NS);
}

static void
on_supervisor(void *ctx, uint32_t ready)
{
	struct daemon *d = ctx;
	struct message m;
	struct message answer;
	enum err e;

	(void)ready;
	e = message_receive(ROLE_SUPERVISOR_FD, d->bytes, sizeof(d->bytes), &m);
	if (e == ERR_AGAIN)
		return;
	if (e == ERR_END) {
		end(d, EXIT_OK);
		return;
	}
	if (e != ERR_OK) {
		fail(d, e == ERR_SYSTEM ? EXIT_OS : EXIT_PROTOCOL, "harkd cannot be heard: %s",
		     e == ERR_SYSTEM ? strerror(errno) : err_text(e));
		return;
	}
	message_close(&m);
	if (m.type == MESSAGE_STOP) {
		end(d, EXIT_OK);
	} else if (m.type == MESSAGE_PING) {
		message_init(&answer, MESSAGE_DONE, m.id);
		message_set_number(&answer, FIELD_CODE, EXIT_OK);
		if (message_send(ROLE_SUPERVISOR_FD, &answer) != ERR_OK)
			end(d, EXIT_TEMPORARY);
	} else if (m.type == MESSAGE_OBSERVER_RECORDED) {
		/* One of a process before this one means nothing here. */
		if (deliver_recorded(&d->deliver, message_number(&m, FIELD_SIZE, 0)))
			d->next = DELIVER_GO_ON;
	} else {
		fail(d, EXIT_PROTOCOL, "harkd says %s, which is not due", message_name(m.type));
	}
}

/* ---- the ledger ----------------------------------------------------------------------------- */

/* In the waiter's thread; nothing else touches the follower meanwhile. */
static void
sleep_on_page(void *ctx)
{
	struct daemon *d = ctx;

	follow_wait(d->start.follow, WAIT_MS);
}

static void
wait_for_leaves(struct daemon *d)
{
	d->next = DELIVER_LEAF;
	if (!d->is_waiting) {
		d->is_waiting = true;
		worker_start(d->start.waiter, sleep_on_page, d);
	}
}

static void
on_waiter(void *ctx, uint32_t ready)
{
	struct daemon *d = ctx;

	(void)ready;
	if (!worker_take(d->start.waiter))
		return;
	d->is_waiting = false;
	if (d->next == DELIVER_LEAF)
		d->next = DELIVER_GO_ON;
}

/* The cursor is past what is there: of one that was never used it may be meant. */
static void
seek_later(struct daemon *d)
{
	struct ledger_failure why = { 0 };
	uint64_t size = 0;

	if (follow_size(d->start.follow, &size, &why) != ERR_OK)
		fail(d, EXIT_DATA, "the evidence ledger cannot be followed: %s", why.text);
	else if (size > 0 && d->cursor > size && d->cursor != d->settings.from)
		fail(d, EXIT_DATA,
		     "the projection's cursor is leaf %" PRIu64 ", and the ledger has %" PRIu64
		     ": is it the projection of another ledger?",
		     d->cursor, size);
	else
		wait_for_leaves(d);
}

/* The first leaf that is still there, where the cursor's is not: no loss where nothing was read
 * yet, and said. */
static enum err
seek_first(struct daemon *d, uint64_t *first_out)
{
	uint64_t first = follow_first(d->start.follow);
	enum err e;

	if (d->cursor != d->settings.from) {
		fail(d, EXIT_DATA,
		     "leaves %" PRIu64 " to %" PRIu64 " were pruned before they were read: replay "
		     "the observer from leaf %" PRIu64,
		     d->cursor, first - 1, first);
		return ERR_MISSING;
	}
	e = follow_seek(d->start.follow, first, &d->ledger_why);
	if (e != ERR_OK)
		return e;
	note(d,
	     "leaves %" PRIu64 " to %" PRIu64 " were pruned before this observer began: it has "
	     "not seen them",
	     d->cursor, first - 1);
	*first_out = first;
	return ERR_OK;
}

static void
seek(struct daemon *d)
{
	uint64_t first = d->cursor;
	enum err e = follow_seek(d->start.follow, d->cursor, &d->ledger_why);

	if (e == ERR_MISSING)
		e = seek_first(d, &first);
	if (e == ERR_AGAIN) {
		seek_later(d);
	} else if (e != ERR_OK) {
		fail(d, EXIT_DATA, "the evidence ledger cannot be followed: %s",
		     d->ledger_why.text);
	} else {
		deliver_begin(&d->deliver, d->cursor, first);
		d->stage = DAEMON_RUNS;
		d->next = DELIVER_GO_ON;
	}
}

/* ---- the projector -------------------------------------------------------------------------- */

static void
take_projector_word(struct daemon *d, const struct message *m)
{
	uint64_t index = message_number(m, FIELD_INDEX, 0);

	if (m->type == MESSAGE_CURSOR && d->stage == DAEMON_CURSOR) {
		d->cursor = index;
		d->stage = DAEMON_SEEK;
		d->next = DELIVER_GO_ON;
	} else if (m->type == MESSAGE_COMMITTED && d->stage == DAEMON_RUNS &&
		   deliver_committed(&d->deliver, index) == ERR_OK) {
		if (d->next == DELIVER_COMMIT)
			d->next = DELIVER_GO_ON;
	} else {
		fail(d, EXIT_PROTOCOL, "the projector says %s, which is not due",
		     message_name(m->type));
	}
}

static void
want_space(struct daemon *d, bool wanted)
{
	uint32_t events = wanted ? (uint32_t)EPOLLIN | (uint32_t)EPOLLOUT : (uint32_t)EPOLLIN;

	if (d->wants_space == wanted)
		return;
	d->wants_space = wanted;
	if (loop_fd_modify(d->loop, d->start.projector_fd, events) != ERR_OK)
		fail(d, EXIT_OS, "the projector's channel cannot be waited for");
}

static void
on_projector(void *ctx, uint32_t ready)
{
	struct daemon *d = ctx;
	struct message m;
	enum err e;

	if (d->next == DELIVER_SPACE && (ready & EPOLLOUT) != 0) {
		want_space(d, false);
		d->next = DELIVER_GO_ON;
	}
	e = message_receive(d->start.projector_fd, d->bytes, sizeof(d->bytes), &m);
	if (e == ERR_AGAIN)
		return;
	if (e != ERR_OK) {
		fail(d, EXIT_TEMPORARY, "the projector %s",
		     e == ERR_END ? "has ended" : "says what is no message");
		return;
	}
	message_close(&m);
	take_projector_word(d, &m);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void
fail_step(struct daemon *d)
{
	const struct deliver *l = &d->deliver;

	if (l->error == ERR_OK)
		fail(d, EXIT_SOFTWARE, "the module cannot be run: %s",
		     hark_observer_error_text(l->failure));
	else if (l->error == ERR_END)
		fail(d, EXIT_TEMPORARY, "the projector or the notary has ended");
	else if (d->ledger_why.text[0] != '\0')
		fail(d, EXIT_DATA, "the evidence ledger cannot be followed: %s",
		     d->ledger_why.text);
	else
		fail(d, EXIT_OS, "a message cannot be sent: %s",
		     l->error == ERR_SYSTEM ? strerror(errno) : err_text(l->error));
}

static void
on_wake(void *ctx, uint64_t now_ns)
{
	struct daemon *d = ctx;

	(void)now_ns;
	if (d->next == DELIVER_LEAF && d->stage == DAEMON_RUNS &&
	    d->deliver.cursor > d->deliver.sent) {
		d->deliver.is_sending = true;
		d->next = DELIVER_GO_ON;
	}
}

static void
step(struct daemon *d)
{
	uint64_t passed_over = d->deliver.batch.passed_over;

	/* The follower is the waiter's while it sleeps: without it, what is staged may leave. */
	if (d->is_waiting && !d->deliver.is_sending) {
		d->next = DELIVER_LEAF;
		return;
	}
	if (d->stage == DAEMON_SEEK) {
		seek(d);
		return;
	}
	d->next = deliver_step(&d->deliver);
	if (d->deliver.batch.passed_over != passed_over)
		note(d,
		     "%" PRIu64 " %s cannot be shown to a module, the last of them leaf %" PRIu64,
		     d->deliver.batch.passed_over,
		     text_counted(d->deliver.batch.passed_over, "leaf", "leaves"),
		     d->deliver.batch.passed_last);
	switch (d->next) {
	case DELIVER_LEAF:
		wait_for_leaves(d);
		if (d->deliver.wake_ns != 0)
			loop_timer_set(d->loop, &d->wake, d->deliver.wake_ns);
		return;
	case DELIVER_SPACE:
		want_space(d, true);
		return;
	case DELIVER_END:
		say_state(d);
		end(d, EXIT_OK);
		return;
	case DELIVER_FAIL:
		fail_step(d);
		return;
	default:
		return;
	}
}

static int
run(struct daemon *d)
{
	d->wake = (struct loop_timer){ .fn = on_wake, .ctx = d };
	d->state = (struct loop_timer){ .fn = on_state, .ctx = d };
	d->next = DELIVER_COMMIT; /* the projector's first word */
	if (loop_create(NULL, &d->loop) != ERR_OK ||
	    loop_fd_add(d->loop, ROLE_SUPERVISOR_FD, EPOLLIN, on_supervisor, d) != ERR_OK ||
	    loop_fd_add(d->loop, d->start.projector_fd, EPOLLIN, on_projector, d) != ERR_OK ||
	    loop_fd_add(d->loop, worker_fd(d->start.waiter), EPOLLIN, on_waiter, d) != ERR_OK)
		return role_fail(EXIT_OS, "its descriptors cannot be waited for");
	if (d->settings.noop)
		note(d, "engine noop: it passes over every event and runs nothing");
	loop_timer_set(d->loop, &d->state, loop_now_ns(d->loop) + STATE_NS);
	while (!d->is_ended) {
		if (loop_turn(d->loop, d->next != DELIVER_GO_ON) != ERR_OK)
			return role_fail(EXIT_OS, "its descriptors cannot be waited for");
		if (!d->is_ended && d->next == DELIVER_GO_ON)
			step(d);
	}
	loop_timer_clear(d->loop, &d->wake);
	loop_timer_clear(d->loop, &d->state);
	return d->code;
}

int
daemon_live(struct daemon *d, struct message *setup)
{
	struct hark_observer_capability capabilities[HARK_OBSERVER_TOKEN_COUNT];
	bool stopped = false;
	int code;

	ports_init(d, capabilities);
	code = start_all(&d->start, setup, &d->settings, capabilities, HARK_OBSERVER_TOKEN_COUNT,
			 &d->host, &stopped);
	if (code != EXIT_OK || stopped)
		return code;
	if (deliver_init(&d->deliver, &d->settings, &d->ports) != ERR_OK)
		return role_fail(EXIT_SOFTWARE, "no memory for a batch of events");
	return run(d);
}
