/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the signer opens before it gives up its rights. */
#ifndef HARK_SIGNER_START_H
#define HARK_SIGNER_START_H

#include <stdbool.h>

#include "base/err.h"
#include "hark-signer/signer.h"
#include "keys/keys.h"
#include "proto/message.h"

struct start {
	int dirfd; /* the directory of keys; taken from the message */
	enum proto_ledger ledger;
	bool create;
	bool rotate;
	bool require_confinement;
};

/* The name of a ledger's files: "evidence" or "operations". */
const char *start_ledger_name(enum proto_ledger ledger);
/* Reads SIGNER_SETUP, takes its descriptor, and notes the origin in *s.  ERR_FORMAT. */
MUST_USE enum err start_read(struct message *m, struct start *out, struct signer *s);
/*
 * Opens key and head, makes them where that is asked for and there are none, finishes a change of
 * the key that was cut, and changes it where that is asked for.  On failure *why says what is
 * wrong and what to do; errors as of keyring_create, keyring_open and rotate_key.
 */
MUST_USE enum err start_open(const struct start *how, struct signer *s, struct keys_failure *why);

#endif
