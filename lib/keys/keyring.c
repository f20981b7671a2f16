/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The files of a ledger's key: made together, opened together. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "keys/keyring.h"
#include "keys/keys_internal.h"
#include "os/file.h"
#include "os/store.h"

void
keyring_file(const char *ledger, const char *ending, char file[KEYRING_FILE_BYTES])
{
	int n;

	MUST(ledger != NULL && ending != NULL && file != NULL);
	MUST(strlen(ledger) <= KEYRING_LEDGER_BYTES_MAX);

	n = snprintf(file, KEYRING_FILE_BYTES, "%s%s", ledger, ending);
	MUST(n > 0 && (size_t)n < KEYRING_FILE_BYTES);
}

enum err
keyring_write_pub(int dirfd, const char *file, const struct keys_verifier *key)
{
	char text[KEYS_VERIFIER_TEXT_MAX + 2];
	size_t size;

	MUST(file != NULL && key != NULL);

	keys_verifier_write(key, text);
	size = strlen(text);
	text[size++] = '\n';
	return store_replace(dirfd, file, 0644, text, size);
}

enum err
keyring_read_pub(int dirfd, const char *file, struct keys_verifier *out, struct keys_failure *why)
{
	char text[KEYS_VERIFIER_TEXT_MAX + 2];
	size_t size = 0;
	int fd = -1;
	enum err e;

	MUST(file != NULL && out != NULL);

	e = file_open_read_at(dirfd, file, &fd);
	if (e == ERR_OK)
		e = store_read_at(fd, 0, text, sizeof(text), &size);
	file_close(&fd);
	if (e != ERR_OK) {
		keys_tell(why, "%s: %s", file, strerror(errno));
		return e == ERR_MISSING ? ERR_MISSING : ERR_SYSTEM;
	}
	if (size > 0 && text[size - 1] == '\n')
		size--;
	e = keys_verifier_read(text, size, out);
	if (e != ERR_OK)
		keys_tell(why, "%s: not a verifier key; expected <name>+<key id>+<base64>", file);
	return e;
}

/* A head of which nothing was signed, made or found. */
static enum err
create_head(int dirfd, const char *ledger, const char *origin,
	    const uint8_t empty_root[HEAD_ROOT_BYTES], struct keys_failure *why)
{
	char file[KEYRING_FILE_BYTES];
	struct head head = { .fd = -1 };
	enum err e;

	keyring_file(ledger, KEYRING_HEAD, file);
	e = head_create(dirfd, file, origin, empty_root);
	if (e == ERR_OK)
		return ERR_OK;
	if (e != ERR_EXISTS) {
		keys_tell(why, "%s: it cannot be made: %s", file, strerror(errno));
		return e;
	}
	e = head_open(dirfd, file, origin, &head, why);
	if (e != ERR_OK)
		return e;
	head_close(&head);
	if (head.size > 0) {
		keys_tell(why,
			  "%s: %llu %s signed by a key that is gone; restore %s" KEYRING_KEY
			  " from a copy, or begin a new ledger (hark ledger retire)",
			  file, (unsigned long long)head.size,
			  text_counted(head.size, "leaf was", "leaves were"), ledger);
		return ERR_REFUSED;
	}
	return ERR_OK;
}

static enum err
create_key(int dirfd, const char *ledger, const char *origin, struct keys_failure *why)
{
	cleanup(keys_signer_destroyp) struct keys_signer *key = NULL;
	struct keys_verifier verifier;
	char file[KEYRING_FILE_BYTES];
	enum err e;

	keyring_file(ledger, KEYRING_KEY, file);
	e = keys_signer_create(origin, &key);
	if (e == ERR_OK)
		e = keys_signer_write(key, dirfd, file);
	if (e == ERR_OK) {
		keys_signer_verifier(key, &verifier);
		keyring_file(ledger, KEYRING_PUB, file);
		e = keyring_write_pub(dirfd, file, &verifier);
	}
	if (e != ERR_OK)
		keys_tell(why, "%s: it cannot be made: %s", file,
			  e == ERR_SYSTEM ? strerror(errno) : err_text(e));
	return e;
}

