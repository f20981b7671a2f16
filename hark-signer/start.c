/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Keys are made only where harkd says so: whether there is a ledger already is its to know. */
#include <string.h>

#include "base/must.h"
#include "hark-signer/rotate.h"
#include "hark-signer/start.h"

const char *
start_ledger_name(enum proto_ledger ledger)
{
	static const char *const names[] = {
		[PROTO_EVIDENCE] = "evidence", [PROTO_OPERATIONS] = "operations"
	};

	MUST((unsigned int)ledger < PROTO_LEDGERS);
	return names[ledger];
}

enum err
start_read(struct message *m, struct start *out, struct signer *s)
{
	uint64_t ledger;

	MUST(m != NULL && m->type == MESSAGE_SIGNER_SETUP && out != NULL && s != NULL);
	MUST(m->fd_count == 1);

	ledger = message_number(m, FIELD_LEDGER, PROTO_LEDGERS);
	if (ledger >= PROTO_LEDGERS ||
	    message_text(m, FIELD_ORIGIN, s->origin, sizeof(s->origin)) != ERR_OK)
		return ERR_FORMAT;
	*out = (struct start){
		.dirfd = m->fds[0],
		.ledger = (enum proto_ledger)ledger,
		.create = message_number(m, FIELD_CREATE, 0) != 0,
		.rotate = message_number(m, FIELD_ROTATE, 0) != 0,
		.require_confinement = message_number(m, FIELD_CONFINE, 0) != 0,
	};
	m->fds[0] = -1;
	return ERR_OK;
}

enum err
start_open(const struct start *how, struct signer *s, struct keys_failure *why)
{
	bool finished = false;
	const char *ledger;
	enum err e;

	MUST(how != NULL && s != NULL && s->ring.key == NULL && why != NULL);

	ledger = start_ledger_name(how->ledger);
	if (how->create) {
		struct merkle_hash empty;

		merkle_empty(&empty);
		e = keyring_create(how->dirfd, ledger, s->origin, empty.bytes, why);
		if (e != ERR_OK && e != ERR_EXISTS)
			return e;
	}
	e = rotate_recover(how->dirfd, ledger, &finished, why);
	if (e == ERR_OK)
		e = keyring_open(how->dirfd, ledger, s->origin, &s->ring, why);
	/* One that was asked for, cut and now finished is what is asked for again. */
	if (e == ERR_OK && how->rotate && !finished)
		e = rotate_key(how->dirfd, ledger, s, why);
	if (e == ERR_OK)
		e = rotate_load(how->dirfd, ledger, s, why);
	return e;
}
