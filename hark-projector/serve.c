/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * While a batch is held nobody listens to the observer: its messages stay in the socket, and so the
 * database's pace is the observer's.  Who says what is not due may have been taken over: the
 * projector ends, and harkd makes a new pair.
 */
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "hark-projector/serve.h"
#include "prog/log.h"
#include "proto/message.h"
#include "role/role.h"

#define NS_OF_MS UINT64_C(1000000)
#define NS_OF_S  UINT64_C(1000000000)

static void tell(struct serve *s, const char *away);

static void
end(struct serve *s, enum exit_code code)
{
	/* The last that harkd hears is how far it is: it is asked while nobody runs. */
	if (s->begun && !s->away && project_is_connected(s->project) &&
	    (!s->told || s->said_cursor != project_cursor(s->project)))
		tell(s, NULL);
	s->exit_code = code;
	loop_stop(s->loop);
}

static void
fail(struct serve *s, enum exit_code code, const char *text)
{
	end(s, (enum exit_code)role_fail((int)code, text));
}

static void
break_off(struct serve *s, const char *what)
{
	log_error("the observer %s", what);
	fail(s, EXIT_PROTOCOL, "the observer says what is not due");
}

/* ---- harkd --------------------------------------------------------------------------------- */

/* Where harkd does not read now, it is told the next time. */
static void
tell(struct serve *s, const char *away)
{
	uint64_t now = loop_now_ns(s->loop);
	struct message m;

	message_init(&m, MESSAGE_PROJECTOR_STATE, 0);
	message_set_text(&m, FIELD_STATE, away != NULL ? "away" : "ok");
	message_set_number(&m, FIELD_INDEX, project_cursor(s->project));
	message_set_number(&m, FIELD_COUNT, project_dead_letters(s->project));
	if (away != NULL && away[0] != '\0')
		message_set_text(&m, FIELD_TEXT, away);
	s->told = message_send(s->supervisor_fd, &m) == ERR_OK;
	s->away = away != NULL;
	s->said_ns = now;
	s->said_cursor = project_cursor(s->project);
	s->said_dead_letters = project_dead_letters(s->project);
}

/* Tells what has changed, if it is time. */
static void
tell_progress(struct serve *s)
{
	uint64_t now = loop_now_ns(s->loop);

	if (s->away)
		return;
	if (s->told && s->said_cursor == project_cursor(s->project) &&
	    s->said_dead_letters == project_dead_letters(s->project))
		return;
	if (s->told && now - s->said_ns < SERVE_STATE_MS * NS_OF_MS)
		return;
	tell(s, NULL);
}

static void
on_supervisor(void *ctx, uint32_t ready)
{
	struct serve *s = ctx;
	struct message m;
	enum err e;

	(void)ready;
	e = message_receive(s->supervisor_fd, s->bytes, sizeof(s->bytes), &m);
	if (e == ERR_AGAIN)
		return;
	if (e == ERR_END) {
		end(s, EXIT_OK);
		return;
	}
	if (e != ERR_OK) {
		log_error("harkd cannot be heard: %s", err_text(e));
		end(s, EXIT_PROTOCOL);
		return;
	}
	if (m.type == MESSAGE_STOP) {
		end(s, EXIT_OK);
	} else {
		log_error("harkd says %s, which is not due", message_name(m.type));
		end(s, EXIT_PROTOCOL);
	}
	message_close(&m);
}

/* ---- the database -------------------------------------------------------------------------- */

static void
set_turn(struct serve *s)
{
	uint64_t now = loop_now_ns(s->loop);
	uint64_t at = project_turn(s->project, now);

	tell_progress(s);
	if (!s->away && (!s->told || s->said_cursor != project_cursor(s->project)) &&
	    at > s->said_ns + SERVE_STATE_MS * NS_OF_MS)
		at = s->said_ns + SERVE_STATE_MS * NS_OF_MS;
	if (at != UINT64_MAX)
		loop_timer_set(s->loop, &s->turn, at > now ? at : now + NS_OF_MS);
}

static void
send_index(struct serve *s, enum message_type type)
{
	struct message m;
	enum err e;

	message_init(&m, type, 0);
	message_set_number(&m, FIELD_INDEX, project_cursor(s->project));
	e = message_send(s->observer_fd, &m);
	/* It has at most two batches under way, so there is room for what they are answered. */
	if (e == ERR_AGAIN)
		break_off(s, "does not read its answers");
	else if (e != ERR_OK)
		end(s, EXIT_OK);
}

static void
set_listening(struct serve *s, bool on)
{
	if (s->listens == on)
		return;
	s->listens = on;
	if (loop_fd_modify(s->loop, s->observer_fd, on ? EPOLLIN : 0) != ERR_OK)
		fail(s, EXIT_OS, "the observer's channel cannot be waited for");
}

/* It may be elsewhere by now, where this process cannot look. */
static void
look_elsewhere(struct serve *s, const struct project_failure *why)
{
	char text[PROJECT_TEXT_BYTES + 64];

	(void)snprintf(text, sizeof(text), "away for %llu s, so its host is looked up anew: %s",
		       (unsigned long long)s->lookup_s, why->text);
	fail(s, EXIT_TEMPORARY, text);
}

