/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A directory of keys: for each ledger <ledger>.key (the secret, 0600), <ledger>.pub (its verifier
 * key, a line), and <ledger>.head (what it signed last, head.h).  A key is named as its ledger's
 * origin.
 */
#ifndef KEYS_KEYRING_H
#define KEYS_KEYRING_H

#include "base/err.h"
#include "keys/head.h"
#include "keys/keys.h"

/* The longest name of a ledger, and of a file here with its terminator. */
#define KEYRING_LEDGER_BYTES_MAX 64u
#define KEYRING_FILE_BYTES       (KEYRING_LEDGER_BYTES_MAX + 32u)

#define KEYRING_KEY  ".key"
#define KEYRING_PUB  ".pub"
#define KEYRING_HEAD ".head"
/* Of a change of the key (hark-signer/rotate.h): the note that decides, and the new key until then.
 */
#define KEYRING_ROTATION ".rotation"
#define KEYRING_NEXT     ".key.next"

struct keyring {
	struct keys_signer *key;
	struct head head;
};

/* "<ledger><ending>". */
void keyring_file(const char *ledger, const char *ending, char file[KEYRING_FILE_BYTES]);

/*
 * Makes head, key and verifier key, in this order, so that a key has a head whenever a crash comes;
 * a head without a key of which nothing was signed is taken over.  ERR_EXISTS where there is a key;
 * ERR_REFUSED where a head shows that a lost key has signed; ERR_ARGUMENT for an origin that is no
 * name; ERR_FORMAT, ERR_MEMORY, ERR_SYSTEM.  On failure *why is filled.
 */
MUST_USE enum err keyring_create(int dirfd, const char *ledger, const char *origin,
				 const uint8_t empty_root[HEAD_ROOT_BYTES],
				 struct keys_failure *why);
/*
 * Opens key and head, and writes <ledger>.pub anew where it is not of that key.  ERR_MISSING where
 * there is no key; ERR_REFUSED where something is not as it must be, ERR_FORMAT where it is
 * damaged; ERR_MEMORY, ERR_SYSTEM.  On failure *why is filled.
 */
MUST_USE enum err keyring_open(int dirfd, const char *ledger, const char *origin,
			       struct keyring *out, struct keys_failure *why);
/* Wipes and closes.  NULL and zeroed are fine. */
void keyring_close(struct keyring *ring);

/* Writes a verifier key's file, 0644, over what is there.  ERR_SYSTEM. */
MUST_USE enum err keyring_write_pub(int dirfd, const char *file, const struct keys_verifier *key);
/* Reads one.  ERR_MISSING, ERR_FORMAT, ERR_SYSTEM; on failure *why is filled. */
MUST_USE enum err keyring_read_pub(int dirfd, const char *file, struct keys_verifier *out,
				   struct keys_failure *why);

#endif
