/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Judges a static tlog-tiles log in a directory: every entry, every hash of every tile. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "os/file.h"

#include "verify/events.h"
#include "verify/heads.h"
#include "verify/tiles.h"
#include "verify/verify_internal.h"

#define TILE_BYTES (TILES_WIDTH * MERKLE_HASH_BYTES)
/* Entries have a u16 for their size. */
#define ENTRY_BYTES_MAX  65535u
#define BUNDLE_BYTES_MAX (TILES_WIDTH * (ENTRY_BYTES_MAX + 2u))
#define PROGRESS_LEAVES  65536u

/* The tile of a level that was looked at last. */
struct tile {
	bool is_loaded;
	uint64_t index;
	uint8_t data[TILE_BYTES];
};

struct export
{
	struct judging j;
	int dirfd;
	struct checkpoint sealed;
	bool is_sealed;
	struct merkle_frontier frontier;
	struct heads heads;
	struct events events;
	struct tile tiles[TILES_LEVELS];
	struct buf bundle;
	enum err error;             /* of reading a tile */
	char fault[TILES_PATH_MAX]; /* the first tile with another hash; "" where none */
	uint64_t fault_hash;
	uint64_t fault_leaf;
};

/* ERR_MISSING, ERR_LIMIT, ERR_MEMORY, ERR_SYSTEM. */
static enum err
slurp(struct export *x, const char *path, size_t size_max, struct buf *out)
{
	cleanup(file_close) int fd = -1;
	enum err e;

	buf_clear(out);
	e = file_open_read_at(x->dirfd, path, &fd);
	if (e == ERR_OK)
		e = file_read_all(fd, size_max, out);
	if (e == ERR_SYSTEM && (errno == ENOTDIR || errno == ELOOP || errno == EISDIR))
		e = ERR_MISSING;
	return e;
}

/* ---- tiles ---------------------------------------------------------------------------------- */

/* The tile, or where it is partial the full one that has come since.  ERR_REFUSED with a finding.
 */
static enum err
load_tile(struct export *x, unsigned int level, uint64_t index)
{
	unsigned int width = tiles_width(level, index, x->sealed.size);
	struct tile *t = &x->tiles[level];
	struct buf data = { 0 };
	char path[TILES_PATH_MAX];
	enum err e;

	if (t->is_loaded && t->index == index)
		return ERR_OK;
	t->is_loaded = false;
	tiles_path(level, index, width, path);
	e = slurp(x, path, TILE_BYTES, &data);
	if (e == ERR_MISSING && width < TILES_WIDTH) {
		tiles_path(level, index, TILES_WIDTH, path);
		e = slurp(x, path, TILE_BYTES, &data);
		if (e == ERR_OK && data.size == TILE_BYTES)
			data.size = (size_t)width * MERKLE_HASH_BYTES;
		tiles_path(level, index, width, path);
	}
	if (e == ERR_OK && data.size == (size_t)width * MERKLE_HASH_BYTES) {
		memcpy(t->data, data.data, data.size);
		t->is_loaded = true;
		t->index = index;
	} else if (e == ERR_MISSING) {
		e = finding_end(&x->j, HARK_FINDING_EXPORT, path, HARK_NO_INDEX,
				"this tile is not there");
	} else if (e == ERR_OK || e == ERR_LIMIT) {
		e = finding_end(&x->j, HARK_FINDING_EXPORT, path, HARK_NO_INDEX,
				"this tile has not the size of %u %s", width,
				text_counted(width, "hash", "hashes"));
	}
	buf_finish(&data);
	return e;
}

/* A merkle_done_fn. */
static void
check_tile(void *ctx, unsigned int level, uint64_t index, const struct merkle_hash *hash)
{
	struct export *x = ctx;
	unsigned int width = TILES_WIDTH;
	struct tile *t;

	if (level % 8 != 0 || x->error != ERR_OK)
		return;
	level /= 8;
	x->error = load_tile(x, level, index / TILES_WIDTH);
	if (x->error != ERR_OK || x->fault[0] != '\0')
		return;
	t = &x->tiles[level];
	if (memcmp(t->data + index % TILES_WIDTH * MERKLE_HASH_BYTES, hash->bytes,
		   MERKLE_HASH_BYTES) == 0)
		return;
	width = tiles_width(level, index / TILES_WIDTH, x->sealed.size);
	tiles_path(level, index / TILES_WIDTH, width, x->fault);
	x->fault_hash = index % TILES_WIDTH;
	x->fault_leaf = ((index + 1) << (8 * level)) - 1;
}

