/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The note is what decides: without it nothing has happened, with it all will. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "checkpoint/note.h"
#include "hark-signer/rotate.h"
#include "os/file.h"
#include "os/store.h"

#define NEXT     ".key.next"
#define ROTATION ".rotation"

static void
tell(struct keys_failure *why, const char *file, enum err e)
{
	(void)snprintf(why->text, sizeof(why->text), "%s: %s", file,
		       e == ERR_SYSTEM ? strerror(errno) : err_text(e));
}

/* Reads the note's file; an empty buffer where there is none, or it is too long for one. */
static enum err
read_note(int dirfd, const char *ledger, struct buf *out, struct keys_failure *why)
{
	char file[KEYRING_FILE_BYTES];
	int fd = -1;
	enum err e;

	keyring_file(ledger, ROTATION, file);
	e = file_open_read_at(dirfd, file, &fd);
	if (e == ERR_MISSING)
		return ERR_OK;
	if (e == ERR_OK)
		e = file_read_all(fd, NOTE_BYTES_MAX, out);
	file_close(&fd);
	if (e == ERR_LIMIT) {
		buf_clear(out);
		return ERR_OK;
	}
	if (e != ERR_OK)
		tell(why, file, e);
	return e;
}

/* True where this key has signed the note's text. */
static bool
is_signed_by(const struct note *note, const struct keys_signer *key)
{
	struct keys_verifier verifier;
	size_t i;

	keys_signer_verifier(key, &verifier);
	for (i = 0; i < note->count; i++) {
		const struct note_signature *s = &note->signatures[i];

		if (s->key_id == verifier.id && s->size == KEYS_SIGNATURE_BYTES &&
		    s->name.size == strlen(verifier.name) &&
		    memcmp(s->name.data, verifier.name, s->name.size) == 0 &&
		    keys_verify(&verifier, note->text.data, note->text.size, s->bytes))
			return true;
	}
	return false;
}

/* Renames the new key over the old one, and writes its public half. */
static enum err
put_in_force(int dirfd, const char *ledger, const struct keys_signer *next,
	     struct keys_failure *why)
{
	char from[KEYRING_FILE_BYTES];
	char file[KEYRING_FILE_BYTES];
	struct keys_verifier verifier;
	enum err e;

	keyring_file(ledger, NEXT, from);
	keyring_file(ledger, KEYRING_KEY, file);
	e = store_rename(dirfd, from, file);
	if (e == ERR_OK) {
		keys_signer_verifier(next, &verifier);
		keyring_file(ledger, KEYRING_PUB, file);
		e = keyring_write_pub(dirfd, file, &verifier);
	}
	if (e != ERR_OK)
		tell(why, file, e);
	return e;
}

/* True where the note's file is one signed by both keys. */
static enum err
both_have_signed(int dirfd, const char *ledger, const struct keys_signer *old,
		 const struct keys_signer *next, bool *out, struct keys_failure *why)
{
	struct buf text = { 0 };
	struct note note;
	enum err e;

	e = read_note(dirfd, ledger, &text, why);
	if (e == ERR_OK)
		*out = note_read(text.data, text.size, &note) == ERR_OK &&
		       is_signed_by(&note, old) && is_signed_by(&note, next);
	buf_finish(&text);
	return e;
}

enum err
rotate_recover(int dirfd, const char *ledger, struct keys_failure *why)
{
	cleanup(keys_signer_destroyp) struct keys_signer *next = NULL;
	cleanup(keys_signer_destroyp) struct keys_signer *old = NULL;
	char file[KEYRING_FILE_BYTES];
	bool decided = false;
	enum err e;

	MUST(ledger != NULL && why != NULL);

	keyring_file(ledger, NEXT, file);
	e = keys_signer_read(dirfd, file, &next, why);
	if (e == ERR_MISSING)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	keyring_file(ledger, KEYRING_KEY, file);
	e = keys_signer_read(dirfd, file, &old, why);
	if (e != ERR_OK)
		return e;
	e = both_have_signed(dirfd, ledger, old, next, &decided, why);
	if (e != ERR_OK)
		return e;
	if (decided)
		return put_in_force(dirfd, ledger, next, why);
	keyring_file(ledger, NEXT, file);
	e = store_remove(dirfd, file);
	if (e != ERR_OK)
		tell(why, file, e);
	return e;
}

/* The old verifier key stays under its id. */
static enum err
record_old(int dirfd, const char *ledger, const struct keys_signer *old, struct keys_failure *why)
{
	struct keys_verifier verifier;
	char ending[32];
	char file[KEYRING_FILE_BYTES];
	enum err e;

	keys_signer_verifier(old, &verifier);
	(void)snprintf(ending, sizeof(ending), ".%08x" KEYRING_PUB, (unsigned int)verifier.id);
	keyring_file(ledger, ending, file);
	e = keyring_write_pub(dirfd, file, &verifier);
	if (e != ERR_OK)
		tell(why, file, e);
	return e;
}

static enum err
make_next(int dirfd, const char *ledger, const char *origin, struct keys_signer **out,
	  struct keys_failure *why)
{
	cleanup(keys_signer_destroyp) struct keys_signer *next = NULL;
	char file[KEYRING_FILE_BYTES];
	enum err e;

	keyring_file(ledger, NEXT, file);
	e = keys_signer_create(origin, &next);
	if (e == ERR_OK)
		e = keys_signer_write(next, dirfd, file);
	if (e != ERR_OK) {
		tell(why, file, e);
		return e;
	}
	*out = steal(&next);
	return ERR_OK;
}

enum err
rotate_key(int dirfd, const char *ledger, struct signer *s, struct keys_failure *why)
{
	cleanup(keys_signer_destroyp) struct keys_signer *next = NULL;
	const struct keys_signer *both[2];
	char file[KEYRING_FILE_BYTES];
	struct checkpoint head;
	enum err e;

	MUST(ledger != NULL && s != NULL && s->ring.key != NULL && why != NULL);

	e = record_old(dirfd, ledger, s->ring.key, why);
	if (e == ERR_OK)
		e = make_next(dirfd, ledger, s->origin, &next, why);
	if (e != ERR_OK)
		return e;
	both[0] = s->ring.key;
	both[1] = next;
	signer_head(s, &head);
	buf_clear(&s->note);
	keyring_file(ledger, ROTATION, file);
	e = signer_note(&head, both, 2, &s->note);
	if (e == ERR_OK)
		e = store_replace(dirfd, file, 0644, s->note.data, s->note.size);
	if (e != ERR_OK) {
		tell(why, file, e);
		return e;
	}
	e = put_in_force(dirfd, ledger, next, why);
	if (e != ERR_OK)
		return e;
	keys_signer_destroy(s->ring.key);
	s->ring.key = steal(&next);
	return ERR_OK;
}

enum err
rotate_load(int dirfd, const char *ledger, struct signer *s, struct keys_failure *why)
{
	struct note note;
	enum err e;

	MUST(ledger != NULL && s != NULL && s->ring.key != NULL && why != NULL);

	buf_clear(&s->rotation);
	e = read_note(dirfd, ledger, &s->rotation, why);
	if (e != ERR_OK)
		return e;
	if (note_read(s->rotation.data, s->rotation.size, &note) != ERR_OK ||
	    checkpoint_read(note.text, &s->rotation_head) != ERR_OK ||
	    !is_signed_by(&note, s->ring.key))
		buf_clear(&s->rotation);
	return ERR_OK;
}
