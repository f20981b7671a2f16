/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Signer keys.  The secret is in guarded memory from the moment it is made or read: pages of their
 * own that are locked, in no core dump, and wiped when they are freed.  Text and decoded bytes of a
 * key pass through guarded memory too.
 */
#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "keys/keys_internal.h"
#include "os/file.h"
#include "os/random.h"
#include "os/store.h"

#define PREFIX       "PRIVATE+KEY+"
#define PREFIX_BYTES (sizeof(PREFIX) - 1)
/* A key file with its newline. */
#define FILE_BYTES_MAX (PREFIX_BYTES + KEYS_NAME_BYTES_MAX + KEYS_TAIL_BYTES + 1)
/* A mode that a key file must not have any bit of. */
#define MODE_TOO_OPEN 0077u

struct keys_signer {
	uint8_t secret[crypto_sign_SECRETKEYBYTES]; /* seed, then the public key */
	struct keys_verifier verifier;
};

/* What passes through on the way between a file and a key. */
struct passage {
	char text[FILE_BYTES_MAX + 1];
	uint8_t bytes[KEYS_ENCODED_BYTES];
};

/* Guarded memory ends where its pages end, so a size keeps what is in it aligned as far as it is a
 * multiple of the alignment, as every size is.  libsodium's own canary wants no more. */
static_assert(_Alignof(struct keys_signer) <= 4, "alignment in guarded memory");
static_assert(crypto_sign_SEEDBYTES == KEYS_PUBLIC_BYTES, "a seed has the size of a key");

static void
passage_freep(struct passage **p)
{
	int kept = errno;

	sodium_free(*p);
	errno = kept;
}

/* Makes the key of a seed; the name was checked. */
static enum err
signer_of_seed(const char *name, size_t name_size, const uint8_t *seed, struct keys_signer **out)
{
	struct keys_signer *key = sodium_malloc(sizeof(*key));

	if (key == NULL)
		return ERR_MEMORY;
	memset(key, 0, sizeof(*key));
	(void)crypto_sign_seed_keypair(key->verifier.public_key, key->secret, seed);
	memcpy(key->verifier.name, name, name_size);
	key->verifier.id = keys_id(name, name_size, key->verifier.public_key);
	/* Where the kernel refuses, the key is where it is: in locked memory, still writable. */
	(void)sodium_mprotect_readonly(key);
	*out = key;
	return ERR_OK;
}

enum err
keys_signer_create(const char *name, struct keys_signer **out)
{
	cleanup(passage_freep) struct passage *p = NULL;
	enum err e;

	MUST(name != NULL && out != NULL);

	if (!keys_is_name(name, strlen(name)))
		return ERR_ARGUMENT;
	p = sodium_malloc(sizeof(*p));
	if (p == NULL)
		return ERR_MEMORY;
	e = random_bytes(p->bytes, crypto_sign_SEEDBYTES);
	if (e != ERR_OK)
		return e;
	return signer_of_seed(name, strlen(name), p->bytes, out);
}

static enum err
check_file(int fd, const char *file, struct keys_failure *why)
{
	struct file_info info;

	if (file_stat(fd, &info) != ERR_OK) {
		keys_tell(why, "%s: %s", file, strerror(errno));
		return ERR_SYSTEM;
	}
	if (info.kind != FILE_REGULAR) {
		keys_tell(why, "%s: expected a key file, found %s", file,
			  file_kind_text(info.kind));
		return ERR_REFUSED;
	}
	if (!file_is_ours(&info)) {
		keys_tell(why,
			  "%s: it belongs to uid %u, neither root nor who runs this; chown it, and "
			  "ask "
			  "who has read it",
			  file, (unsigned int)info.uid);
		return ERR_REFUSED;
	}
	if ((info.mode & MODE_TOO_OPEN) != 0) {
		keys_tell(why,
			  "%s: its mode is %04o, so that others may reach the key; chmod 0600 %s, "
			  "and "
			  "ask who has read it",
			  file, (unsigned int)info.mode, file);
		return ERR_REFUSED;
	}
	return ERR_OK;
}