static enum err
grow(struct export *x, const struct merkle_hash *hash)
{
	const struct hark_verifier *v = x->j.verifier;
	struct merkle_hash root;

	merkle_frontier_add(&x->frontier, hash, check_tile, x);
	if (v->on_progress != NULL && x->frontier.size % PROGRESS_LEAVES == 0)
		v->on_progress(v->progress_context, x->j.report->name, x->frontier.size,
			       x->sealed.size);
	if (x->error != ERR_OK)
		return x->error;
	if (x->frontier.size != heads_next(&x->heads))
		return ERR_OK;
	merkle_frontier_root(&x->frontier, &root);
	return heads_compare(&x->heads, x->frontier.size, &root);
}

/* ---- entries -------------------------------------------------------------------------------- */

/* Takes an entry off *rest; an empty one of a redacted bundle is followed by the leaf's hash. */
static bool
take_entry(struct bytes *rest, bool redacted, struct bytes *entry, struct merkle_hash *hash)
{
	size_t size;

	if (rest->size < 2)
		return false;
	size = (size_t)rest->data[0] << 8 | rest->data[1];
	*entry = (struct bytes){ rest->data + 2, size };
	if (redacted && size == 0) {
		if (rest->size < 2 + MERKLE_HASH_BYTES)
			return false;
		memcpy(hash->bytes, rest->data + 2, MERKLE_HASH_BYTES);
		entry->data = NULL;
		size = MERKLE_HASH_BYTES;
	} else if (size > rest->size - 2) {
		return false;
	} else {
		merkle_leaf(entry->data, entry->size, hash);
	}
	*rest = (struct bytes){ rest->data + 2 + size, rest->size - 2 - size };
	return true;
}

static enum err
walk_bundle(struct export *x, const char *path, unsigned int width, bool redacted)
{
	struct bytes rest = { x->bundle.data, x->bundle.size };
	struct merkle_hash hash;
	struct bytes entry;
	unsigned int i;

	for (i = 0; i < width; i++) {
		uint64_t index = x->frontier.size;
		enum err e;

		if (!take_entry(&rest, redacted, &entry, &hash))
			return finding_end(&x->j, HARK_FINDING_EXPORT, path, index,
					   "it ends within its entry %u of %u", i, width);
		e = grow(x, &hash);
		if (e != ERR_OK)
			return e;
		if (x->fault[0] != '\0')
			return finding_end(&x->j, HARK_FINDING_EXPORT, path, x->fault_leaf,
					   "hash %" PRIu64 " of %s is not that of the entries up "
					   "to leaf %" PRIu64,
					   x->fault_hash, x->fault, x->fault_leaf);
		e = entry.data == NULL ? events_redacted(&x->events, index)
				       : events_leaf(&x->events, entry, index);
		if (e != ERR_OK)
			return e;
	}
	if (rest.size > 0)
		return finding_end(&x->j, HARK_FINDING_EXPORT, path, x->frontier.size - 1,
				   "%zu %s its last entry", rest.size,
				   text_counted(rest.size, "byte follows", "bytes follow"));
	return ERR_OK;
}

/* A bundle that is gone at the beginning was pruned: its leaves' hashes are in the tile. */
static enum err
walk_absent(struct export *x, uint64_t bundle, unsigned int width, const char *path)
{
	struct merkle_hash hash;
	unsigned int i;
	enum err e;

	if (x->j.report->first != x->frontier.size || width < TILES_WIDTH)
		return finding_end(&x->j, HARK_FINDING_EXPORT, path, x->frontier.size,
				   "this bundle is not there, and leaves before it or the last "
				   "ones are");
	e = load_tile(x, 0, bundle);
	for (i = 0; i < width && e == ERR_OK; i++) {
		memcpy(hash.bytes, x->tiles[0].data + (size_t)i * MERKLE_HASH_BYTES,
		       MERKLE_HASH_BYTES);
		e = grow(x, &hash);
	}
	x->j.report->first = x->frontier.size;
	return e;
}