/* What a failure of the database leads to; the batch is kept. */
static void
stumble(struct serve *s, enum err e, const struct project_failure *why)
{
	switch (e) {
	case ERR_AGAIN:
		if (s->lookup_s > 0 &&
		    loop_now_ns(s->loop) - s->reached_ns >= s->lookup_s * NS_OF_S) {
			look_elsewhere(s, why);
			break;
		}
		if (!s->away || !s->told)
			log_warning("the database is away: %s", why->text);
		tell(s, why->text);
		set_listening(s, false);
		loop_timer_set(s->loop, &s->retry, loop_now_ns(s->loop) + s->retry_ms * NS_OF_MS);
		s->retry_ms = s->retry_ms < SERVE_RETRY_MOST_MS / 2 ? 2 * s->retry_ms
								    : SERVE_RETRY_MOST_MS;
		break;
	case ERR_END:
		/* harkd has said something, which is read next. */
		loop_timer_set(s->loop, &s->retry, loop_now_ns(s->loop));
		break;
	case ERR_EXISTS:
		fail(s, EXIT_TEMPORARY, why->text);
		break;
	case ERR_MEMORY:
		fail(s, EXIT_SOFTWARE, "no memory");
		break;
	default:
		fail(s, EXIT_CONFIG, why->text);
		break;
	}
}

/* True once the database is reached and its cursor is read. */
static bool
connect_database(struct serve *s)
{
	uint64_t held = project_cursor(s->project);
	struct project_failure why = { { 0 } };
	enum err e;

	if (project_is_connected(s->project)) {
		s->reached_ns = loop_now_ns(s->loop);
		return true;
	}
	e = project_connect(s->project, loop_now_ns(s->loop), &why);
	if (e != ERR_OK) {
		stumble(s, e, &why);
		return false;
	}
	s->reached_ns = loop_now_ns(s->loop);
	if (s->away)
		log_info("the database is back");
	s->retry_ms = SERVE_RETRY_FIRST_MS;
	tell(s, NULL);
	if (!s->begun)
		send_index(s, MESSAGE_CURSOR);
	else if (project_cursor(s->project) != held)
		send_index(s, MESSAGE_COMMITTED);
	s->begun = true;
	return true;
}

/* Commits what is due, and listens where nothing stands in the way. */
static void
go_on(struct serve *s)
{
	struct project_failure why = { { 0 } };
	uint64_t now = loop_now_ns(s->loop);
	uint64_t due;
	enum err e;

	if (!connect_database(s))
		return;
	due = project_due_ns(s->project);
	if (due <= now) {
		e = project_commit(s->project, now, &why);
		if (e != ERR_OK) {
			stumble(s, e, &why);
			return;
		}
		send_index(s, MESSAGE_COMMITTED);
	} else if (due != UINT64_MAX) {
		loop_timer_set(s->loop, &s->retry, due);
	}
	set_listening(s, true);
	set_turn(s);
}

static void
on_retry(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	go_on(ctx);
}

static void
on_turn(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	set_turn(ctx);
}

/* ---- the observer -------------------------------------------------------------------------- */

static enum err
take(struct serve *s, const struct message *m)
{
	if (m->type == MESSAGE_EFFECTS)
		return project_take_effects(s->project, message_bytes(m, FIELD_EFFECTS));
	if (m->type == MESSAGE_BATCH)
		return project_take_batch(s->project, message_number(m, FIELD_INDEX, 0),
					  message_number(m, FIELD_SIZE, 0),
					  message_number(m, FIELD_COUNT, 0), loop_now_ns(s->loop));
	return ERR_FORMAT;
}

static void
on_observer(void *ctx, uint32_t ready)
{
	struct serve *s = ctx;
	struct message m;
	enum err e;

	(void)ready;
	e = message_receive(s->observer_fd, s->bytes, sizeof(s->bytes), &m);
	if (e == ERR_AGAIN)
		return;
	if (e == ERR_END) {
		end(s, EXIT_OK);
		return;
	}
	if (e == ERR_OK) {
		message_close(&m);
		e = take(s, &m);
	}
	if (e == ERR_MEMORY) {
		fail(s, EXIT_SOFTWARE, "no memory");
	} else if (e != ERR_OK) {
		break_off(s, e == ERR_LIMIT ? "asks for more than its manifest allows"
					    : "says what is not due");
	} else if (m.type == MESSAGE_BATCH) {
		if (project_holds_effects(s->project))
			set_listening(s, false);
		go_on(s);
	}
}

/* ---- life ---------------------------------------------------------------------------------- */

enum err
serve_init(struct serve *s, struct loop *loop, struct project *project, int supervisor_fd,
	   int observer_fd)
{
	enum err e;

	MUST(s != NULL && loop != NULL && project != NULL);

	s->loop = loop;
	s->project = project;
	s->supervisor_fd = supervisor_fd;
	s->observer_fd = observer_fd;
	s->retry_ms = SERVE_RETRY_FIRST_MS;
	s->reached_ns = loop_now_ns(loop);
	s->exit_code = EXIT_SOFTWARE;
	s->retry = (struct loop_timer){ .fn = on_retry, .ctx = s };
	s->turn = (struct loop_timer){ .fn = on_turn, .ctx = s };
	e = loop_fd_add(loop, supervisor_fd, EPOLLIN, on_supervisor, s);
	if (e == ERR_OK)
		e = loop_fd_add(loop, observer_fd, 0, on_observer, s);
	return e;
}

enum exit_code
serve_run(struct serve *s)
{
	MUST(s != NULL && s->loop != NULL);

	loop_timer_set(s->loop, &s->retry, loop_now_ns(s->loop));
	if (loop_run(s->loop) != ERR_OK)
		return EXIT_OS;
	project_end(s->project);
	return s->exit_code;
}

void
serve_finish(struct serve *s)
{
	MUST(s != NULL);

	loop_timer_clear(s->loop, &s->retry);
	loop_timer_clear(s->loop, &s->turn);
	loop_fd_remove(s->loop, s->observer_fd);
	loop_fd_remove(s->loop, s->supervisor_fd);
}