static enum err
parse(struct passage *p, size_t size, struct keys_signer **out)
{
	struct keys_signer *key = NULL;
	struct bytes name;
	uint32_t id;
	enum err e;

	if (size > 0 && p->text[size - 1] == '\n')
		size--;
	if (size < PREFIX_BYTES || memcmp(p->text, PREFIX, PREFIX_BYTES) != 0)
		return ERR_FORMAT;
	e = keys_part(p->text + PREFIX_BYTES, size - PREFIX_BYTES, &name, &id, p->bytes);
	if (e != ERR_OK)
		return e;
	e = signer_of_seed((const char *)name.data, name.size, p->bytes + 1, &key);
	if (e != ERR_OK)
		return e;
	if (key->verifier.id != id) {
		keys_signer_destroy(key);
		return ERR_FORMAT;
	}
	*out = key;
	return ERR_OK;
}

static enum err
read_open(int fd, const char *file, struct keys_signer **out, struct keys_failure *why)
{
	cleanup(passage_freep) struct passage *p = NULL;
	size_t size = 0;
	enum err e;

	e = check_file(fd, file, why);
	if (e != ERR_OK)
		return e;
	p = sodium_malloc(sizeof(*p));
	e = p == NULL ? ERR_MEMORY : store_read_at(fd, 0, p->text, sizeof(p->text), &size);
	if (e == ERR_OK)
		e = size > FILE_BYTES_MAX ? ERR_FORMAT : parse(p, size, out);
	if (e == ERR_FORMAT)
		keys_tell(
			why,
			"%s: not a key; expected PRIVATE+KEY+<name>+<key id>+<base64>, all of one "
			"key: "
			"restore it from a copy",
			file);
	else if (e != ERR_OK)
		keys_tell(why, "%s: %s", file, e == ERR_SYSTEM ? strerror(errno) : err_text(e));
	return e;
}

enum err
keys_signer_read(int dirfd, const char *file, struct keys_signer **out, struct keys_failure *why)
{
	int fd = -1;
	enum err e;

	MUST(file != NULL && out != NULL);

	e = file_open_read_at(dirfd, file, &fd);
	/* A symlink is never followed, and a socket cannot be opened. */
	if (e != ERR_OK && (errno == ELOOP || errno == ENXIO)) {
		keys_tell(why, "%s: expected a key file, found %s", file,
			  errno == ELOOP ? "a symlink" : "a socket");
		return ERR_REFUSED;
	}
	if (e != ERR_OK) {
		keys_tell(why, "%s: %s", file, strerror(errno));
		return e == ERR_MISSING ? ERR_MISSING : ERR_SYSTEM;
	}
	e = read_open(fd, file, out, why);
	file_close(&fd);
	return e;
}

enum err
keys_signer_write(const struct keys_signer *key, int dirfd, const char *file)
{
	cleanup(passage_freep) struct passage *p = NULL;
	size_t size;

	MUST(key != NULL && file != NULL);

	p = sodium_malloc(sizeof(*p));
	if (p == NULL)
		return ERR_MEMORY;
	p->bytes[0] = KEYS_ALGORITHM_ED25519;
	memcpy(p->bytes + 1, key->secret, crypto_sign_SEEDBYTES);
	memcpy(p->text, PREFIX, PREFIX_BYTES);
	size = PREFIX_BYTES +
	       keys_join(key->verifier.name, key->verifier.id, p->bytes, p->text + PREFIX_BYTES);
	p->text[size++] = '\n';
	return store_create(dirfd, file, 0600, p->text, size);
}

void
keys_signer_verifier(const struct keys_signer *key, struct keys_verifier *out)
{
	MUST(key != NULL && out != NULL);
	*out = key->verifier;
}

enum err
keys_signer_sign(const struct keys_signer *key, const void *data, size_t size,
		 uint8_t signature[KEYS_SIGNATURE_BYTES])
{
	uint8_t made[KEYS_SIGNATURE_BYTES];

	MUST(key != NULL && signature != NULL);
	MUST(data != NULL || size == 0);

	if (crypto_sign_detached(made, NULL, data, size, key->secret) != 0)
		return ERR_SYSTEM;
	/* A fault while signing could tell of the key: what leaves is a signature, or nothing. */
	if (!keys_verify(&key->verifier, data, size, made))
		return ERR_SYSTEM;
	memcpy(signature, made, sizeof(made));
	return ERR_OK;
}

void
keys_signer_destroy(struct keys_signer *key)
{
	int kept = errno;

	/* It wipes, and makes the pages writable for that. */
	sodium_free(key);
	errno = kept;
}

void
keys_signer_destroyp(struct keys_signer **key)
{
	MUST(key != NULL);
	keys_signer_destroy(*key);
	*key = NULL;
}
