/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The relay.  Nothing here waits for one client: who does not read is kept up to a limit and then
 * let go, and who asks waits for the answer before the next question is read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "hark-control/serve.h"
#include "os/file.h"
#include "os/packet.h"
#include "os/sock.h"
#include "prog/exit.h"
#include "prog/log.h"

#define NS_PER_S UINT64_C(1000000000)
/* Accepted, and read from harkd, in one turn. */
#define ACCEPTS_A_TURN  16u
#define MESSAGES_A_TURN 64u

/* ---- clients ------------------------------------------------------------------------------- */

static void
client_destroy(struct client *c)
{
	struct serve *s = c->serve;
	struct client **link = &s->clients;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	s->client_count--;
	loop_timer_clear(s->loop, &c->timer);
	loop_fd_remove(s->loop, c->fd);
	outbox_finish(&c->outbox);
	file_close(&c->fd);
	free(c);
}

static void
on_client_timer(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	client_destroy(ctx);
}

static void
client_set_timer(struct client *c)
{
	uint64_t limit_s = c->asked != 0 ? CLIENT_ANSWER_S : CLIENT_IDLE_S;

	loop_timer_set(c->serve->loop, &c->timer, loop_now_ns(c->serve->loop) + limit_s * NS_PER_S);
}

/* A question is read only where the one before is answered and the answer is taken.  The end of a
 * client is always heard (EPOLLHUP).  False: the client is gone. */
static bool
client_watch(struct client *c)
{
	uint32_t events = 0;

	if (outbox_is_waiting(&c->outbox))
		events = EPOLLOUT;
	else if (c->asked == 0 && !c->serve->rests)
		events = EPOLLIN;
	else
		events = EPOLLRDHUP;
	if (loop_fd_modify(c->serve->loop, c->fd, events) == ERR_OK)
		return true;
	client_destroy(c);
	return false;
}

static void
watch_all(struct serve *s)
{
	struct client *c;
	struct client *next;

	for (c = s->clients; c != NULL; c = next) {
		next = c->next;
		(void)client_watch(c);
	}
}

static void
on_rested(void *ctx, uint64_t now_ns)
{
	struct serve *s = ctx;

	(void)now_ns;
	s->rests = false;
	watch_all(s);
}

/* One question more.  The last of its second is asked, and then nobody is read until that has
 * passed. */
static void
count_question(struct serve *s)
{
	uint64_t now = loop_now_ns(s->loop);

	if (s->questions == 0 || now - s->second_ns >= NS_PER_S) {
		s->second_ns = now;
		s->questions = 0;
	}
	s->questions++;
	if (s->questions < QUESTIONS_PER_S)
		return;
	s->questions = 0;
	s->rests = true;
	loop_timer_set(s->loop, &s->rest, s->second_ns + NS_PER_S);
	watch_all(s);
}

/* Sends to a client, or lets it go.  Takes the descriptors. */
static bool
client_send(struct client *c, struct message *m)
{
	if (outbox_send(&c->outbox, c->fd, m) == ERR_OK)
		return client_watch(c);
	client_destroy(c);
	return false;
}

static void
client_refuse(struct client *c, uint64_t id, int code, const char *text)
{
	struct message m;

	message_init(&m, MESSAGE_DONE, id);
	message_set_number(&m, FIELD_CODE, (uint64_t)code);
	message_set_text(&m, FIELD_TEXT, text);
	if (client_send(c, &m))
		client_set_timer(c);
}

/* ---- questions ----------------------------------------------------------------------------- */

static void
send_supervisor(struct serve *s, struct message *m)
{
	enum err e = outbox_send(&s->supervisor_outbox, s->supervisor_fd, m);

	if (e == ERR_OK)
		e = loop_fd_modify(
			s->loop, s->supervisor_fd,
			EPOLLIN | (outbox_is_waiting(&s->supervisor_outbox) ? EPOLLOUT : 0u));
	/* Its end is heard by reading. */
	if (e != ERR_OK && e != ERR_END) {
		log_error("harkd cannot be asked: %s", err_text(e));
		s->exit_code = EXIT_SOFTWARE;
		loop_stop(s->loop);
	}
}