enum err
keyring_create(int dirfd, const char *ledger, const char *origin,
	       const uint8_t empty_root[HEAD_ROOT_BYTES], struct keys_failure *why)
{
	struct file_info info;
	char file[KEYRING_FILE_BYTES];
	enum err e;

	MUST(ledger != NULL && origin != NULL && empty_root != NULL);

	if (!keys_is_name(origin, strlen(origin))) {
		keys_tell(why, "no name of a key: it is empty, too long, or has a blank or '+'");
		return ERR_ARGUMENT;
	}
	keyring_file(ledger, KEYRING_KEY, file);
	e = file_stat_at(dirfd, file, &info);
	if (e != ERR_MISSING) {
		keys_tell(why, "%s: %s", file,
			  e == ERR_OK ? "there is a key already" : strerror(errno));
		return e == ERR_OK ? ERR_EXISTS : e;
	}
	e = create_head(dirfd, ledger, origin, empty_root, why);
	if (e != ERR_OK)
		return e;
	return create_key(dirfd, ledger, origin, why);
}

static enum err
open_key(int dirfd, const char *ledger, const char *origin, struct keys_signer **out,
	 struct keys_failure *why)
{
	cleanup(keys_signer_destroyp) struct keys_signer *key = NULL;
	struct keys_verifier verifier;
	struct keys_verifier written;
	char file[KEYRING_FILE_BYTES];
	enum err e;

	keyring_file(ledger, KEYRING_KEY, file);
	e = keys_signer_read(dirfd, file, &key, why);
	if (e == ERR_MISSING)
		keys_tell(why,
			  "%s: not there; restore it from a copy, or begin a new ledger (hark "
			  "ledger retire)",
			  file);
	if (e != ERR_OK)
		return e;
	keys_signer_verifier(key, &verifier);
	if (strcmp(verifier.name, origin) != 0) {
		keys_tell(why, "%s: it is the key of another origin than %s", file, origin);
		return ERR_REFUSED;
	}
	/* A crash may have come between the key and its public half; the key is what counts. */
	keyring_file(ledger, KEYRING_PUB, file);
	if (keyring_read_pub(dirfd, file, &written, NULL) != ERR_OK ||
	    strcmp(written.name, verifier.name) != 0 ||
	    memcmp(written.public_key, verifier.public_key, KEYS_PUBLIC_BYTES) != 0) {
		e = keyring_write_pub(dirfd, file, &verifier);
		if (e != ERR_OK) {
			keys_tell(why, "%s: it cannot be written: %s", file, strerror(errno));
			return e;
		}
	}
	*out = steal(&key);
	return ERR_OK;
}

enum err
keyring_open(int dirfd, const char *ledger, const char *origin, struct keyring *out,
	     struct keys_failure *why)
{
	cleanup(keys_signer_destroyp) struct keys_signer *key = NULL;
	struct head head = { .fd = -1 };
	char file[KEYRING_FILE_BYTES];
	enum err e;

	MUST(ledger != NULL && origin != NULL && out != NULL);

	e = open_key(dirfd, ledger, origin, &key, why);
	if (e != ERR_OK)
		return e;
	keyring_file(ledger, KEYRING_HEAD, file);
	e = head_open(dirfd, file, origin, &head, why);
	if (e == ERR_MISSING) {
		keys_tell(why,
			  "%s: not there, so what was signed last is not known; restore it "
			  "from a copy, or begin a new ledger (hark ledger retire)",
			  file);
		return ERR_REFUSED;
	}
	if (e != ERR_OK)
		return e;
	*out = (struct keyring){ .key = steal(&key), .head = head };
	return ERR_OK;
}

void
keyring_close(struct keyring *ring)
{
	if (ring == NULL || ring->key == NULL)
		return;
	keys_signer_destroyp(&ring->key);
	head_close(&ring->head);
}
