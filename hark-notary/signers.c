/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The links to the two signers, which come and go. */
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "hark-notary/daemon.h"
#include "os/file.h"
#include "prog/exit.h"
#include "prog/log.h"

/* What a signer said, shown to a person. */
#define SHOWN_BYTES 256u

static void
drop_link(struct daemon *d, enum proto_ledger ledger)
{
	if (d->signers[ledger] < 0)
		return;
	loop_fd_remove(d->loop, d->signers[ledger]);
	file_close(&d->signers[ledger]);
	if (d->core != NULL) {
		const struct event_clock now = daemon_clock();

		notary_signer_gone(d->core, ledger, &now);
	}
}

/* False: it said what is not due. */
static bool
hear(struct daemon *d, enum proto_ledger ledger, const struct message *m)
{
	const struct event_clock now = daemon_clock();
	uint64_t size = message_number(m, FIELD_SIZE, 0);
	struct bytes text = message_bytes(m, FIELD_TEXT);
	struct bytes bytes = message_bytes(m, FIELD_ROOT);
	struct merkle_hash root;
	char shown[SHOWN_BYTES];

	if (bytes.size != sizeof(root.bytes))
		return false;
	memcpy(root.bytes, bytes.data, sizeof(root.bytes));
	switch (m->type) {
	case MESSAGE_HEAD:
		notary_signer_head(d->core, ledger, size, &root, &now);
		return true;
	case MESSAGE_SIGNED:
		notary_signed(d->core, ledger, size, &root, message_bytes(m, FIELD_NOTE), &now);
		return true;
	case MESSAGE_REFUSED:
		(void)text_escape((const char *)text.data, text.size, shown, sizeof(shown));
		notary_refused(d->core, ledger,
			       message_number(m, FIELD_CODE, EXIT_TAMPERED) == EXIT_TAMPERED, shown,
			       &now);
		return true;
	default:
		return false;
	}
}

static void
on_link(struct daemon *d, enum proto_ledger ledger)
{
	static uint8_t bytes[IPC_BYTES_MAX];
	struct message m;
	enum err e = message_receive(d->signers[ledger], bytes, sizeof(bytes), &m);

	if (e == ERR_AGAIN)
		return;
	if (e == ERR_OK) {
		bool is_due = hear(d, ledger, &m);

		message_close(&m);
		if (!is_due)
			e = ERR_FORMAT;
	}
	if (e != ERR_OK) {
		if (e != ERR_END)
			log_error("a signer's link is closed: %s", err_text(e));
		drop_link(d, ledger);
	}
	loop_timer_set(d->loop, &d->again, loop_now_ns(d->loop));
}

static void
on_evidence(void *ctx, uint32_t ready)
{
	(void)ready;
	on_link(ctx, PROTO_EVIDENCE);
}

static void
on_operations(void *ctx, uint32_t ready)
{
	(void)ready;
	on_link(ctx, PROTO_OPERATIONS);
}

void
signers_add(struct daemon *d, enum proto_ledger ledger, int fd)
{
	drop_link(d, ledger);
	if (loop_fd_add(d->loop, fd, EPOLLIN,
			ledger == PROTO_EVIDENCE ? on_evidence : on_operations, d) != ERR_OK) {
		file_close(&fd);
		daemon_end(d, EXIT_OS, "a signer's link cannot be watched");
		return;
	}
	d->signers[ledger] = fd;
	notary_signer_linked(d->core, ledger);
}

bool
signers_ask(struct daemon *d, enum proto_ledger ledger, uint64_t size,
	    const struct merkle_hash *root, const struct merkle_hash *proof, size_t count)
{
	struct message m;

	if (d->signers[ledger] < 0)
		return false;
	message_init(&m, MESSAGE_SIGN, 0);
	message_set_number(&m, FIELD_SIZE, size);
	message_set_bytes(&m, FIELD_ROOT, root->bytes, sizeof(root->bytes));
	message_set_bytes(&m, FIELD_PROOF, proof, count * sizeof(proof[0]));
	/* Where it has gone its link says so; where it is busy it is asked again. */
	return message_send(d->signers[ledger], &m) == ERR_OK;
}

void
signers_close(struct daemon *d)
{
	unsigned int i;

	for (i = 0; i < PROTO_LEDGERS; i++)
		drop_link(d, (enum proto_ledger)i);
}
