/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A notary asks one thing at a time and reads each answer: one that says anything else, or does not
 * read, loses its link, and harkd brings a new one.
 */
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "hark-signer/serve.h"
#include "os/file.h"
#include "prog/log.h"
#include "proto/message.h"

static void
drop_link(struct serve *s, const char *why)
{
	if (s->link_fd < 0)
		return;
	if (why != NULL)
		log_warning("the link to the notary is closed: %s", why);
	loop_fd_remove(s->loop, s->link_fd);
	file_close(&s->link_fd);
}

static void
send_on_link(struct serve *s, const struct message *m)
{
	enum err e = message_send(s->link_fd, m);

	if (e == ERR_END)
		drop_link(s, NULL);
	else if (e != ERR_OK)
		drop_link(s, e == ERR_AGAIN ? "it does not read its answers" : err_text(e));
}

static void
set_head(const struct serve *s, struct message *m, struct checkpoint *head)
{
	signer_head(s->signer, head);
	message_set_number(m, FIELD_SIZE, head->size);
	message_set_bytes(m, FIELD_ROOT, head->root.bytes, sizeof(head->root.bytes));
}

/* The head first; then, of a key that was changed, the note that led to it: whether a notary has
 * kept it is not known, and it knows what it has. */
static void
greet(struct serve *s)
{
	const struct buf *note = &s->signer->rotation;
	struct checkpoint head;
	struct message m;

	message_init(&m, MESSAGE_HEAD, 0);
	set_head(s, &m, &head);
	send_on_link(s, &m);
	if (note->size == 0 || s->link_fd < 0)
		return;
	message_init(&m, MESSAGE_SIGNED, 0);
	message_set_number(&m, FIELD_SIZE, s->signer->rotation_head.size);
	message_set_bytes(&m, FIELD_ROOT, s->signer->rotation_head.root.bytes, MERKLE_HASH_BYTES);
	message_set_bytes(&m, FIELD_NOTE, note->data, note->size);
	send_on_link(s, &m);
}

/* ERR_FORMAT where the sizes of root and proof are not those of hashes. */
static enum err
read_request(const struct message *m, struct signer_request *out)
{
	struct bytes root = message_bytes(m, FIELD_ROOT);
	struct bytes proof = message_bytes(m, FIELD_PROOF);

	if (root.size != MERKLE_HASH_BYTES || proof.size % MERKLE_HASH_BYTES != 0 ||
	    proof.size > sizeof(out->proof))
		return ERR_FORMAT;
	out->size = message_number(m, FIELD_SIZE, 0);
	memcpy(out->root.bytes, root.data, root.size);
	out->proof_count = proof.size / MERKLE_HASH_BYTES;
	if (proof.size > 0)
		memcpy(out->proof, proof.data, proof.size);
	return ERR_OK;
}

static void
answer(struct serve *s, const struct signer_request *request, uint64_t id)
{
	enum err e = signer_sign(s->signer, request);
	struct checkpoint head;
	struct message m;

	if (e == ERR_OK) {
		message_init(&m, MESSAGE_SIGNED, id);
		message_set_bytes(&m, FIELD_NOTE, s->signer->note.data, s->signer->note.size);
	} else {
		bool ours = e == ERR_SYSTEM || e == ERR_MEMORY;

		log_error("%llu %s not signed: %s", (unsigned long long)request->size,
			  text_counted(request->size, "leaf is", "leaves are"), signer_refusal(e));
		message_init(&m, MESSAGE_REFUSED, id);
		message_set_number(&m, FIELD_CODE, ours ? EXIT_IO : EXIT_TAMPERED);
		message_set_text(&m, FIELD_TEXT, signer_refusal(e));
	}
	set_head(s, &m, &head);
	send_on_link(s, &m);
}

static void
on_link(void *ctx, uint32_t ready)
{
	struct serve *s = ctx;
	struct signer_request request;
	struct message m;
	enum err e;

	(void)ready;
	e = message_receive(s->link_fd, s->bytes, sizeof(s->bytes), &m);
	if (e == ERR_AGAIN)
		return;
	if (e != ERR_OK) {
		drop_link(s, e == ERR_END ? NULL : err_text(e));
		return;
	}
	message_close(&m);
	if (m.type != MESSAGE_SIGN || read_request(&m, &request) != ERR_OK) {
		drop_link(s, "it says what is not due");
		return;
	}
	answer(s, &request, m.id);
}

/* Takes the new notary's link; the old notary has ended, or will. */
static enum err
take_link(struct serve *s, struct message *m)
{
	enum err e;

	drop_link(s, NULL);
	e = loop_fd_add(s->loop, m->fds[0], EPOLLIN, on_link, s);
	if (e != ERR_OK)
		return e;
	s->link_fd = m->fds[0];
	m->fds[0] = -1;
	greet(s);
	return ERR_OK;
}

static void
end(struct serve *s, enum exit_code code)
{
	s->exit_code = code;
	loop_stop(s->loop);
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
	} else if (m.type == MESSAGE_SIGNER_LINK) {
		if (take_link(s, &m) != ERR_OK)
			end(s, EXIT_OS);
	} else {
		log_error("harkd says %s, which is not due", message_name(m.type));
		end(s, EXIT_PROTOCOL);
	}
	message_close(&m);
}

enum err
serve_init(struct serve *s, struct signer *signer, struct loop *loop, int supervisor_fd)
{
	MUST(s != NULL && signer != NULL && loop != NULL);

	s->loop = loop;
	s->signer = signer;
	s->supervisor_fd = supervisor_fd;
	s->link_fd = -1;
	s->exit_code = EXIT_SOFTWARE;
	return loop_fd_add(loop, supervisor_fd, EPOLLIN, on_supervisor, s);
}

enum exit_code
serve_run(struct serve *s)
{
	MUST(s != NULL && s->loop != NULL);

	return loop_run(s->loop) == ERR_OK ? s->exit_code : EXIT_OS;
}

void
serve_finish(struct serve *s)
{
	MUST(s != NULL);

	loop_fd_remove(s->loop, s->supervisor_fd);
	drop_link(s, NULL);
}
