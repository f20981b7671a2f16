/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The two slots of a head, their writer and their reader. */
#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/must.h"
#include "keys/head.h"
#include "keys/keys_internal.h"
#include "os/file.h"
#include "os/store.h"

#define MAGIC   "HARKHEAD"
#define VERSION 1u
/* Who but the owner may write the file could take back what was signed. */
#define MODE_TOO_OPEN 0022u

/* Offsets within a slot. */
enum {
	AT_MAGIC = 0,
	AT_VERSION = 8,
	AT_SEQUENCE = 16,
	AT_SIZE = 24,
	AT_ROOT = 32,
	AT_ORIGIN = 64,
	AT_CRC = 124,
};

static_assert(AT_ORIGIN - AT_ROOT == HEAD_ROOT_BYTES, "root in a slot");
static_assert(AT_CRC + 4 == HEAD_SLOT_BYTES, "CRC at the end");

static void
write_little(uint8_t *to, uint64_t v, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t
read_little(const uint8_t *from, size_t size)
{
	uint64_t v = 0;
	size_t i;

	for (i = size; i > 0; i--)
		v = v << 8 | from[i - 1];
	return v;
}

static void
slot_write(const struct head *h, uint8_t slot[HEAD_SLOT_BYTES])
{
	memset(slot, 0, HEAD_SLOT_BYTES);
	memcpy(slot + AT_MAGIC, MAGIC, 8);
	write_little(slot + AT_VERSION, VERSION, 4);
	write_little(slot + AT_SEQUENCE, h->sequence, 8);
	write_little(slot + AT_SIZE, h->size, 8);
	memcpy(slot + AT_ROOT, h->root, sizeof(h->root));
	memcpy(slot + AT_ORIGIN, h->origin, sizeof(h->origin));
	write_little(slot + AT_CRC, crc32c_of(slot, AT_CRC), 4);
}

/* False where it does not hold.  fd of *out is left alone. */
static bool
slot_read(const uint8_t slot[HEAD_SLOT_BYTES], unsigned int number, struct head *out)
{
	uint8_t again[HEAD_SLOT_BYTES];
	struct head h = { .fd = out->fd };

	h.sequence = read_little(slot + AT_SEQUENCE, 8);
	h.size = read_little(slot + AT_SIZE, 8);
	memcpy(h.root, slot + AT_ROOT, sizeof(h.root));
	memcpy(h.origin, slot + AT_ORIGIN, sizeof(h.origin));
	/* One form for what it says: anything else is damage, or of a version that we do not know.
	 */
	slot_write(&h, again);
	if (memcmp(slot, again, sizeof(again)) != 0 || (h.sequence & 1) != number)
		return false;
	*out = h;
	return true;
}

enum err
head_create(int dirfd, const char *file, const char *origin,
	    const uint8_t empty_root[HEAD_ROOT_BYTES])
{
	uint8_t slots[HEAD_SLOT_STEP + HEAD_SLOT_BYTES] = { 0 };
	struct head h = { .fd = -1 };

	MUST(file != NULL && origin != NULL && empty_root != NULL);

	memcpy(h.root, empty_root, sizeof(h.root));
	(void)crypto_hash_sha256(h.origin, (const uint8_t *)origin, strlen(origin));
	slot_write(&h, slots);
	/* The second slot has its place, so that a full disk cannot refuse it later. */
	return store_create(dirfd, file, 0600, slots, sizeof(slots));
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
		keys_tell(why, "%s: expected a file, found %s", file, file_kind_text(info.kind));
		return ERR_REFUSED;
	}
	if (!file_is_ours(&info) || (info.mode & MODE_TOO_OPEN) != 0) {
		keys_tell(why,
			  "%s: it has mode %04o and belongs to uid %u, so that others may change "
			  "what was signed last; chown it to who runs this, chmod 0600",
			  file, (unsigned int)info.mode, (unsigned int)info.uid);
		return ERR_REFUSED;
	}
	return ERR_OK;
}

/* The newest slot that holds. */
static enum err
read_slots(int fd, struct head *out)
{
	struct head found[2] = { { .fd = fd }, { .fd = fd } };
	bool holds[2] = { false, false };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		uint8_t slot[HEAD_SLOT_BYTES];
		size_t size = 0;
		enum err e;

		e = store_read_at(fd, (uint64_t)i * HEAD_SLOT_STEP, slot, sizeof(slot), &size);
		if (e != ERR_OK)
			return e;
		holds[i] = size == sizeof(slot) && slot_read(slot, i, &found[i]);
	}
	if (!holds[0] && !holds[1])
		return ERR_FORMAT;
	if (!holds[0] || (holds[1] && found[1].sequence > found[0].sequence))
		*out = found[1];
	else
		*out = found[0];
	return ERR_OK;
}

static enum err
open_checked(int fd, const char *file, const char *origin, struct head *out,
	     struct keys_failure *why)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	struct head h;
	enum err e;

	e = check_file(fd, file, why);
	if (e != ERR_OK)
		return e;
	e = read_slots(fd, &h);
	if (e == ERR_FORMAT)
		keys_tell(why,
			  "%s: damaged: neither slot holds, so what was signed last is not known; "
			  "restore it from a copy, or begin a new ledger (hark ledger retire)",
			  file);
	else if (e != ERR_OK)
		keys_tell(why, "%s: %s", file, strerror(errno));
	if (e != ERR_OK)
		return e;
	(void)crypto_hash_sha256(hash, (const uint8_t *)origin, strlen(origin));
	if (memcmp(hash, h.origin, sizeof(hash)) != 0) {
		keys_tell(why, "%s: it is of another origin than %s", file, origin);
		return ERR_REFUSED;
	}
	*out = h;
	return ERR_OK;
}

enum err
head_open(int dirfd, const char *file, const char *origin, struct head *out,
	  struct keys_failure *why)
{
	int fd = -1;
	enum err e;

	MUST(file != NULL && origin != NULL && out != NULL);

	e = store_open(dirfd, file, &fd);
	if (e != ERR_OK) {
		bool odd = errno == ELOOP || errno == ENXIO || errno == EISDIR;

		keys_tell(why, "%s: %s", file, odd ? "expected a file" : strerror(errno));
		return odd ? ERR_REFUSED : e;
	}
	e = open_checked(fd, file, origin, out, why);
	if (e != ERR_OK)
		file_close(&fd);
	return e;
}

enum err
head_advance(struct head *h, uint64_t size, const uint8_t root[HEAD_ROOT_BYTES])
{
	uint8_t slot[HEAD_SLOT_BYTES];
	struct head next;
	enum err e;

	MUST(h != NULL && h->fd >= 0 && root != NULL);
	MUST(h->sequence < UINT64_MAX && size >= h->size);

	next = *h;
	next.sequence++;
	next.size = size;
	memcpy(next.root, root, sizeof(next.root));
	slot_write(&next, slot);
	e = store_write_at(h->fd, (next.sequence & 1) * HEAD_SLOT_STEP, slot, sizeof(slot));
	if (e == ERR_OK)
		e = store_sync(h->fd);
	if (e != ERR_OK)
		return e;
	*h = next;
	return ERR_OK;
}

void
head_close(struct head *h)
{
	MUST(h != NULL);
	file_close(&h->fd);
}