static enum err
walk_entries(struct export *x)
{
	uint64_t bundles = (x->sealed.size + TILES_WIDTH - 1) / TILES_WIDTH;
	uint64_t bundle;
	enum err e = ERR_OK;

	for (bundle = 0; bundle < bundles && e == ERR_OK; bundle++) {
		unsigned int width = tiles_width(0, bundle, x->sealed.size);
		char path[TILES_PATH_MAX];
		char redacted[TILES_PATH_MAX];

		tiles_path(TILES_ENTRIES, bundle, width, path);
		e = slurp(x, path, BUNDLE_BYTES_MAX, &x->bundle);
		if (e == ERR_OK) {
			e = walk_bundle(x, path, width, false);
			continue;
		}
		tiles_path(TILES_REDACTED, bundle, width, redacted);
		if (e == ERR_MISSING)
			e = slurp(x, redacted, BUNDLE_BYTES_MAX, &x->bundle);
		if (e == ERR_OK)
			e = walk_bundle(x, redacted, width, true);
		else if (e == ERR_MISSING)
			e = walk_absent(x, bundle, width, path);
		else if (e == ERR_LIMIT)
			e = finding_end(&x->j, HARK_FINDING_EXPORT, path, x->frontier.size,
					"this bundle is larger than %u %s can be", width,
					text_counted(width, "entry", "entries"));
	}
	return e;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static enum err
judge_checkpoint(struct export *x)
{
	struct hark_ledger_report *r = x->j.report;
	struct buf note = { 0 };
	enum signed_answer answer = SIGNED_MALFORMED;
	enum err e = slurp(x, "checkpoint", VERIFY_NOTE_BYTES_MAX, &note);

	if (e == ERR_OK)
		answer = signed_open(x->j.verifier, (struct bytes){ note.data, note.size },
				     &x->sealed);
	buf_finish(&note);
	if (e == ERR_MEMORY || e == ERR_SYSTEM)
		return e;
	if (answer == SIGNED_MALFORMED)
		return finding_end(&x->j, HARK_FINDING_CHECKPOINT, "checkpoint", HARK_NO_INDEX,
				   "tiles are here, and it is %s",
				   e == ERR_OK ? "no signed checkpoint" : "not there");
	memcpy(r->origin, x->sealed.origin, sizeof(r->origin));
	if (!keys_for(x->j.verifier, r->origin))
		return finding_end(&x->j, HARK_FINDING_NOT_JUDGED, "", HARK_NO_INDEX,
				   "it is not judged, because no key of its name was given");
	r->is_judged = true;
	if (answer != SIGNED_GOOD)
		return finding_end(&x->j, HARK_FINDING_SIGNATURE, "checkpoint", HARK_NO_INDEX,
				   answer == SIGNED_BAD
					   ? "its signature does not verify by the given key"
					   : "the given key has not signed it");
	r->sealed = x->sealed.size;
	memcpy(r->sealed_root, x->sealed.root.bytes, sizeof(r->sealed_root));
	return ERR_OK;
}

static enum err
judge_entries(struct export *x)
{
	struct hark_ledger_report *r = x->j.report;
	struct merkle_hash root;
	enum err e;

	heads_add_own(&x->heads, &x->sealed);
	heads_add_since(&x->heads);
	e = heads_begin(&x->heads);
	if (e == ERR_OK && heads_next(&x->heads) == 0) {
		merkle_empty(&root);
		e = heads_compare(&x->heads, 0, &root);
	}
	events_begin(&x->events);
	if (e == ERR_OK)
		e = walk_entries(x);
	merkle_frontier_root(&x->frontier, &root);
	memcpy(r->root, root.bytes, sizeof(r->root));
	r->committed = x->frontier.size;
	if (e != ERR_OK)
		return e;
	if (x->fault[0] != '\0')
		finding(&x->j, HARK_FINDING_EXPORT, x->fault, HARK_NO_INDEX,
			"hash %" PRIu64 " is not that of the leaves up to %" PRIu64, x->fault_hash,
			x->fault_leaf);
	e = heads_end(&x->heads, x->frontier.size);
	events_absence(&x->events, 0);
	events_cells(&x->events);
	if (!r->has_since && !(x->j.effects & 1u << HARK_EFFECT_TAMPERED))
		finding(&x->j, HARK_FINDING_TRUST, "", HARK_NO_INDEX,
			"who has the signing key could have rewritten all of it: only a checkpoint "
			"that was seen elsewhere (--since) can show that");
	return e;
}

enum err
export_judge(struct hark_verifier *v, int dirfd)
{
	struct export *x = calloc(1, sizeof(*x)); /* eight tiles */
	int problem;
	enum err e;

	MUST(v != NULL && dirfd >= 0);
	if (x == NULL)
		return ERR_MEMORY;
	x->dirfd = dirfd;
	e = judging_begin(v, "export", &x->j);
	if (e == ERR_OK) {
		heads_init(&x->heads, &x->j);
		x->events.j = &x->j;
		e = judge_checkpoint(x);
		if (e == ERR_OK)
			e = judge_entries(x);
		problem = errno;
		heads_finish(&x->heads);
		events_finish(&x->events);
		judging_end(&x->j);
		errno = problem;
	}
	if (e == ERR_SYSTEM)
		(void)verify_fail(v, e, "the export cannot be read: %s", strerror(errno));
	buf_finish(&x->bundle);
	free(x);
	return e == ERR_REFUSED ? ERR_OK : e;
}
