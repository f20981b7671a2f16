/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A change of the key.  The head is signed by both keys in one note: who trusts the old one learns
 * the new one by it.  Files beside the key, in the order in which they are written:
 *
 *   <ledger>.<old key id>.pub   the old verifier key, for good
 *   <ledger>.key.next           the new key
 *   <ledger>.rotation           the note; from now on the change is finished whatever happens
 *   <ledger>.<old key id>.rotation  the same, for good
 *   <ledger>.key                by rename of the new key
 *   <ledger>.pub                the new verifier key
 *
 * After a crash before the note the old key goes on and the new one is thrown away; it has signed
 * nothing that left.
 */
#ifndef HARK_SIGNER_ROTATE_H
#define HARK_SIGNER_ROTATE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"
#include "hark-signer/signer.h"
#include "keys/keys.h"

/* Finishes or undoes a change that a crash has cut, and says whether it was finished; to be called
 * before the key is opened.  Errors as of keys_signer_read; *why is filled. */
MUST_USE enum err rotate_recover(int dirfd, const char *ledger, bool *finished_out,
				 struct keys_failure *why);
/* Changes the key of a signer that is open.  On failure it is to start again, and *why is filled:
 * ERR_EXISTS, ERR_MEMORY, ERR_SYSTEM. */
MUST_USE enum err rotate_key(int dirfd, const char *ledger, struct signer *s,
			     struct keys_failure *why);
/* Reads the note of the last change into s->rotation, where there is one and it led to this key.
 * ERR_MEMORY, ERR_SYSTEM; *why is filled. */
MUST_USE enum err rotate_load(int dirfd, const char *ledger, struct signer *s,
			      struct keys_failure *why);

#endif
