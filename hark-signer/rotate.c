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

	keyring_file(ledger, KEYRING_ROTATION, file);
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

/* "<ledger>.<id of the key><ending>" */
static void
file_of_key(const char *ledger, const struct keys_verifier *key, const char *ending,
	    char file[KEYRING_FILE_BYTES])
{
	char with_id[32];

	(void)snprintf(with_id, sizeof(with_id), ".%08x%s", (unsigned int)key->id, ending);
	keyring_file(ledger, with_id, file);
}

/* What follows the note: its copy for good, the new key over the old one, its public half. */
static enum err
put_in_force(int dirfd, const char *ledger, const struct keys_signer *old,
	     const struct keys_signer *next, const struct buf *note, struct keys_failure *why)
{
	char from[KEYRING_FILE_BYTES];
	char file[KEYRING_FILE_BYTES];
	struct keys_verifier verifier;
	enum err e;

	keys_signer_verifier(old, &verifier);
	file_of_key(ledger, &verifier, KEYRING_ROTATION, file);
	e = store_replace(dirfd, file, 0644, note->data, note->size);
	if (e == ERR_OK) {
		keyring_file(ledger, KEYRING_NEXT, from);
		keyring_file(ledger, KEYRING_KEY, file);
		e = store_rename(dirfd, from, file);
	}
	if (e == ERR_OK) {
		keys_signer_verifier(next, &verifier);
		keyring_file(ledger, KEYRING_PUB, file);
		e = keyring_write_pub(dirfd, file, &verifier);
	}
	if (e != ERR_OK)
		tell(why, file, e);
	return e;
}

/* Reads the note's file; an empty buffer where it is not one signed by both keys. */
static enum err
read_note_of(int dirfd, const char *ledger, const struct keys_signer *old,
	     const struct keys_signer *next, struct buf *out, struct keys_failure *why)
{
	struct note note;
	enum err e;

	e = read_note(dirfd, ledger, out, why);
	if (e != ERR_OK)
		return e;
	if (note_read(out->data, out->size, &note) != ERR_OK || !is_signed_by(&note, old) ||
	    !is_signed_by(&note, next))
		buf_clear(out);
	return ERR_OK;
}

/* Goes on where the note says so, else throws the new key away. */
static enum err
finish_or_undo(int dirfd, const char *ledger, const struct keys_signer *old,
	       const struct keys_signer *next, bool *finished_out, struct keys_failure *why)
{
	cleanup(buf_finish) struct buf note = { 0 };
	char file[KEYRING_FILE_BYTES];
	enum err e;

	e = read_note_of(dirfd, ledger, old, next, &note, why);
	if (e != ERR_OK)
		return e;
	*finished_out = note.size > 0;
	if (note.size > 0)
		return put_in_force(dirfd, ledger, old, next, &note, why);
	keyring_file(ledger, KEYRING_NEXT, file);
	e = store_remove(dirfd, file);
	if (e != ERR_OK)
		tell(why, file, e);
	return e;
}

enum err
rotate_recover(int dirfd, const char *ledger, bool *finished_out, struct keys_failure *why)
{
	cleanup(keys_signer_destroyp) struct keys_signer *next = NULL;
	cleanup(keys_signer_destroyp) struct keys_signer *old = NULL;
	char file[KEYRING_FILE_BYTES];
	enum err e;

	MUST(ledger != NULL && finished_out != NULL && why != NULL);

	keyring_file(ledger, KEYRING_NEXT, file);
	e = keys_signer_read(dirfd, file, &next, why);
	if (e == ERR_MISSING) {
		*finished_out = false;
		return ERR_OK;
	}
	if (e != ERR_OK)
		return e;
	keyring_file(ledger, KEYRING_KEY, file);
	e = keys_signer_read(dirfd, file, &old, why);
	if (e != ERR_OK)
		return e;
	return finish_or_undo(dirfd, ledger, old, next, finished_out, why);
}

/* The old verifier key stays under its id. */
static enum err
record_old(int dirfd, const char *ledger, const struct keys_signer *old, struct keys_failure *why)
{
	struct keys_verifier verifier;
	char file[KEYRING_FILE_BYTES];
	enum err e;

	keys_signer_verifier(old, &verifier);
	file_of_key(ledger, &verifier, KEYRING_PUB, file);
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

	keyring_file(ledger, KEYRING_NEXT, file);
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
	keyring_file(ledger, KEYRING_ROTATION, file);
	e = signer_note(&head, both, 2, &s->note);
	if (e == ERR_OK)
		e = store_replace(dirfd, file, 0644, s->note.data, s->note.size);
	if (e != ERR_OK) {
		tell(why, file, e);
		return e;
	}
	e = put_in_force(dirfd, ledger, s->ring.key, next, &s->note, why);
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