/* Takes the descriptors of *m. */
static void
client_ask(struct client *c, struct message *m)
{
	struct serve *s = c->serve;
	enum proto_rights needed = message_rights(m->type);
	struct message question;

	if (serve_question(m, s->last_asked + 1, c->rights, c->pid, &question) != ERR_OK) {
		message_close(m);
		client_destroy(c); /* whoever speaks like that is no client of ours */
		return;
	}
	if (c->rights < needed) {
		message_close(m);
		client_refuse(c, m->id, EXIT_NO_PERMISSION,
			      needed == PROTO_MAY_ADMINISTER
				      ? "only root and the user of harkd may do that"
				      : "only root, the user of harkd and the group of its control "
					"socket may ask that");
		return;
	}
	c->asked = ++s->last_asked;
	c->their_id = m->id;
	client_set_timer(c);
	if (!client_watch(c)) {
		message_close(m);
		return;
	}
	send_supervisor(s, &question);
	count_question(s); /* the client may be gone by that */
}

static void
on_client(void *ctx, uint32_t ready)
{
	struct client *c = ctx;
	struct message m;
	enum err e;

	if ((ready & EPOLLOUT) != 0 && outbox_is_waiting(&c->outbox)) {
		e = outbox_flush(&c->outbox, c->fd);
		if (e != ERR_OK && e != ERR_AGAIN)
			client_destroy(c);
		else
			(void)client_watch(c);
		return;
	}
	if ((ready & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0 && (ready & EPOLLIN) == 0) {
		client_destroy(c);
		return;
	}
	if ((ready & EPOLLIN) == 0 || c->asked != 0 || c->serve->rests)
		return;
	e = message_receive(c->fd, c->serve->bytes, sizeof(c->serve->bytes), &m);
	if (e == ERR_AGAIN)
		return;
	if (e != ERR_OK) {
		client_destroy(c);
		return;
	}
	client_ask(c, &m);
}

/* ---- accepting ----------------------------------------------------------------------------- */

static bool
has_room_for(const struct serve *s, uid_t uid, enum proto_rights rights)
{
	const struct client *c;
	size_t of_user = 0;

	if (s->client_count >= CLIENTS_MAX)
		return false;
	if (rights == PROTO_MAY_ADMINISTER)
		return true;
	for (c = s->clients; c != NULL; c = c->next)
		of_user += c->uid == uid;
	return of_user < CLIENTS_A_USER_MAX;
}

static void
client_create(struct serve *s, int fd)
{
	struct sock_peer peer;
	bool in_group = false;
	enum proto_rights rights;
	struct client *c = NULL;

	if (sock_get_peer(fd, &peer) == ERR_OK &&
	    (!s->has_group || packet_peer_in_group(fd, s->group, &in_group) == ERR_OK)) {
		rights = serve_rights_of(s, peer.uid, in_group);
		if (has_room_for(s, peer.uid, rights))
			c = calloc(1, sizeof(*c));
	}
	if (c == NULL) {
		file_close(&fd); /* the client sees an end, and may come again */
		return;
	}
	c->serve = s;
	c->fd = fd;
	c->pid = peer.pid;
	c->uid = peer.uid;
	c->rights = rights;
	c->timer.fn = on_client_timer;
	c->timer.ctx = c;
	if (loop_fd_add(s->loop, fd, s->rests ? EPOLLRDHUP : EPOLLIN, on_client, c) != ERR_OK) {
		file_close(&fd);
		free(c);
		return;
	}
	c->next = s->clients;
	s->clients = c;
	s->client_count++;
	client_set_timer(c);
}

static void
on_listening(void *ctx, uint32_t ready)
{
	struct serve *s = ctx;
	unsigned int left;

	(void)ready;
	for (left = ACCEPTS_A_TURN; left > 0; left--) {
		int fd;

		if (sock_accept(s->listening_fd, &fd) != ERR_OK)
			return; /* none waits, or no descriptor is free: it is tried again */
		client_create(s, fd);
	}
}

/* ---- answers ------------------------------------------------------------------------------- */

static struct client *
client_of(struct serve *s, uint64_t asked)
{
	struct client *c = s->clients;

	while (c != NULL && (c->asked != asked || asked == 0))
		c = c->next;
	return c;
}

static void
pass_answer(struct serve *s, struct message *m)
{
	struct client *c = client_of(s, m->id);
	bool last = m->type == MESSAGE_DONE || m->type == MESSAGE_LEDGER_OPEN;

	if (c == NULL) {
		message_close(m); /* its client has gone */
		return;
	}
	m->id = c->their_id;
	if (last)
		c->asked = 0;
	if (client_send(c, m) && last)
		client_set_timer(c);
}

/* True to go on. */
static bool
hear_supervisor(struct serve *s)
{
	struct message m;
	enum err e = message_receive(s->supervisor_fd, s->bytes, sizeof(s->bytes), &m);

	if (e == ERR_AGAIN)
		return false;
	if (e == ERR_OK && m.type != MESSAGE_STOP) {
		switch (m.type) {
		case MESSAGE_DONE:
		case MESSAGE_LEDGER_OPEN:
		case MESSAGE_ITEM_CELL:
		case MESSAGE_ITEM_ROLE:
		case MESSAGE_ITEM_LEDGER:
		case MESSAGE_ITEM_OBSERVER:
			pass_answer(s, &m);
			return true;
		default:
			break;
		}
		message_close(&m);
		e = ERR_FORMAT;
	}
	if (e != ERR_OK && e != ERR_END) {
		log_error("harkd said what is no answer");
		s->exit_code = EXIT_PROTOCOL;
	}
	loop_stop(s->loop);
	return false;
}

static void
on_supervisor(void *ctx, uint32_t ready)
{
	struct serve *s = ctx;
	unsigned int left = MESSAGES_A_TURN;

	if ((ready & EPOLLOUT) != 0 && outbox_is_waiting(&s->supervisor_outbox)) {
		/* Its end is heard below. */
		(void)!outbox_flush(&s->supervisor_outbox, s->supervisor_fd);
		if (!outbox_is_waiting(&s->supervisor_outbox) &&
		    loop_fd_modify(s->loop, s->supervisor_fd, EPOLLIN) != ERR_OK) {
			s->exit_code = EXIT_OS;
			loop_stop(s->loop);
			return;
		}
	}
	while (left > 0 && hear_supervisor(s))
		left--;
}

/* ---- life ---------------------------------------------------------------------------------- */

enum err
serve_init(struct serve *s, struct loop *loop, int supervisor_fd, int listening_fd)
{
	enum err e;

	MUST(s != NULL && loop != NULL);

	s->loop = loop;
	s->supervisor_fd = supervisor_fd;
	s->listening_fd = listening_fd;
	s->rest = (struct loop_timer){ .fn = on_rested, .ctx = s };
	e = loop_fd_add(loop, supervisor_fd, EPOLLIN, on_supervisor, s);
	if (e == ERR_OK)
		e = loop_fd_add(loop, listening_fd, EPOLLIN, on_listening, s);
	return e;
}

int
serve_run(struct serve *s)
{
	if (loop_run(s->loop) != ERR_OK) {
		log_error("waiting failed: %s", strerror(errno));
		return EXIT_OS;
	}
	return s->exit_code;
}

void
serve_finish(struct serve *s)
{
	while (s->clients != NULL)
		client_destroy(s->clients);
	loop_timer_clear(s->loop, &s->rest);
	outbox_finish(&s->supervisor_outbox);
	loop_fd_remove(s->loop, s->listening_fd);
	loop_fd_remove(s->loop, s->supervisor_fd);
}
