/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Question and answers over the control socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "hark/client.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/packet.h"
#include "os/wait.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "proto/order.h"

/* Bytes of a path or a text of the daemon as it is shown. */
#define SHOWN_BYTES 1024u

struct client {
	int fd;
	uint64_t last_id;
	uint8_t buffer[IPC_BYTES_MAX];
};

static const char *control;

void
client_set_control(const char *path)
{
	control = path;
}

static const char *
control_path(void)
{
	const char *path = control != NULL ? control : getenv(CLIENT_CONTROL_VARIABLE);

	return path != NULL && path[0] != '\0' ? path : CLIENT_CONTROL_DEFAULT;
}

static int
unreachable(const char *why)
{
	char shown[SHOWN_BYTES];

	(void)text_escape(control_path(), strlen(control_path()), shown, sizeof(shown));
	log_error("%s: %s", shown, why);
	return EXIT_UNREACHABLE;
}

/* What connecting gave, in words. */
static int
not_connected(enum err e)
{
	switch (e) {
	case ERR_MISSING:
		return unreachable("there is no such socket: does harkd run?");
	case ERR_REFUSED:
		return unreachable("nobody listens: does harkd run?");
	case ERR_AGAIN:
		return unreachable("too many ask at once: try again");
	case ERR_SYSTEM:
		if (errno == EACCES || errno == EPERM) {
			(void)unreachable("root, harkd's user and its group may ask, you may not");
			return EXIT_NO_PERMISSION;
		}
		return unreachable(strerror(errno));
	default:
		return unreachable(err_text(e));
	}
}

int
client_open(struct client **out)
{
	struct client *c;
	enum err e;
	int fd = -1;

	MUST(out != NULL);

	e = packet_connect(control_path(), &fd);
	if (e != ERR_OK)
		return not_connected(e);
	c = malloc(sizeof(*c));
	if (c == NULL) {
		file_close(&fd);
		log_error("%s", err_text(ERR_MEMORY));
		return EXIT_SOFTWARE;
	}
	c->fd = fd;
	c->last_id = 0;
	*out = c;
	return EXIT_OK;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	file_close(&c->fd);
	free(c);
}

void
client_closep(struct client **c)
{
	client_close(*c);
	*c = NULL;
}

/* Until the socket is ready for reading or writing. */
static enum err
wait_for(int fd, bool to_write)
{
	uint64_t deadline_ns = clock_monotonic_ns() + CLIENT_ANSWER_LIMIT_S * UINT64_C(1000000000);
	struct wait_item item = { .fd = fd, .want_read = !to_write, .want_write = to_write };

	while (!item.ready_read && !item.ready_write) {
		enum err e = wait_ready(&item, 1, deadline_ns);

		if (e != ERR_OK)
			return e;
		if (!item.ready_read && !item.ready_write && clock_monotonic_ns() >= deadline_ns)
			return ERR_AGAIN;
	}
	return ERR_OK;
}

/* Told in words: the peer has ended, is late, or does not speak as we do. */
static int
broken(enum err e)
{
	switch (e) {
	case ERR_END:
		return unreachable("the daemon ended the connection");
	case ERR_AGAIN:
		return unreachable("the daemon does not answer");
	case ERR_FORMAT:
	case ERR_LIMIT:
		(void)unreachable("the answer is none of this version: are hark and harkd of one?");
		return EXIT_PROTOCOL;
	default:
		return unreachable(e == ERR_SYSTEM ? strerror(errno) : err_text(e));
	}
}

static enum err
send_one(struct client *c, const struct message *m)
{
	enum err e = message_send(c->fd, m);

	while (e == ERR_AGAIN) {
		e = wait_for(c->fd, true);
		if (e == ERR_OK)
			e = message_send(c->fd, m);
	}
	return e;
}

/* What changes things goes as an order, which nobody on the way can change. */
static enum err
send_question(struct client *c, const struct message *question)
{
	struct message order;
	enum err e;

	if (!order_is_needed(question->type))
		return send_one(c, question);
	e = order_make(question, &order);
	if (e != ERR_OK)
		return e;
	e = send_one(c, &order);
	message_close(&order);
	return e;
}

static enum err
next_answer(struct client *c, struct message *out)
{
	enum err e = message_receive(c->fd, c->buffer, sizeof(c->buffer), out);

	while (e == ERR_AGAIN) {
		e = wait_for(c->fd, false);
		if (e == ERR_OK)
			e = message_receive(c->fd, c->buffer, sizeof(c->buffer), out);
	}
	return e;
}

/* The code that a DONE carries, after its words were told. */
static int
conclude(const struct message *done)
{
	uint64_t code = message_number(done, FIELD_CODE, EXIT_SOFTWARE);
	struct bytes text = message_bytes(done, FIELD_TEXT);
	char shown[SHOWN_BYTES];

	if (code == EXIT_OK)
		return EXIT_OK;
	(void)text_escape((const char *)text.data, text.size, shown, sizeof(shown));
	/* "Not everything runs" is no refusal: the items before it have said what. */
	if (text.size > 0 || code != EXIT_UNREACHABLE)
		log_error("%s", text.size > 0 ? shown : "the daemon refused and did not say why");
	return code <= 255 ? (int)code : EXIT_PROTOCOL;
}

int
client_ask(struct client *c, struct message *question, client_item_fn *item, void *ctx,
	   struct message *last)
{
	struct message m;
	enum err e;

	MUST(c != NULL && question != NULL && last != NULL);

	question->id = ++c->last_id;
	e = send_question(c, question);
	if (e != ERR_OK)
		return broken(e);
	for (;;) {
		int code = EXIT_OK;

		e = next_answer(c, &m);
		if (e != ERR_OK)
			return broken(e);
		if (m.id != question->id) {
			message_close(&m);
			return broken(ERR_FORMAT);
		}
		if (m.type == MESSAGE_DONE || m.type == MESSAGE_LEDGER_OPEN)
			break;
		code = item != NULL ? item(ctx, &m) : EXIT_OK;
		message_close(&m);
		if (code != EXIT_OK)
			return code;
	}
	*last = m;
	return m.type == MESSAGE_DONE ? conclude(&m) : EXIT_OK;
}

bool
client_has_ended(const struct client *c)
{
	struct wait_item item = { .fd = c->fd, .want_read = true };

	/* Nothing was asked, so nothing but the end can be there to read. */
	return wait_ready(&item, 1, clock_monotonic_ns()) == ERR_OK && item.ready_read;
}

bool
client_wait_for_daemon(unsigned int looks, unsigned int ms)
{
	while (looks-- > 0) {
		struct wait_item nothing = { .fd = -1 };
		int fd = -1;
		bool listens = packet_connect(control_path(), &fd) == ERR_OK;

		file_close(&fd);
		if (listens)
			return true;
		if (wait_ready(&nothing, 1, clock_monotonic_ns() + ms * UINT64_C(1000000)) !=
		    ERR_OK)
			return false;
	}
	return false;
}
